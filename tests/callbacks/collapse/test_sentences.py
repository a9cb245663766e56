"""A generator of sentences that repeats itself is noticed; one that does not is left in peace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from callbacks.collapse import actions, pictures
from callbacks.collapse.changes import smooth_discriminator
from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.discriminator import discriminator_auc
from callbacks.collapse.prober_choice import prober_for
from callbacks.collapse.probes import SampleProber
from callbacks.collapse.records import Verdict
from callbacks.collapse.score import parts_of
from callbacks.collapse.sentence_prober import SentenceProber
from callbacks.collapse.signals import ReferenceGroup
from callbacks.metrics.spaces import choose_space
from callbacks.run_folder import RunFolder
from callbacks.run_lines import read_columns
from tests.helpers_callbacks import make_trainer
from tests.helpers_collapse import RISING, band, feed, signals
from tests.helpers_sentences import WORDS, Corpus, Speaker, language, one_of
from tests.small_variants import build

SAMPLES = 64


@pytest.fixture(scope="module")
def prober(tmp_path_factory: pytest.TempPathFactory) -> SentenceProber:
    data: Any = Corpus()
    space = choose_space(data, folder=tmp_path_factory.mktemp("cache"))
    found = prober_for(healthy(), data, space, SAMPLES)
    assert isinstance(found, SentenceProber)
    return found


def healthy(entropy: float = 1.0) -> Speaker:
    """Says new sentences of the language."""
    return Speaker(one_of(language(4000, seed=5)), entropy)


def look(prober: SampleProber, module: Any, probe: int) -> dict[str, dict[str, float | None]]:
    builders = prober.describe(module, probe, seed=probe)
    return prober.signals({name: b.finish() for name, b in builders.items()}, probe)


def judged(prober: SampleProber, module: Any, detector: CollapseDetector) -> Verdict:
    """One probe as ``judge.py`` takes it: drawn twice where the first draw is extreme."""
    probe = detector.probes
    first = look(prober, module, probe)
    second = look(prober, module, probe + 5000) if detector.wants_second_look(first) else None
    return detector.update(100 * (probe + 1), first, second=second)


def armed(prober: SampleProber, probes: int = 12) -> CollapseDetector:
    detector = CollapseDetector(prober.band)
    for _ in range(probes):
        judged(prober, healthy(), detector)
    assert detector.verdict.state == "healthy", detector.verdict
    return detector


def test_perfect_speaker_scores_as_real_sentences_do(prober: SentenceProber) -> None:
    found = look(prober, healthy(), 1)["all"]
    real = prober.band["all"]
    parts = parts_of({"all": found}, prober.band)
    assert parts is not None and parts.score == pytest.approx(1.0, abs=0.12)
    assert found["self_bleu4"] == pytest.approx(real["self_bleu4"]["median"], abs=0.06)
    assert found["unique_share"] == pytest.approx(1.0, abs=0.05)
    assert found["vocabulary_use"] == pytest.approx(real["vocabulary_use"]["median"], abs=0.1)
    assert found["token_entropy"] == 1.0 and found["duplicates"] is None


def test_healthy_stream_stays_healthy(prober: SentenceProber) -> None:
    detector = CollapseDetector(prober.band)
    seen = [judged(prober, healthy(), detector).state for _ in range(40)]
    assert set(seen[2:]) == {"healthy"}


@pytest.mark.parametrize("many", [1, 2, 5, 12])
def test_speaker_of_few_sentences_has_collapsed_within_two_probes(
    prober: SentenceProber, many: int
) -> None:
    detector = armed(prober)
    few = Speaker(one_of(language(4000, seed=5)[:many]))
    verdicts = [judged(prober, few, detector) for _ in range(2)]
    lost = [verdict for verdict in verdicts if verdict.state == "collapsed"]
    assert lost and lost[-1].severity == "full"
    assert lost[0].onset_probe in (12, 13) and lost[0].evidence
    # It stays what it is, also where its few sentences are many enough for the score.
    again = [judged(prober, few, detector).state for _ in range(8)]
    assert set(again) == {"collapsed"}


def test_copies_of_training_sentences_with_falling_entropy_collapse_when_nothing_is_chosen(
    prober: SentenceProber,
) -> None:
    detector = armed(prober)
    copies = Speaker(one_of(Corpus().parts["train"]))
    states = []
    for copies.entropy in (0.8, 0.5, 0.3, 0.2, 0.15, 0.05):
        states.append(judged(prober, copies, detector).state)
    assert states == ["healthy"] * 5 + ["collapsed"]
    assert detector.verdict.reason == "the next word is certain: 0.05 nats of choice in a word"


def words(**more: float) -> dict[str, Any]:
    """Keywords of a probe whose sentences are as different as real ones."""
    usual = {"score": 0.7, "unique_share": 1.0, "self_bleu4": 0.4, "token_entropy": 1.5}
    return {**usual, "top_share": 0.01, **more}


def real_band(entropy: float = 1.0) -> dict[str, Any]:
    spreads: dict[str, Any] = dict(band()["all"])
    for name, value in (("self_bleu4", 0.4), ("unique_share", 1.0), ("token_entropy", entropy)):
        spreads[name] = {"median": value, "low": value, "sd": 0.01}
    return {"all": spreads}


def spoken(*probes: dict[str, Any], entropy: float = 1.0) -> tuple[CollapseDetector, list[Verdict]]:
    detector = CollapseDetector(real_band(entropy))
    feed([words(score=score) for score in RISING], detector)
    return detector, feed(probes, detector)


def test_half_as_many_different_sentences_as_at_best_are_a_collapse_at_once() -> None:
    detector, (verdict,) = spoken(words(unique_share=0.49, top_share=0.3))
    assert (verdict.state, verdict.severity, verdict.alarm) == ("collapsed", "full", True)
    assert verdict.reason == "49% of the sentences differ, after 100%; one of them is 30%"
    assert "different sentences 100% -> 49%" in verdict.evidence
    assert spoken(words(unique_share=0.51))[1][-1].state == "healthy"
    # A second draw is asked for, and believed where it is better.
    again = CollapseDetector(real_band())
    feed([words(score=score) for score in RISING], again)
    low, high = (signals(**words(unique_share=share)) for share in (0.4, 0.9))
    assert again.wants_second_look(low) and not again.wants_second_look(high)


def test_small_language_is_held_against_its_own_best() -> None:
    detector = CollapseDetector(real_band())
    feed([words(score=score, unique_share=0.3) for score in RISING], detector)
    assert detector.verdict.state == "healthy"
    assert feed([words(unique_share=0.16)], detector)[-1].state == "healthy"
    assert feed([words(unique_share=0.14)], detector)[-1].state == "collapsed"


def test_sentences_alike_are_suspect_once_and_a_collapse_twice() -> None:
    close, far = words(self_bleu4=0.59), words(self_bleu4=0.61)
    assert [v.state for v in spoken(close, close)[1]] == ["healthy"] * 2
    assert [v.state for v in spoken(far, close)[1]] == ["suspect", "healthy"]
    detector, verdicts = spoken(far, far)
    assert [v.state for v in verdicts] == ["suspect", "collapsed"]
    assert verdicts[-1].reason == (
        "the sentences are alike: self-BLEU-4 is 0.21 above that of real ones"
    )


def test_certain_words_are_a_collapse_but_not_of_a_language_that_is_as_small() -> None:
    assert spoken(words(token_entropy=0.11))[1][-1].state == "healthy"
    assert spoken(words(token_entropy=0.09))[1][-1].state == "collapsed"
    assert spoken(words(token_entropy=0.09), entropy=0.15)[1][-1].state == "healthy"
    assert spoken(words(token_entropy=0.07), entropy=0.15)[1][-1].state == "collapsed"


@pytest.mark.parametrize(
    "lost", [words(unique_share=0.3), words(token_entropy=0.05), words(self_bleu4=0.9)]
)
def test_collapse_lasts_as_long_as_the_words_repeat_themselves(lost: dict[str, Any]) -> None:
    detector, _ = spoken(lost, lost)
    assert {v.state for v in feed([lost] * 9, detector)} == {"collapsed"}
    states = [v.state for v in feed([words()] * 8, detector)]
    assert states[2] == "recovered" and states[-1] == "healthy"


def test_nothing_alarms_before_there_is_something_to_lose() -> None:
    lost = words(score=0.1, unique_share=0.01, token_entropy=0.0, self_bleu4=1.0)
    verdicts = feed([lost] * 15, CollapseDetector(real_band()))
    assert {v.state for v in verdicts} == {"warmup"}


def test_other_samples_have_no_words_to_repeat() -> None:
    detector = CollapseDetector(band())
    feed(RISING, detector)
    assert detector.memory.unique == [] and detector.verdict.state == "healthy"


def test_state_travels_in_a_checkpoint_and_an_older_one_is_read() -> None:
    far = words(self_bleu4=0.7)
    detector, _ = spoken(far)
    state = json.loads(json.dumps(detector.state_dict()))
    other = CollapseDetector(real_band())
    other.load_state_dict(state)
    assert feed([far], other)[-1] == feed([far], detector)[-1]
    assert other.verdict.state == "collapsed"
    for name in ("unique", "most_unique", "alike"):
        del state["memory"][name]
    CollapseDetector(band()).load_state_dict(state)


def test_samples_at_one_place_are_inside_of_it() -> None:
    """Sentences of the same words have the same features: they cover each other."""
    corners = torch.eye(6).repeat(40, 1)
    # The order of a sum is another one in another sentence.
    features = corners + 1e-7 * torch.rand(corners.shape)
    group = ReferenceGroup.of(features, 64)
    assert group is not None
    found = group.signals(features[:64].flip(0))
    assert found["coverage"] == found["precision"] == found["recall"] == 1.0
    lost = group.signals(features[:1].expand(64, -1))
    assert lost["coverage"] == pytest.approx(1 / 6, abs=0.1)


def test_discriminator_is_asked_about_sentences_as_it_sees_them(prober: SentenceProber) -> None:
    class Judge(Speaker):
        """Tells generated sentences by their first word, in one-hot rows."""

        float_dtype = torch.float32

        def real(self, batch: dict[str, Any]) -> Any:
            return torch.nn.functional.one_hot(batch["tokens"], WORDS).float()

        def score(self, weights: Any) -> Any:
            return -weights[:, 0, 4]

    judge = Judge(lambda z: torch.full((len(z), 9), 4))
    look(prober, judge, 0)
    auc = discriminator_auc(judge, prober)
    assert auc is not None and auc > 0.9


def test_discriminator_of_tokens_takes_no_penalty_of_its_gradient() -> None:
    module = build("SeqGAN")
    with pytest.raises(ValueError, match="SeqGAN: discriminator must be shown what has a gradient"):
        smooth_discriminator(module)
    assert module.regularizers == []


def test_alarm_shows_the_sentences_of_its_moments(prober: SentenceProber, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", name="run", variant="V", data="D")
    for moment, module in (
        (100, healthy()),
        (200, Speaker(lambda z: language(1).expand(len(z), -1))),
    ):
        look(prober, module, 0)
        pictures.keep(run, prober, moment)
    (_, first), (_, last) = run.media_files("health")
    assert len(set(read_columns(first)["sentences"])) > 10
    assert len(set(read_columns(last)["sentences"])) == 1
    actions.announce(
        make_trainer(run.path), Verdict("collapsed", "full", onset=200), 200, "alert", 0
    )
    ((_, file),) = run.media_files("collapse/sentences")
    columns = read_columns(file)
    assert list(columns) == ["before the onset: 100", "onset: 200", "now: 200"]
    assert len(set(columns["now: 200"])) == 1 and len(columns["now: 200"]) == 16


@pytest.mark.parametrize(
    ("differ", "state"), [(1.0, "healthy"), (0.86, "healthy"), (0.84, "collapsed")]
)
def test_cells_that_are_left_are_no_loss_while_as_many_sentences_differ(differ, state):
    """A speaker that learns the rules leaves cells; 15 % fewer sentences must differ as well."""
    real = band()
    real["all"]["self_bleu4"] = {"median": 0.9, "low": 0.8, "sd": 0.01}

    def probe(score: float, cells: list[float], unique: float) -> dict[str, Any]:
        words = {"unique_share": unique, "self_bleu4": 0.9}
        return {"score": score, "cells": cells, **words}

    everywhere, half = [32.0] * 8, [64.0, 0.0] * 4
    stream = [probe(score, everywhere, 1.0) for score in [*RISING[:6], *[0.9] * 20]]
    stream += [probe(0.74, half, differ)] * 2
    assert feed(stream, CollapseDetector(real))[-1].state == state
