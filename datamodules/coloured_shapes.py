"""Coloured shapes with captions that say all about them, and an oracle that reads them back."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.captioned import CaptionedData
from datamodules.text_encoders import TextEncoder

_DRAW_SEED = 16050540
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 180, 60),
    "blue": (50, 80, 230),
    "yellow": (235, 215, 50),
    "purple": (165, 60, 190),
    "white": (240, 240, 240),
}
SHAPES = ("circle", "square", "triangle", "cross")
#: Half the height of a shape, as share of the edge of the image: least and greatest.
SIZES = {"small": (0.12, 0.15), "large": (0.22, 0.25)}
#: Centre of a shape as (x, y), as shares of the edge, and how a caption says it.
POSITIONS = {
    "in the centre": (0.5, 0.5),
    "on the left": (0.3, 0.5),
    "on the right": (0.7, 0.5),
    "at the top": (0.5, 0.3),
    "at the bottom": (0.5, 0.7),
}
_JITTER, _SOFTNESS = 0.03, 1.0
_TEMPLATES = (
    "a {size} {colour} {shape} {position}",
    "{position} there is a {size} {colour} {shape}",
    "a {colour} {shape} {position}, {size} in size",
    "there is a {shape} {position}: it is {size} and {colour}",
    "{size} {colour} {shape} {position}",
)
_KINDS = tuple(product(COLOURS, SHAPES, SIZES, POSITIONS))


class Shape(NamedTuple):
    """What a picture shows; a field is a key of the dictionary or list above."""

    colour: str
    shape: str
    size: str
    position: str


class ColouredShapes(CaptionedData):
    """One shape on black: 6 colours, 4 shapes, 2 sizes and 5 positions make 240 classes.

    Every image has five captions, each of which tells all four; :func:`read_shapes` reads them back
    from an image, so agreement of text and image can be measured without a trained network.

    Args:
        size: edge in pixels, at least 16.
        length: images of all classes together; a fixed draw, the same for every run.
        encoder: see :class:`datamodules.captioned.CaptionedData`.
        captions_averaged: see :class:`datamodules.captioned.CaptionedData`.
        **kwargs: see :class:`datamodules.base.DataModule`.

    Raises:
        ValueError: when ``size`` or ``length`` is too small, or ``mirror`` is set: it would make
            left of right, and the caption a lie.
    """

    def __init__(
        self,
        size: int = 32,
        length: int = 6000,
        encoder: TextEncoder | None = None,
        captions_averaged: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, captions_averaged, **kwargs)
        if size < 16:
            raise self._refusal("size", "be at least 16", size, "set size: 32")
        if length < len(_KINDS):
            raise self._refusal(
                "length", f"be at least the {len(_KINDS)} classes", length, "set length: 6000"
            )
        if self.mirror:
            raise self._refusal(
                "mirror", "be false where captions say left and right", True, "set mirror: false"
            )
        self.size, self.length = size, length
        self._told: list[tuple[str, ...]] = []

    def slug(self) -> str:
        """coloured-shapes-<size>."""
        return f"coloured-shapes-{self.size}"

    def load(self) -> LabelledImages:
        """Open the images, drawn once; see :class:`datamodules.base.DataModule`."""
        key = {
            "data": "coloured-shapes",
            "version": 1,
            "size": self.size,
            "length": self.length,
            "kinds": str((COLOURS, SHAPES, SIZES, POSITIONS, _TEMPLATES)),
        }
        return cached_images(self.slug(), key, self._draw)

    def shown(self, index: int, split: Any = "train") -> Shape:
        """Return what an image of a split shows."""
        return Shape(*_KINDS[self.reference(split)[index]["label"]])

    def sentences(self) -> Sequence[Sequence[str]]:
        """Return the five captions of every image."""
        labels = self._opened().labels
        assert labels is not None
        if not self._told:
            told = [_captions(Shape(*kind)) for kind in _KINDS]
            self._told = [told[label] for label in labels]
        return self._told

    def _draw(self) -> Contents:
        labels = np.arange(self.length) % len(_KINDS)
        return Contents(
            rows=self._rows(labels),
            count=self.length,
            shape=(3, self.size, self.size),
            dtype=np.dtype("uint8"),
            labels=labels,
            class_names=tuple(" ".join(kind) for kind in _KINDS),
        )

    def _rows(self, labels: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
        draws = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        for label in labels:
            kind = Shape(*_KINDS[label])
            centre = np.array(POSITIONS[kind.position]) + draws.uniform(-_JITTER, _JITTER, 2)
            mask = _mask(kind.shape, centre, draws.uniform(*SIZES[kind.size]), self.size)
            colour = np.array(COLOURS[kind.colour])[:, None, None]
            yield np.rint(mask * colour).astype(np.uint8)


def read_shapes(images: Tensor) -> list[Shape]:
    """Read colour, shape, size and position from images: the oracle.

    Args:
        images: ``(N, 3, S, S)`` in [-1, 1], S at least 16; such as a generator draws them.

    Returns:
        The nearest description of every image. A black image is read as something, too.

    Raises:
        ValueError: when the images have another shape.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
        raise ValueError(
            f"read_shapes: images must have shape (N, 3, S, S), got {tuple(images.shape)}; "
            "give square RGB images"
        )
    levels = ((images.detach().double().cpu().clamp(-1, 1) + 1) / 2).numpy()
    return [_read(image) for image in levels]


