"""Scores and tables of rewritten sentences, of the truth, of copies and of one answer for all."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from callbacks.offers import draws, rewrites, translates
from callbacks.retention import Retention, better
from callbacks.rewriting import Rewritings, rewriting_columns
from datamodules.templated_sentiment import TemplatedSentiment, transferred
from gan_modules.language.sentences import spelled


@pytest.fixture(scope="module")
def data() -> TemplatedSentiment:
    data = TemplatedSentiment(samples=800, length=16, batch_size=4)
    data.setup("fit")
    return data


@pytest.fixture(scope="module")
def subject(data: TemplatedSentiment) -> Rewritings:
    return Rewritings(data, samples=20)


class Rewriter:
    """Rewrites as it is told."""

    directions = (("a", "b"), ("b", "a"))

    def __init__(self, data: TemplatedSentiment, how: object) -> None:
        self.data, self.how = data, how

    def rewrite(self, tokens: Tensor, source: str, target: str) -> Tensor:
        return self.how(tokens, target)

    def words(self, tokens: Tensor) -> list[str]:
        return spelled(tokens, self.data.vocabulary, True)


def scores(subject: Rewritings, data: TemplatedSentiment, how: object) -> dict[str, float]:
    return subject.scores(Rewriter(data, how), seed=0)


def test_the_truth_scores_what_real_sentences_do(subject, data) -> None:
    found = scores(subject, data, lambda tokens, target: transferred(tokens))
    assert found["reference_bleu4@20/mean"] > 0.8 and found["reference_exact@20/mean"] == 1.0
    for name, value in subject.floor.items():
        assert found[name] == pytest.approx(value), name
    assert found["style_accuracy@20/mean"] > 0.9
    assert 0.3 < found["content_bleu4@20/mean"] < 0.7
    mean = (found["style_accuracy@20/b"] * found["content_bleu4@20/b"]) ** 0.5
    assert found["style_content@20/b"] == pytest.approx(mean)
    assert "of held-out sentences" in subject.floor_note and subject.judge.accuracy > 0.9


def test_a_copy_keeps_the_content_and_the_style(subject, data) -> None:
    found = scores(subject, data, lambda tokens, target: tokens)
    assert found["style_accuracy@20/mean"] < 0.1 and found["reference_exact@20/mean"] == 0.0
    for name in ("style_accuracy", "reference_bleu4", "reference_exact"):
        assert found[f"{name}@20/a"] == found[f"copy_{name}@20/a"]


def test_one_good_review_for_all_has_the_style_and_no_content(subject, data) -> None:
    def same(tokens: Tensor, target: str) -> Tensor:
        return data.reference("train", target)[0]["image"].expand(len(tokens), -1)

    found = scores(subject, data, same)
    truth = scores(subject, data, lambda tokens, target: transferred(tokens))
    assert found["style_accuracy@20/mean"] > 0.9 and found["content_bleu4@20/mean"] < 0.15
    # Both failures rank below the truth.
    copied = scores(subject, data, lambda tokens, target: tokens)
    ranks = [of["style_content@20/mean"] for of in (found, copied, truth)]
    assert max(ranks[:2]) < ranks[2]


def test_checkpoints_are_ranked_by_the_mean_of_style_and_content(subject, data) -> None:
    found = scores(subject, data, lambda tokens, target: transferred(tokens))
    assert next(iter(found)) == "style_content@20/mean"
    row = {"scores": found}
    assert Retention().score_name(row) == "style_content@20/mean"
    assert Retention().score(row) == -found["style_content@20/mean"]
    for name in found:
        if not name.startswith("copy_"):
            assert better(name) == "max"


def test_its_protocol_says_what_was_scored(subject, data) -> None:
    protocol = subject.protocol("raw")
    assert (protocol.n_fake, protocol.split, protocol.data) == (20, "held_out", data.fingerprint())
    assert protocol.caveats() == ()


def test_where_no_counterparts_are_known_nothing_is_held_against_them(data) -> None:
    class Unknown(TemplatedSentiment):
        def paired_reference(self, split: str) -> None:
            return None

    unknown = Unknown(samples=800, length=16, batch_size=4)
    unknown.setup("fit")
    subject = Rewritings(unknown, samples=20)
    found = scores(subject, unknown, lambda tokens, target: transferred(tokens))
    assert not any("reference" in name for name in found)
    assert set(subject.floor) == {f"style_accuracy@20/{side}" for side in ("mean", "a", "b")}
    columns = rewriting_columns(Rewriter(unknown, lambda tokens, target: tokens), unknown, 2)
    assert list(columns) == ["from", "sentence", "rewritten"]


def test_nothing_held_out_is_one_line() -> None:
    data = TemplatedSentiment(samples=40, length=16, batch_size=4, held_out_share=0.0)
    data.setup("fit")
    with pytest.raises(ValueError, match="held_out"):
        Rewritings(data, samples=20)
    columns = rewriting_columns(Rewriter(data, lambda tokens, target: tokens), data, 3)
    assert columns["sentence"] == columns["rewritten"] and len(columns["from"]) == 6


def test_the_table_shows_fixed_sentences_what_becomes_of_them_and_the_truth(data) -> None:
    rewriter = Rewriter(data, lambda tokens, target: transferred(tokens))
    columns = rewriting_columns(rewriter, data, 3)
    assert columns["from"] == ["negative"] * 3 + ["positive"] * 3
    assert columns["rewritten"] == columns["true"] != columns["sentence"]
    assert rewriting_columns(rewriter, data, 3) == columns
    assert all(len(column) == 6 for column in columns.values())


def test_a_module_that_rewrites_offers_nothing_of_images() -> None:
    module = SimpleNamespace(rewrite=None, words=None, directions=(("a", "b"),))
    assert rewrites(module) and not draws(module) and not translates(module)
    assert not rewrites(torch.nn.Linear(1, 1))
