from itertools import combinations

import numpy as np
import pytest
import torch

from datamodules.substitution_cipher import SubstitutionCipher


def test_key_is_a_permutation_that_moves_every_symbol_and_no_special_token() -> None:
    data = SubstitutionCipher(symbols=12)
    key = data.key
    assert key[:4].tolist() == [0, 1, 2, 3] and sorted(key.tolist()) == list(range(16))
    assert (key[4:] != torch.arange(4, 16)).all()
    assert not torch.equal(key, SubstitutionCipher(symbols=12, language_seed=1).key)
    assert torch.equal(key, SubstitutionCipher(symbols=12, seed=7).key)
    key.zero_()
    assert data.key[15] > 0


def test_cipher_of_plain_text_is_the_reference() -> None:
    data = SubstitutionCipher(samples=300)
    pairs = data.paired_reference("held_out")
    assert pairs is not None and len(pairs) == 30
    for number in range(30):
        pair = pairs[number]
        assert torch.equal(data.key[pair["a"]], pair["b"])
        words = int((pair["a"] > 2).sum())
        assert 8 <= words <= 15 and (pair["a"][:words] != pair["b"][:words]).all()
    assert data.domain_titles == {"a": "plain", "b": "cipher"}
    assert data.vocabulary[4:] == tuple("abcdefghijklmnop") and data.image_shape == (16,)


def test_language_is_peaky_and_does_not_repeat_a_symbol() -> None:
    data = SubstitutionCipher()
    chances = data.transitions
    torch.testing.assert_close(chances.sum(1), torch.ones(16, dtype=torch.float64))
    assert (chances.diagonal() == 0).all()
    entropy = -torch.special.xlogy(chances, chances).sum(1).mean()
    # Of 15 equally likely symbols it would be 2.71 nats.
    assert 1.0 < float(entropy) < 2.2
    plain = data._opened().tokens["a"]
    assert len({tuple(row) for row in plain.tolist()}) == len(plain) == 4000
    counts = _bigrams(plain)
    found = torch.from_numpy(counts / counts.sum(1, keepdims=True))
    assert (found - chances).abs().max() < 0.05
    lengths = np.bincount((plain > 2).sum(1))
    assert (lengths[:8] == 0).all() and lengths[8:].min() > 400 and len(lengths) == 16


def test_statistics_of_the_two_domains_tell_the_key() -> None:
    data = SubstitutionCipher(samples=2000)
    plain, cipher = (
        _bigrams(np.stack([item["image"].numpy() for item in data.reference("train", domain)]))
        for domain in ("a", "b")
    )
    key = data.key[4:].numpy() - 4

    def distance(guess: np.ndarray) -> float:
        return float(np.abs(plain - cipher[np.ix_(guess, guess)]).sum())

    true = distance(key)
    for one, other in combinations(range(16), 2):
        guess = key.copy()
        guess[[one, other]] = guess[[other, one]]
        assert distance(guess) > 1.3 * true
    assert distance(np.arange(16)) > 5 * true


def _bigrams(tokens: np.ndarray) -> np.ndarray:
    """How often a symbol follows another: (symbols, symbols)."""
    before, after = tokens[:, :-1].ravel(), tokens[:, 1:].ravel()
    both = (before > 3) & (after > 3)
    counts = np.zeros((16, 16))
    np.add.at(counts, (before[both] - 4, after[both] - 4), 1)
    return counts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"symbols": 1}, r"symbols must lie in 3\.\.26, got 1; set symbols: 16"),
        ({"symbols": 27}, r"symbols must lie in 3\.\.26, got 27; set symbols: 16"),
        ({"samples": 0}, r"samples must be at least 4, got 0; set samples: 4000"),
        ({"length": 2}, r"length must be at least 3, got 2; set length: 16"),
        ({"language_seed": -1}, r"language_seed must be at least 0, got -1; set language_seed: 0"),
    ],
)
def test_sets_that_cannot_be_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^SubstitutionCipher: {message}"):
        SubstitutionCipher(**arguments)


def test_a_language_with_too_few_sentences_says_how_many_it_has() -> None:
    with pytest.raises(ValueError, match="be at most the [89] sentences .*, got 500; set samples"):
        SubstitutionCipher(symbols=3, length=3, samples=500).setup("fit")
