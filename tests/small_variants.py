"""Every variant of the catalogue with networks small enough for a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

import gan_modules
from datamodules.base import DataModule
from datamodules.batches import to_uint8
from datamodules.cache import LabelledImages, content_hash
from datamodules.loading import RankedSampler, ResumableLoader
from gan_modules.engine.hyperparameters import is_plain
from tests.small import (
    autoencoders,
    conditional,
    growing,
    large,
    likelihoods,
    moving,
    packing,
    penalties,
    plain,
    r3gan,
    reading,
    rewriting,
    sentences,
    speech,
    styles,
    translation,
    translation_codes,
    translation_unpaired,
    words,
)
from tests.small.batches import FixedBatches
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
    **conditional.PARTS,
    **moving.PARTS,
    **translation.PARTS,
    **translation_codes.PARTS,
    **translation_unpaired.PARTS,
    **sentences.PARTS,
    **speech.PARTS,
    **rewriting.PARTS,
    **reading.PARTS,
    **words.PARTS,
}


class FixedImages(FixedBatches):
    """``length`` images in [-1, 1], the same in every process; items as the samplers ask."""

    def __init__(self, length: int = 160, dtype: torch.dtype = torch.float32) -> None:
        super().__init__("Images", length, dtype)

    @property
    def images(self) -> Tensor:
        return self.columns["image"]


class SmallImages(DataModule):
    """The images of :class:`FixedImages` behind a data module, 240 of them."""

    def slug(self) -> str:
        return "small"

    def load(self) -> LabelledImages:
        images = to_uint8(FixedImages(240).images).numpy()
        return LabelledImages(images, None, None, None, None, content_hash(images))


def loader(
    batch_size: int,
    rank: int = 0,
    world: int = 1,
    dtype: torch.dtype = torch.float32,
    kind: str = "Images",
    **kw: Any,
) -> DataLoader:
    """Batches of the type ``kind``: see :data:`tests.small.batches.KINDS`."""
    data = FixedImages(dtype=dtype) if kind == "Images" else FixedBatches(kind, dtype=dtype)
    sampler = RankedSampler(len(data), batch_size, rank, world, seed=3)
    return ResumableLoader(data, sampler, **kw)


def kind_of(name: str) -> str:
    """The batch type that the catalogue gives for the class ``name``."""
    return next((row.batch for row in gan_modules.CATALOGUE if row.name == name), "Images")


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
