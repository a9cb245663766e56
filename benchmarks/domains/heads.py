"""Talking heads of persons who were never trained on: is it they, and is the pose the one asked?

Some frames show who it is, the landmarks of another one ask for a pose. Faces are drawn of numbers,
so the nearest drawing tells both. There is no fine-tuning: a person's code is what E makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.domains.jobs import HEADS
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.image_quality import ssim
from callbacks.metrics.reading import strided_indices
from callbacks.translation_picture import Panel, draw_panels
from datamodules.batches import from_uint8
from datamodules.faces import Person, Pose, read_person, read_pose, render
from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 10


@dataclass(frozen=True)
class Asked:
    """Held-out frames to be made, P persons with n frames each, one person after another.

    Attributes:
        support: K frames of each person, ``(P, K, C, H, W)`` in [-1, 1], none of those asked for.
        support_landmarks: of the same shape.
        landmarks: of the frames asked for, ``(P, n, C, H, W)``.
        true: those frames.
        persons: the P persons.
        poses: P lists of n.
    """

    support: Tensor
    support_landmarks: Tensor
    landmarks: Tensor
    true: Tensor
    persons: list[Person]
    poses: list[list[Pose]]

    def answers(self) -> dict[str, Tensor]:
        """What needs no training, by name: frames ``(P, n, C, H, W)``."""
        many = self.true.shape[1]
        marks = self.landmarks[:, :, None] - self.support_landmarks[:, None]
        nearest = marks.square().flatten(3).mean(3).argmin(2)
        rows = torch.arange(len(nearest))[:, None]
        strangers = self.persons[1:] + self.persons[:1]
        drawn = [
            [render(person, pose, self.true.shape[-1]) for pose in poses]
            for person, poses in zip(strangers, self.poses, strict=True)
        ]
        return {
            "true frame": self.true,
            "a frame of the support": self.support[:, :1].expand(-1, many, -1, -1, -1),
            "that of the nearest landmarks": self.support[rows, nearest],
            "another person in this pose": from_uint8(torch.from_numpy(np.array(drawn))),
        }


def measure(opened: OpenedRun) -> Measures:
    """Of all held-out persons in all poses that do not show who they are."""
    asked = asked_of(opened.data())
    return judged(made_by(opened.module, asked), asked)


def baselines(data: Any) -> Mapping[str, Measures]:
    """The truth, copies of what is given, and a stranger."""
    asked = asked_of(data)
    return {name: judged(made, asked) for name, made in asked.answers().items()}


def asked_of(data: Any) -> Asked:
    """The first frames of every held-out person as its support, the others to be made."""
    videos = data.videos("held_out")
    rows = torch.stack([(videos == video).nonzero()[:, 0] for video in videos.unique()]).tolist()
    reference = data.reference("held_out")
    frames = _stacked([[reference[i]["image"] for i in own] for own in rows])
    marks = _stacked([[data.landmarks("held_out", i) for i in own] for own in rows])
    shown = [[data.shown("held_out", i) for i in own] for own in rows]
    k = data.support
    return Asked(
        support=frames[:, :k],
        support_landmarks=marks[:, :k],
        landmarks=marks[:, k:],
        true=frames[:, k:],
        persons=[own[0][0] for own in shown],
        poses=[[pose for _, pose in own[k:]] for own in shown],
    )


def _stacked(images: list[list[Tensor]]) -> Tensor:
    return from_uint8(torch.stack([torch.stack(own) for own in images]))


def made_by(module: Any, asked: Asked) -> Tensor:
    """Frames ``(P, n, C, H, W)`` in the poses that are asked for."""
    everybody = zip(asked.support, asked.support_landmarks, asked.landmarks, strict=True)
    made = [module.animate(own[None], marks[None], poses) for own, marks, poses in everybody]
    return torch.stack(made).float().cpu()


def judged(made: Tensor, asked: Asked) -> Measures:
    """How right frames ``(P, n, C, H, W)`` are.

    The errors of yaw (-1 to 1), mouth and eyes (0 to 1) are those of the nearest drawing of a grid,
    so true frames have some too; who it is, is the nearest of the held-out persons in this pose.
    """
    many = made.shape[1]
    poses = [pose for own in asked.poses for pose in own]
    frames, true = made.flatten(0, 1), asked.true.flatten(0, 1)
    sitters = [person for person in asked.persons for _ in range(many)]
    wanted = torch.tensor([[pose.yaw, pose.mouth, pose.eyes] for pose in poses])
    yaw, mouth, eyes = (read_pose(frames, sitters) - wanted).abs().mean(0).tolist()
    who = read_person(frames, poses, asked.persons)
    right = who == torch.arange(len(made)).repeat_interleave(many)
    return {
        "error of yaw": yaw,
        "error of the mouth": mouth,
        "error of the eyes": eyes,
        "right person": float(right.double().mean()),
        "SSIM": float(ssim(frames, true).mean()),
        "L1 (levels)": float(127.5 * (frames - true).abs().mean()),
    }


def picture(runs: Mapping[str, OpenedRun]) -> Figure:
    """Held-out persons: a frame of the support, the pose asked for, the truth, what is made."""
    (opened,) = runs.values()
    asked = asked_of(opened.data())
    made = made_by(opened.module, asked)
    persons = strided_indices(len(made), _COLUMNS)
    # Another one of the frames for each, so that poses differ.
    frames = [place % made.shape[1] for place in range(len(persons))]
    rows = {
        "a frame of the support": asked.support[persons, 0],
        "landmarks asked for": asked.landmarks[persons, frames],
        "true frame": asked.true[persons, frames],
        "made": made[persons, frames],
    }
    title = "Persons who were held out, in a pose that they were not seen in\n"
    look = "Colours, hair and proportions of the first row, head, mouth and eyes of the second."
    return draw_panels([Panel(title + look, rows)])


TASK = Task(
    name="heads",
    question="Talking heads of new persons: is the pose the one asked for, and is it still they?",
    jobs=HEADS,
    measure=measure,
    baselines=baselines,
    picture=picture,
)
