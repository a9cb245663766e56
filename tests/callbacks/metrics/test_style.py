"""The judge of style, and what is kept of the content."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from callbacks.metrics.sentence_space import PpmiSpace
from callbacks.metrics.style import StyleClassifier
from callbacks.metrics.style_transfer import TransferScores, content_bleu, content_cosine

NOUNS = [f"noun{i}" for i in range(20)]


def opinions(n: int, seed: int, words: Sequence[str]) -> list[list[str]]:
    draws = random.Random(seed)
    return [
        ["the", draws.choice(NOUNS), "is", draws.choice(words), "and", draws.choice(NOUNS)]
        for _ in range(n)
    ]


def styles(n: int, seed: int) -> list[list[list[str]]]:
    return [opinions(n, seed, ["bad", "awful"]), opinions(n, seed + 1, ["good", "great"])]


@pytest.fixture(scope="module")
def judge() -> StyleClassifier:
    return StyleClassifier.fitted(styles(60, 0), styles(30, 10))


def test_judge_knows_styles_by_their_words(judge: StyleClassifier) -> None:
    assert judge.accuracy == 1.0
    bad, good = styles(20, 20)
    assert judge.share(bad, 0) == judge.share(good, 1) == 1.0
    assert judge.share(bad, 1) == 0.0
    assert judge.share([*bad, *good[:5]], 1) == pytest.approx(5 / 25)


def test_judge_knows_styles_by_the_order_of_words_alone() -> None:
    def ordered(n: int, seed: int) -> list[list[list[str]]]:
        draws = random.Random(seed)
        pairs = [draws.sample(NOUNS, 2) for _ in range(n)]
        return [
            [["not", "good", *pair] for pair in pairs],
            [["good", "not", *pair] for pair in pairs],
        ]

    assert StyleClassifier.fitted(ordered(40, 0), ordered(40, 1)).accuracy == 1.0


def test_judge_of_one_and_the_same_style_twice_knows_nothing() -> None:
    same = StyleClassifier.fitted(
        [opinions(100, seed, ["bad", "good"]) for seed in (0, 1)],
        [opinions(200, seed, ["bad", "good"]) for seed in (2, 3)],
    )
    assert same.accuracy == pytest.approx(0.5, abs=0.12)


def test_accuracy_and_fit_weigh_styles_alike() -> None:
    few, many = opinions(5, 0, ["bad"]), opinions(300, 1, ["good"])
    found = StyleClassifier.fitted([few, many], [[["bad"]], [["noun1"]] * 9])
    assert found.share([["bad"]], 0) == 1.0
    # One style right and the other at s gives (1 + s) / 2, whatever the numbers of sentences.
    assert found.accuracy == pytest.approx((1 + found.share([["noun1"]], 1)) / 2)


def test_scores_equal_those_of_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    train = [
        opinions(n, n, words) for n, words in ((30, ["a", "b"]), (50, ["b", "c"]), (20, ["c"]))
    ]
    ours = StyleClassifier.fitted(train, train)
    everything = [sentence for part in train for sentence in part]
    table = np.zeros((len(everything), len(ours._places)))
    for row, sentence in zip(table, everything, strict=True):
        runs = {(w,) for w in sentence} | set(zip(sentence, sentence[1:], strict=False))
        row[[ours._places[run] for run in runs]] = 1 / np.sqrt(len(runs))
    labels = np.repeat([0, 1, 2], [30, 50, 20])
    theirs = linear.LogisticRegression(class_weight="balanced", tol=1e-8, max_iter=2000)
    expected = theirs.fit(table, labels).predict_proba(table)
    found = ours.scores(everything).softmax(dim=1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_fit_repeats_bit_for_bit_in_inference_mode_without_the_global_generator() -> None:
    state = torch.random.get_rng_state()
    one = StyleClassifier.fitted(styles(20, 0), styles(5, 1))
    with torch.inference_mode():
        two = StyleClassifier.fitted(styles(20, 0), styles(5, 1))
    assert torch.equal(one._weight, two._weight) and torch.equal(one._bias, two._bias)
    assert torch.equal(state, torch.random.get_rng_state())


def test_judge_looks_at_the_most_frequent_words_and_at_no_unknown_ones() -> None:
    train = [[["so", "bad"]] * 3 + [["so"]] * 3, [["so", "good"]] * 4]
    small = StyleClassifier.fitted(train, train, most_runs=2)
    assert set(small._places) == {("so",), ("good",)}
    scores = small.scores([["bad"], [], ["good"]])
    assert torch.equal(scores[0], scores[1]) and not torch.equal(scores[0], scores[2])


def test_unusable_styles_are_refused(judge: StyleClassifier) -> None:
    part = styles(3, 0)
    for train, held_out in ((part[:1], part[:1]), (part, part[:1]), (part, [part[0], []])):
        with pytest.raises(ValueError, match="sentences of the same 2 styles or more, got"):
            StyleClassifier.fitted(train, held_out)
    with pytest.raises(ValueError, match="style be in 0 to 1, got 3 and 2"):
        judge.share(part[0], 2)
    with pytest.raises(ValueError, match="at least 1 and style be in 0 to 1, got 0 and 1"):
        judge.share([], 1)


def test_copies_keep_all_content_and_change_no_style(judge: StyleClassifier) -> None:
    bad = opinions(20, 3, ["bad"])
    copied = TransferScores.of(judge, bad, bad, style=1)
    assert copied.content == copied.copy_content == pytest.approx(1.0)
    assert copied.accuracy == copied.copy_accuracy == copied.both == 0.0
    assert copied.judge_accuracy == 1.0


def test_transfer_is_scored_by_style_and_content_together(judge: StyleClassifier) -> None:
    bad = opinions(20, 3, ["bad"])
    moved = [["good" if word == "bad" else word for word in sentence] for sentence in bad]
    found = TransferScores.of(judge, bad, moved, style=1)
    # 5 of 6 words, 3 of 5 pairs, 1 of 4 triples, none of 3 longer runs.
    assert found.content == pytest.approx((5 / 6 * 3 / 5 * 1 / 4 * 0.1 / 3) ** 0.25, rel=0.02)
    assert found.accuracy == 1.0 and found.copy_accuracy == 0.0
    assert found.both == pytest.approx(found.content**0.5)
    forgotten = TransferScores.of(judge, bad, [["great"]] * 20, style=1)
    assert forgotten.accuracy == 1.0 and forgotten.both == 0.0


def test_cosine_of_contents_is_1_for_copies_and_0_for_nothing() -> None:
    train = torch.tensor([[4, 5, 6, 2], [7, 8, 9, 2], [4, 6, 5, 2], [9, 8, 7, 2]])
    space = PpmiSpace.fitted(train, 10, special_tokens=True)
    empty = torch.tensor([[2, 0]])
    assert content_cosine(space, train, train) == pytest.approx(1.0)
    assert content_cosine(space, train, train[[2, 3, 0, 1]]) == pytest.approx(1.0, abs=1e-4)
    assert content_cosine(space, train[:2], train[[1, 0]]) == pytest.approx(0.0, abs=1e-4)
    assert content_cosine(space, train[:1], empty) == 0.0


def test_unlike_numbers_of_inputs_and_outputs_are_refused() -> None:
    space = PpmiSpace.fitted(torch.tensor([[0, 1, 0], [2, 3, 2]]), 4, special_tokens=False)
    with pytest.raises(ValueError, match="content_bleu: .* got 1 and 2; give one output"):
        content_bleu(["ab"], ["ab", "cd"])
    with pytest.raises(ValueError, match="content_bleu: .* got 0 and 0"):
        content_bleu([], [])
    with pytest.raises(ValueError, match="content_cosine: .* got 1 and 2; give one output"):
        content_cosine(space, torch.zeros(1, 3).long(), torch.zeros(2, 3).long())
