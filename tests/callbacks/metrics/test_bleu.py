"""BLEU and self-BLEU against closed forms, a slow reference and public packages."""

import math
import random
from collections import Counter

import pytest
import torch
from torchmetrics.functional.text import bleu_score

from callbacks.metrics.bleu import References, mean_bleu, self_bleu, sentence_bleu


def sentences(n: int, words: int, seed: int, least: int = 1, most: int = 12) -> list[list[int]]:
    draws = random.Random(seed)
    return [[draws.randrange(words) for _ in range(draws.randint(least, most))] for _ in range(n)]


def slow_bleu(hypothesis: list[int], references: list[list[int]], order: int) -> float:
    """By the definition: every reference is counted anew."""
    precisions = []
    for n in range(1, order + 1):
        runs = [tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1)]
        matches = 0
        for run in set(runs):
            best = 0
            for reference in references:
                there = [tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)]
                best = max(best, there.count(run))
            matches += min(runs.count(run), best)
        if n == 1 and matches == 0:
            return 0.0
        precisions.append((matches if matches else 0.1) / max(1, len(runs)))
    gaps = sorted((abs(len(r) - len(hypothesis)), len(r)) for r in references)
    closest = gaps[0][1]
    brevity = 1.0 if len(hypothesis) > closest else math.exp(1 - closest / len(hypothesis))
    return brevity * math.prod(precisions) ** (1 / order)


def test_bleu_of_one_pair_is_computed_by_hand() -> None:
    reference, hypothesis = "a b c d e f".split(), "a b c x e f".split()
    expected = (5 / 6 * 3 / 5 * 1 / 4 * 0.1 / 3) ** (1 / 4)
    assert sentence_bleu(hypothesis, [reference]) == pytest.approx(expected, rel=1e-12)
    scores = References([reference], order=3).bleu(hypothesis)
    by_hand = [5 / 6, (5 / 6 * 3 / 5) ** 0.5, (5 / 6 * 3 / 5 / 4) ** (1 / 3)]
    assert scores == pytest.approx(by_hand, rel=1e-12)


def test_counts_are_clipped_at_the_largest_of_one_reference() -> None:
    assert sentence_bleu("aaa", ["abc", "aac"], order=1) == pytest.approx(2 / 3)
    assert sentence_bleu("aaaa", ["abcd", "acbd", "adcb"], order=1) == pytest.approx(1 / 4)


def test_brevity_penalty_takes_the_closest_length_and_the_shorter_of_two() -> None:
    assert sentence_bleu("abc", ["abcdef"], order=2) == pytest.approx(math.exp(-1.0))
    assert sentence_bleu("abc", ["abcde", "xyzwvu"], order=1) == pytest.approx(math.exp(-2 / 3))
    # 2 and 4 words are equally far from 3: the shorter counts, and there is no penalty.
    assert sentence_bleu("abc", ["abcd", "xy"], order=1) == 1.0
    assert sentence_bleu("abcdef", ["abcd"], order=1) == pytest.approx(4 / 6)


def test_length_of_a_reference_that_is_left_out_does_not_count() -> None:
    known = References(["abc", "abcde"], order=1)
    assert known.bleu("abc") == [1.0]
    assert known.bleu("abc", without=0) == pytest.approx([math.exp(-2 / 3)])
    assert References(["abc", "abd", "abcde"], order=1).bleu("abc", without=0) == [1.0]


def test_sentence_without_a_shared_word_or_without_any_word_scores_0() -> None:
    assert sentence_bleu("xyz", ["abc"]) == 0.0
    assert sentence_bleu("", ["abc", ""]) == 0.0


def test_sentence_shorter_than_the_order_counts_a_tenth_of_a_match() -> None:
    expected = (1.0 * 1.0 * 0.1 * 0.1) ** (1 / 4)
    assert sentence_bleu("ab", ["ab"]) == pytest.approx(expected, rel=1e-12)


def test_bleu_equals_the_slow_reference_with_and_without_one_of_them() -> None:
    references = sentences(12, 6, seed=1) + [[0, 0, 0, 0]] * 2 + [[]]
    known = References(references)
    for place, hypothesis in enumerate(references):
        others = references[:place] + references[place + 1 :]
        for order in range(1, 6):
            whole = known.bleu(hypothesis)[order - 1]
            assert whole == pytest.approx(slow_bleu(hypothesis, references, order), rel=1e-9)
            left = known.bleu(hypothesis, without=place)[order - 1]
            assert left == pytest.approx(slow_bleu(hypothesis, others, order), rel=1e-9)


