"""The space of sentences: fitted word vectors, and the Frechet distance over them."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor
from torch.testing import assert_close

from callbacks.metrics import sentence_space
from callbacks.metrics.bank import BankBuilder
from callbacks.metrics.frechet import Moments, frechet_distance, frechet_from_features
from callbacks.metrics.names import score_name
from callbacks.metrics.reference import RealStatistics
from callbacks.metrics.scoring import score_bank
from callbacks.metrics.sentence_space import PpmiSpace
from datamodules.batches import EOS, PAD

WORDS = 80


def corpus(n: int, seed: int, topics: int = 4) -> Tensor:
    """Sentences of 2 to 9 words, each of one topic's words, with their ends and filling."""
    draws = np.random.RandomState(seed)
    rows = np.full((n, 10), PAD)
    for row in rows:
        length, topic = draws.randint(2, 10), draws.randint(topics)
        row[:length] = 4 + topic * 19 + draws.randint(0, 19, length)
        row[length] = EOS
    return torch.from_numpy(rows)


def raw(*rows: list[int]) -> Tensor:
    return torch.tensor(rows)


@pytest.fixture(scope="module")
def space() -> PpmiSpace:
    return PpmiSpace.fitted(corpus(600, 0), WORDS, special_tokens=True)


def test_space_says_what_it_is(space: PpmiSpace) -> None:
    assert (space.id, space.dim, space.resize_id) == ("ppmi64", 128, "none")
    assert not space.takes_images and not space.has_logits and not space.comparable_to_literature
    assert space.to("cpu") is space
    small = PpmiSpace.fitted(raw([0, 1, 0], [2, 3, 2]), 4, special_tokens=False)
    assert (small.id, small.dim) == ("ppmi3", 6)


def test_scores_carry_the_name_of_the_space_and_no_published_one(space: PpmiSpace) -> None:
    assert score_name("fd", space.id, False, 2000) == "fd_ppmi64@2k"
    assert score_name("fd", space.id, True, 300) == "fd_ppmi64@300"
    banks = []
    for seed in (1, 2):
        builder = BankBuilder(space, 300)
        builder.add(corpus(300, seed))
        banks.append(builder.finish())
    real = RealStatistics.of(space, banks[0], data="words", split="train")
    scores = score_bank(real, banks[1])
    assert 0 < scores["fd_ppmi64@300"] < math.inf
    assert all("ppmi64" in name and "fid" not in name and "fed" not in name for name in scores)


