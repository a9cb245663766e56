"""Sentences of one kind: rows of token ids, a vocabulary, a part held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.base import DataModule
from datamodules.batches import EOS, PAD, Sequences
from datamodules.cache import LabelledImages, content_hash
from datamodules.sets import TrainingSet
from datamodules.two_domains import single

#: What the special tokens are called in a vocabulary: they are its first words.
SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")


@dataclass(frozen=True)
class LoadedSentences:
    """A whole set of sentences, before it is split.

    Attributes:
        tokens: ``(N, T)`` integers below the size of the vocabulary.
        vocabulary: the words, by their numbers; :data:`SPECIAL` first where there are those.
        special_tokens: whether sentences end with ``EOS`` and are filled with ``PAD``.
        labels: ``(N,)`` int64, or None.
        class_names: name of every class, or None.
        families: sentences that must stay on one side of a split share a number; None: all differ.
    """

    tokens: NDArray[np.int64]
    vocabulary: tuple[str, ...]
    special_tokens: bool = True
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] | None = None
    families: NDArray[np.int64] | None = None


class SentenceSet(Dataset[Sequences]):
    """The training part: nothing is augmented.

    Args:
        part: the rows, as a data module of images would have them.
    """

    def __init__(self, part: TrainingSet) -> None:
        self.part = part

    def __len__(self) -> int:
        """Number of sentences."""
        return len(self.part)

    def __getitem__(self, item: tuple[int, int]) -> Sequences:
        """Return one sentence, of the (index, epoch) asked for, without the axis of the batch."""
        return single(self.__getitems__([item]))  # type: ignore[arg-type, return-value]

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Sequences:
        """Return a whole batch for N pairs (index, epoch)."""
        batch: dict[str, Any] = dict(self.part.__getitems__(items))
        return {"tokens": batch.pop("image"), **batch}  # type: ignore[typeddict-item]


class SentenceDataModule(DataModule):
    """Sentences with a part held out.

    Batches are :class:`datamodules.batches.Sequences`. In a reference, tokens ``(T,)`` take the
    place of the image.

    Args:
        **kwargs: see :class:`datamodules.source.DataSource`; nothing is mirrored or dequantized.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("mirror", "dequantize"):
            if getattr(self, name):
                raise self._refusal(name, "be false for sentences", True, f"set {name}: false")
        self._sentences: LoadedSentences | None = None

    def load_sentences(self) -> LoadedSentences:
        """Read or make the whole set.

        Raises:
            ValueError: when the data cannot be used; the message says why.
            FileNotFoundError: when they are not where they should be.
        """
        own = type(self).__name__
        raise self._refusal("class", "override load_sentences()", own, "choose one that has text")

    def load(self) -> LabelledImages:
        """The sentences, as a data module of images holds those."""
        found = self._read()
        words = np.frombuffer("\n".join(found.vocabulary).encode(), np.uint8)
        content = content_hash(found.tokens, found.labels, words)
        return LabelledImages(
            found.tokens, found.labels, found.class_names, found.families, None, content
        )

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words, by their numbers."""
        return self._read().vocabulary

    @property
    def special_tokens(self) -> bool:
        """Whether sentences end with ``EOS`` and are filled with ``PAD``."""
        return self._read().special_tokens

    def preview(self, count: int = 2) -> Sequences:  # type: ignore[override]
        """Return some training sentences as batches hold them."""
        part = self._training_set()
        return part.__getitems__([(index, 0) for index in range(min(count, len(part)))])

    def _training_set(self) -> SentenceSet:  # type: ignore[override]
        return SentenceSet(super()._training_set())

    def _read(self) -> LoadedSentences:
        if self._sentences is None:
            self._sentences = self.load_sentences()
        return self._sentences


def padded(sentences: Sequence[Sequence[int]], length: int) -> NDArray[np.int64]:
    """Rows of ``length`` numbers: each sentence, ``EOS``, and ``PAD`` up to the end.

    Args:
        sentences: numbers of words, without special tokens; at most ``length - 1`` each.
        length: T.
    """
    rows = np.full((len(sentences), length), PAD, np.int64)
    for row, sentence in zip(rows, sentences, strict=True):
        assert len(sentence) < length
        row[: len(sentence)] = sentence
        row[len(sentence)] = EOS
    return rows
