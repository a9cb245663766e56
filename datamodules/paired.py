"""Pairs from a user's files: two folders, one folder of halves, or a table of paths."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.audit import Inspection, told
from datamodules.domain_files import (
    Found,
    Listing,
    TwoDomainFiles,
    distinct_folders,
    numbered_pairs,
)
from datamodules.images import slug_of
from datamodules.pairs import PairedDataModule
from datamodules.reading import ImageFile, existing_folder, sorted_files
from datamodules.tables import read_table


class PairedFiles(PairedDataModule, TwoDomainFiles):
    """Base of the sets below. Both halves of a pair must have one size.

    Args:
        **kwargs: see :class:`datamodules.domain_files.TwoDomainFiles`.
    """

    def slug(self) -> str:
        """<files>-<size>."""
        return self._named(self._files_slug())

    #: Whether files without a partner of their size may be left out.
    skip_unmatched = False

    def _misaligned(self, found: Found) -> tuple[str, ...]:
        misaligned = tuple(
            f"{a.file.path} ({_extent(a)}) and {b.file.path} ({_extent(b)})"
            for a, b in _readable(found)
            if _extent(a) != _extent(b)
        )
        if misaligned and not self.skip_unmatched:
            raise self._refusal(
                "pairs",
                "share their size",
                told(misaligned),
                "bring both halves of a pair to one size, or set skip_unmatched: true",
            )
        return misaligned

    def _usable(self, found: Found) -> Found:
        """Leave out pairs of which a half cannot be read, or whose halves differ in size."""
        pairs = [(a, b) for a, b in _readable(found) if _extent(a) == _extent(b)]
        return {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}

    def _families(self, domain: str, usable: Found) -> NDArray[np.int64]:
        return numbered_pairs(usable["a"], usable["b"])

    def _kin(self, domain: str, usable: Found) -> Sequence[Inspection]:
        return usable["b" if domain == "a" else "a"]

    def _refuse_unmatched(self, unmatched: Sequence[str]) -> None:
        if unmatched and not self.skip_unmatched:
            raise self._refusal(
                "files",
                "all have a partner",
                f"none for {told(unmatched)}",
                "add the partners, or set skip_unmatched: true",
            )


class PairedFolders(PairedFiles):
    """Two folders whose images belong together where their names do.

    The name is the path below the folder without its ending: ``edges/cat/1.png`` belongs to
    ``photos/cat/1.jpg``.

    Args:
        folder_a: the inputs, such as edges.
        folder_b: what they become, such as photos.
        skip_unmatched: leave out files without a partner of their size, instead of refusing them.
        **kwargs: see :class:`datamodules.domain_files.TwoDomainFiles`.

    Raises:
        ValueError: when the folders hold no pairs, or pairs cannot be used; the message says why.
        FileNotFoundError: when there is no such folder.
    """

    def __init__(
        self, folder_a: str, folder_b: str, skip_unmatched: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.folders = distinct_folders(type(self).__name__, folder_a, folder_b)
        self.skip_unmatched = skip_unmatched

    @property
    def domain_titles(self) -> dict[str, str]:
        """Names of the folders."""
        return {domain: folder.resolve().name for domain, folder in self.folders.items()}

    def _files_slug(self) -> str:
        return "-".join(slug_of(folder) for folder in self.folders.values())

    def _listed(self) -> Listing:
        a, b = self._by_name("a"), self._by_name("b")
        common = [name for name in a if name in b]
        if not common:
            raise self._refusal(
                "folder_b",
                "hold a partner of the same name for images of folder_a",
                f"{next(iter(a))!r} in folder_a and {next(iter(b))!r} in folder_b",
                "give both halves of a pair one name, but for the ending",
            )
        unmatched = [str(path) for name, path in a.items() if name not in b]
        unmatched += [str(path) for name, path in b.items() if name not in a]
        self._refuse_unmatched(unmatched)
        return Listing(
            {
                "a": [ImageFile(a[name]) for name in common],
                "b": [ImageFile(b[name]) for name in common],
            },
            tuple(unmatched),
        )

    def _by_name(self, domain: str) -> dict[str, Path]:
        folder = self.folders[domain]
        named: dict[str, Path] = {}
        for path in sorted_files(type(self).__name__, f"folder_{domain}", folder):
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in named:
                raise self._refusal(
                    f"folder_{domain}",
                    "hold one image of a name",
                    f"{named[name].name} and {path.name}",
                    "rename or remove one of them",
                )
            named[name] = path
        return named


class SideBySideImages(PairedFiles):
    """One folder whose images hold both halves of a pair, left and right, as pix2pix's sets do.

    Args:
        folder: the images, also in sub-folders; their width is even.
        order: which half is the input ``a``: "ab" the left, "ba" the right.
        **kwargs: see :class:`datamodules.domain_files.TwoDomainFiles`.

    Raises:
        ValueError: when the folder holds no image, or its images cannot be used; the message says
            why.
        FileNotFoundError: when there is no such folder.
    """

    def __init__(self, folder: str, order: Literal["ab", "ba"] = "ab", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = existing_folder(type(self).__name__, "folder", folder)
        if order not in ("ab", "ba"):
            raise self._refusal("order", "be ab or ba", order, "set order: ab")
        self.order = order

    @property
    def domain_titles(self) -> dict[str, str]:
        """Which half."""
        left, right = self.order
        return {left: "left half", right: "right half"}

    def _files_slug(self) -> str:
        return slug_of(self.folder)

    def _listed(self) -> Listing:
        paths = sorted_files(type(self).__name__, "folder", self.folder)
        left, right = self.order
        return Listing(
            {
                left: [ImageFile(path, "left") for path in paths],
                right: [ImageFile(path, "right") for path in paths],
            }
        )


class PairedCSV(PairedFiles):
    """A table with a row for every pair: two columns of paths, relative to the table.

    Args:
        table: the CSV (UTF-8, comma, header in the first line).
        column_a: of the inputs.
        column_b: of what they become.
        skip_unmatched: leave out rows of which a file is missing or whose files differ in size,
            instead of refusing them.
        **kwargs: see :class:`datamodules.domain_files.TwoDomainFiles`.

    Raises:
        ValueError: when the table lacks a column or a path, or images cannot be used; the message
            says why.
        FileNotFoundError: when there is no such table.
    """

    def __init__(
        self,
        table: str,
        column_a: str = "a",
        column_b: str = "b",
        skip_unmatched: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = Path(table).expanduser()
        self.columns = {"a": column_a, "b": column_b}
        if column_a == column_b:
            raise self._refusal(
                "column_b", "be another column than column_a", column_b, "name two columns"
            )
        if not self.table.is_file():
            raise FileNotFoundError(
                f"{type(self).__name__}: table must be a CSV file, got {table!r}; "
                "give the path of an existing file"
            )
        self.skip_unmatched = skip_unmatched

    @property
    def domain_titles(self) -> dict[str, str]:
        """Names of the columns."""
        return dict(self.columns)

    def _files_slug(self) -> str:
        return slug_of(self.table.with_suffix(""))

    def _listed(self) -> Listing:
        rows = read_table(type(self).__name__, self.table)
        for domain, column in self.columns.items():
            if column not in rows[0]:
                raise self._refusal(
                    f"column_{domain}",
                    f"be a column of {self.table.name}, which has {', '.join(map(str, rows[0]))}",
                    column,
                    f"set column_{domain} to one of them",
                )
        pairs = [
            tuple(self._path(row, number, domain) for domain in "ab")
            for number, row in enumerate(rows, 1)
        ]
        missing = [str(path) for pair in pairs for path in pair if not path.is_file()]
        self._refuse_unmatched(missing)
        whole = [pair for pair in pairs if all(path.is_file() for path in pair)]
        if not whole:
            raise self._refusal(
                "table",
                "name files that are there, relative to itself",
                str(pairs[0][0]),
                "correct the paths",
            )
        return Listing(
            {
                "a": [ImageFile(a) for a, _ in whole],
                "b": [ImageFile(b) for _, b in whole],
            },
            tuple(missing),
        )

    def _path(self, row: dict[str, Any], number: int, domain: str) -> Path:
        value = row[self.columns[domain]]
        if not value:
            raise self._refusal(
                f"column_{domain}",
                "name a file in every row",
                f"nothing in row {number} of {self.table.name}",
                "fill it in, or remove the row",
            )
        return self.table.parent / str(value)


def _readable(found: Found) -> list[tuple[Inspection, Inspection]]:
    both = zip(found["a"], found["b"], strict=True)
    return [(a, b) for a, b in both if not a.fault and not b.fault]


def _extent(one: Inspection) -> str:
    assert one.header is not None
    stack = f"{one.header.count} of " if one.header.count > 1 else ""
    return f"{stack}{one.header.width}x{one.header.height}"
