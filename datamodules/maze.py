"""A maze in which an agent turns left or right by chance: a future with two known branches.

Made for the question of adversarial video prediction (arXiv:1511.05440): a squared error answers a
fork with half an agent on either branch, an adversarial one has to commit itself.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.clips import ClipData

_DRAW_SEED = 15110544
# Crossings in rows and columns. With these two, every corner has two ways, so there is no dead end.
_ROWS, _COLUMNS = 4, 5
_STEP, _AGENT = 3, 3
_BLACK, _FLOOR, _BRIGHT = 0, 70, 255
_MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


@dataclass(frozen=True)
class Forks:
    """Clips in which the agent stands at a fork.

    Attributes:
        index: int64 ``(M,)`` places in :meth:`ForkingMaze.clips` of the split.
        branches: int64 ``(M, 2, 2)`` uppermost row and leftmost column, in pixels, of the agent on
            either branch in the next frame.
        taken: int64 ``(M,)`` which branch, 0 or 1, it really took.
    """

    index: Tensor
    branches: Tensor
    taken: Tensor


class ForkingMaze(ClipData):
    """An agent walks a brick-wall maze, in which every inner crossing joins three ways.

    It never turns back, and takes either of the other two ways with probability 1/2. From crossing
    to crossing it takes two frames. Grey levels: walls 0, floor 70, agent 255; turned, mirrored and
    shifted mazes are mixed. A fixed draw, the same for every run.

    Args:
        size: edge in pixels, a multiple of 32.
        frames: length of a clip, at least 3.
        length: number of clips, held-out ones included.
        **kwargs: see :class:`datamodules.base.DataModule`.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(self, size: int = 32, frames: int = 8, length: int = 4000, **kwargs: Any) -> None:
        super().__init__(frames, frames, **kwargs)
        if size < 32 or size % 32:
            raise self._refusal("size", "be a multiple of 32", size, "set size: 32")
        if frames < 3:
            raise self._refusal("frames", "be at least 3", frames, "set frames: 8")
        if length < 2:
            raise self._refusal("length", "be at least 2", length, "set length: 4000")
        self.size, self.length = size, length

    def slug(self) -> str:
        """forking-maze-<size>."""
        return f"forking-maze-{self.size}"

    def load(self) -> LabelledImages:
        """Open the frames, drawn once; see :class:`datamodules.base.DataModule`."""
        key = {
            "data": "forking-maze",
            "version": 1,
            "size": self.size,
            "frames": self.frames,
            "length": self.length,
        }
        return cached_images(self.slug(), key, self._draw)

    def forks(self, split: Literal["train", "held_out"], frame: int) -> Forks:
        """Find the clips in which it is open where the agent will be in a frame.

        Args:
            split: which side.
            frame: number of the frame to be predicted, 2 to ``frames`` - 1; all before it are seen.

        Raises:
            ValueError: when the number is out of range; see :meth:`clips`.
        """
        if not 2 <= frame < self.frames:
            raise self._refusal(
                "frame", f"lie in 2..{self.frames - 1}", frame, f"ask for frame {self.frames // 2}"
            )
        clips = self.clips(split).starts // self.frames
        walks = self._walks()
        index, branches, taken = [], [], []
        for place, clip in enumerate(clips):
            before, here, after = (walks[clip].cells[frame - back] for back in (2, 1, 0))
            ways = [cell for cell in _next(here) if cell != before]
            if len(ways) == 2:
                index.append(place)
                branches.append([walks[clip].pixel(cell, self.size) for cell in ways])
                taken.append(ways.index(after))
        return Forks(
            torch.tensor(index), torch.tensor(branches).reshape(-1, 2, 2), torch.tensor(taken)
        )

    def _walks(self) -> list["_Walk"]:
        draws = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        return [_walk(draws, self.frames) for _ in range(self.length)]

    def _draw(self) -> Contents:
        frames = (frame[None] for walk in self._walks() for frame in walk.frames(self.size))
        return Contents(
            rows=frames,
            count=self.length * self.frames,
            shape=(1, self.size, self.size),
            dtype=np.dtype("uint8"),
            families=np.arange(self.length).repeat(self.frames),
        )


