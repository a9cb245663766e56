"""Signals of sets whose answer is known."""

import math

import pytest
import torch

from callbacks.collapse.score import parts_of
from callbacks.collapse.signals import ReferenceGroup, classes_drawn
from callbacks.collapse.translation_signals import direction_signals, mantel
from callbacks.metrics.diversity import (
    effective_rank,
    mean_distance,
    nearest_distances,
    squared_distances,
    vendi_score,
)
from callbacks.metrics.manifold import manifold_scores
from tests.helpers_collapse import band, signals

CENTRES = 4.0 * torch.randn(10, 16, generator=torch.Generator().manual_seed(7))


def mixture(n, modes=10, seed=0):
    own = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, modes, (n,), generator=own)
    return CENTRES[labels] + torch.randn(n, 16, generator=own)


@pytest.fixture(scope="module")
def group():
    return ReferenceGroup.of(mixture(3000), 256)


def test_manifold_signals_equal_the_metrics(group):
    fake = mixture(256, modes=6, seed=1)
    found, wanted = group.signals(fake), manifold_scores(group.features, fake)
    for name in ("precision", "recall", "density", "coverage"):
        assert found[name] == pytest.approx(getattr(wanted, name), abs=1e-12)


def test_band_of_real_samples_is_what_theory_says(group):
    # E[coverage] for equal distributions, k=5, N=M=256.
    expected = 1.0 - math.prod((255 - i) / (511 - i) for i in range(5))
    assert group.band["coverage"]["median"] == pytest.approx(expected, abs=0.015)
    assert 0.004 < group.band["coverage"]["sd"] < 0.02
    assert group.band["score"]["median"] == pytest.approx(1.0, abs=0.02)
    assert group.band["duplicates"]["median"] == 0.0


@pytest.mark.parametrize(("modes", "score"), [(10, 1.0), (9, 0.9), (7, 0.72), (5, 0.54), (1, 0.1)])
def test_score_follows_the_share_of_modes(group, modes, score):
    parts = parts_of({"all": group.signals(mixture(256, modes, seed=2))}, {"all": group.band})
    assert parts.score == pytest.approx(score, abs=0.05)


def test_constant_generator_and_far_generator(group):
    constant = parts_of({"all": group.signals(CENTRES[:1].repeat(256, 1))}, {"all": group.band})
    assert constant.score < 0.05
    copies = group.signals(CENTRES[:1].repeat(256, 1))
    assert (copies["duplicates"], copies["recall"]) == (1.0, 0.0)
    far = group.signals(mixture(256) + 100.0)
    assert (far["coverage"], far["precision"], far["recall"]) == (0.0, 0.0, 0.0)


def test_pool_of_sixteen_samples_is_seen_as_copies(group):
    pool = mixture(16, seed=3)[torch.arange(256) % 16]
    assert group.signals(pool)["duplicates"] == 1.0
    assert group.signals(mixture(256, seed=4))["duplicates"] < 0.02


def test_sample_that_is_not_finite_has_no_signals(group):
    fake = mixture(256)
    fake[3, 2] = math.nan
    assert set(group.signals(fake).values()) == {None}


def test_few_reals_make_a_smaller_group_and_fewer_make_none():
    assert ReferenceGroup.of(mixture(90), 256).samples == 30
    assert ReferenceGroup.of(mixture(47), 256) is None


def test_reals_that_are_not_finite_are_refused():
    bad = mixture(300)
    bad[0, 0] = math.inf
    with pytest.raises(ValueError, match="ReferenceGroup: features must be finite"):
        ReferenceGroup.of(bad, 64)


def test_vendi_counts_different_samples():
    far = squared_distances(1e3 * torch.eye(12), 1e3 * torch.eye(12))
    assert vendi_score(far, 1.0) == pytest.approx(12.0)
    assert vendi_score(torch.zeros(12, 12), 1.0) == pytest.approx(1.0)
    halves = torch.zeros(12, 12)
    halves[:6, 6:] = halves[6:, :6] = 1e6
    assert vendi_score(halves, 1.0) == pytest.approx(2.0, rel=1e-5)
    with pytest.raises(ValueError, match="vendi_score: squares must be"):
        vendi_score(halves, 0.0)


def test_vendi_of_two_samples_is_the_entropy_of_its_kernel():
    # Eigenvalues of [[1, c], [c, 1]] / 2 are (1 +- c) / 2 with c = exp(-d^2 / (2 width^2)).
    c = math.exp(-4.0 / (2 * 1.5**2))
    p, q = (1 + c) / 2, (1 - c) / 2
    expected = math.exp(-p * math.log(p) - q * math.log(q))
    squares = squared_distances(torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [2.0]]))
    assert vendi_score(squares, 1.5) == pytest.approx(expected)


