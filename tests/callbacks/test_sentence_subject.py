"""What is scored of a generator of sentences, on speakers whose scores are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from callbacks.metrics.scoring import ScoreSettings
from callbacks.metrics.sentence_space import PpmiSpace
from callbacks.metrics.spaces import choose_space
from callbacks.offers import draws, speaks
from callbacks.retention import Retention, better
from callbacks.sentence_subject import Sentences, token_mean
from callbacks.subjects import subject_for
from datamodules.arithmetic import Arithmetic
from datamodules.batches import EOS, PAD
from datamodules.oracle_sequences import OracleSequences
from datamodules.toy import Ring
from tests.helpers_callbacks import ToyGan
from tests.helpers_sentences import WORDS, Corpus, Speaker, language, one_of

SAMPLES = 150


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANAGERIE_CACHE", str(tmp_path / "cache"))


def subject_of(module: Any, data: Any, samples: int = SAMPLES) -> Sentences:
    subject = subject_for(module, data, choose_space(data), samples, "train", ScoreSettings())
    assert isinstance(subject, Sentences)
    return subject


def by_stem(scores: Any) -> dict[str, float]:
    return {name.partition("@")[0]: value for name, value in scores.items()}


def test_speakers_are_told_from_makers_of_points() -> None:
    speaker = Speaker(one_of(language(50)))
    assert speaks(speaker) and draws(speaker)
    assert draws(ToyGan()) and not speaks(ToyGan())


def test_sentences_have_one_space_and_no_other_kind_has_it() -> None:
    data: Any = Corpus()
    space = choose_space(data)
    assert isinstance(space, PpmiSpace) and space.id == f"ppmi{WORDS - 1}"
    assert choose_space(data, name="ppmi64").sha256 == space.sha256
    for name in ("rand_vgg", "identity", "efflite0", "cls"):
        with pytest.raises(ValueError, match=f"suit sentences, got '{name}'; choose ppmi64"):
            choose_space(data, name=name)
    ring: Any = Ring(length=200)
    with pytest.raises(ValueError, match="suit 2-D points, got 'ppmi64'; choose identity"):
        choose_space(ring, name="ppmi64")
    with pytest.raises(ValueError, match="suit images, got 'ppmi64'; choose rand_vgg"):
        choose_space(None, name="ppmi64")


def test_space_from_the_cache_is_the_one_that_was_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    data: Any = Corpus()
    tokens = data.parts["held_out"]
    first = choose_space(data)(tokens).features
    monkeypatch.setattr(PpmiSpace, "fitted", None)
    assert torch.equal(choose_space(data)(tokens).features, first)


def test_perfect_speaker_scores_as_its_floor_and_checkpoints_are_ranked_by_the_distance() -> None:
    speaker = Speaker(one_of(language(4000, seed=5)))
    subject = subject_of(speaker, Corpus())
    scores, floor = subject.scores(speaker, 0), subject.floor
    assert set(floor) == set(scores) - {"nll_test@200"}
    assert Retention().score_name({"scores": scores}) == f"fd_ppmi{WORDS - 1}@{SAMPLES}"
    found, real = by_stem(scores), by_stem(floor)
    for name, within in (("bleu4", 0.05), ("self_bleu4", 0.05), ("distinct2", 0.1)):
        assert found[name] == pytest.approx(real[name], abs=within), name
    assert found["unique_share"] > 0.9 and found["vocabulary_use"] > 0.9
    assert found["mean_length"] == pytest.approx(real["mean_length"], abs=0.5)
    protocol = subject.protocol("ema")
    assert protocol.n_fake == SAMPLES and protocol.generator == "ema"
    assert f"words={SAMPLES} " in protocol.settings and not protocol.quantised


def test_one_sentence_is_good_and_not_diverse() -> None:
    data = Corpus()
    known = data.parts["held_out"][:1]
    found = by_stem(subject_of(Speaker(one_of(known)), data).scores(Speaker(one_of(known)), 0))
    assert found["bleu4"] == pytest.approx(1.0) and found["self_bleu4"] == pytest.approx(1.0)
    assert found["unique_share"] == pytest.approx(1 / SAMPLES)
    assert found["copy_rate"] == 0.0
    copies = Speaker(one_of(data.parts["train"]))
    assert by_stem(subject_of(copies, data).scores(copies, 0))["copy_rate"] == 1.0


def test_likelihood_is_a_mean_over_tokens_of_held_out_sentences() -> None:
    speaker = Speaker(one_of(language(50)))
    scores = subject_of(speaker, Corpus()).scores(speaker, 0)
    # A speaker to whom all words are alike.
    assert scores["nll_test@200"] == pytest.approx(math.log(WORDS), rel=1e-6)
    tokens = torch.tensor([[4, EOS, PAD, PAD], [4, 5, 6, EOS]])
    # Two tokens at 1 and four at 4; behind the end nothing counts.
    assert token_mean(lambda rows: torch.tensor([1.0, 4.0]), tokens, True) == 3.0
    assert token_mean(lambda rows: torch.tensor([1.0, 4.0]), tokens, False) == 2.5


def test_without_held_out_sentences_nothing_is_said_of_them() -> None:
    speaker = Speaker(one_of(language(50)))
    subject = subject_of(speaker, Corpus(held_out=0))
    found = by_stem(subject.scores(speaker, 0))
    assert not {"bleu4", "nll_test"} & set(found)
    floor = by_stem(subject.floor)
    assert floor["self_bleu4"] > 0 and "copy_rate" not in floor


def test_as_many_words_are_read_as_there_are_real_ones() -> None:
    """Self-BLEU of more sentences is higher."""
    speaker = Speaker(one_of(language(4000, seed=5)))
    scores = subject_of(speaker, Corpus(train=100), samples=200).scores(speaker, 0)
    assert {"self_bleu4@100", "distinct2@100", f"fd_ppmi{WORDS - 1}@200"} <= set(scores)


def test_oracle_says_what_it_thinks_of_its_own_and_of_generated_sentences() -> None:
    data = OracleSequences(vocabulary_size=20, length=5, samples=400)
    uniform = Speaker(lambda z: (z[:, :5] * 20).long())
    subject = subject_of(uniform, data)
    found, floor = by_stem(subject.scores(uniform, 0)), by_stem(subject.floor)
    assert found["nll_oracle"] > floor["nll_oracle"] + 1.0
    # Both of one language: what the oracle drew for training, and what was held out.
    assert floor["nll_test"] == pytest.approx(floor["nll_oracle"], abs=0.4)
    rows = torch.stack([row["image"] for row in data.reference("held_out")])
    assert floor["nll_test"] == pytest.approx(float(data.oracle.nll(rows)), abs=1e-9)


def test_share_of_valid_strings_where_the_data_can_tell() -> None:
    data = Arithmetic(length=7, samples=80)
    rows = torch.stack([row["image"] for row in data.reference("train")])
    half = torch.cat([rows, torch.full_like(rows, 1)])

    def say(z: Tensor) -> Tensor:
        return half[(z[:, 0] * len(half)).long()]

    subject = subject_of(Speaker(say), data, samples=400)
    found = by_stem(subject.scores(Speaker(say), 0))
    assert found["valid_share"] == pytest.approx(0.5, abs=0.2)
    assert by_stem(subject.floor)["valid_share"] == 1.0


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("nll_test@200", "min"),
        ("nll_oracle@2k", "min"),
        ("bleu4@2k", "max"),
        ("valid_share@9", "max"),
    ],
)
def test_good_direction_of_a_score_is_known(name: str, direction: str) -> None:
    assert better(name) == direction


@pytest.mark.parametrize("name", ["self_bleu4@2k", "distinct2@2k", "copy_rate@2k", "mean_length@9"])
def test_what_shall_be_as_for_real_sentences_has_no_good_direction(name: str) -> None:
    with pytest.raises(ValueError, match="good direction is known"):
        better(name)
