"""Tables beside a folder of images: CSV with a header, or JSON lines; one row for every image."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datamodules.base import DataModule
from datamodules.images import ImageFolder
from datamodules.reading import image_files


def read_table(owner: str, path: Path, needed: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Read a table.

    Args:
        owner: class that asks, for the messages.
        path: ends in .csv (UTF-8, comma, header in the first line) or .jsonl.
        needed: columns that every row must have.

    Returns:
        One dictionary per row; values of a CSV are strings.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is neither kind, cannot be read, is empty or lacks a column.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{owner}: table must be a .csv or .jsonl file, got {str(path)!r}; "
            "give the path of an existing file"
        )
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise ValueError(
            f"{owner}: table must end in .csv or .jsonl, got {str(path)!r}; convert it to CSV"
        )
    try:
        rows = _read(path)
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, TypeError) as error:
        raise ValueError(
            f"{owner}: table must be readable, got {path} ({error}); save it as UTF-8 text"
        ) from error
    if not rows:
        raise ValueError(
            f"{owner}: table must have rows, got none in {path}; write one row for every image"
        )
    for number, row in enumerate(rows, 1):
        for column in needed:
            if row.get(column) in (None, "", []):
                raise ValueError(
                    f"{owner}: table must give every row a {column}, got none in row {number} of "
                    f"{path}; fill in the column {column}"
                )
    return rows


def rows_in_order(
    owner: str,
    folder: ImageFolder,
    table: Sequence[dict[str, Any]],
    count: int,
    several: bool = False,
) -> list[list[dict[str, Any]]]:
    """Sort the rows of a table as the images of a folder are sorted.

    Args:
        owner: class that asks, for the messages.
        folder: the images.
        table: rows whose ``image`` is a path relative to the folder.
        count: images that the folder holds.
        several: let an image have more than one row.

    Returns:
        The rows of every image, in the order of the images.

    Raises:
        ValueError: when an image has no row, a row has no image, an image has more rows than it
            may have, or a file holds several images.
    """
    found_files = sorted(image_files(folder.folder))
    files = [file.relative_to(folder.folder).as_posix() for file in found_files]
    if len(files) != count:
        raise ValueError(
            f"{owner}: every file must hold one image, got {count} images in {len(files)} files; "
            "split the stacks (N, H, W, C) into files"
        )
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in files}
    for row in table:
        name = Path(str(row["image"])).as_posix()
        if name not in found:
            raise ValueError(
                f"{owner}: column image must name files below {folder.folder}, got {name!r}; "
                "give paths relative to the folder"
            )
        found[name].append(row)
    for name, rows in found.items():
        if not rows:
            raise ValueError(
                f"{owner}: table must have a row for every image, got none for {name!r}; "
                "add the row or move the image away"
            )
        if len(rows) > 1 and not several:
            raise ValueError(
                f"{owner}: table must have one row for every image, got {len(rows)} for {name!r}; "
                "leave one of them"
            )
    return list(found.values())


def _read(path: Path) -> list[dict[str, Any]]:
    if path.suffix.lower() == ".csv":
        with open(path, encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, strict=True))
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("a line is no JSON object")
    return rows


class TableFolder(DataModule):
    """A folder of images, and a table that says something of each of them.

    Args:
        folder: of the images.
        table: the CSV, with a header, or .jsonl; its column ``image`` holds paths relative to the
            folder.
        size: see :class:`datamodules.images.ImageFolder`.
        channels: see :class:`datamodules.images.ImageFolder`.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when the table is not of that form or does not fit the images.
        FileNotFoundError: when the folder or the table is not there.
    """

    def __init__(
        self,
        folder: str,
        table: str,
        size: int | None = None,
        channels: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pictures = ImageFolder(folder, size, channels=channels, labels=False)
        self.table = Path(table).expanduser()

    def slug(self) -> str:
        """<folder>-<height>, or <folder>-<height>x<width>."""
        return self.pictures.slug()

    def rows(self, count: int, *needed: str, several: bool = False) -> list[list[dict[str, Any]]]:
        """Read the rows of every image, in the order of the images.

        Args:
            count: images that the folder holds.
            *needed: columns beside ``image`` that every row must have.
            several: let an image have more than one row.
        """
        owner = type(self).__name__
        table = read_table(owner, self.table, ("image", *needed))
        return rows_in_order(owner, self.pictures, table, count, several)
