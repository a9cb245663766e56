import numpy as np

from datamodules import draws
from datamodules.batched import Groups, below


def keys(count: int, stream: int = 2) -> np.ndarray:
    return draws.stream_keys(draws.sample_keys(0, 0, np.arange(count)), stream)


def test_strangers_are_uniform_over_all_rows_of_other_groups() -> None:
    groups = Groups(np.array([5, 9, 5, 2, 9, 9]))
    for row in range(6):
        drawn = groups.others(np.full(12_000, row), keys(12_000))
        allowed = [other for other in range(6) if groups.group[other] != groups.group[row]]
        counts = np.bincount(drawn, minlength=6)
        assert set(np.flatnonzero(counts)) == set(allowed)
        share = 12_000 / len(allowed)
        assert np.abs(counts[allowed] - share).max() < 5 * np.sqrt(share)


def test_members_are_uniform_over_the_rows_of_the_group_that_is_named() -> None:
    groups = Groups(np.array([5, 9, 5, 2, 9, 9]))
    for name, own in ((2, [3]), (5, [0, 2]), (9, [1, 4, 5])):
        counts = np.bincount(groups.members(np.full(9000, name), keys(9000)), minlength=6)
        assert np.flatnonzero(counts).tolist() == own
        assert np.abs(counts[own] - 9000 / len(own)).max() < 5 * np.sqrt(9000 / len(own))


def test_integers_below_a_bound_are_uniform_and_each_has_its_own_bound() -> None:
    bounds = np.tile([1, 3, 7], 7000)
    drawn = below(keys(21_000), bounds)
    assert (drawn[bounds == 1] == 0).all()
    for bound in (3, 7):
        counts = np.bincount(drawn[bounds == bound])
        assert len(counts) == bound and np.abs(counts - 7000 / bound).max() < 5 * np.sqrt(
            7000 / bound
        )
