"""Numbers of words and words: what modules of sentences know of the vocabulary of their data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from datamodules.batches import EOS, PAD, UNK
from gan_modules.language.pretrained import fill_pretrained
from gan_modules.language.sentences import spelled


def vocabulary_of(data: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """Words by number as a data module has them.

    Args:
        data: a data module, or None.
        known: what is known already, of a checkpoint; stays where the data say nothing.
    """
    return tuple(getattr(data, "vocabulary", known))


def check_special_tokens(owner: object, data: Any, special_tokens: bool) -> None:
    """Sentences end in the data and in the networks, or in neither.

    Args:
        owner: named in errors.
        data: a data module, or None.
        special_tokens: of the networks.

    Raises:
        ValueError: otherwise.
    """
    if getattr(data, "special_tokens", special_tokens) != special_tokens:
        raise ValueError(
            f"{type(owner).__name__}: special_tokens must be that of the data, got "
            f"{special_tokens} of the generator; set special_tokens: "
            f"{str(not special_tokens).lower()} of the networks"
        )


def numbered(sentence: str, vocabulary: Sequence[str], length: int) -> Tensor:
    """A sentence as int64 ``(1, T)``, with its end; an unknown word is ``UNK``.

    Args:
        sentence: words with spaces between them, written as in the vocabulary.
        vocabulary: words by number.
        length: T.

    Raises:
        ValueError: if the sentence has no words, or more than fit before the end.
    """
    words = sentence.split()
    if not 0 < len(words) < length:
        raise ValueError(
            f"sentence must have 1 to {length - 1} words, got {len(words)} in {sentence[:40]!r}; "
            "shorten it, or train on longer ones"
        )
    places = {word: number for number, word in reversed(list(enumerate(vocabulary)))}
    numbers = [places.get(word, UNK) for word in words] + [EOS]
    return torch.tensor([numbers + [PAD] * (length - len(numbers))])


def check_tokens(
    owner: nn.Module, batch: Mapping[str, Tensor], key: str, vocabulary_size: int, length: int
) -> None:
    """Ids and length of a batch against what the networks were built for.

    Args:
        owner: named in errors.
        batch: the first of a run.
        key: of the sentences in it.
        vocabulary_size: V of the networks.
        length: T of the networks.

    Raises:
        ValueError: naming what does not fit.
    """
    name = type(owner).__name__
    if key not in batch:
        raise ValueError(
            f"{name}: batch must have the key {key}, got {sorted(batch)}; choose a data "
            "module of sentences, 'ganagerie list' names what each variant takes"
        )
    tokens = batch[key]
    if tokens.dtype != torch.int64 or tokens.ndim != 2:
        raise ValueError(
            f"{name}: {key} must be int64 (N, T), got {tokens.dtype} {tuple(tokens.shape)}; "
            "give numbers of words"
        )
    if tokens.shape[1] != length:
        raise ValueError(
            f"{name}: sentences of the data have the length {tokens.shape[1]} but the "
            f"generator's {length}; set length of the networks to {tokens.shape[1]}"
        )
    if int(tokens.max()) >= vocabulary_size or int(tokens.min()) < 0:
        raise ValueError(
            f"{name}: {key} must lie in 0..{vocabulary_size - 1}, got "
            f"{int(tokens.min())}..{int(tokens.max())}; set vocabulary_size of the networks to "
            "that of the data"
        )


class Worded:
    """Before a game in the bases of a class: it knows the words of its data, also without these.

    Attributes:
        vocabulary: words by number, known from the data module on; numbers stand for them before.
        special_tokens: whether sentences end; set by the class.
    """

    vocabulary: tuple[str, ...] = ()
    special_tokens: bool
    trainer: Any
    _resumed: bool

    def words(self, tokens: Tensor) -> list[str]:
        """Sentences in words."""
        return spelled(tokens, self.vocabulary, self.special_tokens)

    def setup(self, stage: str) -> None:
        """Also: take the vocabulary of the data.

        Raises:
            ValueError: if sentences end in the data but not in the networks, or the other way.
        """
        super().setup(stage)  # type: ignore[misc]
        data = getattr(self.trainer, "datamodule", None)
        check_special_tokens(self, data, self.special_tokens)
        self.vocabulary = vocabulary_of(data, self.vocabulary)

    def on_train_start(self) -> None:
        """Also: tables of words that wait for pretrained vectors read them, but never again."""
        super().on_train_start()  # type: ignore[misc]
        if not self._resumed:
            fill_pretrained(self, self.vocabulary)  # type: ignore[arg-type]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the vocabulary: sentences can be read without the data."""
        super().on_save_checkpoint(checkpoint)  # type: ignore[misc]
        checkpoint["vocabulary"] = list(self.vocabulary)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Inverse of :meth:`on_save_checkpoint`."""
        super().on_load_checkpoint(checkpoint)  # type: ignore[misc]
        self.vocabulary = tuple(checkpoint["vocabulary"])
