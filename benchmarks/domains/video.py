"""Video prediction at forks: does the next frame show one agent, or half of one on either branch?

An agent in a maze takes one of two ways by chance, so the best answer in squared error is the mean
of two frames, neither of which may come. Errors are in dB, with the range 2 of [-1, 1].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.domains.jobs import VIDEO
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.image_quality import psnr, sharpness_difference
from callbacks.metrics.reading import strided_indices
from callbacks.translation_picture import Panel, draw_panels
from datamodules.batches import from_uint8
from datamodules.maze import Forks, branch_mass, commit_ratio
from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Frames that are given: all that a job's generator reads.
HISTORY = 4
# Edge of an agent, by that of a frame.
_AGENT = 3 / 32
# A decided frame has this much of an agent on one branch, and no more than the rest on the other.
_WHOLE = 0.75
_COLUMNS = 10


@dataclass(frozen=True)
class Moment:
    """The held-out clips, cut before one frame.

    Attributes:
        given: frames before, ``(N, T, 1, S, S)`` in [-1, 1].
        true: the next one, ``(N, 1, S, S)``.
        forks: where two frames may come.
    """

    given: Tensor
    true: Tensor
    forks: Forks

    def moving(self) -> Tensor:
        """Pixels that change, or would have on the other branch: bool ``(N, 1, S, S)``.

        Without the other branch, half an agent there would cost nothing.
        """
        last = self.given[:, -1]
        return (self.true != last) | (self.answers()["mean of both branches"] != last)

    def answers(self) -> dict[str, Tensor]:
        """What needs no training, by name: frames ``(N, 1, S, S)``."""
        mean = self.true.clone()
        rows = self.forks.index
        edge = round(_AGENT * self.true.shape[-1])
        for row, places, taken in zip(rows, self.forks.branches, self.forks.taken, strict=True):
            (top, left), (other_top, other_left) = places[taken], places[1 - taken]
            there = mean[row, :, top : top + edge, left : left + edge]
            other = mean[row, :, other_top : other_top + edge, other_left : other_left + edge]
            there[:] = other[:] = (there + other) / 2
        return {
            "true next frame": self.true,
            "mean of both branches": mean,
            "last frame again": self.given[:, -1],
        }


def measure(opened: OpenedRun) -> Measures:
    """Of the predictions of all held-out frames that have enough before them."""
    moments = list(moments_of(opened.data()))
    made = [opened.module.predict(moment.given)[:, 0].float().cpu() for moment in moments]
    return judged(made, moments)


def baselines(data: Any) -> Mapping[str, Measures]:
    """The truth, the best answer in squared error, and the laziest one."""
    moments = list(moments_of(data))
    answers = [moment.answers() for moment in moments]
    return {name: judged([one[name] for one in answers], moments) for name in answers[0]}


def moments_of(data: Any) -> Iterator[Moment]:
    """The held-out clips before every frame that may be predicted."""
    clips = data.clips("held_out")
    frames = from_uint8(torch.stack([clips[i]["frames"] for i in range(len(clips))]))
    for frame in range(HISTORY, frames.shape[1]):
        given, true = frames[:, frame - HISTORY : frame], frames[:, frame]
        yield Moment(given, true, data.forks("held_out", frame))


def judged(made: list[Tensor], moments: list[Moment]) -> Measures:
    """How far predictions commit themselves at forks, and how near all of them come.

    Args:
        made: next frames ``(N, 1, S, S)`` of each moment.
        moments: what was given, and the truth.
    """
    both = list(zip(made, moments, strict=True))
    mass = torch.cat([branch_mass(m[t.forks.index], t.forks.branches) for m, t in both])
    taken = torch.cat([moment.forks.taken for moment in moments])
    decided = (mass.amax(1) >= _WHOLE) & (mass.amin(1) <= 1 - _WHOLE)
    found = {
        "commit ratio": float(commit_ratio(mass).mean()),
        "agents on both branches": float(mass.sum(1).mean()),
        "one agent on one branch": float(decided.double().mean()),
        "it is the one taken": float((decided & (mass.argmax(1) == taken)).double().mean()),
    }
    frames, true = torch.cat(made), torch.cat([moment.true for moment in moments])
    moving = torch.cat([moment.moving() for moment in moments])
    found["contrast of edges that move"] = edges(frames, moving) / edges(true, moving)
    if torch.equal(frames, true):
        return found
    on_them = [part[moving].reshape(1, 1, 1, -1) for part in (frames, true)]
    return {
        **found,
        "PSNR of what moves (dB)": float(psnr(*on_them)),
        "sharpness difference (dB)": _of_the_mean(sharpness_difference(frames, true)),
    }


def edges(frames: Tensor, moving: Tensor) -> float:
    """Root of the mean squared difference of neighbours, one of which moves.

    An agent has twice the sum of squares of two halves of one, and the same sum of differences.

    Args:
        frames: ``(N, 1, S, S)``.
        moving: bool, of the same shape.
    """
    squares = []
    for axis in (2, 3):
        either = moving.narrow(axis, 1, moving.shape[axis] - 1) | moving.narrow(
            axis, 0, moving.shape[axis] - 1
        )
        squares.append(frames.diff(dim=axis)[either].double().square())
    return float(torch.cat(squares).mean().sqrt())


def _of_the_mean(decibels: Tensor) -> float:
    """Of the mean error of images, where a mean of dB is infinite with one that is exact."""
    return float(-10 * torch.log10((10 ** (-decibels / 10)).mean()))


def picture(runs: Mapping[str, OpenedRun]) -> Figure:
    """Held-out forks: the last frame that is given, the true next one, and each job's."""
    moment = next(moments_of(next(iter(runs.values())).data()))
    rows = moment.forks.index[strided_indices(len(moment.forks.index), _COLUMNS)]
    shown = {"last frame given": moment.given[rows, -1], "true next frame": moment.true[rows]}
    for name, opened in runs.items():
        shown[name] = opened.module.predict(moment.given[rows])[:, 0]
    title = "The next frame at forks, clips that were held out\n"
    look = "Either branch may come: is there one bright agent on one of them, or two grey halves?"
    return draw_panels([Panel(title + look, shown)])


TASK = Task(
    name="video",
    question="Video prediction: does a discriminator make the next frame decide at a fork?",
    jobs=VIDEO,
    measure=measure,
    baselines=baselines,
    picture=picture,
)
