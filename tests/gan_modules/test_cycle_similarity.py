"""Similarities of a sentence and its rewriting, against closed forms and a slow reference."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from callbacks.metrics.bleu import sentence_bleu
from callbacks.metrics.sentences import word_lists
from datamodules.batches import EOS, PAD
from gan_modules.language.cycle_similarity import (
    BleuSimilarity,
    EmbeddingSimilarity,
    LikelihoodSimilarity,
    bleu,
)
from gan_modules.language.word_statistics import rarity, word_vectors
from tests.small.batches import written
from tests.small.copier import Copier
from tests.small.sizes import WORDS, WORDS_LENGTH


@pytest.mark.parametrize("order", [1, 2, 4])
def test_bleu_of_rows_is_that_of_their_words(order: int) -> None:
    own = torch.Generator().manual_seed(0)
    shape = (200, 8)
    # Few words, so that they repeat within a sentence and counts are clipped.
    one, other = (torch.randint(4, 7, shape, generator=own) for _ in range(2))
    for tokens in (one, other):
        end = torch.randint(0, 8, (200, 1), generator=own)
        place = torch.arange(8)
        tokens[place == end] = EOS
        tokens[place > end] = PAD
    found = bleu(one, other, order, True)
    words = zip(word_lists(one, True), word_lists(other, True), strict=True)
    expected = [sentence_bleu(h, [r], order) if h else 0.0 for h, r in words]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert 0.02 < found.mean() < 0.9


def test_the_likelihood_is_the_mean_over_the_tokens_of_each_sentence() -> None:
    tokens = torch.tensor([[5, 6, EOS, PAD, PAD, PAD], [5, 6, 7, 8, 9, EOS]])
    back = Copier(sharpness=0.0).reading
    found = LikelihoodSimilarity()(back, tokens, tokens)
    torch.testing.assert_close(found, torch.full((2,), -float(np.log(WORDS))))
    mixed = torch.tensor([[5, 7, EOS, PAD, PAD, PAD], [5, 6, 7, 8, 9, EOS]])
    # One of three tokens is wrong: 50 nats below the right one, by a head of 50.
    found = LikelihoodSimilarity()(Copier().reading, tokens, mixed)
    torch.testing.assert_close(found, torch.tensor([-50.0 / 3, 0.0]), atol=1e-4, rtol=0)


def test_the_way_back_is_what_bleu_is_taken_of() -> None:
    tokens = written(8)
    similarity = BleuSimilarity(order=1)
    assert similarity(Copier().reading, tokens, tokens).min() == 1.0
    shifted = torch.where(tokens > 3, (tokens - 4 + 1) % (WORDS - 4) + 4, tokens)
    apart = torch.tensor([[4, 4, 4, EOS, PAD, PAD]])
    assert similarity(Copier().reading, apart, apart + (apart == 4).long()) == 0.0
    assert similarity(Copier().reading, tokens, shifted).mean() < 1.0


class Data:
    """Two domains that differ in one word: 5 in place of 4."""

    special_tokens, vocabulary = True, tuple(map(str, range(WORDS)))

    def reference(self, split: str, domain: str) -> SimpleNamespace:
        assert split == "train"
        rows = written(64).numpy()
        rows = np.where(rows == 4, 5, rows) if domain == "b" else rows
        return SimpleNamespace(images=SimpleNamespace(array=rows), rows=np.arange(64))


def test_embeddings_forgive_an_order_and_see_another_word() -> None:
    similarity = EmbeddingSimilarity(dim=6)
    similarity.prepare(Data())
    tokens = torch.tensor([[6, 7, 8, EOS, PAD, PAD]])
    turned, other = tokens[:, [2, 1, 0, 3, 4, 5]], torch.tensor([[6, 7, 9, EOS, PAD, PAD]])
    assert float(similarity(None, tokens, turned)) == pytest.approx(1.0)
    assert float(similarity(None, tokens, other)) < 0.95
    again = EmbeddingSimilarity(dim=6)
    again.prepare(Data())
    assert again(None, tokens, other).equal(similarity(None, tokens, other))


def test_embeddings_need_a_data_module() -> None:
    with pytest.raises(ValueError, match="EmbeddingSimilarity: data must be a data module of two"):
        EmbeddingSimilarity().prepare(None)


def test_vectors_of_words_with_the_same_neighbours_are_near() -> None:
    own = torch.Generator().manual_seed(0)
    tokens = torch.randint(8, WORDS, (400, WORDS_LENGTH), generator=own)
    tokens[:, 2] = 4 + (torch.arange(400) % 2)
    tokens[:, 1], tokens[:, 3] = 6, 7
    vectors = word_vectors(tokens, WORDS, WORDS, special_tokens=False)
    near = torch.cosine_similarity(vectors[4], vectors[5], dim=0)
    apart = torch.cosine_similarity(vectors[4], vectors[9], dim=0)
    assert near > 0.8 and apart < 0.6
    assert vectors[:4].eq(0).all() or vectors[:4].abs().max() < 1e-6


def test_rare_words_weigh_more_and_a_word_counts_once_in_a_sentence() -> None:
    tokens = torch.tensor([[5, 5, 6, EOS], [5, EOS, PAD, PAD], [7, 6, EOS, PAD]])
    weights = rarity(tokens, 8, True)
    expected = [1 + np.log(4 / (1 + n)) for n in (0, 0, 0, 0, 0, 2, 2, 1)]
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float32))


def test_the_order_is_checked() -> None:
    with pytest.raises(ValueError, match="order must be at least 1, got 0"):
        BleuSimilarity(0)