def attribute_accuracy(shown: Sequence[Shape], told: Sequence[Shape]) -> dict[str, float]:
    """Compare what images show with what their texts said: share of agreement, 0 to 1, by field."""
    if not shown or len(shown) != len(told):
        raise ValueError(
            f"attribute_accuracy: shown and told must have the same length above 0, got "
            f"{len(shown)} and {len(told)}; give one description for each image"
        )
    pairs = list(zip(shown, told, strict=True))
    fields = {
        name: sum(getattr(one, name) == getattr(other, name) for one, other in pairs) / len(pairs)
        for name in Shape._fields
    }
    return {**fields, "all": sum(one == other for one, other in pairs) / len(pairs)}


def parse_caption(caption: str) -> Shape:
    """Read a caption of :class:`ColouredShapes` back.

    Raises:
        ValueError: when it does not name one colour, shape, size and position.
    """
    words = [
        [name for name in names if name in caption] for names in (COLOURS, SHAPES, SIZES, POSITIONS)
    ]
    if any(len(found) != 1 for found in words):
        raise ValueError(
            f"parse_caption: caption must name one colour, shape, size and position, got "
            f"{caption!r}; say it like {_TEMPLATES[0].format(**_example())!r}"
        )
    return Shape(*(found[0] for found in words))


def _example() -> dict[str, str]:
    return Shape("red", "circle", "small", "on the left")._asdict()


def _captions(kind: Shape) -> tuple[str, ...]:
    return tuple(template.format(**kind._asdict()) for template in _TEMPLATES)


def _mask(shape: str, centre: NDArray[Any], radius: float, edge: int) -> NDArray[np.float64]:
    """Draw a shape with soft edges: ``(edge, edge)``, 0 outside to 1 inside."""
    axis = (np.arange(edge) + 0.5) / edge
    x, y = axis[None, :] - centre[0], axis[:, None] - centre[1]
    distances = {
        "circle": np.hypot(x, y) - radius,
        "square": np.maximum(abs(x), abs(y)) - 0.88 * radius,
        "triangle": np.maximum(y - 0.8 * radius, 0.87 * abs(x) - 0.5 * y - 0.5 * radius),
        "cross": np.maximum(
            np.maximum(abs(x), abs(y)) - radius, np.minimum(abs(x), abs(y)) - 0.32 * radius
        ),
    }
    return np.clip(0.5 - distances[shape] * edge / _SOFTNESS, 0.0, 1.0)


def _read(image: NDArray[np.float64]) -> Shape:
    """Fit every shape at some places and sizes, and keep the best overlap."""
    light = image.max(0)
    mask = light / max(light.max(), 1e-6)
    mask = np.where(mask > 0.3, mask, 0.0)
    edge, total = mask.shape[0], max(mask.sum(), 1e-6)
    axis = (np.arange(edge) + 0.5) / edge
    middle = np.array([(mask.sum(0) * axis).sum(), (mask.sum(1) * axis).sum()]) / total
    best, shape, size, place = -1.0, SHAPES[0], "small", middle
    for name, (size_name, (least, most)) in product(SHAPES, SIZES.items()):
        for radius in np.linspace(least, most, 4):
            # The middle of a triangle's area lies below the middle of its height.
            drawn = _mask(name, np.array([0.5, 0.5]), radius, edge)
            offset = (drawn.sum(1) * axis).sum() / drawn.sum() - 0.5
            centre = middle - np.array([0.0, offset])
            fitted = _mask(name, centre, radius, edge)
            overlap = np.minimum(fitted, mask).sum() / np.maximum(fitted, mask).sum()
            if overlap > best:
                best, shape, size, place = float(overlap), name, size_name, centre
    inside = image[:, mask > 0.7] if (mask > 0.7).any() else image.reshape(3, -1)
    mean = inside.mean(1) * 255
    colour = min(COLOURS, key=lambda one: float(((mean - np.array(COLOURS[one])) ** 2).sum()))
    position = min(
        POSITIONS, key=lambda one: float(((place - np.array(POSITIONS[one])) ** 2).sum())
    )
    return Shape(colour, shape, size, position)
