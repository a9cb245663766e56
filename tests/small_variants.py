"""Every variant of the catalogue with networks small enough for a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import gan_modules
from datamodules.base import DataModule
from datamodules.batches import to_uint8
from datamodules.cache import LabelledImages, content_hash
from datamodules.loading import RankedSampler, ResumableLoader
from gan_modules.engine.hyperparameters import is_plain
from tests.small import (
    autoencoders,
    growing,
    large,
    likelihoods,
    packing,
    penalties,
    plain,
    r3gan,
    styles,
)
from tests.small.sizes import CLASSES, LATENT, SIZE, WIDTH

__all__ = ["CLASSES", "LATENT", "SIZE", "WIDTH"]

PARTS = {
    **plain.PARTS,
    **penalties.PARTS,
    **r3gan.PARTS,
    **growing.PARTS,
    **styles.PARTS,
    **packing.PARTS,
    **large.PARTS,
    **autoencoders.PARTS,
    **likelihoods.PARTS,
}


class FixedImages(Dataset):
    """``length`` images in [-1, 1], the same in every process; items as the samplers ask."""

    def __init__(self, length: int = 160, dtype: torch.dtype = torch.float32) -> None:
        own = torch.Generator().manual_seed(99)
        smooth = torch.rand(length, 1, 4, 4, generator=own) * 2 - 1
        self.images = nn.functional.interpolate(smooth, SIZE, mode="bilinear").to(dtype)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, item: int | tuple[int, int]) -> dict[str, Tensor]:
        index = item[0] if isinstance(item, tuple) else item
        return {
            "image": self.images[index],
            "label": torch.tensor(index % CLASSES),
            "index": torch.tensor(index),
        }


class SmallImages(DataModule):
    """The images of :class:`FixedImages` behind a data module, 240 of them."""

    def slug(self) -> str:
        return "small"

    def load(self) -> LabelledImages:
        images = to_uint8(FixedImages(240).images).numpy()
        return LabelledImages(images, None, None, None, None, content_hash(images))


def loader(
    batch_size: int, rank: int = 0, world: int = 1, dtype: torch.dtype = torch.float32, **kw: Any
) -> DataLoader:
    data = FixedImages(dtype=dtype)
    sampler = RankedSampler(len(data), batch_size, rank, world, seed=3)
    return ResumableLoader(data, sampler, **kw)


def arguments(name: str, normalization: str = "none", **options: Any) -> dict[str, Any]:
    """Constructor arguments of a small variant: networks, and options in place of its own."""
    return {**PARTS[name](normalization), **options}


def build(name: str, normalization: str = "none", **options: Any) -> Any:
    """A small module of the catalogue's class ``name``, the same weights at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return getattr(gan_modules, name)(**arguments(name, normalization, **options))


def load(name: str, path: Path, **options: Any) -> Any:
    """:func:`gan_modules.load` of a checkpoint of :func:`build`, whose parts are objects."""
    parts = arguments(name, **options)
    return gan_modules.load(path, **{k: v for k, v in parts.items() if not is_plain(v)})


def names() -> list[str]:
    return [row.name for row in gan_modules.CATALOGUE]


def sgd(lr: float = 0.05) -> Callable[..., torch.optim.Optimizer]:
    """Stands in for a module's ``optimizer``: equal gradients show as equal weights."""
    return lambda parameters, _: torch.optim.SGD(parameters, lr=lr)
