import pytest
import torch
from torch import Tensor

from callbacks.metrics.copying import CopyTest
from callbacks.metrics.nearest_train import nearest_train

DIM = 8


def points(n: int, seed: int) -> Tensor:
    return torch.randn(n, DIM, generator=torch.Generator().manual_seed(seed))


TRAIN, HELD_OUT = points(2000, 1), points(1000, 2)


def copy_test(samples: Tensor) -> CopyTest:
    reals = nearest_train(HELD_OUT, TRAIN).distance
    return CopyTest.of(nearest_train(samples, TRAIN).distance, reals)


def test_threshold_is_the_one_percent_quantile_of_held_out_distances() -> None:
    held_out = torch.arange(1.0, 201.0)
    test = CopyTest.of(torch.tensor([2.0, 2.1, 300.0]), held_out)
    assert test.threshold == 2.0
    assert (test.copies, test.null) == (1, 0.01)
    assert test.rate == pytest.approx(1 / 3)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_copies_have_the_rate_1(noise: float) -> None:
    samples = TRAIN[:500] + noise * points(500, 3)
    test = copy_test(samples)
    assert test.rate == 1.0 and test.level == "memorised"
    # 500 of 500: the bound is the 500th root of 1 %.
    assert test.lower == pytest.approx(0.01 ** (1 / 500), rel=1e-9)


def test_fresh_samples_have_a_rate_of_one_percent_in_the_mean() -> None:
    tests = [copy_test(points(1000, seed)) for seed in range(10, 30)]
    assert all(test.level == "fresh" for test in tests)
    assert sum(test.rate for test in tests) / 20 == pytest.approx(0.01, abs=0.005)
    assert all(test.lower < 0.01 for test in tests)


@pytest.mark.parametrize(
    ("copies", "level"),
    # Lower bounds of 1.96, 2.04, 9.99 and 10.08 %.
    [(31, "fresh"), (32, "suspect"), (123, "suspect"), (124, "memorised")],
)
def test_levels_follow_the_lower_bound(copies: int, level: str) -> None:
    far = torch.full((1000 - copies,), 1e6)
    distances = torch.cat([torch.zeros(copies), far])
    test = CopyTest.of(distances, torch.arange(1.0, 2001.0))
    assert test.tolerated == pytest.approx(0.02)
    assert test.level == level


def test_few_held_out_samples_make_the_test_more_tolerant() -> None:
    """One of 100 says little about where the 1 % quantile lies: it may be the 4.5 % quantile."""
    far = torch.full((940,), 1e6)
    distances = torch.cat([torch.zeros(60), far])
    assert CopyTest.of(distances, torch.arange(1.0, 2001.0)).level == "suspect"
    few = CopyTest.of(distances, torch.arange(1.0, 101.0))
    assert few.tolerated == pytest.approx(1 - 0.01 ** (1 / 100), rel=1e-9)
    assert few.level == "fresh"


def test_mirrored_copies_are_counted_among_the_copies() -> None:
    distances = torch.tensor([0.0, 0.0, 0.0, 0.0, 50.0])
    flipped = torch.tensor([True, False, False, True, True])
    test = CopyTest.of(distances, torch.arange(1.0, 201.0), flipped)
    assert test.flipped == 0.5
    assert CopyTest.of(distances[4:], torch.arange(1.0, 201.0), flipped[4:]).flipped is None


def test_held_out_twins_of_training_images_do_not_hide_copies() -> None:
    """With 5 % of them the 1 % quantile is 0; copies are still counted, against 5 %."""
    held_out = torch.cat([torch.zeros(25), torch.arange(1.0, 476.0)])
    distances = torch.cat([torch.full((300,), 1e-9), torch.full((200,), 9.0)])
    test = CopyTest.of(distances, held_out)
    assert (test.rate, test.null) == (0.6, 0.05) and test.level == "memorised"
    assert test.tolerated == pytest.approx(0.1)
    as_many = CopyTest.of(torch.cat([torch.zeros(25), torch.full((475,), 9.0)]), held_out)
    assert as_many.level == "fresh"


def test_too_few_held_out_distances_are_refused() -> None:
    with pytest.raises(ValueError, match="held_out must hold at least 100 distances, got 99"):
        CopyTest.of(torch.ones(5), torch.ones(99))
