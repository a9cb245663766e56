"""Counts of sets of sentences, and rows of numbers as lists of words."""

import pytest
import torch

from callbacks.metrics.sentences import ngrams, some, word_lists, word_mask
from callbacks.metrics.text_diversity import (
    TextDiversity,
    copy_rate,
    distinct,
    mean_length,
    top_share,
    unique_share,
    vocabulary_use,
)
from datamodules.batches import EOS, PAD, UNK

CORPUS = ["a b a".split(), "a b".split(), "a b".split(), "c d e f g".split()]


def test_every_count_of_a_small_corpus_is_right() -> None:
    found = TextDiversity.of(CORPUS, list("abcxyzvw"), ["a b".split(), "c d".split()])
    expected = {
        "distinct1": 7 / 12, "distinct2": 6 / 8, "unique_share": 3 / 4, "vocabulary_use": 3 / 8,
        "mean_length": 3.0, "top_share": 2 / 4, "copy_rate": 2 / 4,
    }  # fmt: skip
    assert found._asdict() == pytest.approx(expected)


def test_distinct_is_1_without_repeats_and_small_for_a_constant() -> None:
    assert distinct(["abc", "def"], 1) == distinct(["abc", "def"], 3) == 1.0
    assert distinct(["abc"] * 10, 2) == pytest.approx(2 / 20)
    assert distinct(["ab", ""], 3) == 0.0


def test_empty_sentences_count_as_sentences() -> None:
    assert mean_length(["", "ab"]) == 1.0
    assert unique_share(["", "", "ab", "ab"]) == 0.5
    assert top_share(["", "", "ab"]) == pytest.approx(2 / 3)
    assert copy_rate(["", "ab"], [""]) == 0.5
    assert vocabulary_use([""], "ab") == 0.0


def test_words_that_the_reals_lack_are_no_use_of_their_vocabulary() -> None:
    assert vocabulary_use(["xyz", "a"], "aab") == 0.5


@pytest.mark.parametrize("count", [distinct, unique_share, mean_length, top_share, copy_rate])
def test_no_sentence_is_refused_by_name(count: object) -> None:
    more = {distinct: (1,), copy_rate: ([],)}.get(count, ())  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=f"{count.__name__}: sentences must hold at least 1"):  # type: ignore[attr-defined]
        count([], *more)  # type: ignore[operator]


def test_no_real_word_is_refused() -> None:
    with pytest.raises(ValueError, match="real_words must hold at least 1 word, got 0"):
        vocabulary_use(["a"], [])
    with pytest.raises(ValueError, match="vocabulary_use: sentences must hold at least 1"):
        vocabulary_use([], ["a"])


def test_sentences_end_before_their_first_end_or_filling() -> None:
    rows = torch.tensor(
        [[5, UNK, EOS, PAD], [5, PAD, 6, EOS], [EOS, 5, 6, 7], [4, 5, 6, 7], [PAD] * 4]
    )
    assert word_lists(rows, special_tokens=True) == [[5, UNK], [5], [], [4, 5, 6, 7], []]
    assert word_lists(rows, special_tokens=False) == rows.tolist()
    assert word_mask(rows, True).sum(dim=1).tolist() == [2, 1, 0, 4, 0]


@pytest.mark.parametrize(
    "rows", [torch.zeros(3, 4), torch.zeros(3).long(), torch.ones(2, 0).long()]
)
def test_other_than_rows_of_integers_is_refused(rows: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"tokens must be int64 \(N, T\), got torch"):
        word_mask(rows, True)


def test_runs_and_choices() -> None:
    assert list(ngrams("abcd", 3)) == [("a", "b", "c"), ("b", "c", "d")]
    assert list(ngrams("ab", 3)) == []
    assert some("abc", 3, 0) == "abc"
    chosen = some(range(100), 10, 1)
    assert len(set(chosen)) == 10 and chosen == some(range(100), 10, 1) != some(range(100), 10, 2)
