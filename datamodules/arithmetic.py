"""Strings of a small grammar of sums, of which anyone can tell whether they belong to it.

The task of Kusner & Hernandez-Lobato, "GANs for Sequences of Discrete Elements with the
Gumbel-softmax Distribution" (arXiv:1611.04051): S -> x | S+S | S-S | S*S | S/S, filled up to one
length.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules import draws
from datamodules.sequences import LoadedSentences, SentenceDataModule
from datamodules.source import refusal

_DRAW_SEED = 20161112
#: Filling, the number, and the operators.
SYMBOLS = ("_", "x", "+", "-", "*", "/")
_FILLING, _NUMBER, _FIRST_OPERATOR = 0, 1, 2
_OPERATORS = len(SYMBOLS) - _FIRST_OPERATOR
_LENGTHS = range(3, 22)


class Arithmetic(SentenceDataModule):
    """Strings such as ``x+x*x______``, each once, every one as likely as any other.

    Raw numbers of symbols: the filling is a symbol like others, which a generator must learn to put
    at the end and there alone. There are 4^k strings with k operators, 1,365 up to 12 symbols.

    Args:
        length: T symbols, filling included; 3 to 21.
        samples: how many strings, held-out ones included; what is left is valid and new.
        **kwargs: see :class:`datamodules.sequences.SentenceDataModule`.

    Raises:
        ValueError: when an argument is out of range, or there are fewer strings than samples.
    """

    def __init__(self, length: int = 12, samples: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if length not in _LENGTHS:
            raise self._refusal("length", "lie in 3..21", length, "set length: 12")
        total = strings(length)
        if not 2 <= samples <= total:
            raise self._refusal(
                "samples",
                f"lie in 2..{total}, the strings of up to {length} symbols",
                samples,
                f"set samples: {min(1000, total)}",
            )
        self.length, self.samples = length, samples

    def slug(self) -> str:
        """arithmetic-<length>."""
        return f"arithmetic-{self.length}"

    def load_sentences(self) -> LoadedSentences:
        """Draw the strings; see the base."""
        chosen = draws.permutation(_DRAW_SEED, 0, strings(self.length))[: self.samples]
        return LoadedSentences(_spelled(chosen, self.length), SYMBOLS, special_tokens=False)

    def valid(self, tokens: Tensor) -> Tensor:
        """Decide which strings ``(N, T)`` the grammar makes: the function of this name."""
        return valid(tokens)


def strings(length: int) -> int:
    """Count the strings of the grammar that have at most ``length`` symbols."""
    return sum(_OPERATORS**k for k in range((length + 1) // 2))


def random_share(length: int) -> float:
    """Share of valid strings among uniform random ones: what a generator starts from."""
    return float(strings(length) / len(SYMBOLS) ** length)


def valid(tokens: Tensor) -> Tensor:
    """Decide which strings the grammar makes: x between operators, then filling alone.

    Args:
        tokens: integers ``(N, T)``, numbers of :data:`SYMBOLS`.

    Returns:
        bool ``(N,)``; an empty string is not valid, and neither is one with unknown symbols.

    Raises:
        ValueError: when ``tokens`` are not such.
    """
    if tokens.ndim != 2 or tokens.is_floating_point() or not tokens.numel():
        raise refusal(
            "valid",
            "tokens",
            "be integers (N, T), at least one",
            f"{str(tokens.dtype).removeprefix('torch.')} {tuple(tokens.shape)}",
            "give numbers of symbols, not scores of them",
        )
    places = torch.arange(tokens.shape[1], device=tokens.device)
    lengths = (tokens != _FILLING).sum(1, keepdim=True)
    operator = (tokens >= _FIRST_OPERATOR) & (tokens < len(SYMBOLS))
    right = torch.where(places % 2 == 0, tokens == _NUMBER, operator)
    # Counting is enough: filling before the end leaves a symbol where there must be none.
    right = torch.where(places < lengths, right, tokens == _FILLING)
    return right.all(1) & (lengths[:, 0] % 2 == 1)


def valid_share(tokens: Tensor) -> float:
    """Share of the strings that are valid, 0 to 1; see :func:`valid`."""
    return float(valid(tokens).double().mean())


def _spelled(numbers: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Write strings by their numbers, the shorter first: ``(N,)`` to ``(N, length)``."""
    rows = np.full((len(numbers), length), _FILLING, np.int64)
    rest = numbers.copy()
    for operators in range((length + 1) // 2):
        count = _OPERATORS**operators
        here = (rest >= 0) & (rest < count)
        digits = rest[here, None] // _OPERATORS ** np.arange(operators) % _OPERATORS
        whole = np.full((len(digits), 2 * operators + 1), _NUMBER, np.int64)
        whole[:, 1::2] = _FIRST_OPERATOR + digits
        rows[here, : 2 * operators + 1] = whole
        rest -= count
    return rows
