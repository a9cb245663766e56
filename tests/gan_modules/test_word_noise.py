"""Noise on words: what it moves, what it must not touch, and that ranks do not matter."""

import pytest
import torch

from datamodules.batches import EOS, PAD, UNK
from gan_modules.engine.noise import Noise
from gan_modules.language.word_noise import WordNoise
from tests.small.batches import written


def long_sentences(n: int = 256, length: int = 12) -> torch.Tensor:
    """Every word of a sentence differs from the others, so that places can be told."""
    words = torch.randint(2, length, (n, 1), generator=torch.Generator().manual_seed(3))
    place = torch.arange(length)
    tokens = (4 + place).expand(n, length)
    return tokens.where(place < words, EOS).where(place <= words, PAD)


def test_no_noise_is_the_identity_kat_s20() -> None:
    tokens = written(64)
    assert WordNoise(0.0, 0.0, 0)(tokens, Noise()).equal(tokens)


@pytest.mark.parametrize("k", [1, 3])
def test_no_word_moves_by_more_than_k_and_some_move_by_k_kat_s20(k: int) -> None:
    tokens = long_sentences()
    moved = WordNoise(0.0, 0.0, k)(tokens, Noise())
    place = torch.arange(tokens.shape[1]).expand_as(tokens)
    distance = (moved - 4 - place).abs()[tokens > UNK]
    assert distance.max() == k
    # Ends and fillings stay, and every sentence has the words that it had.
    assert moved[tokens <= UNK].equal(tokens[tokens <= UNK])
    assert moved.sort(1).values.equal(tokens.sort(1).values)


def test_raw_numbers_are_moved_alone() -> None:
    tokens = torch.arange(10).repeat(64, 1)
    moved = WordNoise(0.5, 0.5, 2)(tokens, Noise(), special_tokens=False)
    assert moved.sort(1).values.equal(tokens) and not moved.equal(tokens)
    assert (moved - tokens).abs().max() == 2


def test_words_are_dropped_and_the_rest_moves_up() -> None:
    tokens = long_sentences(2048)
    left = WordNoise(0.3, 0.0, 0)(tokens, Noise())
    words, before = ((rows > UNK).sum(1) for rows in (left, tokens))
    assert words.min() >= 1
    # The one that always stays makes it a little less.
    share = 1.0 - float(words[before > 6].sum() / before[before > 6].sum())
    assert share == pytest.approx(0.3, abs=0.02)
    for row, count in zip(left.tolist(), words.tolist(), strict=True):
        assert row[:count] == sorted(row[:count])
        assert row[count:] == [EOS] + [PAD] * (len(row) - count - 1)


def test_one_word_of_a_sentence_stays_however_much_is_dropped() -> None:
    left = WordNoise(0.99, 0.0, 0)(long_sentences(), Noise())
    assert (left > UNK).sum(1).min() == 1 and (left == EOS).sum(1).eq(1).all()


def test_hidden_words_are_unknown_in_their_places() -> None:
    tokens = long_sentences(2048)
    hidden = WordNoise(0.0, 0.2, 0)(tokens, Noise())
    changed = hidden != tokens
    assert hidden[changed].eq(UNK).all() and (tokens[changed] > UNK).all()
    assert float(changed.sum() / (tokens > UNK).sum()) == pytest.approx(0.2, abs=0.01)


def test_two_ranks_disturb_as_one_process_does() -> None:
    tokens, noise = long_sentences(8), WordNoise()
    whole = noise(tokens, Noise(5))
    halves = [noise(tokens[4 * r : 4 * r + 4], Noise(5, rank=r)) for r in range(2)]
    assert whole.equal(torch.cat(halves)) and not whole.equal(tokens)


@pytest.mark.parametrize("options", [{"drop": 1.0}, {"blank": -0.1}])
def test_probabilities_are_checked(options: dict) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=rf"WordNoise: {name} must lie in \[0, 1\), got"):
        WordNoise(**options)


def test_the_reach_is_checked() -> None:
    with pytest.raises(ValueError, match="shuffle must not be negative, got -1"):
        WordNoise(shuffle=-1)
