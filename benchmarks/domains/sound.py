"""Do pictures show what is heard? Judged by a classifier that was trained on the real pictures.

Spoken digits: held-out recordings (of voices that training heard at other rates and pitches) are
drawn as digits. Tones: held-out sounds, whose loudness the pictures must follow, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.domains.jobs import SOUND
from benchmarks.domains.loudness import GAINS, follows_loudness, middling, sizes_told
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.reading import read_samples
from callbacks.metrics.trained_classifier import ClassifierSpace
from callbacks.translation_picture import Panel, draw_panels
from datamodules.batches import from_uint8, to_uint8
from datamodules.tones import TonesAndShapes
from experiments.opening import OpenedRun
from experiments.sample import draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SEED = 1808
#: Pictures of each sound, of latents of their own.
_LATENTS = 16
_SHUFFLES = 100


def measure(opened: OpenedRun) -> Measures:
    """Pictures of every held-out sound: of the right class, varied, and as large as it is loud."""
    data = opened.data()
    waves, classes = heard(data)
    images = drawn(opened.module, data.spectrograms(waves))
    verdicts = recognised(data, images.flatten(0, 1))
    found = {
        "accuracy": share(verdicts == classes.repeat(len(images))),
        "spread_over_latents": spread(images),
    }
    if isinstance(data, TonesAndShapes):
        found |= sizes_told(images[0], seen(data)[0], classes)
        found["loudness_correlation"] = follows_loudness(
            lambda sounds: drawn(opened.module, sounds, 1)[0], data
        )
    return found


def baselines(data: Any) -> dict[str, Measures]:
    """Real held-out pictures of the class that is heard, and shuffled; of both sets of sounds."""
    tones = TonesAndShapes(size=data.image_shape[-1])
    tones.prepare_data()
    tones.setup("fit")
    shapes, kinds = seen(tones)
    digits, real = _real(data), _real(tones)
    # One sound has one shape: the spread of all shapes of a kind is not over latents.
    real["real"] |= {"spread_over_latents": 0.0, **sizes_told(shapes, shapes, kinds)}
    real["shuffled"] |= sizes_told(shapes[_order(len(kinds))[0]], shapes, kinds)
    return {
        **{f"digits: {name}": row for name, row in digits.items()},
        **{f"tones: {name}": row for name, row in real.items()},
    }


def picture(runs: Mapping[str, OpenedRun]) -> Figure:
    """A part for each run: digits of other latents, or shapes of louder and louder sounds."""
    panels = []
    for name, opened in runs.items():
        data = opened.data()
        panel = _tones if isinstance(data, TonesAndShapes) else _digits
        panels.append(panel(name, opened.module, data))
    return draw_panels(panels)


def heard(data: Any) -> tuple[Tensor, Tensor]:
    """Held-out waves ``(N, T)`` and their classes ``(N,)``."""
    waves, groups = data.sounds("held_out")
    # Every tone is a group, in the order of the shapes that are held out with it.
    return waves, seen(data)[1] if isinstance(data, TonesAndShapes) else groups


def seen(data: Any) -> tuple[Tensor, Tensor]:
    """Held-out images ``(N, C, S, S)`` in [-1, 1] and their classes ``(N,)``."""
    reference = data.reference("held_out")
    images = torch.cat(list(read_samples(reference, range(len(reference)))))
    labels = torch.tensor([int(reference[i]["label"]) for i in range(len(reference))])
    return from_uint8(images), labels


@torch.no_grad()
def drawn(module: Any, sounds: Tensor, latents: int = _LATENTS) -> Tensor:
    """Pictures ``(latents, N, C, S, S)`` in [-1, 1] of N spectrograms, the same at every call."""
    rows = sounds.to(module.device, module.float_dtype)
    images = torch.cat(list(draw(module, latents * len(rows), _SEED, rows)))
    return images.unflatten(0, (latents, len(rows)))


def recognised(data: Any, images: Tensor) -> Tensor:
    """Classes ``(N,)`` of images ``(N, C, S, S)``, by the classifier of the data."""
    logits = ClassifierSpace.for_data(data)(to_uint8(images)).logits
    assert logits is not None
    return logits.argmax(dim=1)


def share(right: Tensor) -> float:
    """Of what is true, 0 to 1."""
    return float(right.double().mean())


def spread(images: Tensor) -> float:
    """Deviation of a pixel over the first axis, root mean square of all; in units of [-1, 1].

    Variances are averaged, not deviations: their mean is the same for any number of images.
    """
    return float(images.double().var(dim=0).mean().sqrt())


def _real(data: Any) -> dict[str, Measures]:
    images, labels = seen(data)
    verdicts = recognised(data, images)
    within = [spread(images[labels == one]) ** 2 for one in labels.unique()]
    return {
        "real": {
            "accuracy": share(verdicts == labels),
            "spread_over_latents": (sum(within) / len(within)) ** 0.5,
        },
        "shuffled": {
            "accuracy": share(verdicts == labels[_order(len(labels))]),
            "spread_over_latents": spread(images),
        },
    }


def _order(count: int) -> Tensor:
    """Orders ``(shuffles, count)`` of that many things."""
    own = torch.Generator().manual_seed(_SEED)
    return torch.stack([torch.randperm(count, generator=own) for _ in range(_SHUFFLES)])


def _digits(name: str, module: Any, data: Any) -> Panel:
    waves, classes = heard(data)
    images, labels = seen(data)
    each = classes.unique()
    drawn_of = drawn(module, data.spectrograms(waves[_first(classes, each)]), 2)
    rows = {
        "a digit of the word": images[_first(labels, each)],
        **{f"latent {number}": row for number, row in enumerate(drawn_of, 1)},
    }
    title = (
        f"{name}: held-out words zero to nine\n"
        "each column must show its digit, and the two latents two ways to write it"
    )
    return Panel(title, rows)


def _tones(name: str, module: Any, data: TonesAndShapes) -> Panel:
    own = middling(data)
    images, labels = (part[own] for part in seen(data))
    chosen = torch.cat([(labels == one).nonzero()[:2, 0] for one in labels.unique()])
    waves = data.sounds("held_out")[0][own][chosen]
    gains = (GAINS[0], 1.0, GAINS[-1])
    rows = {"shape of the sound": images[chosen]}
    rows |= {f"gain {g:g}": drawn(module, data.spectrograms(g * waves), 1)[0] for g in gains}
    title = (
        f"{name}: two held-out sounds of each kind, softer and louder\n"
        "at gain 1 it must be the shape of the first row, and the louder the larger"
    )
    return Panel(title, rows)


def _first(labels: Tensor, each: Tensor) -> Tensor:
    return torch.stack([(labels == one).nonzero()[0, 0] for one in each])


TASK = Task(
    name="sound",
    question="Does a picture show what is heard, and does it follow the loudness?",
    jobs=SOUND,
    measure=measure,
    baselines=baselines,
    picture=picture,
)
