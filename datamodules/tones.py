"""Tones, chirps and noise beside shapes whose size is their loudness: made, not recorded."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.base import held_out_mask
from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.mel import RATE
from datamodules.sounding import SoundData, Sounds

_DRAW_SEED = 18080410
_KINDS = ("low tone", "high tone", "rising chirp", "falling chirp", "noise")
_COLOURS = ((220, 60, 60), (250, 210, 60), (70, 190, 90), (70, 110, 240), (190, 190, 190))
#: Amplitude of a sound, 0 to 1: least and greatest; drawn evenly on a logarithmic scale.
AMPLITUDES = (0.02, 0.8)
#: Radius of its shape, as share of the edge of the image, at these two amplitudes.
RADII = (0.08, 0.42)


class TonesAndShapes(SoundData):
    """Five kinds of sound, a shape for each: the louder it is, the larger, by the logarithm.

    A low tone (200-500 Hz) is a red disc, a high one (1500-4000 Hz) a yellow ring, a rising chirp
    a green triangle, a falling one a blue triangle on its tip, and noise a grey square. Every image
    has one sound of its own: for the question how loudness changes a generated image.

    Args:
        size: edge in pixels, at least 16.
        length: number of pairs, a fixed draw, the same for every run.
        seconds: duration of a sound, above 0.1.
        **kwargs: see :class:`datamodules.base.DataModule`.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(
        self, size: int = 32, length: int = 2000, seconds: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if size < 16:
            raise self._refusal("size", "be at least 16", size, "set size: 32")
        if length < len(_KINDS):
            raise self._refusal(
                "length", f"be at least the {len(_KINDS)} kinds", length, "set length: 2000"
            )
        if not 0.1 <= seconds <= 30.0:
            raise self._refusal("seconds", "lie in 0.1..30", seconds, "set seconds: 0.5")
        self.size, self.length, self.seconds = size, length, seconds

    def slug(self) -> str:
        """tones-and-shapes-<size>."""
        return f"tones-and-shapes-{self.size}"

    def image_groups(self, images: LabelledImages) -> NDArray[np.int64]:
        """Every image is a group: it is heard with its own sound alone."""
        return np.arange(len(images.array))

    def amplitudes(self) -> NDArray[np.float64]:
        """Return ``(length,)`` the amplitude of every pair of the whole set."""
        return self._draws()[1]

    def pictures_and_sounds(self) -> tuple[LabelledImages, Sounds]:
        """Draw the shapes, once, and compute the sounds."""
        key = {"data": "tones-and-shapes", "version": 1, "size": self.size, "length": self.length}
        images = cached_images(self.slug(), key, self._draw)
        labels, amplitudes, draws = self._draws()
        samples = round(self.seconds * RATE)
        waves = np.stack(
            [
                _sound(draws, kind, loud, samples)
                for kind, loud in zip(labels, amplitudes, strict=True)
            ]
        )
        held_out = held_out_mask(self.length, self.held_out_share, labels)
        return images, Sounds(waves, np.arange(self.length), held_out)

    def _draws(self) -> tuple[NDArray[np.int64], NDArray[np.float64], np.random.Generator]:
        draws = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        labels = np.arange(self.length) % len(_KINDS)
        low, high = np.log(AMPLITUDES)
        amplitudes = np.exp(draws.uniform(low, high, self.length))
        return labels, amplitudes, draws

    def _draw(self) -> Contents:
        labels, amplitudes, _ = self._draws()
        return Contents(
            rows=self._shapes(labels, amplitudes),
            count=self.length,
            shape=(3, self.size, self.size),
            dtype=np.dtype("uint8"),
            labels=labels,
            class_names=_KINDS,
        )

    def _shapes(
        self, labels: NDArray[np.int64], amplitudes: NDArray[np.float64]
    ) -> Iterator[NDArray[np.uint8]]:
        for kind, radius in zip(labels, radius_of(amplitudes), strict=True):
            mask = _mask(int(kind), float(radius), self.size)
            colour = np.array(_COLOURS[kind])[:, None, None]
            yield np.rint(mask * colour).astype(np.uint8)


def radius_of(amplitudes: Any) -> NDArray[np.float64]:
    """Return the radius of a shape, as share of the edge, for amplitudes of any shape."""
    low, high = np.log(AMPLITUDES)
    share = (np.log(np.asarray(amplitudes, np.float64)) - low) / (high - low)
    return RADII[0] + share * (RADII[1] - RADII[0])


def _mask(kind: int, radius: float, edge: int) -> NDArray[np.float64]:
    """Draw a shape in the centre with soft edges: ``(edge, edge)``, 0 outside to 1 inside."""
    axis = (np.arange(edge) + 0.5) / edge - 0.5
    x, y = axis[None, :], axis[:, None]
    far = np.hypot(x, y)
    distance = (
        far - radius,
        np.maximum(far - radius, 0.5 * radius - far),
        np.maximum(y - 0.75 * radius, 0.87 * abs(x) - 0.5 * y - 0.5 * radius),
        np.maximum(-y - 0.75 * radius, 0.87 * abs(x) + 0.5 * y - 0.5 * radius),
        np.maximum(abs(x), abs(y)) - 0.8 * radius,
    )[kind]
    return np.clip(0.5 - distance * edge, 0.0, 1.0)


def _sound(
    draws: np.random.Generator, kind: int, amplitude: float, samples: int
) -> NDArray[np.float32]:
    """One sound of a kind, with soft ends; its loudest sample is about ``amplitude``."""
    time = np.arange(samples) / RATE
    low, high = draws.uniform(200.0, 500.0), draws.uniform(1500.0, 4000.0)
    noise = draws.uniform(-1.0, 1.0, samples)
    phase = 2.0 * np.pi * time
    sweep = (high - low) * time / (2.0 * time[-1])
    wave = (
        np.sin(phase * low),
        np.sin(phase * high),
        np.sin(phase * (low + sweep)),
        np.sin(phase * (high - sweep)),
        noise,
    )[kind]
    ends = np.minimum(1.0, np.minimum(time, time[-1] - time) / 0.02)
    return (amplitude * ends * wave).astype(np.float32)
