import subprocess
import sys

import numpy as np

from datamodules import draws


def test_mixing_is_the_published_splitmix64() -> None:
    # First outputs of the generator in state 0 and 1234567, as listed with the reference code.
    state = np.array([0, 1234567], np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    assert draws._mix(state).tolist() == [16294208416658607535, 6457827717110365317]


def test_key_depends_on_seed_epoch_and_index_alone() -> None:
    index = np.arange(100)
    keys = draws.sample_keys(7, 3, index)
    assert np.array_equal(draws.sample_keys(7, np.full(5, 3), index[40:45]), keys[40:45])
    for other in (draws.sample_keys(8, 3, index), draws.sample_keys(7, 4, index)):
        assert not np.intersect1d(keys, other).size
    assert np.unique(keys).size == 100


def test_draws_do_not_depend_on_the_hash_seed_of_python() -> None:
    code = "import numpy as np; from datamodules import draws; " + (
        "print(draws.sample_keys(1, 2, np.arange(3)).tolist(), draws.permutation(1, 2, 5).tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = draws.sample_keys(1, 2, np.arange(3)), draws.permutation(1, 2, 5)
    assert outputs == {f"{here[0].tolist()} {here[1].tolist()}\n"}


def test_coins_are_fair_and_uncorrelated_between_epochs_and_streams() -> None:
    index = np.arange(40_000)
    first = draws.sample_keys(0, 0, index)
    tosses = [
        draws.coins(draws.stream_keys(first, 0)),
        draws.coins(draws.stream_keys(first, 1)),
        draws.coins(draws.stream_keys(draws.sample_keys(0, 1, index), 0)),
    ]
    for toss in tosses:
        assert abs(toss.mean() - 0.5) < 0.0125  # 5 standard errors
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert abs((tosses[one] == tosses[other]).mean() - 0.5) < 0.0125


def test_words_are_uniform_and_differ_between_samples() -> None:
    words = draws.words(draws.sample_keys(5, 0, np.arange(50)), 2001)
    assert words.shape == (50, 2001) and words.dtype == np.uint16
    unit = words / 65536.0
    assert abs(unit.mean() - 0.5) < 0.005
    assert abs(unit.var() - 1 / 12) < 0.002
    correlation = np.corrcoef(unit)
    assert np.abs(correlation - np.eye(50)).max() < 0.12
    along = np.corrcoef(unit[:, :-1].ravel(), unit[:, 1:].ravel())[0, 1]
    assert abs(along) < 0.02


def test_permutation_is_one_and_changes_with_seed_and_epoch() -> None:
    orders = [draws.permutation(seed, epoch, 1000) for seed in (0, 1) for epoch in (0, 1)]
    for order in orders:
        assert np.array_equal(np.sort(order), np.arange(1000))
    for one in range(4):
        for other in range(one):
            assert (orders[one] == orders[other]).sum() < 12  # expected: 1
    assert np.array_equal(draws.permutation(0, 1, 1000), orders[1])


def test_every_index_takes_every_place_equally_often() -> None:
    orders = np.stack([draws.permutation(0, epoch, 4) for epoch in range(4000)])
    counts = np.stack([(orders == index).sum(0) for index in range(4)])
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000 * 0.75)
