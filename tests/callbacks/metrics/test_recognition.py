"""Error rates and ROUGE against closed forms and torchmetrics."""

import random

import pytest
from torchmetrics.functional.text import rouge_score, word_error_rate

from callbacks.metrics.recognition import (
    Errors,
    collapse_repeats,
    error_counts,
    errors,
    rouge,
    strip,
    transcript,
)


def pairs(n: int, seed: int) -> tuple[list[list[int]], list[list[int]]]:
    draws = random.Random(seed)

    def side(least: int) -> list[list[int]]:
        return [[draws.randrange(6) for _ in range(draws.randint(least, 9))] for _ in range(n)]

    return side(1), side(0)


def test_one_lost_phoneme_of_three_is_a_third_kat_s17() -> None:
    found = error_counts(["a b c".split()], ["a c".split()])
    assert found == Errors(insertions=0, deletions=1, substitutions=0, length=3)
    assert found.rate == 1 / 3


def test_empty_transcript_loses_everything_kat_s17() -> None:
    found = error_counts(["abcd"], [""])
    assert found == Errors(0, 4, 0, 4)
    assert found.rate == 1.0


def test_repeats_collapse_and_silence_is_stripped_kat_s17() -> None:
    assert collapse_repeats("aabbba") == list("aba")
    assert strip("_a__b_", "_") == list("ab")
    assert transcript("__aa_bbb_", "_") == list("ab")
    # Silence parts two equal phonemes.
    assert transcript("a_ab", "_") == list("aab")
    assert transcript("___", "_") == transcript("", "_") == []
    assert error_counts([transcript("_ab_c", "_")], [transcript("aa_bcc", "_")]).rate == 0.0


def test_rouge_of_identical_summaries_is_1_kat_s17() -> None:
    summaries = [[1, 2, 3], [7, 7, 9, 1]]
    assert rouge(summaries, summaries) == {"rouge1": 1.0, "rouge2": 1.0, "rougeL": 1.0}


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("abc", "abxc", Errors(1, 0, 0, 3)),
        ("abc", "axc", Errors(0, 0, 1, 3)),
        ("abc", "xyz", Errors(0, 0, 3, 3)),
        ("abcd", "bcde", Errors(1, 1, 0, 4)),
        ("ab", "ba", Errors(0, 0, 2, 2)),
        ("kitten", "sitting", Errors(1, 0, 2, 6)),
        ("", "ab", Errors(2, 0, 0, 0)),
    ],
)
def test_errors_are_told_by_kind(reference: str, hypothesis: str, expected: Errors) -> None:
    assert errors(reference, hypothesis) == expected
    turned = errors(hypothesis, reference)
    assert turned[:3] == (expected.deletions, expected.insertions, expected.substitutions)


def test_rate_equals_torchmetrics_on_random_pairs_and_kinds_explain_the_lengths() -> None:
    references, hypotheses = pairs(200, 0)
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        found = errors(reference, hypothesis)
        assert found.insertions - found.deletions == len(hypothesis) - len(reference)
        assert min(found) >= 0
        expected = word_error_rate(" ".join(map(str, hypothesis)), " ".join(map(str, reference)))
        assert found.rate == pytest.approx(float(expected), rel=1e-6)


def test_rate_of_a_set_weighs_words_alike_and_parts_add_up() -> None:
    references, hypotheses = pairs(60, 1)
    whole = error_counts(references, hypotheses)
    expected = word_error_rate(
        [" ".join(map(str, h)) for h in hypotheses], [" ".join(map(str, r)) for r in references]
    )
    assert whole.rate == pytest.approx(float(expected), rel=1e-6)
    parts = (
        error_counts(references[:7], hypotheses[:7]),
        error_counts(references[7:], hypotheses[7:]),
    )
    assert parts[0].plus(parts[1]) == whole
    assert error_counts(["ab", "abcdefgh"], ["xy", "abcdefgh"]).rate == 2 / 10


def test_rouge_is_computed_by_hand_and_the_sides_do_not_change_f() -> None:
    reference, summary = "the cat sat on the mat".split(), "the cat lay on mats the".split()
    found = rouge([reference], [summary])
    # 4 of 6 words, 1 of 5 pairs; "the cat on the" is the longest common subsequence.
    assert found == pytest.approx({"rouge1": 4 / 6, "rouge2": 1 / 5, "rougeL": 4 / 6})
    short = rouge([reference], [["cat"]])
    assert short == pytest.approx({"rouge1": 2 / 7, "rouge2": 0.0, "rougeL": 2 / 7})
    assert rouge([["cat"]], [reference]) == pytest.approx(short)


def test_rouge_takes_words_as_they_are() -> None:
    assert rouge([["Cat", "a b"]], [["cat", "a b"]])["rouge1"] == 0.5
    assert rouge([["a", "b"]], [["a b", "b"]])["rouge1"] == 0.5
    texts = ["one two three", "three two two"]
    theirs = rouge_score(texts[0], texts[1], rouge_keys=("rouge1", "rougeL"))
    ours = rouge([texts[1].split()], [texts[0].split()])
    assert ours["rouge1"] == pytest.approx(float(theirs["rouge1_fmeasure"]))
    assert ours["rougeL"] == pytest.approx(float(theirs["rougeL_fmeasure"]))


def test_rouge_is_a_mean_over_summaries_and_an_empty_one_scores_0() -> None:
    assert rouge(["ab", "cd"], ["ab", ""])["rouge1"] == 0.5


def test_unlike_numbers_and_empty_references_are_refused() -> None:
    with pytest.raises(ValueError, match="error_counts: .* equally many and not none, got 1 and 2"):
        error_counts(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="rouge: .* got 0 and 0"):
        rouge([], [])
    with pytest.raises(ValueError, match="length must be at least 1, got 0; the references are"):
        _ = error_counts([""], ["ab"]).rate