def branch_mass(images: Tensor, branches: Tensor) -> Tensor:
    """Measure how much of an agent stands on either branch of predicted frames.

    Args:
        images: ``(M, 1, S, S)`` predictions in [-1, 1], of the clips of :class:`Forks`.
        branches: ``(M, 2, 2)`` of :class:`Forks`.

    Returns:
        ``(M, 2)`` from 0, the level of the floor or darker, to 1, a whole agent.

    Raises:
        ValueError: when the shapes do not fit.
    """
    if images.ndim != 4 or images.shape[1] != 1 or branches.shape != (len(images), 2, 2):
        raise ValueError(
            f"branch_mass: images and branches must have shapes (M, 1, S, S) and (M, 2, 2), got "
            f"{tuple(images.shape)} and {tuple(branches.shape)}; give the clips that forks() names"
        )
    edge = _AGENT * images.shape[-1] // 32
    levels = (images[:, 0].detach().double().cpu() + 1.0) * 127.5
    light = ((levels - _FLOOR) / (_BRIGHT - _FLOOR)).clamp(0.0, 1.0)
    mass = [
        [float(light[i, top : top + edge, left : left + edge].mean()) for top, left in places]
        for i, places in enumerate(branches.tolist())
    ]
    return torch.tensor(mass, dtype=torch.float64).reshape(-1, 2)


def commit_ratio(mass: Tensor) -> Tensor:
    """Tell how far predictions commit themselves: greater mass by both, 0.5 to 1.

    Args:
        mass: ``(M, 2)`` of :func:`branch_mass`.

    Returns:
        ``(M,)``; 0.5 where there is no agent on either branch: nothing was decided.
    """
    total = mass.sum(1)
    return torch.where(total > 0.0, mass.amax(1) / total.clamp(min=1e-12), 0.5)


@dataclass(frozen=True)
class _Walk:
    """One clip: cells of the half-step grid, and how the maze lies in the frame."""

    cells: tuple[tuple[int, int], ...]
    shift: tuple[int, int]
    turned: bool
    mirrored: tuple[bool, bool]

    def frames(self, size: int) -> NDArray[np.uint8]:
        """Draw ``(T, size, size)``."""
        unit = size // 32
        floor = np.full((size, size), _BLACK, np.uint8)
        for row in range(2 * _ROWS - 1):
            for column in range(2 * _COLUMNS - 1):
                if _is_floor((row, column)):
                    self._paint(floor, (row, column), _FLOOR, unit)
        frames = np.stack([floor] * len(self.cells))
        for frame, cell in zip(frames, self.cells, strict=True):
            self._paint(frame, cell, _BRIGHT, unit)
        return frames

    def pixel(self, cell: tuple[int, int], size: int) -> list[int]:
        """Uppermost row and leftmost column of a cell in a frame."""
        last = (2 * _ROWS - 2, 2 * _COLUMNS - 2)
        row, column = (
            end - at if flip else at
            for at, end, flip in zip(cell, last, self.mirrored, strict=True)
        )
        if self.turned:
            row, column = column, row
        return [
            (place * _STEP + move) * size // 32
            for place, move in zip((row, column), self.shift, strict=True)
        ]

    def _paint(
        self, frame: NDArray[np.uint8], cell: tuple[int, int], level: int, unit: int
    ) -> None:
        top, left = self.pixel(cell, 32 * unit)
        frame[top : top + _AGENT * unit, left : left + _AGENT * unit] = level


def _walk(draws: np.random.Generator, frames: int) -> _Walk:
    turned = bool(draws.integers(2))
    across = (2 * _COLUMNS - 1) * _STEP, (2 * _ROWS - 1) * _STEP
    room = [32 - length for length in (across if turned else across[::-1])]
    shift = int(draws.integers(room[0] + 1)), int(draws.integers(room[1] + 1))
    mirrored = bool(draws.integers(2)), bool(draws.integers(2))
    floor = [
        (row, column)
        for row in range(2 * _ROWS - 1)
        for column in range(2 * _COLUMNS - 1)
        if _is_floor((row, column))
    ]
    cells = [floor[draws.integers(len(floor))]]
    before: tuple[int, int] | None = None
    while len(cells) < frames:
        ways = [cell for cell in _next(cells[-1]) if cell != before]
        before = cells[-1]
        cells.append(ways[draws.integers(len(ways))])
    return _Walk(tuple(cells), shift, turned, mirrored)


def _next(cell: tuple[int, int]) -> list[tuple[int, int]]:
    around = [(cell[0] + down, cell[1] + right) for down, right in _MOVES]
    return [one for one in around if _is_floor(one)]


def _is_floor(cell: tuple[int, int]) -> bool:
    """Crossings have two even numbers; between them lie all horizontal ways, half of the others."""
    row, column = cell
    if not (0 <= row <= 2 * _ROWS - 2 and 0 <= column <= 2 * _COLUMNS - 2):
        return False
    if row % 2 == 0:
        return True
    return column % 2 == 0 and (row // 2 + column // 2) % 2 == 0
