"""Scores of translated sentences and of summaries: copies, true ones, round trips, leads."""

from typing import Any

import pytest
import torch
from torch import Tensor

from callbacks.metrics.recognition import rouge
from callbacks.retention import Retention, better
from callbacks.rewriting import Rewritings
from callbacks.sentence_translation import (
    SentenceTranslations,
    WrittenSummaries,
    rewriting_subject,
)
from datamodules.number_words import NumberWords
from datamodules.summaries import Summaries


class Table:
    """Rewrites by a table of rows, and tells articles at the nats a token that it is given."""

    device = torch.device("cpu")

    def __init__(self, purpose: str, rows: dict[str, tuple[Tensor, Tensor]], nats: float = 0.0):
        self.purpose, self.nats = purpose, nats
        self.directions = tuple((way[0], way[1]) for way in rows)
        self.known = {
            way: {tuple(one): two for one, two in zip(read.tolist(), made, strict=True)}
            for way, (read, made) in rows.items()
        }

    def rewrite(self, tokens: Tensor, source: str = "a", target: str = "b") -> Tensor:
        known = self.known[source + target]
        # What it does not know comes back as it is.
        return torch.stack([known.get(tuple(row.tolist()), row) for row in tokens])

    def reconstruction(self, articles: Tensor, summaries: Tensor) -> Tensor:
        assert len(articles) == len(summaries)
        return torch.full((len(articles),), -self.nats)


def numbers() -> NumberWords:
    return NumberWords("en", "es", numbers=400, held_out_share=0.1)


def test_true_translations_score_the_floor_and_come_back() -> None:
    subject = SentenceTranslations(numbers(), 500)
    a, b = subject.inputs["a"], subject.inputs["b"]
    found = subject.scores(Table("translation", {"ab": (a, b), "ba": (b, a)}), 0)
    for score in ("reference_bleu4", "reference_exact"):
        for domain in ("a", "b", "mean"):
            name = f"{score}@40/{domain}"
            assert found[name] == pytest.approx(subject.floor[name])
    assert found["reference_exact@40/mean"] == 1.0 and found["copied@40/mean"] == 0.0
    # Sentences of fewer than four words have no run of four: BLEU of themselves is below 1.
    assert 0.2 < found["reference_bleu4@40/mean"] < 1.0
    assert found["round_trip_bleu4@40/b"] == found["reference_bleu4@40/a"]
    assert next(iter(found)) == "round_trip_bleu4@40/mean"


def test_copies_come_back_and_are_no_translations() -> None:
    subject = SentenceTranslations(numbers(), 500)
    found = subject.scores(Table("translation", {"ab": _none(), "ba": _none()}), 0)
    whole = subject.floor["reference_bleu4@40/a"]
    assert found["round_trip_bleu4@40/b"] == whole and found["copied@40/mean"] == 1.0
    assert found["reference_exact@40/mean"] == found["copy_reference_exact@40/mean"] == 0.0
    assert found["reference_bleu4@40/b"] == found["copy_reference_bleu4@40/b"] < 0.1


def test_a_way_back_that_forgets_is_seen() -> None:
    subject = SentenceTranslations(numbers(), 500)
    a, b = subject.inputs["a"], subject.inputs["b"]
    forgetful = {"ab": (a, b), "ba": (b, a[:1].expand_as(a))}
    found = subject.scores(Table("translation", forgetful), 0)
    assert found["reference_exact@40/b"] == 1.0
    assert found["round_trip_bleu4@40/b"] < 0.5 * subject.floor["reference_bleu4@40/a"]


def _none() -> tuple[Tensor, Tensor]:
    empty = torch.empty(0, 6, dtype=torch.int64)
    return empty, empty


