"""Small data for the benchmark: scikit-learn's digits, and the same digits with their negatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.base import DataModule
from datamodules.batches import from_uint8
from datamodules.cache import LabelledImages, content_hash


class Digits(DataModule):
    """1,797 digits of 8 x 8 pixels from scikit-learn (Alpaydin and Kaynak, 1998).

    Args:
        negative: white background instead of black.
        **kwargs: see :class:`DataModule`.
    """

    def __init__(self, negative: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative = negative

    def slug(self) -> str:
        """digits-8, or digits-8-negative."""
        return "digits-8-negative" if self.negative else "digits-8"

    def load(self) -> LabelledImages:
        """Read the digits; see :class:`DataModule`."""
        images, labels = _digits()
        images = 255 - images if self.negative else images
        names = tuple("0123456789")
        return LabelledImages(images, labels, names, None, None, content_hash(images, labels))


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    found = load_digits()
    # 17 grey levels become bytes.
    levels = np.round(found.images / 16.0 * 255.0).astype(np.uint8)
    return levels[:, None], found.target.astype(np.int64)


class DigitPairs(pl.LightningDataModule):
    """Unpaired batches of two domains: digits under ``a``, negatives of other digits under ``b``.

    Args:
        batch_size: of each domain.
        seed: of the order.
        batches: in an epoch.
    """

    def __init__(self, batch_size: int = 64, seed: int = 0, batches: int = 1000) -> None:
        super().__init__()
        self.batch_size, self.seed, self.batches = batch_size, seed, batches
        self.a, self.b = Digits(seed=seed), Digits(negative=True, seed=seed)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of both domains."""
        return self.a.image_shape

    @property
    def class_names(self) -> None:
        """A translation has domains, and no classes."""
        return None

    def reference(self, split: Any, domain: str = "digits") -> Any:
        """Return one side of the split of one domain: digits or negatives."""
        return (self.a if domain == "digits" else self.b).reference(split)

    def train_dataloader(self) -> PairedDraws:
        """Batches for one epoch."""
        sides = [_training_images(side) for side in (self.a, self.b)]
        return PairedDraws(sides[0], sides[1], self.batch_size, self.seed, self.batches)


class PairedDraws:
    """Batches drawn with replacement, independently for both domains.

    Args:
        a: float32 ``(N, 1, 8, 8)`` in [-1, 1].
        b: the same of the other domain.
        size: of a batch.
        seed: of the draws.
        batches: in an epoch.
    """

    def __init__(self, a: Tensor, b: Tensor, size: int, seed: int, batches: int) -> None:
        self.a, self.b, self.size, self.batches = a, b, size, batches
        self._own = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        """Number of batches."""
        return self.batches

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield the batches."""
        for _ in range(self.batches):
            rows = [
                torch.randint(len(side), (self.size,), generator=self._own)
                for side in (self.a, self.b)
            ]
            yield {"a": self.a[rows[0]], "b": self.b[rows[1]]}


def _training_images(data: Digits) -> Tensor:
    return from_uint8(images_and_labels(data, "train")[0])


def images_and_labels(data: DataModule, split: Any) -> tuple[Tensor, Tensor]:
    """Return one side of the split of any data module: samples ``(N, ...)`` and labels ``(N,)``."""
    reference = data.reference(split)
    samples = torch.stack([torch.as_tensor(item["image"]) for item in reference])
    return samples, torch.tensor([int(item["label"]) for item in reference])
