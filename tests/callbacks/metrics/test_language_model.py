"""Kneser-Ney against a computation by hand, a slow reference and the sum of probabilities."""

import copy
import math
import pickle
import random
from collections import defaultdict

import pytest

from callbacks.metrics.language_model import KneserNey


def grammar(n: int, seed: int, words: int = 7) -> list[list[int]]:
    """A peaky Markov chain: each word is mostly followed by the next one or the one after."""
    draws = random.Random(seed)
    found = []
    for _ in range(n):
        sentence = [draws.randrange(words)]
        while draws.random() < 0.8 and len(sentence) < 12:
            sentence.append((sentence[-1] + draws.choice((1, 1, 1, 2))) % words)
        found.append(sentence)
    return found


def slow_probability(corpus: list[list[int]], order: int, word: object, context: list) -> float:
    """The recursion of Chen and Goodman, over sets of runs."""
    raw: dict[tuple, int] = defaultdict(int)
    for sentence in corpus:
        padded = ["<", *sentence, ">"]
        for end in range(1, len(padded)):
            for start in range(end + 1):
                raw[tuple(padded[start : end + 1])] += 1

    def count(run: tuple) -> int:
        if len(run) == order or run[0] == "<":
            return raw.get(run, 0)
        return len({known[0] for known in raw if known[1:] == run})

    def discount(length: int) -> float:
        counts = [count(run) for run in raw if len(run) == length]
        once, twice = counts.count(1), counts.count(2)
        return min(max(once / max(1, once + 2 * twice), 0.1), 0.9)

    def probability(history: tuple) -> float:
        runs = [run for run in raw if len(run) == len(history) + 1 and run[:-1] == history]
        total = sum(count(run) for run in runs)
        if history:
            lower = probability(history[1:])
        else:
            lower = 1 / (len({word for sentence in corpus for word in sentence}) + 2)
        if total == 0:
            return lower
        cut = discount(len(history) + 1)
        freed = cut * len(runs) / total
        return max(count((*history, word)) - cut, 0) / total + freed * lower

    padded = ["<", *context]
    return probability(tuple(padded[max(0, len(padded) - order + 1) :]))


def test_bigrams_of_two_sentences_are_computed_by_hand() -> None:
    model = KneserNey(["ab", "ac"], order=2)
    # Discounts 2/3 of pairs and 3/5 of words; 1/5 for each of a, b, c, end and unknown.
    assert model.probability("a", "x") == pytest.approx(0.176)
    assert model.end_probability("x") == pytest.approx(0.376)
    assert model.unknown_probability("x") == model.probability("z", "x") == pytest.approx(0.096)
    assert model.probability("a", "") == pytest.approx(2 / 3 + 0.176 / 3)
    assert model.probability("b", "a") == pytest.approx(1 / 6 + 2 / 3 * 0.176)
    assert model.end_probability("ab") == pytest.approx(1 / 3 + 2 / 3 * 0.376)
    expected = math.log(0.7253333333) + math.log(0.284) + math.log(0.584)
    assert model.log_probability("ab") == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_equal_the_slow_reference(order: int) -> None:
    corpus = grammar(15, 0, words=4)
    model = KneserNey(corpus, order)
    for context in ([], [0], [0, 1], [3, 0, 1], [2, 3, 0, 1], [1, 1, 1], [2, 9, 3]):
        for word in range(4):
            expected = slow_probability(corpus, order, word, context)
            assert model.probability(word, context) == pytest.approx(expected, rel=1e-9)
        expected = slow_probability(corpus, order, ">", context)
        assert model.end_probability(context) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_sum_to_1_after_any_context(order: int) -> None:
    model = KneserNey(grammar(200, 1), order)
    draws = random.Random(2)
    for length in (0, 1, 2, 3, 4, 9):
        # 9 is a word that the training part lacks.
        context = [draws.choice([0, 1, 2, 3, 4, 5, 6, 9]) for _ in range(length)]
        words = [model.probability(word, context) for word in range(7)]
        rest = model.end_probability(context) + model.unknown_probability(context)
        assert min(words) > 0
        assert math.fsum(words) + rest == pytest.approx(1.0, abs=1e-12)


def test_log_probability_is_the_sum_over_words_and_the_end() -> None:
    model = KneserNey(grammar(100, 3), order=3)
    sentence = [0, 1, 3]
    parts = [model.probability(w, sentence[:i]) for i, w in enumerate(sentence)]
    expected = math.log(math.prod(parts) * model.end_probability(sentence))
    assert model.log_probability(sentence) == pytest.approx(expected, rel=1e-12)
    assert model.nll([sentence, []]) == pytest.approx(
        -(expected + math.log(model.end_probability([]))) / 5
    )
    assert model.perplexity([sentence]) == pytest.approx(math.exp(-expected / 4))


def test_more_context_foretells_held_out_sentences_better_and_noise_is_not_fluent() -> None:
    train, held_out = grammar(500, 4), grammar(100, 5)
    perplexities = [KneserNey(train, order).perplexity(held_out) for order in (1, 2)]
    assert perplexities[1] < 0.7 * perplexities[0]
    model = KneserNey(train)
    shuffled = [random.Random(6).sample(s, len(s)) for s in held_out]
    assert model.perplexity(shuffled) > 1.5 * model.perplexity(held_out)
    assert model.perplexity(held_out) == pytest.approx(perplexities[1], rel=0.15)


def test_continuations_and_not_occurrences_count_without_a_context() -> None:
    # "f" is as frequent as "x", but it only ever follows "s".
    model = KneserNey(["sf", "sf", "sf", "ax", "bx", "cx"], order=2)
    assert model.probability("x", "z") > 1.5 * model.probability("f", "z")


def test_copies_of_the_model_give_the_same_numbers() -> None:
    model = KneserNey(grammar(50, 7))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.log_probability([0, 1, 9]) == model.log_probability([0, 1, 9])


def test_corpora_without_counts_of_counts_still_give_probabilities() -> None:
    model = KneserNey(["a"] * 5)
    total = model.probability("a", "") + model.end_probability("") + model.unknown_probability("")
    assert total == pytest.approx(1.0)
    assert model.probability("a", "") > 0.8 > model.probability("b", "") > 0


def test_unusable_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="order must be 1 to 4, got 5"):
        KneserNey(["ab"], order=5)
    with pytest.raises(ValueError, match="at least 1 word, got 0; give the training part"):
        KneserNey(["", ""])
    with pytest.raises(ValueError, match="sentences must hold at least 1, got 0; generate some"):
        KneserNey(["ab"]).nll([])
