"""Images of several domains: what their sets share, sub-folders, and attributes from a table.

For translation among many domains, as StarGAN (arXiv:1711.09020) does it. The split is made before
the domains are: no picture is trained on in one domain and held out in another.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.base import DataModule
from datamodules.batched import BatchedSet
from datamodules.batches import DomainImages
from datamodules.cache import LabelledImages, content_hash
from datamodules.images import ImageFolder
from datamodules.sets import ReferenceSet, TrainingSet
from datamodules.tables import TableFolder


class DomainSet(BatchedSet):
    """Training images with their domains or attributes; see :class:`DomainImages`.

    Args:
        base: the images; its labels, where it has some, are the domains.
        attributes: float32 ``(N, K)`` of 0 and 1.
        mask: float32 ``(N, K)``, 1 where an attribute is known; None: all are.
    """

    def __init__(self, base: TrainingSet, attributes: Tensor, mask: Tensor | None = None) -> None:
        super().__init__(base)
        self.attributes, self.mask = attributes, mask

    def __getitems__(  # type: ignore[override]
        self, items: Sequence[tuple[int, int]]
    ) -> DomainImages:
        """Return a batch for N pairs (index, epoch)."""
        plain = self.plain(items)
        index = plain["index"]
        batch: DomainImages = {"image": plain["image"], "attributes": self.attributes[index]}
        if "label" in plain:
            batch["domain"] = plain["label"]
        if self.mask is not None:
            batch["attribute_mask"] = self.mask[index]
        batch["index"] = index
        return batch


class ExclusiveDomains(DataModule):
    """Images each of which belongs to one domain; the labels of :meth:`load` are the domains."""

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains, in the order of ``domain`` and ``attributes`` in a batch."""
        return self.class_names or ()

    def _training_set(self) -> DomainSet:
        base = super()._training_set()
        assert base.labels is not None
        domains = torch.from_numpy(base.labels)
        return DomainSet(base, torch.eye(len(self.domains))[domains])

    def reference(  # a domain is what this base adds
        self, split: Literal["train", "held_out"], domain: str | None = None
    ) -> ReferenceSet:
        """Return one side of the split, without augmentation.

        Args:
            split: which side.
            domain: name of the domain; None: all of them.

        Raises:
            ValueError: for another split, nothing held out, or a domain that does not exist.
        """
        whole = super().reference(split)
        if domain is None:
            return whole
        if domain not in self.domains:
            raise self._refusal(
                "domain", f"be one of {', '.join(self.domains)}", domain, "ask for one of them"
            )
        assert whole.images.labels is not None
        own = whole.images.labels[whole.rows] == self.domains.index(domain)
        return ReferenceSet(whole.images, whole.rows[own])


class DomainFolders(ExclusiveDomains):
    """Sub-folders of a folder as domains that exclude each other.

    Args:
        folder: its sub-folders, at least two, are the domains.
        size: see :class:`datamodules.images.ImageFolder`.
        channels: see :class:`datamodules.images.ImageFolder`.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when there are fewer than two sub-folders with images; see
            :class:`datamodules.images.ImageFolder`.
        FileNotFoundError: when there is no such folder.
    """

    def __init__(
        self, folder: str, size: int | None = None, channels: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pictures = ImageFolder(folder, size, channels=channels)

    def slug(self) -> str:
        """<folder>-<height>, or <folder>-<height>x<width>."""
        return self.pictures.slug()

    def load(self) -> LabelledImages:
        """Open the images, decoded once; see :class:`DataModule`."""
        images = self.pictures.load()
        if images.labels is None:
            raise self._refusal(
                "folder",
                "have at least two sub-folders with images",
                str(self.pictures.folder),
                "make one sub-folder for every domain",
            )
        return images


class AttributeFolder(TableFolder):
    """A folder of images, and a table that says which attributes each of them has.

    The CSV has a column ``image`` with paths relative to the folder, and one column for every
    attribute with 1, 0 or nothing; nothing means unknown, and no loss shall count it.

    Arguments and errors: see :class:`datamodules.tables.TableFolder`.
    """

    _known: tuple[tuple[str, ...], NDArray[np.float32]] | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes, in the order of the table's columns."""
        self._opened()
        assert self._known is not None
        return self._known[0]

    @property
    def domains(self) -> tuple[str, ...]:
        """The attributes: one is a domain of the images that are known to have it."""
        return self.attributes

    def reference(  # a domain is what this class adds
        self, split: Literal["train", "held_out"], domain: str | None = None
    ) -> ReferenceSet:
        """Return one side of the split, without augmentation.

        Args:
            split: which side.
            domain: an attribute that all images shall have; None: all images.

        Raises:
            ValueError: for another split, nothing held out, or an attribute that does not exist or
                that no training image has.
        """
        whole = super().reference(split)
        if domain is None:
            return whole
        if domain not in self.attributes:
            raise self._refusal(
                "domain", f"be one of {', '.join(self.attributes)}", domain, "ask for one of them"
            )
        assert self._known is not None
        has = self._known[1][whole.rows, self.attributes.index(domain)] == 1.0
        if split == "train" and not has.any():
            raise self._refusal(
                f"column {domain}",
                "hold 1 for some training images",
                f"none among {len(has)}",
                "add images that have it, or leave out the column",
            )
        return ReferenceSet(whole.images, whole.rows[has])

    def load(self) -> LabelledImages:
        """Open the images and the table; see :class:`DataModule`."""
        images = self.pictures.load()
        own = [row for (row,) in self.rows(len(images.array))]
        names = tuple(name for name in own[0] if name != "image")
        if not names:
            raise self._refusal(
                "table",
                "have a column for every attribute",
                str(self.table),
                "add columns with 0, 1 or nothing",
            )
        values = np.array([[self._value(row, name) for name in names] for row in own], np.float32)
        self._known = names, values
        source = np.frombuffer((images.content + repr(names)).encode(), np.uint8)
        return replace(images, content=content_hash(source, values))

    def _value(self, row: dict[str, Any], name: str) -> float:
        text = str("" if row.get(name) is None else row[name]).strip()
        if text not in ("0", "1", ""):
            raise self._refusal(
                f"column {name}", "hold 0, 1 or nothing", text, f"correct the row of {row['image']}"
            )
        return float(text) if text else float("nan")

    def _training_set(self) -> DomainSet:
        base = super()._training_set()
        assert self._known is not None
        values = torch.from_numpy(self._known[1][base.rows])
        return DomainSet(base, values.nan_to_num(0.0), (~values.isnan()).float())
