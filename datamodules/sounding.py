"""What all sets of sounds and images share: the pairing, and standardised spectrograms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.base import DataModule
from datamodules.batched import PARTNER_STREAM, BatchedSet, Groups
from datamodules.batches import SoundImages
from datamodules.cache import LabelledImages, content_hash
from datamodules.mel import log_mel
from datamodules.sets import TrainingSet

_CHUNK = 128


@dataclass(frozen=True)
class Sounds:
    """All sounds of a set, before it is split.

    Attributes:
        waves: float32 ``(M, T)`` at 16 kHz, in [-1, 1].
        groups: int64 ``(M,)`` which images each of them belongs to.
        held_out: bool ``(M,)`` those that are never trained on.
    """

    waves: NDArray[np.float32]
    groups: NDArray[np.int64]
    held_out: NDArray[np.bool_]


class SoundSet(BatchedSet):
    """Training images with a sound each; see :class:`SoundImages`.

    Args:
        base: the images, with labels.
        groups: ``(N,)`` of the images.
        spectrograms: float32 ``(M, 1, bands, frames)`` of the training sounds.
        sound_groups: ``(M,)``: an image is heard with any sound of its group, drawn anew in every
            epoch.
    """

    def __init__(
        self,
        base: TrainingSet,
        groups: NDArray[np.int64],
        spectrograms: Tensor,
        sound_groups: NDArray[np.int64],
    ) -> None:
        super().__init__(base)
        self.groups, self.spectrograms = groups, spectrograms
        self.sounds = Groups(sound_groups)

    def __getitems__(  # type: ignore[override]
        self, items: Sequence[tuple[int, int]]
    ) -> SoundImages:
        """Return a batch for N pairs (index, epoch)."""
        plain = self.plain(items)
        own = self.groups[plain["index"].numpy()]
        chosen = self.sounds.members(own, self.keys(items, PARTNER_STREAM))
        return {
            "image": plain["image"],
            "sound": self.spectrograms[torch.from_numpy(chosen)],
            "label": plain["label"],
            "index": plain["index"],
        }


class SoundData(DataModule):
    """Images that are heard: batches of :class:`SoundImages`; labels are needed.

    Mean and deviation of the spectrograms are those of all training sounds together.

    Args:
        **kwargs: see :class:`DataModule`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._sounds: Sounds | None = None
        self._standard: tuple[float, float] | None = None

    def pictures_and_sounds(self) -> tuple[LabelledImages, Sounds]:
        """Open both; a subclass says how. The groups of an image: see :meth:`image_groups`."""
        raise NotImplementedError

    def image_groups(self, images: LabelledImages) -> NDArray[np.int64]:
        """Return ``(N,)`` the group of every image: its class, unless a subclass says otherwise."""
        assert images.labels is not None
        return images.labels

    def load(self) -> LabelledImages:
        """Open images and sounds; see :class:`DataModule`."""
        images, self._sounds = self.pictures_and_sounds()
        source = np.frombuffer(images.content.encode(), np.uint8)
        sounds = self._sounds
        return replace(
            images, content=content_hash(source, sounds.waves, sounds.groups, sounds.held_out)
        )

    def sounds(self, split: Literal["train", "held_out"]) -> tuple[Tensor, Tensor]:
        """Return the sounds of one side of the split: waves ``(M, T)`` and groups ``(M,)``.

        Raises:
            ValueError: when the name is another one, or nothing is held out.
        """
        self.reference(split)
        assert self._sounds is not None
        own = self._sounds.held_out == (split == "held_out")
        return torch.from_numpy(self._sounds.waves[own]), torch.from_numpy(self._sounds.groups[own])

    def spectrograms(self, waves: Tensor) -> Tensor:
        """Turn sounds into what batches hold, standardised as the training sounds are.

        Args:
            waves: float ``(N, T)`` at 16 kHz, such as those of :meth:`sounds`, louder or softer.

        Returns:
            float32 ``(N, 1, 64, 1 + T // 256)``.
        """
        mean, deviation = self._mean_and_deviation()
        return ((_in_chunks(waves) - mean) / deviation)[:, None]

    @property
    def sound_shape(self) -> tuple[int, int, int]:
        """(1, bands, frames) of a spectrogram."""
        self._opened()
        assert self._sounds is not None
        one = self.spectrograms(torch.from_numpy(self._sounds.waves[:1]))
        return one.shape[1], one.shape[2], one.shape[3]

    def _mean_and_deviation(self) -> tuple[float, float]:
        if self._standard is None:
            raw = _in_chunks(self.sounds("train")[0]).double()
            self._standard = float(raw.mean()), float(raw.std()) or 1.0
        return self._standard

    def _training_set(self) -> SoundSet:
        base = super()._training_set()
        waves, sound_groups = self.sounds("train")
        groups = self.image_groups(self._opened())[base.rows]
        silent = sorted(set(groups.tolist()) - set(sound_groups.tolist()))
        if silent:
            raise self._refusal(
                "sounds",
                "leave a training sound for every class of images",
                f"none for {len(silent)} of them, such as {silent[0]}",
                "add sounds, or lower held_out_share",
            )
        return SoundSet(base, groups, self.spectrograms(waves), sound_groups.numpy())


def _in_chunks(waves: Tensor) -> Tensor:
    """Compute log-mel spectrograms of ``(M, T)``; the complex spectra of all would be large."""
    return torch.cat([log_mel(chunk.float()) for chunk in waves.split(_CHUNK)])
