"""Sentences to pieces of words that are learned from the training part."""

import os
from collections.abc import Sequence
from typing import Any

from datamodules.batches import UNK
from datamodules.sequences import SPECIAL
from datamodules.source import refusal
from datamodules.text_tokens import Tokens

_SPACE = "▁"
# What no piece reaches across: a word or a run of punctuation, with the space before it.
_UNITS = rf"{_SPACE}?(?:\w+|[^\w{_SPACE}]+)"


class SubWordTokens(Tokens):
    """Pieces of words by byte pair encoding (arXiv:1508.07909), of the package tokenizers.

    Frequent words are one piece, rare ones several; a piece that begins a word begins with "▁". The
    same sentences give the same pieces.

    Args:
        vocabulary_size: most numbers that there may be, with the four special ones.
        least_count: how often two pieces must stand beside each other to become one, and a piece
            must be in the training part to have a number.
        lower: make all letters small.

    Raises:
        ValueError: when an argument is out of range, or the package tokenizers is missing.
    """

    def __init__(
        self, vocabulary_size: int = 2000, least_count: int = 2, lower: bool = True
    ) -> None:
        super().__init__(vocabulary_size, least_count, lower)
        self._size = vocabulary_size
        self._cutter: Any = None

    def learn(self, sentences: Sequence[str]) -> None:
        """Learn which pieces become one."""
        # Loader workers are forked later; each would write a warning where threads were used.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            import tokenizers
        except ImportError as error:
            raise refusal(
                type(self).__name__,
                "data",
                "come with the package tokenizers",
                str(error),
                "pip install 'ganagerie[text]'",
            ) from error
        cutter = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=SPECIAL[UNK]))
        cutters = tokenizers.pre_tokenizers
        cutter.pre_tokenizer = cutters.Sequence(
            [
                cutters.Metaspace(replacement=_SPACE, split=False),
                cutters.Split(tokenizers.Regex(_UNITS), "isolated"),
            ]
        )
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=self._size - len(SPECIAL) + 1,
            min_frequency=self.least_count,
            special_tokens=[SPECIAL[UNK]],
            show_progress=False,
        )
        cutter.train_from_iterator(sentences, trainer)
        self._cutter = cutter

    def pieces(self, sentence: str) -> list[str]:
        """Cut as it was learned."""
        assert self._cutter is not None, "learn() comes first"
        return list(self._cutter.encode(sentence, add_special_tokens=False).tokens)

    def joined(self, pieces: Sequence[str]) -> str:
        """Write them one behind another; "▁" is a space."""
        return "".join(pieces).replace(_SPACE, " ").strip()
