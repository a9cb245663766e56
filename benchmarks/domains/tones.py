"""StarGAN on skin tones: is the tone the one that was asked for, and is the rest kept?

Every held-out emoji exists in all six tones, so the right answer of each of the thirty directions
is known pixel by pixel. Errors are in grey levels, of 255.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.domains.jobs import TONES
from benchmarks.domains.paired import credited
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.trained_classifier import ClassifierSpace
from callbacks.translation_picture import Panel, draw_panels
from datamodules.batches import from_uint8, to_uint8
from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What the picture shows: the tones that each of two tones is led to.
_SHOWN = {"yellow": ("light", "medium", "dark"), "dark": ("yellow", "light", "medium")}
_COLUMNS = 10


def measure(opened: OpenedRun) -> Measures:
    """Of the held-out emojis, each led from every tone to every other."""
    data = opened.data()
    motifs, names = motifs_of(data), data.domains
    made = [
        opened.module.translate(motifs[:, one], names[one], names[other]).float().cpu()
        for one, other in permutations(range(len(names)), 2)
    ]
    return judged(torch.stack(made), motifs, reader_of(data))


def baselines(data: Any) -> Mapping[str, Measures]:
    """The right answers, and the pictures as they were."""
    motifs = motifs_of(data)
    ways = list(permutations(range(motifs.shape[1]), 2))
    answers = {
        "true picture": torch.stack([motifs[:, other] for _, other in ways]),
        "source as it is": torch.stack([motifs[:, one] for one, _ in ways]),
    }
    reader = reader_of(data)
    return {name: judged(made, motifs, reader) for name, made in answers.items()}


def motifs_of(data: Any) -> Tensor:
    """The held-out emojis ``(N, K, C, H, W)`` in all K tones, in [-1, 1]."""
    aligned = data.aligned_reference("held_out")
    return from_uint8(torch.stack([aligned[i]["images"] for i in range(len(aligned))]))


def reader_of(data: Any) -> FeatureSpace:
    """A classifier of tones, trained once on real pictures.

    Neighbouring tones are near each other and the pictures few, so it errs on real ones too; the
    row of the true pictures says how often.
    """
    return ClassifierSpace.for_data(data, force=True)


def judged(made: Tensor, motifs: Tensor, reader: FeatureSpace) -> Measures:
    """How right translations are.

    Args:
        made: ``(K (K - 1), N, C, H, W)``, directions in the order of ``permutations(range(K), 2)``.
        motifs: ``(N, K, C, H, W)``, the truth.
        reader: images to logits of tones.
    """
    tone, read, error, off = [], [], [], []
    for images, (one, other) in zip(made, permutations(range(motifs.shape[1]), 2), strict=True):
        # Whether the true picture of this emoji that is nearest has the tone asked for.
        away = (images[:, None] - motifs).square().flatten(2).mean(2)
        tone.append(away.argmin(1) == other)
        logits = reader(to_uint8(images)).logits
        assert logits is not None
        read.append(logits.argmax(1).cpu() == other)
        source, truth = motifs[:, one], motifs[:, other]
        wrong = 127.5 * (images - truth).abs().mean(1)
        error.append(wrong.flatten())
        off.append(wrong[(source == truth).all(1)])
    return {
        "right tone": float(torch.cat(tone).double().mean()),
        "right tone (classifier)": float(torch.cat(read).double().mean()),
        "L1 (levels)": float(torch.cat(error).double().mean()),
        "L1 off the skin (levels)": float(torch.cat(off).double().mean()),
    }


def picture(runs: Mapping[str, OpenedRun]) -> Figure:
    """Held-out emojis, led to other tones, each under the true picture."""
    (opened,) = runs.values()
    data = opened.data()
    motifs, names = motifs_of(data)[:_COLUMNS], data.domains
    panels = []
    for source, targets in _SHOWN.items():
        given = motifs[:, names.index(source)]
        rows = {source: given}
        for target in targets:
            rows[f"{target}, true"] = motifs[:, names.index(target)]
            rows[f"{target}, made"] = opened.module.translate(given, source, target)
        title = f"From {source}, emojis that were held out\n"
        panels.append(Panel(f"{title}Only the skin may change, to the row above each.", rows))
    return credited(draw_panels(panels), runs)


TASK = Task(
    name="tones",
    question="StarGAN: is the skin tone the one that was asked for, and is the rest kept?",
    jobs=TONES,
    measure=measure,
    baselines=baselines,
    picture=picture,
)
