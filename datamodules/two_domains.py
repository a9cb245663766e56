"""What the data of two domains share: titles, references and shapes of each, and the audit.

What is paired with what is said by :mod:`datamodules.pairs` and :mod:`datamodules.unpaired`.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.audit import Audit
from datamodules.cache import LabelledImages
from datamodules.sets import LEVELS, ReferenceSet, TrainingSet
from datamodules.source import DataSource

Split = Literal["train", "held_out"]
Domain = Literal["a", "b"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedDomains:
    """Both domains before they are split.

    Attributes:
        images: of ``a`` and ``b``.
        audit: what they hold.
    """

    images: Mapping[str, LabelledImages]
    audit: Audit


class PairedReference(Dataset[dict[str, Tensor]]):
    """Images and their true counterparts, without augmentation: for scores alone.

    Item i is ``{"a": uint8 (C_a, H, W), "b": uint8 (C_b, H, W)}``.

    Args:
        a: inputs.
        b: their counterparts, in the same order.
    """

    def __init__(self, a: ReferenceSet, b: ReferenceSet) -> None:
        assert len(a) == len(b)
        self.a, self.b = a, b

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.a)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return one pair as bytes."""
        return {"a": self.a[index]["image"], "b": self.b[index]["image"]}


class TwoDomains(DataSource):
    """Images of the domains ``a`` and ``b``, with a part of each held out.

    Args:
        size: edge in pixels of the square images that networks see; None keeps the size that all
            images of a domain must then share.
        load_size: edge in pixels to which images are brought before a square of ``size`` is cut out
            at a random place, drawn anew in every epoch; None: ``size``, and nothing is cut.
            CycleGAN (arXiv:1703.10593) and pix2pix (arXiv:1611.07004) train with 286 and 256, and
            with ``mirror``. References are the centre of the image at ``load_size``, the scale that
            discriminators are trained on.
        **kwargs: see :class:`datamodules.source.DataSource`.

    Raises:
        ValueError: when an argument is out of range.
    """

    domains = ("a", "b")
    class_names: tuple[str, ...] | None = None

    def __init__(
        self, size: int | None = None, load_size: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if size is not None and size < 1:
            raise self._refusal("size", "be at least 1", size, "set size: 64")
        if load_size is not None and size is None:
            raise self._refusal(
                "size", "be set with load_size", size, f"set size: {max(1, load_size * 8 // 9)}"
            )
        if load_size is not None and size is not None and load_size < size:
            raise self._refusal(
                "load_size",
                f"be at least size, here {size}",
                load_size,
                f"set load_size: {size + size // 8}, or leave it out",
            )
        self.size = size
        self.load_size = load_size
        self._loaded: LoadedDomains | None = None
        self._rows: dict[str, dict[str, NDArray[np.int64]]] = {}
        self._audit_told = False

    def load_domains(self) -> LoadedDomains:
        """Open both domains at ``load_size``, and make their caches first where those are missing.

        Raises:
            ValueError: when the data cannot be used; the message says why.
            FileNotFoundError: when they are not where they should be.
        """
        own = type(self).__name__
        raise self._refusal("class", "be a data set", own, "choose one that has its own images")

    @property
    def domain_titles(self) -> dict[str, str]:
        """What people call the domains, such as "line art" and "colour"."""
        return {domain: domain for domain in self.domains}

    @property
    def audit(self) -> Audit:
        """What the data hold, and what is wrong with them."""
        return self._opened().audit

    def prepare_data(self) -> None:
        """Make the caches and tell what they hold, on one process of a machine."""
        lines = self._opened().audit.lines()
        if not self._audit_told:
            self._audit_told = True
            for line in lines:
                _log.info("%s: %s", self.slug(), line)

    def reference(self, split: Split, domain: Domain = "b") -> ReferenceSet:
        """Return one domain of one side of the split, without augmentation.

        Args:
            split: which side.
            domain: which domain.

        Raises:
            ValueError: when a name is another one, or nothing is held out.
        """
        self._check_split(split)
        if domain not in self.domains:
            raise self._refusal("domain", "be a or b", domain, "ask for one of the two")
        rows = self._parts(domain)[split]
        if not len(rows):
            raise self._refusal(
                "held_out_share",
                f"hold out some of the {len(self._centres(domain).array)} images of {domain}",
                self.held_out_share,
                "set held_out_share: 0.1 or more, or add images",
            )
        return ReferenceSet(self._centres(domain), rows)

    def paired_reference(self, split: Split) -> PairedReference | None:
        """Return the true pairs of one side of the split, or None where nobody knows them.

        Args:
            split: which side.

        Raises:
            ValueError: when the name is another one, or nothing is held out.
        """
        self._check_split(split)
        return None

    @property
    def image_shapes(self) -> dict[str, tuple[int, ...]]:
        """(C, H, W) of the images of each domain."""
        return {domain: tuple(self._centres(domain).array.shape[1:]) for domain in self.domains}

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W) of ``b``, what translations into it are held against."""
        return self.image_shapes["b"]

    def fingerprint(self) -> str:
        """Return 16 digits that change with the images, their preprocessing or their split."""
        digest = hashlib.sha256()
        for domain in self.domains:
            digest.update(f"{self._opened().images[domain].content}{self.size}".encode())
            for split in ("train", "held_out"):
                digest.update(np.ascontiguousarray(self._parts(domain)[split]).data)
                digest.update(b"|")
        return digest.hexdigest()[:16]

    def _split(self) -> dict[str, dict[str, NDArray[np.int64]]]:
        """Return the rows of every domain and side."""
        raise NotImplementedError

    def _opened(self) -> LoadedDomains:
        if self._loaded is None:
            loaded = self.load_domains()
            for images in loaded.images.values():
                if self.dequantize and images.array.dtype.name not in LEVELS:
                    raise self._refusal(
                        "dequantize", "be false for data without levels", True, "leave it out"
                    )
            self._loaded = loaded
        return self._loaded

    def _parts(self, domain: str) -> dict[str, NDArray[np.int64]]:
        if not self._rows:
            self._rows = self._split()
        return self._rows[domain]

    def _side(self, domain: str, seed: int, member: int = 0) -> TrainingSet:
        """Return the training part of one domain."""
        crop = self.size if self.load_size is not None else None
        rows = self._parts(domain)["train"]
        images = self._opened().images[domain]
        return TrainingSet(
            images, rows, None, seed, self.mirror, self.dequantize, crop=crop, member=member
        )

    def _centres(self, domain: str) -> LabelledImages:
        """Return a domain as references see it: a view, nothing is copied."""
        images = self._opened().images[domain]
        if self.load_size is None:
            return images
        assert self.size is not None
        start = (self.load_size - self.size) // 2
        cut = slice(start, start + self.size)
        return replace(images, images=images.array[:, :, cut, cut])

    def _check_split(self, split: str) -> None:
        if split not in ("train", "held_out"):
            raise self._refusal("split", "be train or held_out", split, "ask for one of the two")

    def _named(self, short: str) -> str:
        """Add the size to a short name: <short>-<height>, or <short>-<height>x<width>."""
        _, height, width = self.image_shape
        return f"{short}-{height}" + ("" if height == width else f"x{width}")


def single(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the axis of the batch from a batch of one."""
    assert all(len(value) == 1 for value in batch.values())
    return {key: value[0] for key, value in batch.items()}
