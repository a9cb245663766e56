"""A judge of style that no generator learned to fool, as the discriminator is no judge.

Logistic regression on words and pairs of neighbours, fitted on the training parts of the styles
alone; its accuracy on held-out sentences belongs to everything that it says.
"""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding_bag

from callbacks.metrics.sentences import Words, ngrams

Run = tuple[Hashable, ...]
_ITERATIONS = 200


class StyleClassifier:
    """Multinomial logistic regression on which words and pairs of neighbours a sentence holds.

    Args:
        places: rows of ``weight`` by words and pairs.
        weight: float64 ``(R, S)`` for R words and pairs and S styles.
        bias: float64 ``(S,)``.
        accuracy: on held-out sentences, the mean over the styles, in [0, 1].
    """

    def __init__(
        self, places: Mapping[Run, int], weight: Tensor, bias: Tensor, accuracy: float
    ) -> None:
        self.accuracy = accuracy
        self._places, self._weight, self._bias = places, weight, bias

    @classmethod
    def fitted(
        cls,
        train: Sequence[Sequence[Words]],
        held_out: Sequence[Sequence[Words]],
        most_runs: int = 50_000,
    ) -> "StyleClassifier":
        """Fit the classifier on the CPU; the same sentences give the same classifier.

        All styles weigh alike, however many sentences they have.

        Args:
            train: training sentences of each style, 2 styles or more.
            held_out: other sentences of each style, for the accuracy.
            most_runs: most words and pairs that are looked at; the frequent ones are kept.

        Raises:
            ValueError: for fewer than 2 styles, unlike numbers of them, or a style without
                sentences.
        """
        if len(train) < 2 or len(train) != len(held_out) or not (all(train) and all(held_out)):
            raise ValueError(
                "StyleClassifier: train and held_out must hold sentences of the same 2 styles or "
                f"more, got {[*map(len, train)]} and {[*map(len, held_out)]}; hold out a part of "
                "each"
            )
        everything = [sentence for sentences in train for sentence in sentences]
        counts = Counter(run for sentence in everything for run in _runs(sentence))
        places = {run: i for i, (run, _) in enumerate(counts.most_common(most_runs))}
        # The caller may be inside a validation loop, where gradients are off and no tensor can take
        # part in training.
        with torch.inference_mode(False), torch.enable_grad():
            labels = torch.tensor([i for i, part in enumerate(train) for _ in part])
            weight, bias = _fit(_bags(everything, places), labels, len(places), len(train))
        judge = cls(places, weight, bias, math.nan)
        shares = [judge.share(part, style) for style, part in enumerate(held_out)]
        return cls(places, weight, bias, math.fsum(shares) / len(shares))

    def scores(self, sentences: Sequence[Words]) -> Tensor:
        """Return float64 ``(N, S)``, for each style the log-probability but for a constant.

        Args:
            sentences: any number.
        """
        return _linear(_bags(sentences, self._places), self._weight, self._bias)

    def share(self, sentences: Sequence[Words], style: int) -> float:
        """Share of sentences that are taken for a style, in [0, 1]: the style accuracy.

        Args:
            sentences: at least 1.
            style: its place among the styles of :meth:`fitted`.

        Raises:
            ValueError: for no sentence, or a style that there is not.
        """
        if not sentences or not 0 <= style < len(self._bias):
            raise ValueError(
                f"StyleClassifier: sentences must hold at least 1 and style be in 0 to "
                f"{len(self._bias) - 1}, got {len(sentences)} and {style}; give the target style"
            )
        return float((self.scores(sentences).argmax(dim=1) == style).double().mean())


class _Bags(NamedTuple):
    """Sentences as rows of a matrix with few entries: entries one after another, and row starts."""

    places: Tensor
    values: Tensor
    starts: Tensor


def _runs(sentence: Words) -> list[Run]:
    """Different words and pairs of a sentence, in order."""
    return list(dict.fromkeys([*ngrams(sentence, 1), *ngrams(sentence, 2)]))


def _bags(sentences: Sequence[Words], places: Mapping[Run, int]) -> _Bags:
    found = [[places[run] for run in _runs(each) if run in places] for each in sentences]
    # Rows of length 1: a long sentence is no more certain than a short one.
    values = [len(row) ** -0.5 for row in found for _ in row]
    starts = [0]
    for row in found:
        starts.append(starts[-1] + len(row))
    return _Bags(
        torch.tensor([place for row in found for place in row], dtype=torch.int64),
        torch.tensor(values, dtype=torch.float64),
        torch.tensor(starts[:-1], dtype=torch.int64),
    )


def _linear(bags: _Bags, weight: Tensor, bias: Tensor) -> Tensor:
    summed = embedding_bag(
        bags.places, weight, bags.starts, mode="sum", per_sample_weights=bags.values
    )
    return summed + bias


def _fit(bags: _Bags, labels: Tensor, runs: int, styles: int) -> tuple[Tensor, Tensor]:
    """Minimise a convex loss of one minimum: the result does not depend on the steps."""
    weight = torch.zeros(runs, styles, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(styles, dtype=torch.float64, requires_grad=True)
    balance = 1.0 / (torch.bincount(labels, minlength=styles) * styles).double()
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_ITERATIONS, tolerance_grad=1e-7, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        each = cross_entropy(_linear(bags, weight, bias), labels, reduction="none")
        total = (each * balance[labels]).sum() + weight.square().sum() / (2 * len(labels))
        total.backward()
        return total

    optimizer.step(loss)
    return weight.detach(), bias.detach()
