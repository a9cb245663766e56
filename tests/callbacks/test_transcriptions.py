"""What is scored and shown of recognised speech: errors choose nothing, variety and fluency do."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from callbacks.metrics.language_model import KneserNey
from callbacks.offers import draws, has_panels, maps_words, rewrites, transcribes, translates
from callbacks.recognition import Transcriptions, transcript_columns
from callbacks.retention import Retention, better
from callbacks.run_folder import RunFolder
from callbacks.run_lines import read_columns
from callbacks.sample_grid import SampleGrid
from datamodules.phoneme_language import Decipherment
from datamodules.speech_and_text import SILENCE, SpeechAndTextData, SpeechCorpus, padded_speech
from gan_modules import Wav2vecU
from tests.helpers_callbacks import make_trainer


class Reader(torch.nn.Module):
    """Knows the key, and writes something else where it is told to."""

    def __init__(self, data: Any, change: Any = lambda row: row) -> None:
        super().__init__()
        self.key, self.change = np.argsort(data.key), change
        self.device = torch.device("cpu")
        self.images_seen, self.generator_ema = 0, None

    def transcribe(self, speech: torch.Tensor, mask: torch.Tensor) -> list[list[int]]:
        symbols = speech.argmax(2)
        rows = zip(symbols, mask, strict=True)
        return [self.change(self.key[row[there]].tolist()) for row, there in rows]


class Quiet(SpeechAndTextData):
    """Two phonemes and pauses; what is said is known."""

    key = np.arange(3)

    def slug(self) -> str:
        return "quiet"

    def load_corpus(self) -> SpeechCorpus:
        said = [(0, 1, 1, 0, 2, 0)] * 8 + [(0, 2, 0, 1, 0)] * 8
        sounds = [np.eye(3, dtype=np.float32)[list(row)] for row in said]
        text = [(0, 1, 0, 2, 0), (0, 2, 1, 0)] * 8
        return SpeechCorpus(*padded_speech(sounds), text, (SILENCE, "a", "b"), said)


@pytest.fixture(scope="module")
def data() -> Decipherment:
    return Decipherment(samples=150, held_out_share=0.2)


def named(scores: Any) -> dict[str, float]:
    return {name.split("@")[0]: value for name, value in scores.items()}


def test_the_truth_has_no_errors_and_the_scores_of_the_floor(data: Decipherment) -> None:
    subject = Transcriptions(data, samples=1000)
    scores = subject.scores(Reader(data), seed=0)
    assert scores == subject.floor and subject.floor_note == "true transcripts"
    found = named(scores)
    assert [*found][0] == "nll_less_log_usage" and {k.split("@")[1] for k in scores} == {"30"}
    assert found["per"] == 0.0 and found["phoneme_usage"] <= 1.0
    assert found["nll_less_log_usage"] == pytest.approx(
        found["nll_text"] - math.log(found["phoneme_usage"])
    )
    model = KneserNey(data.text(), 4)
    assert found["nll_text"] == pytest.approx(model.nll(data.transcripts("held_out")))


@pytest.mark.parametrize(
    ("change", "kind", "rate"),
    [
        (lambda row: [*row, row[-1]], "insertions", 1.0),
        (lambda row: row[1:], "deletions", 1.0),
        (lambda row: [*row[:-1], 11 if row[-1] != 11 else 10], "substitutions", 1.0),
    ],
)
def test_each_kind_of_error_is_told_per_phoneme(
    data: Decipherment, change: Any, kind: str, rate: float
) -> None:
    subject = Transcriptions(data, samples=1000)
    found = named(subject.scores(Reader(data, change), 0))
    phonemes = sum(map(len, data.transcripts("held_out")))
    kinds = {name.removeprefix("per_"): v for name, v in found.items() if name.startswith("per_")}
    assert kinds[kind] == pytest.approx(rate * 30 / phonemes)
    assert found["per"] == pytest.approx(sum(kinds.values()))
    assert [name for name, value in kinds.items() if value] == [kind]


def test_one_fluent_phoneme_is_worse_than_the_truth_kat_s25(data: Decipherment) -> None:
    subject = Transcriptions(data, samples=1000)
    common = int(np.bincount([n for row in data.text() for n in row]).argmax())
    found = named(subject.scores(Reader(data, lambda row: [common] * len(row)), 0))
    assert found["nll_less_log_usage"] > named(subject.floor)["nll_less_log_usage"] + 1.0
    assert found["phoneme_usage"] == pytest.approx(1 / 12)
    assert found["nll_less_log_usage"] == pytest.approx(found["nll_text"] + math.log(12))


def test_pauses_and_repeats_do_not_count_where_there_are_pauses_kat_s17() -> None:
    data = Quiet(held_out_share=0.25)
    subject = Transcriptions(data, samples=1000)
    for change in (
        lambda row: row,
        lambda row: [n for n in row for _ in range(2)],
        lambda row: [n for n in row if n],
        lambda row: [0, *row, 0],
    ):
        assert named(subject.scores(Reader(data, change), 0))["per"] == 0.0
    assert named(subject.floor)["phoneme_usage"] == 1.0
    # A phoneme that is said twice with a pause between is two.
    assert subject._plain([1, 0, 1, 1]) == [1, 1]


def test_without_transcripts_nothing_is_told_of_errors(data: Decipherment) -> None:
    other = SimpleNamespace(
        silence=None,
        vocabulary=data.vocabulary,
        utterances=data.utterances,
        text=data.text,
        transcripts=lambda split: None,
        fingerprint=data.fingerprint,
    )
    subject = Transcriptions(other, samples=10)
    scores = subject.scores(Reader(data), 0)
    assert [*named(scores)] == ["nll_less_log_usage", "nll_text", "phoneme_usage"]
    assert all(name.endswith("@10") for name in scores)
    assert not subject.floor and not subject.floor_note
    assert subject.protocol("raw").n_fake == 10 and subject.protocol("raw").n_real == 150


def test_checkpoints_are_ranked_by_the_unsupervised_score_alone() -> None:
    rows = [
        {
            "images_seen": seen,
            "scores": {"nll_less_log_usage@30": score, "nll_text@30": -seen, "per@30": per},
            "protocol": {},
        }
        for seen, score, per in ((1, 2.0, 0.1), (2, 1.5, 0.9), (3, 1.7, 0.0))
    ]
    ranked = Retention().ranked(rows)
    assert [row["images_seen"] for row in ranked] == [2, 3, 1]
    assert better("per@30") == better("per_insertions@30") == "min"


def test_nothing_held_out_is_told() -> None:
    with pytest.raises(ValueError, match="held_out_share must hold out some of the 150 utterances"):
        Transcriptions(Decipherment(samples=150, held_out_share=0.0), samples=10)


def test_the_table_shows_fixed_utterances_beside_the_truth(
    data: Decipherment, tmp_path: Path
) -> None:
    module: Any = Reader(data, lambda row: row[:2])
    columns = transcript_columns(module, data, 4)
    assert set(columns["true"]) <= set(data.decode(data.transcripts("held_out")))
    assert len(columns["true"]) == len(columns["recognised"]) == 4
    for said, true in zip(columns["recognised"], columns["true"], strict=True):
        assert true.startswith(said) and len(said.split()) == 2
    trainer = make_trainer(tmp_path)
    trainer.datamodule = data
    state = torch.get_rng_state()
    SampleGrid(columns=3).publish(trainer, module)
    assert torch.equal(torch.get_rng_state(), state)
    ((_, file),) = RunFolder(tmp_path).media_files("samples")
    assert {title: len(rows) for title, rows in read_columns(file).items()} == {
        "recognised": 3,
        "true": 3,
    }
    everything = Decipherment(samples=150, held_out_share=0.0)
    assert len(transcript_columns(module, everything, 4)["true"]) == 4


def test_a_recogniser_offers_transcripts_and_nothing_else() -> None:
    assert transcribes(Wav2vecU)
    others = (draws, translates, rewrites, maps_words, has_panels)
    assert not any(offer(Wav2vecU) for offer in others)