def test_bleu_equals_nltk_method1_on_50_random_pairs_kat_s16() -> None:
    nltk = pytest.importorskip("nltk.translate.bleu_score")
    smooth = nltk.SmoothingFunction().method1
    for i, hypothesis in enumerate(sentences(50, 8, seed=2)):
        references = sentences(3, 8, seed=100 + i)
        for order in range(2, 6):
            expected = nltk.sentence_bleu(
                references, hypothesis, weights=[1 / order] * order, smoothing_function=smooth
            )
            assert sentence_bleu(hypothesis, references, order) == pytest.approx(expected, abs=1e-6)


def test_bleu_equals_torchmetrics_where_no_order_needs_smoothing() -> None:
    compared = 0
    for i, hypothesis in enumerate(sentences(60, 4, seed=3, least=6)):
        references = sentences(1, 4, seed=200 + i, least=6)
        texts = [[" ".join(map(str, r)) for r in references]]
        expected = float(bleu_score([" ".join(map(str, hypothesis))], texts, n_gram=2))
        if expected > 0:
            compared += 1
            assert sentence_bleu(hypothesis, references, 2) == pytest.approx(expected, rel=1e-5)
    assert compared > 40


def test_sentence_among_its_references_scores_1_kat_s16() -> None:
    for sentence in sentences(20, 9, seed=4, least=5):
        for order in range(2, 6):
            assert sentence_bleu(sentence, [sentence], order) == pytest.approx(1.0, abs=1e-6)
            references = [*sentences(3, 9, seed=5), sentence]
            assert sentence_bleu(sentence, references, order) == pytest.approx(1.0, abs=1e-6)


def test_self_bleu_of_a_constant_corpus_is_1_kat_s16() -> None:
    found = self_bleu([[4, 5, 6, 7, 8]] * 10)
    assert [found[n] for n in range(2, 6)] == pytest.approx([1.0] * 4, abs=1e-6)


def test_self_bleu_of_disjoint_vocabularies_is_0_kat_s16() -> None:
    corpus = [list(range(6 * i, 6 * i + 6)) for i in range(10)]
    assert self_bleu(corpus) == dict.fromkeys(range(1, 6), 0.0)


def test_self_bleu_leaves_each_sentence_out_of_its_references_kat_s16() -> None:
    corpus = sentences(30, 40, seed=6, least=6)
    found = self_bleu(corpus, order=4)
    # With itself among the references each sentence would score 1.
    assert mean_bleu(corpus, corpus, order=4)[4] == pytest.approx(1.0, abs=1e-6)
    expected = [slow_bleu(s, corpus[:i] + corpus[i + 1 :], 4) for i, s in enumerate(corpus)]
    assert found[4] == pytest.approx(sum(expected) / len(expected), rel=1e-9)
    assert found[4] < 0.5


def test_mean_is_over_sentences_and_the_choice_is_seeded() -> None:
    real, fake = sentences(40, 7, seed=7), sentences(30, 7, seed=8)
    whole = mean_bleu(fake, real, order=3)
    expected = sum(slow_bleu(each, real, 3) for each in fake) / len(fake)
    assert whole[3] == pytest.approx(expected, rel=1e-9)
    assert sorted(whole) == [1, 2, 3]
    few = [mean_bleu(fake, real, 2, 5, 6, seed) for seed in (0, 0, 1)]
    assert few[0] == few[1] != few[2]
    assert [self_bleu(real, 2, 9, 20, seed=s) for s in (3, 3)][0] != self_bleu(real, 2, 9, 20, 4)


def test_choice_leaves_the_global_generators_alone() -> None:
    state, own = torch.random.get_rng_state(), random.getstate()
    self_bleu(sentences(30, 5, 9), most_hypotheses=3, most_references=10)
    assert torch.equal(state, torch.random.get_rng_state()) and own == random.getstate()


def test_chosen_hypotheses_come_from_everywhere() -> None:
    # Sorted by class, as a conditional generator gives them: half 0, half diverse.
    corpus = [[0] * 6] * 100 + [list(range(10 * i + 1, 10 * i + 7)) for i in range(100)]
    assert 0.3 < self_bleu(corpus, most_hypotheses=60)[2] < 0.7
    assert Counter(s[0] == 0 for s in corpus)[True] == 100


def test_too_few_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="References: sentences must hold at least 1 reference"):
        sentence_bleu("abc", [])
    with pytest.raises(ValueError, match="order must be at least 1, got 0"):
        sentence_bleu("abc", ["abc"], order=0)
    with pytest.raises(ValueError, match="hypotheses must hold at least 1 sentence, got 0"):
        mean_bleu([], ["abc"])
    with pytest.raises(ValueError, match="self_bleu: sentences must hold at least 2, got 1"):
        self_bleu(["abc"])
    with pytest.raises(ValueError, match="without must leave at least 1 reference, got 1 in all"):
        References(["abc"]).bleu("abc", without=0)
