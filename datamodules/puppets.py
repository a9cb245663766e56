"""Puppet faces: many persons, some frames of each, landmarks as pictures; for talking heads.

The data of few-shot talking heads (arXiv:1905.08233) in miniature: persons that are held out are
never seen in training, and the oracles of :mod:`datamodules.faces` read pose and identity back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from typing import Any, Literal

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules import draws
from datamodules.base import DataModule
from datamodules.batched import CHOICE_STREAM, BatchedSet
from datamodules.batches import TalkingHeads
from datamodules.cache import Contents, LabelledImages, cached_images, content_hash
from datamodules.faces import Person, Pose, draw_person, draw_pose, render, render_landmarks
from datamodules.sets import TrainingSet, to_unit_range

_DRAW_SEED = 19050823


class TalkingHeadSet(BatchedSet):
    """Training frames, each with other frames of its person; see :class:`TalkingHeads`.

    Args:
        base: the frames, all those of a person one after another.
        landmarks: pictures of the landmarks, in the order of ``base.images``.
        frames: how many each person has.
        support: how many of the others show who it is (K).
    """

    def __init__(
        self, base: TrainingSet, landmarks: LabelledImages, frames: int, support: int
    ) -> None:
        super().__init__(base)
        self.landmarks, self.frames, self.support = landmarks, frames, support

    def __getitems__(  # type: ignore[override]
        self, items: Sequence[tuple[int, int]]
    ) -> TalkingHeads:
        """Return a batch for N pairs (index, epoch)."""
        index = np.array(items, dtype=np.int64).reshape(-1, 2)[:, 0]
        rows = self.rows[index]
        person, frame = np.divmod(rows, self.frames)
        # K of the other frames, without repetition: the K smallest of as many random numbers.
        order = np.argsort(
            draws.words(self.keys(items, CHOICE_STREAM), self.frames - 1), 1, "stable"
        )
        chosen = order[:, : self.support]
        chosen = chosen + (chosen >= frame[:, None])
        support = person[:, None] * self.frames + chosen
        return {
            "support": _taken(self.images, support),
            "support_landmarks": _taken(self.landmarks, support),
            "target": _taken(self.images, rows),
            "target_landmarks": _taken(self.landmarks, rows),
            "video": torch.from_numpy(person),
            "index": torch.from_numpy(index.copy()),
        }


class PuppetFaces(DataModule):
    """Drawn faces of persons who turn their heads, speak and blink: batches of TalkingHeads.

    ``video`` is the number of the person among all persons, ``index`` the place of the target among
    the training frames. A fixed draw, the same for every run.

    Args:
        size: edge in pixels, at least 32.
        persons: how many, held-out ones included.
        frames: of each person.
        support: frames that show who it is (K), fewer than ``frames``; the paper trains with 8.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when an argument is out of range, or ``mirror`` or ``dequantize`` is set.
    """

    def __init__(
        self, size: int = 64, persons: int = 200, frames: int = 16, support: int = 4, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if size < 32:
            raise self._refusal("size", "be at least 32", size, "set size: 64")
        if persons < 1:
            raise self._refusal("persons", "be at least 1", persons, "set persons: 200")
        if not 1 <= support < frames:
            raise self._refusal(
                "support",
                f"be at least 1 and below the {frames} frames of a person",
                support,
                f"set support: {max(1, min(4, frames - 1))} and frames: 16",
            )
        for name in ("mirror", "dequantize"):
            if getattr(self, name):
                raise self._refusal(name, "be false for faces", True, f"set {name}: false")
        self.size, self.persons, self.frames, self.support = size, persons, frames, support
        self._landmarks: LabelledImages | None = None
        self._drawn: list[tuple[Person, list[Pose]]] = []

    def slug(self) -> str:
        """puppets-<size>."""
        return f"puppets-{self.size}"

    def load(self) -> LabelledImages:
        """Open faces and landmarks, drawn once; see :class:`DataModule`."""
        key = {
            "data": "puppets",
            "version": 1,
            "pillow": PIL.__version__,
            "size": self.size,
            "persons": self.persons,
            "frames": self.frames,
        }
        faces = cached_images(self.slug(), {**key, "of": "faces"}, lambda: self._draw(render))
        self._landmarks = cached_images(
            self.slug(), {**key, "of": "landmarks"}, lambda: self._draw(render_landmarks)
        )
        both = f"{faces.content}{self._landmarks.content}".encode()
        return replace(faces, content=content_hash(np.frombuffer(both, np.uint8)))

    def preview(self, count: int = 2) -> TalkingHeads:  # type: ignore[override]
        """Return frames of as many persons as may be: the frames of one lie beside each other.

        Args:
            count: how many; no more than there are.
        """
        part = self._training_set()
        count = min(count, len(part))
        return part.__getitems__([(i * len(part) // count, 0) for i in range(count)])

    def shown(self, split: Literal["train", "held_out"], index: int) -> tuple[Person, Pose]:
        """Return who a frame of :meth:`reference` shows, and how; ``index`` of a batch names it."""
        row = int(self.reference(split).rows[index])
        person, poses = self._everybody()[row // self.frames]
        return person, poses[row % self.frames]

    def person(self, video: int) -> Person:
        """Return the person of a number: ``video`` of a batch."""
        return self._everybody()[video][0]

    def poses(self, split: Literal["train", "held_out"]) -> Tensor:
        """Return float32 ``(N, 3)``: yaw, mouth and eyes of the frames of :meth:`reference`."""
        everybody = self._everybody()
        rows = self.reference(split).rows
        known = [astuple(everybody[row // self.frames][1][row % self.frames]) for row in rows]
        return torch.tensor(known, dtype=torch.float32)

    def landmarks(self, split: Literal["train", "held_out"], index: int) -> Tensor:
        """Return the landmarks of a frame of :meth:`reference`: uint8 ``(3, size, size)``."""
        row = self.reference(split).rows[index]
        assert self._landmarks is not None
        return torch.from_numpy(np.array(self._landmarks.array[row]))

    def videos(self, split: Literal["train", "held_out"]) -> Tensor:
        """Return int64 ``(N,)`` the person of every frame of :meth:`reference`."""
        return torch.from_numpy(self.reference(split).rows // self.frames)

    def _everybody(self) -> list[tuple[Person, list[Pose]]]:
        if not self._drawn:
            source = np.random.Generator(np.random.PCG64(_DRAW_SEED))
            self._drawn = [
                (draw_person(source), [draw_pose(source) for _ in range(self.frames)])
                for _ in range(self.persons)
            ]
        return self._drawn

    def _draw(self, drawn: Any) -> Contents:
        def rows() -> Iterator[NDArray[np.uint8]]:
            for person, poses in self._everybody():
                yield from (drawn(person, pose, self.size) for pose in poses)

        return Contents(
            rows=rows(),
            count=self.persons * self.frames,
            shape=(3, self.size, self.size),
            dtype=np.dtype("uint8"),
            families=np.arange(self.persons).repeat(self.frames),
        )

    def _training_set(self) -> TalkingHeadSet:
        base = super()._training_set()
        assert self._landmarks is not None
        return TalkingHeadSet(base, self._landmarks, self.frames, self.support)


def _taken(images: LabelledImages, rows: NDArray[np.int64]) -> Tensor:
    """Gather rows of any shape: to float32 ``(*shape, C, H, W)`` in [-1, 1]."""
    pixels = np.array(images.array[rows.ravel()])
    return to_unit_range(torch.from_numpy(pixels.reshape(*rows.shape, *pixels.shape[1:])))
