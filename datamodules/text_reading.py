"""A user's sentences: lines of text, a column of CSV or TSV, or a key of JSON lines."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.source import refusal
from datamodules.text_decoding import decoded_text

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_SHOWN = 40


@dataclass(frozen=True)
class TextSource:
    """A file with sentences, and where in it they stand.

    Attributes:
        owner: class that asks, for the messages.
        argument: what names the file, for the messages.
        path: .csv and .tsv (header in the first line), .jsonl, or any other for one sentence a
            line; .gz behind it where the file is compressed.
        column: of a CSV or TSV, or key of JSON lines; None for lines.
        label_column: the same for classes, or None.
        encoding: of the file.
    """

    owner: str
    argument: str
    path: Path
    column: str | None = None
    label_column: str | None = None
    encoding: str = "utf-8"

    @property
    def kind(self) -> str:
        """The last suffix of the file, without .gz."""
        return Path(self.path.name.lower().removesuffix(".gz")).suffix

    def rows(self) -> list[tuple[str, str | None]]:
        """Read every sentence as it stands there, with its class; also empty ones.

        Raises:
            FileNotFoundError: when there is no such file.
            ValueError: when it cannot be read; the message names file, line, value and remedy.
        """
        in_columns = self.kind in (*_SEPARATORS, ".jsonl")
        for name in ("column", "label_column"):
            if getattr(self, name) is not None and not in_columns:
                raise self._refused(
                    name,
                    f"be left out where {self.path} has one sentence a line",
                    getattr(self, name),
                    "give a .csv, .tsv or .jsonl",
                )
        if self.kind == ".json":
            raise self._refused(
                self.argument,
                "hold lines",
                f"{self.path}, one JSON document",
                "write an object a line and call it .jsonl",
            )
        text = decoded_text(self.owner, self.argument, self.path, self.encoding)
        if not in_columns:
            rows: list[tuple[str, str | None]] = [(line, None) for line in text.split("\n")]
            # What follows the last line break is no line.
            rows = rows[:-1] if text.endswith("\n") else rows
        elif self.column is None:
            raise self._refused(
                "column", f"say where in {self.path} the sentences are", None, "set column: text"
            )
        else:
            found = self._objects(text) if self.kind == ".jsonl" else self._fields(text)
            rows = [self._cells(number, row) for number, row in found]
        if not any(sentence.strip() for sentence, _ in rows):
            raise self._refused(
                self.argument, "hold sentences", f"none in {self.path}", "write one a line"
            )
        return rows

    def _fields(self, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
        separator = _SEPARATORS[self.kind]
        # Quotes are letters in a TSV, as most programs write it.
        quoted = self.kind == ".csv"
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=separator,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            strict=True,
        )
        header: list[str] = []
        try:
            for row in reader:
                if not header:
                    header = [name.strip() for name in row]
                    self._check_header(header)
                elif row and len(row) != len(header):
                    raise self._refused(
                        self.argument,
                        f"have {len(header)} fields in every row, as its header has",
                        f"{len(row)} in line {reader.line_num} of {self.path}",
                        "put quotes around fields with a comma"
                        if quoted
                        else "leave out tabs within a field",
                    )
                elif row:
                    yield reader.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            raise self._refused(
                self.argument,
                f"be a table with {separator!r} between fields",
                f"{error} in line {reader.line_num} of {self.path}",
                "correct the line",
            ) from error

    def _check_header(self, header: list[str]) -> None:
        for name in ("column", "label_column"):
            asked = getattr(self, name)
            if asked is not None and header.count(asked) != 1:
                raise self._refused(
                    name,
                    f"be one column of {self.path}",
                    asked,
                    f"its first line names {', '.join(map(repr, header))[:200]}",
                )

    def _objects(self, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise self._refused(
                    self.argument,
                    "hold a JSON object in every line",
                    f"{line[:_SHOWN].strip()} in line {number} of {self.path}",
                    "correct the line",
                )
            yield number, row

    def _cells(self, line: int, row: dict[str, Any]) -> tuple[str, str | None]:
        assert self.column is not None
        sentence = row.get(self.column)
        if not isinstance(sentence, str):
            known = ", ".join(map(repr, row))[:200]
            raise self._refused(
                "column",
                f"have text in every line of {self.path}",
                f"{str(sentence)[:_SHOWN]} for {self.column} in line {line}",
                f"that line has {known or 'nothing'}",
            )
        try:
            sentence.encode()
        except UnicodeEncodeError as error:
            raise self._refused(
                "column",
                f"have text in every line of {self.path}",
                f"half a character in line {line}",
                "correct the line",
            ) from error
        if self.label_column is None:
            return sentence, None
        label = row.get(self.label_column)
        if label is None or isinstance(label, (list, dict)) or not str(label).strip():
            raise self._refused(
                "label_column",
                f"have a class in every line of {self.path}",
                f"{str(label)[:_SHOWN] or 'nothing'} for {self.label_column} in line {line}",
                "fill it in, or leave out the line",
            )
        return sentence, str(label).strip()

    def _refused(self, argument: str, rule: str, value: object, remedy: str) -> ValueError:
        return refusal(self.owner, argument, rule, value, remedy)