def test_true_summaries_score_one_and_the_floor() -> None:
    subject = WrittenSummaries(Summaries(samples=400), 100)
    a, b = subject.inputs["a"], subject.inputs["b"]
    found = subject.scores(Table("summary", {"ab": (a, b)}, nats=2.0), 0)
    for score in ("rouge1", "rouge2", "rougeL"):
        assert found[f"{score}@40/b"] == pytest.approx(1.0)
    for score in ("rouge1", "nll_language", "compression", "novel_pairs"):
        name = f"{score}@40/mean"
        assert found[name] == pytest.approx(subject.floor[name], abs=1e-6)
    # "the mayor opens the bridge" lacks the pairs of "mayor opens bridge".
    assert 0.2 < found["novel_pairs@40/b"] < 0.9
    assert found["nll_reconstruction@40/b"] == pytest.approx(2.0)
    tokens = sum(len(words) + 1 for words in subject.articles)
    own = -sum(map(subject.language.log_probability, subject.words(b)))
    assert found["nll_channel@40/b"] == pytest.approx((2.0 * tokens + own) / 40)
    assert next(iter(found)) == "nll_channel@40/mean"


def test_leads_are_the_first_words_of_the_article() -> None:
    subject = WrittenSummaries(Summaries(samples=400), 100)
    a, b = subject.inputs["a"], subject.inputs["b"]
    assert subject.lead == 4
    leads = [article[:4] for article in subject.articles]
    expected = rouge(subject.words(b), leads)
    found = subject.scores(Table("summary", {"ab": (a, b)}), 0)
    assert {key: found[f"lead_{key}@40/b"] for key in expected} == pytest.approx(expected)
    assert expected["rouge1"] < 0.3
    # Leads as summaries have no pair that is new.
    lead = torch.zeros_like(b)
    lead[:, :4], lead[:, 4] = a[:, :4], 2
    found = subject.scores(Table("summary", {"ab": (a, lead)}), 0)
    assert found["novel_pairs@40/b"] == 0.0
    assert found["rouge1@40/b"] == pytest.approx(found["lead_rouge1@40/b"])
    words = sum(map(len, subject.articles))
    assert found["compression@40/b"] == pytest.approx(160 / words)


def test_a_summary_that_is_no_sentence_costs_nats() -> None:
    subject = WrittenSummaries(Summaries(samples=400), 100)
    a, b = subject.inputs["a"], subject.inputs["b"]
    shuffled = torch.cat([b[:, [1, 0]], b[:, 2:]], 1)
    plain, worse = (
        subject.scores(Table("summary", {"ab": (a, made)}, nats=1.0), 0)["nll_channel@40/b"]
        for made in (b, shuffled)
    )
    assert worse > plain + 1.0


def test_the_purpose_of_a_module_says_what_is_scored() -> None:
    kinds: list[tuple[str, type, Any]] = [
        ("style", Rewritings, numbers()),
        ("translation", SentenceTranslations, numbers()),
        ("summary", WrittenSummaries, Summaries(samples=400)),
    ]
    for purpose, kind, data in kinds:
        subject = rewriting_subject(Table(purpose, {}), data, 30)
        assert type(subject) is kind
        protocol = subject.protocol("ema")
        assert protocol.n_fake == 30 and protocol.split == "held_out"
    settings = [
        rewriting_subject(Table(p, {}), d, 30).protocol("raw").settings for p, _, d in kinds
    ]
    assert len(set(settings)) == 3


def test_checkpoints_are_ranked_without_pairs() -> None:
    def row(images: int, scores: dict[str, float]) -> dict[str, Any]:
        return {"path": str(images), "images_seen": images, "scores": scores, "protocol": "p"}

    trips = [row(i, {"round_trip_bleu4@9/mean": v, "reference_bleu4@9/mean": 1 - v})
             for i, v in enumerate((0.2, 0.7, 0.5))]  # fmt: skip
    assert [r["path"] for r in Retention().ranked(trips)] == ["1", "2", "0"]
    channels = [row(i, {"nll_channel@9/mean": v, "rouge1@9/mean": v}) for i, v in enumerate((3, 1))]
    assert [r["path"] for r in Retention().ranked(channels)] == ["1", "0"]
    assert better("rouge1@9/mean") == "max" and better("nll_channel@9/mean") == "min"
