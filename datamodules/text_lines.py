"""Sentences of the user's own: lines of a file, a column of CSV or TSV, a key of JSON lines."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.base import held_out_mask
from datamodules.cache import LabelledImages
from datamodules.images import slug_of
from datamodules.sequences import LoadedSentences, SentenceDataModule
from datamodules.text_numbers import TextNumbers
from datamodules.text_reading import TextSource
from datamodules.texts import Texts, numbered_families


class TextData(TextNumbers, SentenceDataModule):
    """Real text of one kind: batches of :class:`datamodules.batches.Sequences`.

    A subclass says which sentences there are (:meth:`texts`).

    Args:
        **kwargs: see :class:`datamodules.text_numbers.TextNumbers`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._held_out: NDArray[np.bool_] | None = None

    def texts(self) -> Texts:
        """Read the sentences.

        Raises:
            ValueError: when they cannot be used; the message says why.
            FileNotFoundError: when they are not where they should be.
        """
        own = type(self).__name__
        raise self._refusal("class", "override texts()", own, "choose one that has text")

    def load_sentences(self) -> LoadedSentences:
        """Read, split and number the sentences; see the base."""
        texts = self.texts().distinct(self.tokens)
        names = None if texts.labels is None else tuple(sorted(set(texts.labels)))
        places = {name: place for place, name in enumerate(names or ())}
        labels = np.array([places[one] for one in texts.labels or ()], np.int64)
        families = numbered_families(texts.sentences)
        held_out = held_out_mask(
            len(families), self.held_out_share, None if names is None else labels, families
        )
        found = self._numbered({"text": texts}, {"text": ~held_out})["text"]
        self._found, self._held_out = (found.line,), held_out[found.rows]
        return LoadedSentences(
            found.tokens,
            self.tokens.vocabulary,
            labels=None if names is None else labels[found.rows],
            class_names=names,
            families=families[found.rows],
        )

    def load(self) -> LabelledImages:
        """The sentences with the split that their vocabulary comes from."""
        images = super().load()
        return replace(images, held_out=self._held_out)


class TextFile(TextData):
    """Sentences of a file: one a line, or one a row of a table.

    Empty sentences and those that come again are left out, which the log tells. One sentence never
    stands on both sides of the split.

    Args:
        path: .csv or .tsv with a header in the first line, .jsonl, or any other file for one
            sentence a line; also with .gz behind it.
        column: of a CSV or TSV, or key of JSON lines, that holds the sentences.
        label_column: the same for their classes; None: there are none.
        encoding: of the file, as Python calls it.
        **kwargs: see :class:`datamodules.text_numbers.TextNumbers`.

    Raises:
        ValueError: when the file cannot be used; the message names line, value and remedy.
        FileNotFoundError: when there is no such file.
    """

    def __init__(
        self,
        path: str,
        column: str | None = None,
        label_column: str | None = None,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = TextSource(
            type(self).__name__, "path", Path(path).expanduser(), column, label_column, encoding
        )

    def slug(self) -> str:
        """<file>-<length>."""
        return f"{file_slug(self.source)}-{self.length}"

    def texts(self) -> Texts:
        """Read the file."""
        return read_texts(self.source)


def read_texts(source: TextSource) -> Texts:
    """Read a file, and leave out empty sentences.

    Raises:
        ValueError: when it cannot be read; see :meth:`TextSource.rows`.
        FileNotFoundError: when there is no such file.
    """
    rows = source.rows()
    full = [(sentence, label) for sentence, label in rows if sentence.strip()]
    return Texts(
        [sentence for sentence, _ in full],
        None if source.label_column is None else [str(label) for _, label in full],
        {"empty": len(rows) - len(full)},
    )


def file_slug(source: TextSource) -> str:
    """Name a file without its suffixes."""
    return slug_of(source.path.with_name(source.path.name.split(".")[0] or source.path.name))
