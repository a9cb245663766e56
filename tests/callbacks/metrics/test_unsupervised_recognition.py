"""Choosing a recogniser without transcripts."""

import math
import random

import pytest

from callbacks.metrics.language_model import KneserNey
from callbacks.metrics.unsupervised_recognition import Choice, UnsupervisedASRScore, choose

PHONES = 12


def speech(n: int, seed: int, noise: float = 0.0) -> list[list[int]]:
    """A chain in which a phoneme is followed by one of two others, or by noise."""
    draws = random.Random(seed)
    found = []
    for _ in range(n):
        row = [draws.randrange(PHONES)]
        for _ in range(14):
            follower = (3 * row[-1] + draws.choice((1, 2))) % PHONES
            row.append(draws.randrange(PHONES) if draws.random() < noise else follower)
        found.append(row)
    return found


def test_fluent_babble_of_one_phoneme_is_rejected_kat_s25() -> None:
    good = UnsupervisedASRScore(nll=2.0, usage=0.9, log_probability=-2000.0)
    babble = UnsupervisedASRScore(nll=0.2, usage=1 / 40, log_probability=-100.0)
    better = UnsupervisedASRScore(nll=2.1, usage=0.95, log_probability=-1900.0)
    assert choose([babble, good, better]) == Choice(anchor=1, kept=(1, 2), best=2)
    # The language model alone would take the babble.
    assert min([babble, good, better], key=lambda score: score.nll) is babble


def test_bound_is_that_of_the_paper_on_both_sides_kat_s25() -> None:
    anchor = UnsupervisedASRScore(2.0, 0.8, -10.0)
    for usage in (0.5, 1.0):
        bound = 2.0 + math.log(usage / 0.8) + math.log(1.2)
        below = UnsupervisedASRScore(bound - 1e-6, usage, -1.0)
        above = UnsupervisedASRScore(bound + 1e-6, usage, -1.0)
        assert choose([anchor, below]) == Choice(0, (0, 1), 1)
        assert choose([anchor, above]) == Choice(0, (0,), 0)


def test_scores_of_transcripts_choose_the_least_noisy_of_three_kat_s25() -> None:
    model = KneserNey(speech(400, 0))
    babble = [[row[0]] * 15 for row in speech(50, 1) if row[0] == 4] * 10
    # The text itself knows runs of one phoneme well enough to call them fluent.
    fluent = KneserNey([*speech(400, 0), *([[4] * 15] * 400)])
    sets = [speech(50, 2, noise=0.5), speech(50, 2, noise=0.05), babble[:50]]
    scores = [UnsupervisedASRScore.of(each, fluent, range(PHONES)) for each in sets]
    assert scores[2].nll < scores[1].nll < scores[0].nll
    assert choose(scores) == Choice(1, (1,), 1)
    assert UnsupervisedASRScore.of(sets[1], model, range(PHONES)).nll < scores[1].nll


def test_score_holds_the_three_numbers_of_the_transcripts() -> None:
    model = KneserNey(speech(100, 3))
    sets = [[0, 1, 2], [1, "foreign"]]
    found = UnsupervisedASRScore.of(sets, model, range(4))
    assert found.nll == model.nll(sets)
    assert found.usage == 3 / 4
    assert found.log_probability == pytest.approx(sum(map(model.log_probability, sets)))
    assert found.value == pytest.approx(found.nll - math.log(0.75))


def test_silent_configuration_is_never_kept() -> None:
    model = KneserNey(speech(100, 4))
    silent = UnsupervisedASRScore.of([[], []], model, range(PHONES))
    assert silent.usage == 0.0 and silent.value == math.inf
    spoken = UnsupervisedASRScore.of(speech(5, 5), model, range(PHONES))
    assert choose([silent, spoken]) == Choice(1, (1,), 1)
    with pytest.raises(ValueError, match="a configuration that uses a phoneme, got none of 1"):
        choose([silent])


def test_nothing_to_choose_from_is_refused() -> None:
    with pytest.raises(ValueError, match="got none of 0; train longer"):
        choose([])
    with pytest.raises(ValueError, match="phonemes must hold at least 1, got 0"):
        UnsupervisedASRScore.of([[0]], KneserNey([[0]]), [])
    with pytest.raises(ValueError, match="sentences must hold at least 1, got 0"):
        UnsupervisedASRScore.of([], KneserNey([[0]]), [0])
