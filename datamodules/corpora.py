"""Two corpora of one vocabulary: what they hold, how they are divided, and what is trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.base import held_out_mask
from datamodules.batches import UnpairedSequences
from datamodules.cache import LabelledImages
from datamodules.sequences import padded
from datamodules.two_domains import single
from datamodules.unpaired import UnpairedSet


@dataclass(frozen=True)
class LoadedCorpora:
    """The sentences of both domains, before they are split.

    Attributes:
        tokens: of ``a`` ``(N_a, T_a)`` and ``b`` ``(N_b, T_b)``, numbers of words.
        vocabulary: the words of both; :data:`datamodules.sequences.SPECIAL` first where there are
            those.
        special_tokens: whether sentences end with ``EOS`` and are filled with ``PAD``.
        paired: whether row i of ``b`` is the true counterpart of row i of ``a``: for scores alone.
        families: of each domain, ``(N,)`` numbers that sentences share which must stay on one side
            of a split; a domain that is not named has none. Those of ``a`` hold for pairs.
    """

    tokens: Mapping[str, NDArray[np.int64]]
    vocabulary: tuple[str, ...]
    special_tokens: bool = True
    paired: bool = False
    families: Mapping[str, NDArray[np.int64]] | None = None


class UnpairedSentenceSet(Dataset[UnpairedSequences]):
    """The training part: nothing is augmented.

    Args:
        part: the rows, as a data module of images would have them.
    """

    def __init__(self, part: UnpairedSet) -> None:
        self.part = part

    def __len__(self) -> int:
        """Number of sentences of the larger domain."""
        return len(self.part)

    def __getitem__(self, item: tuple[int, ...]) -> UnpairedSequences:
        """Return one sentence of each, as :class:`UnpairedSampler` asks for them."""
        return cast(UnpairedSequences, single(cast(dict, self.__getitems__([item]))))

    def __getitems__(self, items: Sequence[tuple[int, ...]]) -> UnpairedSequences:
        """Return a whole batch for N rows (index_a, pass_a, index_b, pass_b)."""
        batch: dict[str, Any] = dict(self.part.__getitems__(items))
        return cast(
            UnpairedSequences, {"tokens_a": batch.pop("a"), "tokens_b": batch.pop("b"), **batch}
        )


def numbered(
    sentences: Sequence[Sequence[str]], vocabulary: tuple[str, ...], length: int
) -> NDArray[np.int64]:
    """Turn words into rows ``(N, length)`` of numbers, each with ``EOS`` and filled with ``PAD``.

    Args:
        sentences: words that are all in the vocabulary, at most ``length - 1`` a sentence.
        vocabulary: special tokens first.
        length: T.
    """
    places = {word: place for place, word in enumerate(vocabulary)}
    return padded([[places[word] for word in sentence] for sentence in sentences], length)


def divide(
    sides: Mapping[str, LabelledImages], share: float
) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Hold out a part of each domain by itself."""
    rows = {}
    for domain, side in sides.items():
        mask = held_out_mask(len(side.array), share, families=side.families)
        rows[domain] = {"train": np.flatnonzero(~mask), "held_out": np.flatnonzero(mask)}
    return rows


def hide_pairs(
    sides: Mapping[str, LabelledImages], share: float
) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Hold out the same pairs of both domains, and train on one half of each other pair."""
    count, families = len(sides["a"].array), sides["a"].families
    assert count == len(sides["b"].array)
    mask = held_out_mask(count, share, families=families)
    train, held_out = np.flatnonzero(~mask), np.flatnonzero(mask)
    first = held_out_mask(len(train), 0.5, families=None if families is None else families[train])
    return {
        "a": {"train": train[first], "held_out": held_out},
        "b": {"train": train[~first], "held_out": held_out},
    }
