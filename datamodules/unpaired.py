"""Two domains without pairs: an order for each that knows nothing of the other."""

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.base import held_out_mask
from datamodules.batches import UnpairedImages
from datamodules.domain_files import Listing, TwoDomainFiles, distinct_folders, folder_files
from datamodules.images import slug_of
from datamodules.sets import TrainingSet
from datamodules.two_domains import TwoDomains, single
from datamodules.unpaired_order import SIDES, UnpairedSampler, check_length, side_seed

__all__ = ["UnpairedDataModule", "UnpairedFolders", "UnpairedSampler", "UnpairedSet"]


class UnpairedSet(Dataset[UnpairedImages]):
    """The training part: each side with its own augmentation.

    Args:
        a: images of one domain.
        b: images of the other, with another seed.
    """

    def __init__(self, a: TrainingSet, b: TrainingSet) -> None:
        self.a, self.b = a, b

    def __len__(self) -> int:
        """Number of images of the larger domain, before augmentation."""
        return max(len(self.a), len(self.b))

    def __getitem__(self, item: tuple[int, ...]) -> UnpairedImages:
        """Return one image of each, as :class:`UnpairedSampler` asks for them."""
        return cast(UnpairedImages, single(cast(dict, self.__getitems__([item]))))

    def __getitems__(self, items: Sequence[tuple[int, ...]]) -> UnpairedImages:
        """Return a whole batch for N rows (index_a, pass_a, index_b, pass_b)."""
        a = self.a.__getitems__([(item[0], item[1]) for item in items])
        b = self.b.__getitems__([(item[2], item[3]) for item in items])
        return {
            "a": a["image"],
            "b": b["image"],
            "index_a": a["index"],
            "index_b": b["index"],
        }


class UnpairedDataModule(TwoDomains):
    """Two domains with a part of each held out, and no pairs in training.

    Batches are :class:`datamodules.batches.UnpairedImages`.

    Args:
        length: samples in an epoch: "max" of the two domains, "min" of them, as in DiscoGAN
            (arXiv:1703.05192) and DualGAN (arXiv:1704.02510), or a number.
        **kwargs: see :class:`datamodules.two_domains.TwoDomains`.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(self, length: Literal["max", "min"] | int = "max", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_length(type(self).__name__, length)
        self.length = length

    def preview(self, count: int = 2) -> UnpairedImages:
        """Return some training images as batches hold them, without a loader and its workers.

        Args:
            count: how many; no more than the smaller domain has.
        """
        part = self._training_set()
        rows = range(min(count, len(part.a), len(part.b)))
        return part.__getitems__([(row, 0, row, 0) for row in rows])

    def _split(self) -> dict[str, dict[str, NDArray[np.int64]]]:
        rows = {}
        for domain, images in self._opened().images.items():
            count = len(images.array)
            held_out = held_out_mask(count, self.held_out_share, families=images.families)
            rows[domain] = {
                "train": np.flatnonzero(~held_out),
                "held_out": np.flatnonzero(held_out),
            }
        return rows

    def _training_set(self) -> UnpairedSet:
        return UnpairedSet(*(self._side(side, side_seed(self.seed, side)) for side in SIDES))

    def _sampler(self) -> UnpairedSampler:
        rank, world_size = self._rank_and_world_size()
        length_a, length_b = (len(self._parts(side)["train"]) for side in SIDES)
        return UnpairedSampler(
            length_a, length_b, self.batch_size, rank, world_size, self.seed, self.length
        )


class UnpairedFolders(UnpairedDataModule, TwoDomainFiles):
    """Two folders of images, such as horses and zebras.

    Args:
        folder_a: images of one domain, also in sub-folders.
        folder_b: images of the other.
        **kwargs: see :class:`UnpairedDataModule` and
            :class:`datamodules.domain_files.TwoDomainFiles`.

    Raises:
        ValueError: when a folder holds no image, both are one, one lies in the other, or the images
            cannot be used; the message says why.
        FileNotFoundError: when there is no such folder.
    """

    def __init__(self, folder_a: str, folder_b: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folders = distinct_folders(type(self).__name__, folder_a, folder_b)

    def slug(self) -> str:
        """<folder_a>-<folder_b>-<size>."""
        return self._named(self._files_slug())

    @property
    def domain_titles(self) -> dict[str, str]:
        """Names of the folders."""
        return {domain: folder.resolve().name for domain, folder in self.folders.items()}

    def _files_slug(self) -> str:
        return "-".join(slug_of(folder) for folder in self.folders.values())

    def _listed(self) -> Listing:
        return Listing(folder_files(type(self).__name__, self.folders))