def test_distances_and_rank_of_a_square():
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    squares = squared_distances(corners, corners)
    assert mean_distance(squares) == pytest.approx((4 + 2 * math.sqrt(2)) / 6)
    assert nearest_distances(squares).tolist() == [1.0] * 4
    assert effective_rank(corners) == pytest.approx(2.0)
    assert effective_rank(corners[:, :1]) == pytest.approx(1.0)
    assert effective_rank(torch.zeros(5, 3)) == 1.0


def test_classes_drawn_needs_a_tenth_of_the_fair_share():
    logits = torch.full((100, 10), -9.0)
    logits[:99, 0], logits[99, 1] = 9.0, 9.0
    found = classes_drawn(logits)
    assert found["modes"] == pytest.approx(0.2)
    even = torch.eye(10).repeat(10, 1)
    assert classes_drawn(even) == {"modes": 1.0}


def test_cells_count_the_samples_and_a_lost_mode_leaves_the_same_ones_empty():
    group = ReferenceGroup.of(mixture(3000), 256, per_cell=8)

    def counts(modes, seed):
        found = group.signals(mixture(256, modes, seed))
        return [found[f"cell_{n:02d}"] for n in range(32)]

    whole = [sum(column) for column in zip(*(counts(10, seed) for seed in range(8)), strict=True)]
    assert sum(counts(10, 0)) == 256 and min(whole) > 0
    lost = [sum(column) for column in zip(*(counts(8, seed) for seed in range(8)), strict=True)]
    empty = [n for n in range(32) if lost[n] <= 0.15 * whole[n]]
    assert sum(whole[n] for n in empty) / sum(whole) == pytest.approx(0.2, abs=0.03)
    # They are no band of real samples, and there are none where nobody asked for them.
    assert not any(name.startswith("cell_") for name in group.band)
    plain = ReferenceGroup.of(mixture(600), 64).signals(mixture(64))
    assert not any(name.startswith("cell_") for name in plain)


def test_translation_that_follows_ignores_and_copies():
    inputs = mixture(64, seed=5)
    group = ReferenceGroup.of(mixture(600, seed=6) + 50.0, 64)
    follows = direction_signals(group, inputs, inputs + 50.0)
    assert follows["rank_agreement"] == pytest.approx(1.0)
    assert follows["rank_agreement_p"] == pytest.approx(1 / 200)
    assert follows["input_dependence"] == pytest.approx(1.0, abs=0.1)
    ignores = direction_signals(group, inputs, mixture(64, seed=8) + 50.0)
    assert ignores["rank_agreement_p"] > 0.05
    assert ignores["input_dependence"] > 0.5
    same = direction_signals(group, inputs, (inputs[:1] + 50.0).repeat(64, 1))
    assert (same["input_dependence"], same["rank_agreement_p"]) == (0.0, 1.0)
    copies = direction_signals(group, inputs, inputs)
    assert copies["identity"] == 0.0
    assert follows["identity"] > 0.5


def test_mantel_of_reversed_distances_is_negative():
    inputs = torch.tensor([[0.0], [1.0], [3.0]])
    outputs = torch.tensor([[0.0], [3.0], [1.0]])
    # Distances 1, 3, 2 against 3, 1, 2: the ranks are reversed.
    assert mantel(inputs, outputs)["rank_agreement"] == pytest.approx(-1.0)


def test_worst_direction_and_the_median_class_are_the_score():
    whole, names = band()["all"], ("a to b", "b to a", "class 0", "class 1", "class 2")

    def shown(share):
        return signals(share)["all"]

    def score(**shares):
        given = {name.replace("_", " "): shown(share) for name, share in shares.items()}
        return parts_of(given, {name: whole for name in names})

    ways = score(a_to_b=0.8, b_to_a=0.3)
    assert (ways.score, ways.coverage, ways.diversity) == pytest.approx((0.3, 0.3, 0.3))
    assert score(b_to_a=0.3, a_to_b=0.8).score == pytest.approx(0.3)
    # One class may be gone: classes have rules of their own.
    assert score(a_to_b=0.8, class_0=0.01, class_1=0.6, class_2=0.9).score == pytest.approx(0.6)
    assert score(a_to_b=0.5, class_0=0.6, class_1=0.6, class_2=0.9).score == pytest.approx(0.5)