def test_features_do_not_depend_on_the_signs_of_eigenvectors(
    space: PpmiSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = torch.linalg.eigh

    def flipped(table: Tensor) -> tuple[Tensor, Tensor]:
        values, vectors = plain(table)
        signs = torch.ones(len(values), dtype=torch.float64)
        signs[::2] = -1.0
        return values, vectors * signs

    monkeypatch.setattr(torch.linalg, "eigh", flipped)
    other = PpmiSpace.fitted(corpus(600, 0), WORDS, special_tokens=True)
    tokens = corpus(40, 4)
    assert torch.equal(other(tokens).features, space(tokens).features)
    assert other.sha256 == space.sha256


def sentence_space_lists(tokens: Tensor) -> list[list[int]]:
    rows: list[list[int]] = []
    for row in tokens.tolist():
        ends = [i for i, token in enumerate(row) if token in (PAD, EOS)]
        rows.append(row[: ends[0]] if ends else row)
    return rows


def test_features_are_weighted_mean_and_largest_of_the_words(
    space: PpmiSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence_space, "_CHUNK", 7)
    tokens = corpus(20, 5)
    found = space(tokens)
    assert found.logits is None and found.features.dtype == torch.float32
    for row, words in zip(found.features, sentence_space_lists(tokens), strict=True):
        vectors, weights = space._vectors[words], space._rarity[words][:, None]
        mean = (vectors * weights).sum(dim=0) / weights.sum()
        assert_close(row, torch.cat([mean, vectors.max(dim=0).values]), rtol=1e-4, atol=1e-5)
    assert_close(space.mean_vectors(tokens), found.features[:, :64])


def test_rarity_is_the_logarithm_of_how_few_sentences_hold_a_word() -> None:
    space = PpmiSpace.fitted(raw([0, 1, 1], [0, 2, 1], [0, 2, 0]), 4, special_tokens=False)
    expected = [1 + math.log(4 / (1 + holders)) for holders in (3, 2, 2, 0)]
    assert space._rarity.tolist() == pytest.approx(expected)


def test_sentence_without_words_is_0_and_its_filling_says_nothing(space: PpmiSpace) -> None:
    empty = raw([EOS, 5, 6, 7], [PAD] * 4)
    assert torch.equal(space(empty).features, torch.zeros(2, 128))
    assert space(torch.empty(0, 6, dtype=torch.int64)).features.shape == (0, 128)
    padded = raw([5, 6, EOS, PAD, PAD], [5, 6, EOS, 9, 9], [5, 6, PAD, 9, 9])
    features = space(padded).features
    assert_close(features, space(raw([5, 6])).features.expand(3, -1))


def test_features_are_about_1_and_words_of_one_topic_lie_together(space: PpmiSpace) -> None:
    assert float(space(corpus(600, 0)).features.square().mean()) == pytest.approx(1.0, rel=1e-4)
    first, same, other = space.mean_vectors(raw([5, 6, 7, 8], [10, 11, 12, 13], [60, 61, 62, 63]))
    assert float(first @ same) > 3 * abs(float(first @ other))


def test_distance_sees_missing_topics_and_not_another_draw(space: PpmiSpace) -> None:
    real = space(corpus(600, 0)).features
    fresh = frechet_from_features(real, space(corpus(600, 6)).features).value
    dropped = frechet_from_features(real, space(corpus(600, 7, topics=3)).features).value
    constant = frechet_from_features(real, space(corpus(1, 8).expand(600, -1)).features).value
    assert 3 * fresh < dropped < constant


def test_hash_is_that_of_the_training_part() -> None:
    one, two = corpus(30, 1), corpus(30, 2)
    hashes = {
        PpmiSpace.fitted(tokens, words, special).sha256
        for tokens, words, special in (
            (one, WORDS, True), (two, WORDS, True), (one, WORDS + 1, True), (one, WORDS, False),
        )
    }  # fmt: skip
    assert len(hashes) == 4
    assert PpmiSpace.fitted(one.clone(), WORDS, True).sha256 in hashes


def test_unusable_tokens_are_refused(space: PpmiSpace) -> None:
    with pytest.raises(ValueError, match="tokens must be in 0 to 79, got 1 to 80"):
        space(raw([1, 80]))
    with pytest.raises(ValueError, match="in 0 to 2, got -1 to 1"):
        PpmiSpace.fitted(raw([-1, 1]), 3, special_tokens=False)
    with pytest.raises(ValueError, match=r"int64 \(N, T\), got torch.float32"):
        space(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="words must be at least 2 .* got 1 and 2"):
        PpmiSpace.fitted(raw([0], [0]), 1, special_tokens=False)
    with pytest.raises(ValueError, match="hold 1 sentence, got 3 and 0"):
        PpmiSpace.fitted(torch.empty(0, 3, dtype=torch.int64), 3, special_tokens=False)
    with pytest.raises(ValueError, match="more often than by chance, got none"):
        PpmiSpace.fitted(raw([0], [1], [2]), 3, special_tokens=False)


def draw(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("n", [500, 60])
def test_distance_of_a_set_to_itself_is_0_kat_s15(n: int) -> None:
    a = draw(n, 128, 0)
    assert frechet_from_features(a, a).value == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("d", [16, 128])
def test_distance_of_a_shifted_set_is_the_square_of_the_shift_kat_s15(d: int) -> None:
    a = draw(400, d, 1)
    assert frechet_from_features(a, a + 1.0).value == pytest.approx(d, abs=1e-3)
    assert frechet_from_features(a, a - 2.0).value == pytest.approx(4 * d, abs=1e-3)


def test_distance_to_the_doubled_set_is_the_trace_of_the_covariance_kat_s15() -> None:
    a = draw(400, 24, 2) @ draw(24, 24, 3)
    a -= a.mean(dim=0)
    trace = float(torch.cov(a.T).trace())
    assert frechet_from_features(a, 2 * a).value == pytest.approx(trace, abs=1e-3)
    assert frechet_from_features(2 * a, a).value == pytest.approx(trace, abs=1e-3)


def test_distance_is_symmetric_and_equals_eigenvalues_and_scipy_kat_s15() -> None:
    a, b = draw(300, 20, 4), draw(200, 20, 5) @ draw(20, 20, 6) * 0.3 + 0.2
    value = frechet_from_features(a, b).value
    assert frechet_from_features(b, a).value == pytest.approx(value, abs=1e-3)
    assert frechet_distance(Moments.of(a), Moments.of(b)).value == pytest.approx(value, abs=1e-9)
    first, second = torch.cov(a.T), torch.cov(b.T)
    rest = (a.mean(dim=0) - b.mean(dim=0)).square().sum() + first.trace() + second.trace()
    by_values = torch.linalg.eigvals(first @ second).real.clamp(min=0).sqrt().sum()
    by_scipy = np.trace(scipy.linalg.sqrtm((first @ second).numpy())).real
    assert value == pytest.approx(float(rest - 2 * by_values), abs=1e-3)
    assert value == pytest.approx(float(rest) - 2 * by_scipy, abs=1e-3)
