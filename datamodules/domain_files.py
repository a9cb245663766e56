"""Two domains from a user's files: found, inspected, and decoded once to a cache each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.audit import (
    Audit,
    Inspection,
    audit_domain,
    inspect_files,
    shared_pictures,
    told,
)
from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.reading import ImageFile, ImageReader, existing_folder, sorted_files
from datamodules.source import refusal
from datamodules.two_domains import LoadedDomains, TwoDomains

Found = dict[str, list[Inspection]]


@dataclass(frozen=True)
class Listing:
    """The files of both domains.

    Attributes:
        files: of ``a`` and ``b``; where they are pairs, equally many, in one order.
        unmatched: files that were left out because they have no partner.
    """

    files: Mapping[str, Sequence[ImageFile]]
    unmatched: tuple[str, ...] = ()


class TwoDomainFiles(TwoDomains):
    """Base of the sets whose images are a user's files.

    Reads PNG, JPEG, BMP, WebP, TIFF and NumPy arrays (``(H, W)``, ``(H, W, C)`` or a stack
    ``(N, H, W, C)``; uint8, uint16 or float). 16-bit images train at their full precision. Images
    of a domain with the same pixels stay on one side of the split.

    Args:
        channels_a: convert ``a`` to 1 grey, 2 grey and alpha, 3 RGB (alpha over white) or 4 RGBA;
            None keeps the number that all its images must then share.
        channels_b: the same for ``b``.
        float_range: values in float arrays and float TIFF that mean black and white; None: -1 and
            1, and arrays without a negative value are refused as doubtful.
        skip_unreadable: leave out files that cannot be decoded, instead of refusing them.
        **kwargs: see :class:`datamodules.two_domains.TwoDomains`.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(
        self,
        channels_a: int | None = None,
        channels_b: int | None = None,
        float_range: tuple[float, float] | None = None,
        skip_unreadable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        edge = self.load_size or self.size
        self.readers = {
            domain: ImageReader(
                owner=type(self).__name__,
                size=edge,
                channels=channels,
                float_range=float_range,
                channels_argument=f"channels_{domain}",
            )
            for domain, channels in (("a", channels_a), ("b", channels_b))
        }
        for reader in self.readers.values():
            reader.check()
        self.skip_unreadable = skip_unreadable

    def load_domains(self) -> LoadedDomains:
        """Open both domains, inspected and decoded once; see the base."""
        listing = self._listed()
        key = {domain: [_stamp(file) for file in files] for domain, files in listing.files.items()}
        found = {
            domain: inspect_files(f"{self._files_slug()}-{domain}", {"files": key[domain]}, files)
            for domain, files in listing.files.items()
        }
        unreadable = self._unreadable(found)
        misaligned = self._misaligned(found)
        usable = self._usable(found)
        images = {domain: self._images(domain, usable) for domain in self.domains}
        titles = self.domain_titles
        return LoadedDomains(
            images,
            Audit(
                domains={one: audit_domain(titles[one], usable[one]) for one in self.domains},
                unreadable=unreadable,
                unmatched=listing.unmatched,
                misaligned=misaligned,
                shared=shared_pictures(usable["a"], usable["b"]),
            ),
        )

    def _listed(self) -> Listing:
        """Find the files."""
        raise NotImplementedError

    def _files_slug(self) -> str:
        """Give the set a short name without its size."""
        raise NotImplementedError

    def _misaligned(self, found: Found) -> tuple[str, ...]:
        """Name what cannot be a pair, and refuse it unless it may be left out."""
        return ()

    def _usable(self, found: Found) -> Found:
        """Leave out what cannot be used."""
        return {
            domain: [one for one in inspections if not one.fault]
            for domain, inspections in found.items()
        }

    def _families(self, domain: str, usable: Found) -> NDArray[np.int64]:
        """Number the images so that equal ones have one number: the same pixels are one family."""
        return _numbered([mark for one in usable[domain] for mark in one.prints])

    def _unreadable(self, found: Found) -> tuple[str, ...]:
        """Name the files that cannot be read, and refuse them unless they may be left out."""
        faults = {
            f"{one.file.path} ({one.fault})": None
            for inspections in found.values()
            for one in inspections
            if one.fault
        }
        if faults and not self.skip_unreadable:
            raise self._refusal(
                "files",
                "be readable images",
                told(list(faults)),
                "repair or remove them, or set skip_unreadable: true",
            )
        return tuple(faults)

    def _images(self, domain: str, usable: Found) -> LabelledImages:
        """Open the cache of one domain, or decode its files to it."""
        own, reader = usable[domain], self.readers[domain]
        if not own:
            raise self._refusal(
                "files",
                f"hold images that can be read for {domain}",
                0,
                "repair the files, or give others",
            )
        headers = [one.header for one in own if one.header is not None]
        target = reader.target([one.file.path for one in own], headers)
        places = [(one.file, place) for one in own for place in range(len(one.prints))]
        name = f"{self._files_slug()}-{domain}"

        def make() -> Contents:
            return Contents(
                rows=reader.rows(places, target, f"{name}: reading images"),
                count=len(places),
                shape=(target.channels, target.height, target.width),
                dtype=target.dtype,
                families=self._families(domain, usable),
            )

        key = {
            "data": type(self).__name__,
            "files": [_stamp(one.file) for one in own],
            "others": [one.prints for one in self._kin(domain, usable)],
            "size": reader.size,
            "channels": reader.channels,
            "float_range": reader.float_range,
        }
        return cached_images(name, key, make)

    def _kin(self, domain: str, usable: Found) -> Sequence[Inspection]:
        """Return what the families of a domain depend on beside its own files."""
        return ()


def numbered_pairs(ones: Sequence[Inspection], others: Sequence[Inspection]) -> NDArray[np.int64]:
    """Number pairs so that those with the same pixels in both halves have one number."""
    return _numbered(
        [
            f"{mark} {partner}"
            for one, other in zip(ones, others, strict=True)
            for mark, partner in zip(one.prints, other.prints, strict=True)
        ]
    )


def distinct_folders(owner: str, folder_a: str, folder_b: str) -> dict[str, Path]:
    """Return the folders of two domains.

    Raises:
        ValueError: when both are one, or one lies in the other.
        FileNotFoundError: when there is no such folder.
    """
    folders = {
        "a": existing_folder(owner, "folder_a", folder_a),
        "b": existing_folder(owner, "folder_b", folder_b),
    }
    a, b = (folder.resolve() for folder in folders.values())
    if a == b:
        raise refusal(
            owner, "folder_b", "be another folder than folder_a", folder_b, "give two folders"
        )
    if a in b.parents or b in a.parents:
        raise refusal(
            owner,
            "folder_b",
            f"lie beside folder_a, {folder_a!r}, and neither in the other",
            folder_b,
            "move one of them: sub-folders are searched too",
        )
    return folders


def folder_files(owner: str, folders: Mapping[str, Path]) -> dict[str, list[ImageFile]]:
    """List the images of the folders of two domains, in the order of their paths."""
    return {
        domain: [ImageFile(path) for path in sorted_files(owner, f"folder_{domain}", folder)]
        for domain, folder in folders.items()
    }


def _numbered(marks: Sequence[str]) -> NDArray[np.int64]:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(mark, len(numbers)) for mark in marks], np.int64)


def _stamp(file: ImageFile) -> tuple[str, int, int, str]:
    stat = file.path.stat()
    return str(file.path.absolute()), stat.st_size, stat.st_mtime_ns, file.half or ""
