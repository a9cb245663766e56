from itertools import chain

import numpy as np
import pytest
import torch

from datamodules.templated_sentiment import (
    ADJECTIVES,
    NOUNS,
    TEMPLATES,
    TemplatedSentiment,
    transferred,
)

NEGATIVE, POSITIVE = ({word for pair in ADJECTIVES.values() for word in pair[s]} for s in (0, 1))


def words(data: TemplatedSentiment, row: torch.Tensor) -> list[str]:
    return [data.vocabulary[token] for token in row.tolist() if token > 2]


def test_templates_are_30_and_their_words_mean_one_thing() -> None:
    assert len(set(TEMPLATES)) == 30
    adjectives = [word for pair in ADJECTIVES.values() for side in pair for word in side]
    nouns = list(chain(*NOUNS.values()))
    plain = {word for text in TEMPLATES for word in text.split()} - {*NOUNS, *ADJECTIVES}
    assert len(set(adjectives)) == len(adjectives) == 42 and len(set(nouns)) == len(nouns)
    assert not plain & {*adjectives, *nouns} and not set(adjectives) & set(nouns)
    for text in TEMPLATES:
        used = text.split()
        # A slot of a kind is used once, and an adjective never without its noun.
        assert all(used.count(slot) <= 1 for slot in (*NOUNS, *ADJECTIVES))
        assert {slot for slot in used if slot in ADJECTIVES} == {
            slot.lower() for slot in used if slot in NOUNS
        }


def test_transfer_swaps_the_adjectives_and_is_the_reference() -> None:
    data = TemplatedSentiment(samples=400)
    pairs = data.paired_reference("held_out")
    assert pairs is not None and data.domain_titles == {"a": "negative", "b": "positive"}
    for pair in (pairs[number] for number in range(len(pairs))):
        assert torch.equal(transferred(pair["a"]), pair["b"])
        assert torch.equal(transferred(pair["b"]), pair["a"])
        a, b = words(data, pair["a"]), words(data, pair["b"])
        changed = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
        aligned = {p for pair in ADJECTIVES.values() for p in zip(*pair, strict=True)}
        assert changed and set(changed) <= aligned
    batch = data.preview(50)
    assert torch.equal(transferred(transferred(batch["tokens_a"])), batch["tokens_a"])
    assert not torch.equal(transferred(batch["tokens_a"]), batch["tokens_a"])


def test_a_domain_has_its_own_adjectives_alone() -> None:
    data = TemplatedSentiment(samples=400)
    for domain in data.domains:
        own, other = (NEGATIVE, POSITIVE) if domain == "a" else (POSITIVE, NEGATIVE)
        for item in data.reference("train", domain):
            used = set(words(data, item["image"]))
            assert used & own and not used & other


def test_all_templates_and_words_are_used_and_equal_reviews_stay_together() -> None:
    data = TemplatedSentiment()
    corpus = data._opened().tokens
    used = set(corpus["a"].ravel().tolist()) | set(corpus["b"].ravel().tolist())
    # Neither the beginning of a sentence nor unknown words are in the data.
    assert set(range(len(data.vocabulary))) - used == {1, 3}
    assert corpus["a"].shape == corpus["b"].shape == (4000, 16)
    rows = {
        "a": data.reference("train", "a").rows,
        "b": data.reference("train", "b").rows,
        "held out": data.reference("held_out", "a").rows,
    }
    texts = {part: set(map(tuple, corpus["a"][own].tolist())) for part, own in rows.items()}
    assert sum(map(len, texts.values())) == len(set.union(*texts.values())) > 2000
    assert [round(len(own), -2) for own in rows.values()] == [1800, 1800, 400]


def test_nouns_tell_which_adjective_is_the_counterpart_of_which() -> None:
    data = TemplatedSentiment()
    for kind, pair in ADJECTIVES.items():
        used = []
        for side, domain in enumerate(data.domains):
            counts = np.ones((len(pair[side]), len(NOUNS[kind.upper()])))
            for item in data.reference("train", domain):
                review = words(data, item["image"])
                for row, adjective in enumerate(pair[side]):
                    counts[row] += [
                        adjective in review and n in review for n in NOUNS[kind.upper()]
                    ]
            used.append(counts / counts.sum(1, keepdims=True))
        distance = np.abs(used[0][:, None] - used[1][None]).sum(2)
        assert distance.argmin(1).tolist() == list(range(7)) == distance.argmin(0).tolist()
        assert distance.diagonal().max() < 0.8 * (distance + 9 * np.eye(7)).min()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 19}, "samples must be at least 20, got 19; set samples: 4000"),
        ({"length": 12}, "length must be at least 13, .*, got 12; set length: 13"),
    ],
)
def test_sets_that_cannot_be_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^TemplatedSentiment: {message}"):
        TemplatedSentiment(**arguments)


def test_numbers_that_are_no_words_are_not_transferred() -> None:
    with pytest.raises(
        ValueError, match=r"transferred: tokens must lie in 0\.\.124, got '0\.\.999"
    ):
        transferred(torch.tensor([0, 999]))
