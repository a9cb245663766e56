"""A small language whose every sentence is known, and speakers that say what they are told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor, nn

from datamodules.batches import EOS, PAD
from datamodules.sequences import SPECIAL

WORDS, LENGTH = 24, 9


@lru_cache
def language(count: int, seed: int = 0) -> Tensor:
    """Different sentences ``(count, LENGTH)``: each word makes a few others likely after it."""
    own = torch.Generator().manual_seed(7)
    follows = torch.rand(WORDS, WORDS, generator=own).pow(6)
    follows[:, : len(SPECIAL)] = 0
    own.manual_seed(seed)
    draws = 3 * count
    rows = torch.full((draws, LENGTH), PAD)
    ends = torch.randint(4, LENGTH, (draws,), generator=own)
    word = torch.randint(len(SPECIAL), WORDS, (draws,), generator=own)
    for place in range(LENGTH):
        rows[:, place] = torch.where(place < ends, word, rows[:, place])
        word = torch.multinomial(follows[word], 1, generator=own)[:, 0]
    rows[torch.arange(draws), ends] = EOS
    _, groups = rows.unique(dim=0, return_inverse=True)
    first = torch.full((int(groups.max()) + 1,), draws).scatter_reduce(
        0, groups, torch.arange(draws), "amin"
    )
    return rows[first.sort().values[:count]]


class Corpus:
    """The data module of a language: 600 sentences for training, 200 held out."""

    name = "corpus"
    class_names = None
    special_tokens = True
    vocabulary = (*SPECIAL, *(f"w{number}" for number in range(WORDS - len(SPECIAL))))
    image_shape = (LENGTH,)

    def __init__(self, train: int = 600, held_out: int = 200) -> None:
        tokens = language(train + held_out)
        self.parts = {"train": tokens[:train], "held_out": tokens[train:]}

    def reference(self, split: Literal["train", "held_out"]) -> list[dict[str, Tensor]]:
        """As the library's own: an error where nothing is held out."""
        if not len(self.parts[split]):
            raise ValueError("Corpus: nothing is held out")
        return [{"image": row} for row in self.parts[split]]

    def fingerprint(self) -> str:
        return "-".join(str(int(part.sum())) for part in self.parts.values())


class Speaker(nn.Module):
    """Says sentences of its own.

    Args:
        say: uniform numbers ``(N, LENGTH)`` to sentences ``(N, LENGTH)``.
        entropy: nats a token.
    """

    device = torch.device("cpu")

    def __init__(self, say: Callable[[Tensor], Tensor], entropy: float = 1.0) -> None:
        super().__init__()
        self.say, self.entropy = say, entropy

    def draw_latents(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        return torch.rand(n, LENGTH, generator=generator)

    def decode(self, z: Tensor, temperature: float = 1.0) -> Tensor:
        return self.say(z)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        return self.decode(self.draw_latents(n, generator=generator))

    def words(self, tokens: Tensor) -> list[str]:
        return [
            " ".join(Corpus.vocabulary[number] for number in row if number > 3) for row in tokens
        ]

    def token_entropy(self, tokens: Tensor) -> Tensor:
        return torch.full((len(tokens),), self.entropy)

    def log_likelihood(self, tokens: Tensor) -> Tensor:
        return torch.full((len(tokens),), -float(torch.tensor(WORDS).log()))


def one_of(sentences: Tensor | Sequence[Any]) -> Callable[[Tensor], Tensor]:
    """Each of some sentences as likely as another, by the first uniform number."""
    return lambda z: torch.as_tensor(sentences)[(z[:, 0] * len(sentences)).long()]
