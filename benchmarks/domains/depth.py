"""The depth of a translator that nothing but a discriminator teaches.

Galanti, Wolf, Benaim, 2017, arXiv:1709.00074: of all maps onto the other domain the shallow ones
are those that mean something; the deeper the translator, the less its output has to do with its
input. Measured on held-out line art, beside its true colours and the true colours of others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.domains.jobs import DEPTHS
from benchmarks.domains.paired import L1, Unchanged, credited, held_out, translated
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.alignment import fits_of
from callbacks.metrics.dependence import distance_correlation, retrieval
from callbacks.metrics.input_use import grey_grid
from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEPENDENCE, P, TOP1, NCC = "distance correlation", "its p", "top-1 retrieval", "NCC with the input"
BLOCKS = "model.init_args.generator.init_args.blocks"


def related(inputs: Tensor, outputs: Tensor, truth: Tensor) -> Measures:
    """What outputs have to do with their inputs, and with the truth.

    Args:
        inputs: ``(N, C, H, W)`` in [-1, 1].
        outputs: ``(N, 3, H, W)``, row by row made of the inputs.
        truth: what they should be.

    Returns:
        The unbiased squared distance correlation of mean greys on 16 x 16 squares, and the p of
        its permutation test; how often an output finds its own input by the same greys; the mean
        normalised correlation, where 1 is a copy; and the mean absolute error.
    """
    mine, theirs = grey_grid(inputs), grey_grid(outputs)
    dependence = distance_correlation(mine.double(), theirs.double(), permutations=200)
    _, signed, _ = fits_of(inputs, outputs)
    return {
        DEPENDENCE: dependence.correlation,
        P: dependence.p,
        TOP1: retrieval(mine, theirs).top1,
        NCC: signed["id"],
        L1: float((outputs - truth).abs().mean()),
    }


def measures(module: Any, data: Any) -> Measures:
    """All columns of one translator."""
    inputs, truth = held_out(data)
    return related(inputs, translated(module, inputs), truth)


def curves(axes: Axes, rows: Mapping[int, Measures], names: Sequence[str]) -> None:
    """Draw some measures over the residual blocks of the translators that they are of."""
    for name in names:
        axes.plot(range(len(rows)), [row[name] for row in rows.values()], "o-", label=name)
    axes.set_xticks(range(len(rows)), [str(blocks) for blocks in rows])
    axes.set_xlabel("residual blocks of the translator")
    axes.spines[["top", "right"]].set_visible(False)


def _measure(opened: OpenedRun) -> Measures:
    return measures(opened.module, opened.data())


def _baselines(data: Any) -> Mapping[str, Measures]:
    inputs, truth = held_out(data)
    return {
        "line art unchanged": measures(Unchanged(), data),
        "true colour": related(inputs, truth, truth),
        "true colour of another": related(inputs, others(truth), truth),
    }


def others(images: Tensor) -> Tensor:
    """In each image's place another one: nothing to do with it, and as real."""
    # Images are in the order of their code points, where what is alike stands together: a shift
    # would leave some dependence.
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    moved = torch.empty_like(images)
    moved[order] = images[order.roll(1)]
    return moved


def _picture(runs: Mapping[str, OpenedRun]) -> Figure:
    from matplotlib.figure import Figure

    rows = {job.settings[BLOCKS]: _measure(runs[job.name]) for job in DEPTHS}
    levels = _baselines(runs[DEPTHS[0].name].data())
    figure = Figure(figsize=(11, 4.8), dpi=100)
    figure.set_layout_engine("constrained", rect=(0, 0.05, 1, 0.95))
    left, right = figure.subplots(1, 2)
    related_by = (DEPENDENCE, TOP1, NCC)
    curves(left, rows, related_by)
    for number, name in enumerate(related_by):
        level = levels["true colour"][name]
        left.axhline(level, color=f"C{number}", ls="--", lw=1)
    left.set_ylim(-0.05, 1.02)
    left.set_title("Does the output depend on its input? Dashed: the true colour", fontsize=10)
    left.legend(frameon=False, fontsize=9, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    curves(right, rows, (L1,))
    for name in ("line art unchanged", "true colour of another"):
        right.axhline(levels[name][L1], color="0.5", ls="--", lw=1)
        right.text(len(rows) - 1, levels[name][L1], name, fontsize=8.5, ha="right", va="bottom")
    right.set_ylim(bottom=0.0)
    right.set_title(f"How far is it from the truth? {L1}", fontsize=10)
    figure.suptitle("Direct transform: line art to colour, by translators of growing depth")
    return credited(figure, runs)


TASK = Task(
    name="depth",
    question="Without a way back: does a deeper translator have less to do with its input?",
    jobs=DEPTHS,
    measure=_measure,
    baselines=_baselines,
    picture=_picture,
)
