"""Line art to colour with pairs: what a discriminator adds to the error of each pixel, and costs.

The claim of arXiv:1611.07004 (section 4.2): L1 alone is nearest to the truth and blurred, and with
the conditional GAN pictures look like real ones. OpenMoji families that are held out are coloured.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.domains.jobs import PAIRED
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.efflite import EffLiteSpace
from callbacks.metrics.reading import strided_indices
from callbacks.metrics.scoring import ScoreSettings
from callbacks.probe_images import seeded
from callbacks.subjects import Translations, true_pairs
from callbacks.translation_picture import Panel, draw_panels
from datamodules.batches import from_uint8
from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

L1, SSIM, FD = "L1, [-1, 1]", "SSIM", "fd_efflite0"
SHOWN = 10
_MOST = 256


class Unchanged:
    """The input as it is, in place of a translation: what a translator has to beat."""

    directions = (("a", "b"), ("b", "a"))
    device = torch.device("cpu")

    def translate(self, images: Tensor, source: str = "a", target: str = "b") -> Tensor:
        """Images ``(N, 1 or 3, H, W)`` as ``(N, 3, H, W)``: grey ones in three equal channels."""
        return images.expand(-1, 3, -1, -1)


def held_out(data: Any, most: int = _MOST) -> tuple[Tensor, Tensor]:
    """Held-out line art and its true colour, evenly spread.

    Args:
        data: has ``paired_reference(split)``.
        most: pairs.

    Returns:
        ``(N, C_a, H, W)`` and ``(N, 3, H, W)`` in [-1, 1].
    """
    pairs = true_pairs(data)
    items = [pairs[row] for row in strided_indices(len(pairs), most)]
    a, b = (torch.stack([torch.as_tensor(item[key]) for item in items]) for key in ("a", "b"))
    return from_uint8(a), from_uint8(b)


def subject(data: Any) -> Translations:
    """The scores of line art that is led to colour, against the real colours of training."""
    into_b = SimpleNamespace(directions=(("a", "b"),))
    return Translations(into_b, data, EffLiteSpace(), _MOST, "train", ScoreSettings())


def closeness(module: Any, scored: Translations) -> Measures:
    """How close translations to ``b`` are to the truth, and their distribution to the real one."""
    found = scored.scores(module, seed=0)
    return {
        L1: found["paired_l1/to_b"],
        SSIM: found["paired_ssim/to_b"],
        FD: _distance(found),
    }


def of_the_truth(scored: Translations) -> Measures:
    """The same of real held-out colours, which is as good as a translation can be."""
    return {L1: 0.0, SSIM: 1.0, FD: _distance(scored.floor)}


def translated(module: Any, images: Tensor, source: str = "a", target: str = "b") -> Tensor:
    """Translations, the same at every call, clamped to [-1, 1]."""
    way = seeded(module, source, target, seed=0)
    return torch.cat([way(part).cpu() for part in images.split(64)]).clamp(-1.0, 1.0)


def strips(runs: Mapping[str, OpenedRun]) -> dict[str, Tensor]:
    """Rows of a picture: line art, the truth, and what each run makes of it."""
    inputs, truth = held_out(next(iter(runs.values())).data(), SHOWN)
    made = {name: translated(opened.module, inputs) for name, opened in runs.items()}
    return {"line art, held out": inputs, "true colour": truth, **made}


def credited(figure: Figure, runs: Mapping[str, OpenedRun]) -> Figure:
    """Write below a figure what the licence of its pictures asks for."""
    credit = str(next(iter(runs.values())).run.read_run()["attribution"])
    figure.text(0.995, 0.1 / figure.get_figheight(), credit, fontsize=7.5, ha="right", va="center")
    return figure


def _distance(found: Mapping[str, float]) -> float:
    """The names of scores hold the number of images, which is the same for all rows here."""
    (value,) = (v for name, v in found.items() if name.startswith("fd_") and "/to_b" in name)
    return value


def _measure(opened: OpenedRun) -> Measures:
    return closeness(opened.module, subject(opened.data()))


def _baselines(data: Any) -> Mapping[str, Measures]:
    scored = subject(data)
    return {
        "line art unchanged": closeness(Unchanged(), scored),
        "true colour": of_the_truth(scored),
    }


def _picture(runs: Mapping[str, OpenedRun]) -> Figure:
    title = (
        "With pairs: line art to colour\nTrained on other emoji. Where the colour is open, L1 "
        "alone takes a middle one: does the discriminator decide?"
    )
    return credited(draw_panels([Panel(title, strips(runs))]), runs)


TASK = Task(
    name="pairs",
    question="With pairs: does the discriminator of pix2pix make better pictures than L1 alone?",
    jobs=PAIRED,
    measure=_measure,
    baselines=_baselines,
    picture=_picture,
)
