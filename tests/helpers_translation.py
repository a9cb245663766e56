"""Two domains behind a data module, and translators that are exact functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from datamodules.batches import to_uint8
from datamodules.cache import content_hash
from tests.small.batches import FixedBatches
from tests.small_variants import build, loader


class SmallDomains(pl.LightningDataModule):
    """160 smooth grey images of each of two domains, the last ``held_out`` of them held out.

    A network sees them all: these tests are of what callbacks do, not of what is learned.
    """

    name, attribution = "small-domains", ""
    class_names = None
    domains = ("a", "b")
    image_shape = (1, 32, 32)

    def __init__(self, held_out: int = 40, batch_size: int = 4) -> None:
        super().__init__()
        self.held_out, self.batch_size = held_out, batch_size
        self.held_out_share = held_out / 160
        self.images = FixedBatches("UnpairedImages")

    def train_dataloader(self) -> DataLoader:
        return loader(self.batch_size, kind="UnpairedImages")

    def preview(self, count: int = 2) -> dict[str, Tensor]:
        return self.images.batch(count)

    def reference(
        self, split: Literal["train", "held_out"], domain: str = "b"
    ) -> list[dict[str, Tensor]]:
        rows = to_uint8(self.images.columns[domain])
        cut = 160 - self.held_out
        rows = rows[:cut] if split == "train" else rows[cut:]
        if not len(rows):
            raise ValueError("SmallDomains: held_out must be positive, got 0; hold out more")
        return [{"image": row} for row in rows]

    def fingerprint(self) -> str:
        return content_hash(*(self.images.columns[domain].numpy() for domain in self.domains))


class Mapped(nn.Module):
    """An exact function of images, with a weight that a player can own and that changes nothing."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x) + 0 * self.weight


def translating(to_b: Callable[[Tensor], Tensor], to_a: Callable[[Tensor], Tensor]) -> Any:
    """A CycleGAN whose translators are these functions."""
    return build("CycleGAN", generator_ab=Mapped(to_b), generator_ba=Mapped(to_a))
