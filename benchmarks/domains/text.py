"""Do pictures show what the sentence says? Read back from the pixels, without a trained network.

Captions of held-out images are drawn one picture each, by the path of ``ganagerie sample --text``.
All 240 kinds of picture and all sentences occur in training; the held-out images do not. Training
averages four embeddings for each image; here one sentence is asked for, as a user asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.domains.jobs import TEXT
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.reading import read_samples, strided_indices
from callbacks.translation_picture import Panel, draw_panels
from datamodules.batches import from_uint8
from datamodules.coloured_shapes import (
    COLOURS,
    POSITIONS,
    SHAPES,
    SIZES,
    Shape,
    attribute_accuracy,
    parse_caption,
    read_shapes,
)
from experiments.opening import OpenedRun
from experiments.sample import draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SEED = 1605
#: Captions that the right one is to be found among.
_OTHERS = 99
#: Of the captions among the images, for the baseline of chance.
_SHUFFLES = 20
_COLUMNS = 10
_KINDS = [Shape(*kind) for kind in product(COLOURS, SHAPES, SIZES, POSITIONS)]


def measure(opened: OpenedRun) -> Measures:
    """One picture for a caption of every held-out image, read back."""
    captions = captions_of(opened.data())
    shown = read_shapes(drawn(opened, captions))
    return agreement(shown, [parse_caption(caption) for caption in captions])


def baselines(data: Any) -> dict[str, Measures]:
    """The real held-out images with their captions, and with the captions of any of them."""
    told = [parse_caption(caption) for caption in captions_of(data)]
    shown = read_shapes(real(data, range(len(told))))
    order = np.random.Generator(np.random.PCG64(_SEED))
    others = [told[i] for _ in range(_SHUFFLES) for i in order.permutation(len(told))]
    return {
        "real images": agreement(shown, told),
        "real images, captions shuffled": agreement(shown * _SHUFFLES, others),
    }


def picture(runs: Mapping[str, OpenedRun]) -> Figure:
    """Held-out images, and what each run draws of their captions."""
    data = next(iter(runs.values())).data()
    captions = captions_of(data)
    chosen = strided_indices(len(captions), _COLUMNS)
    asked = [captions[i] for i in chosen]
    rows = {"image of the caption": real(data, chosen)}
    rows |= {name: drawn(opened, asked) for name, opened in runs.items()}
    title = (
        "One picture of each caption, and the held-out image that it belongs to\n"
        f"colour, shape, size and place must be those of the first row: {'; '.join(asked[:2])}; ..."
    )
    return draw_panels([Panel(title, rows)])


def captions_of(data: Any) -> list[str]:
    """A caption of every held-out image, in their order; the five wordings take turns."""
    sentences = data.sentences()
    places = data.reference("held_out").rows
    return [sentences[row][turn % len(sentences[row])] for turn, row in enumerate(places)]


def real(data: Any, chosen: Sequence[int]) -> Tensor:
    """Held-out images ``(N, 3, S, S)`` in [-1, 1]."""
    return from_uint8(torch.cat(list(read_samples(data.reference("held_out"), chosen))))


@torch.no_grad()
def drawn(opened: OpenedRun, captions: Sequence[str]) -> Tensor:
    """One picture ``(N, 3, S, S)`` in [-1, 1] of each caption, each of another latent."""
    module = opened.module
    rows = opened.data().embed(list(captions)).to(module.device, module.float_dtype)
    return torch.cat(list(draw(module, len(rows), _SEED, rows)))


def agreement(shown: Sequence[Shape], told: Sequence[Shape]) -> Measures:
    """Share of pictures whose caption is found again, and that agree with it by attribute."""
    accuracy = attribute_accuracy(shown, told)
    return {
        f"retrieval_of_{_OTHERS + 1}": retrieval(shown, told),
        **{name: accuracy[name] for name in Shape._fields},
    }


def retrieval(shown: Sequence[Shape], told: Sequence[Shape]) -> float:
    """How often a picture's own caption fits it best, among 99 of other classes, 0 to 1.

    A caption fits by the number of its attributes that the picture shows. Where k captions fit
    equally well and none better, each of them counts 1/k; chance is 0.01.

    Args:
        shown: what was read from each picture.
        told: what its caption says.
    """
    own_draws = np.random.Generator(np.random.PCG64(_SEED))
    kinds = np.array(_KINDS)
    own = np.array([_KINDS.index(one) for one in told])
    fits = (np.array(shown)[:, None] == kinds[None]).sum(axis=2)
    found = 0.0
    for fit, right in zip(fits, own, strict=True):
        strangers = np.delete(np.arange(len(_KINDS)), right)
        others = fit[own_draws.choice(strangers, _OTHERS, replace=False)]
        if fit[right] >= others.max():
            found += 1.0 / (1 + int((others == fit[right]).sum()))
    return found / len(own)


TASK = Task(
    name="text",
    question="Does a picture show what the sentence says, and does D need to read it?",
    jobs=TEXT,
    measure=measure,
    baselines=baselines,
    picture=picture,
)
