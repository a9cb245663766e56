"""Two domains of real text in one vocabulary, such as two files of the user's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.cache import LabelledImages
from datamodules.corpora import LoadedCorpora, divide, hide_pairs
from datamodules.text_lines import file_slug, read_texts
from datamodules.text_numbers import TextNumbers
from datamodules.text_reading import TextSource
from datamodules.texts import Texts, numbered_families
from datamodules.unpaired_sequences import UnpairedSentences


class UnpairedTexts(TextNumbers, UnpairedSentences):
    """Real text of two domains: batches of :class:`datamodules.batches.UnpairedSequences`.

    A subclass says which sentences there are (:meth:`texts`).

    Args:
        **kwargs: see :class:`datamodules.text_numbers.TextNumbers`.
    """

    #: Whether sentence i of ``b`` is the true counterpart of sentence i of ``a``.
    paired = False

    def texts(self) -> Mapping[str, Texts]:
        """Read the sentences of ``a`` and ``b``.

        Raises:
            ValueError: when they cannot be used; the message says why.
            FileNotFoundError: when they are not where they should be.
        """
        own = type(self).__name__
        raise self._refusal("class", "override texts()", own, "choose one that has text")

    def load_corpora(self) -> LoadedCorpora:
        """Read, split and number the sentences; see the base."""
        texts = self.texts()
        if not self.paired:
            texts = {domain: own.distinct(self.tokens) for domain, own in texts.items()}
            self._check_shared(texts)
        masks = self._masks(texts)
        training = {domain: own["train"] for domain, own in masks.items()}
        found = self._numbered(texts, training, aligned=self.paired)
        for domain, own in masks.items():
            rows = found[domain].rows
            self._rows[domain] = {part: np.flatnonzero(mask[rows]) for part, mask in own.items()}
        titles = self.domain_titles
        self._found = tuple(f"{one} = {titles[one]}: {found[one].line}" for one in self.domains)
        return LoadedCorpora(
            {domain: found[domain].tokens for domain in self.domains},
            self.tokens.vocabulary,
            paired=self.paired,
        )

    def families(self, texts: Mapping[str, Texts]) -> dict[str, NDArray[np.int64]]:
        """Number the sentences of each domain; those with one number stay on one side of a split.

        Where there are true counterparts, those of ``a`` hold for pairs.
        """
        return {domain: numbered_families(own.sentences) for domain, own in texts.items()}

    def _masks(self, texts: Mapping[str, Texts]) -> dict[str, dict[str, NDArray[np.bool_]]]:
        """Divide the sentences before they are numbered: which ones are in which part."""
        sides = {
            domain: LabelledImages(own, None, None, own, None, "")
            for domain, own in self.families(texts).items()
        }
        division = hide_pairs if self.paired else divide
        return {
            domain: {
                part: np.isin(np.arange(len(sides[domain].array)), rows)
                for part, rows in parts.items()
            }
            for domain, parts in division(sides, self.held_out_share).items()
        }

    def _part(self, domain: str, split: str) -> NDArray[np.int64]:
        # The split is made before sentences are numbered, not after: see TextNumbers.
        self._opened()
        return super()._part(domain, split)

    def _check_shared(self, texts: Mapping[str, Texts]) -> None:
        """Refuse domains that are one."""
        a, b = (set(own.sentences) for own in texts.values())
        if a and a == b:
            raise self._refusal(
                "sentences",
                "differ between a and b",
                f"the same {len(a)} in both",
                "give two domains",
            )


class UnpairedTextFiles(UnpairedTexts):
    """Two files of sentences, such as negative and positive reviews.

    Both are read alike, see :class:`datamodules.text_lines.TextFile`; the vocabulary is one.

    Args:
        file_a: sentences of one domain.
        file_b: sentences of the other.
        column: of a CSV or TSV, or key of JSON lines, that holds the sentences.
        encoding: of the files, as Python calls it.
        **kwargs: see :class:`datamodules.text_numbers.TextNumbers`.

    Raises:
        ValueError: when a file cannot be used; the message names line, value and remedy.
        FileNotFoundError: when there is no such file.
    """

    def __init__(
        self,
        file_a: str,
        file_b: str,
        column: str | None = None,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.sources = {
            domain: TextSource(
                owner, f"file_{domain}", Path(file).expanduser(), column, encoding=encoding
            )
            for domain, file in (("a", file_a), ("b", file_b))
        }
        if self.sources["a"].path.resolve() == self.sources["b"].path.resolve():
            raise self._refusal(
                "file_b", "be another file than file_a", file_b, "give a file of the other domain"
            )

    def slug(self) -> str:
        """<file_a>-<file_b>-<length>."""
        return "-".join([*(file_slug(one) for one in self.sources.values()), str(self.length)])

    @property
    def domain_titles(self) -> dict[str, str]:
        """Names of the files."""
        return {domain: file_slug(one) for domain, one in self.sources.items()}

    def texts(self) -> Mapping[str, Texts]:
        """Read both files."""
        return {domain: read_texts(one) for domain, one in self.sources.items()}
