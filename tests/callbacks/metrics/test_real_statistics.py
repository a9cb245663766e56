"""Real statistics: their cache, their floor and their protocol."""

from pathlib import Path

import pytest
import torch

from callbacks.metrics.bank import BankBuilder
from callbacks.metrics.features import IdentitySpace
from callbacks.metrics.rand_vgg import RandVGGSpace
from callbacks.metrics.reading import read_samples, strided_indices
from callbacks.metrics.real_statistics import real_statistics
from callbacks.metrics.reference import RealStatistics
from callbacks.metrics.scoring import ScoreSettings, score_bank
from tests.callbacks.metrics.helpers_data import RingData, Samples, StripeData
from tests.small_variants import SmallImages


def test_chosen_indices_are_spread_evenly_and_never_repeat() -> None:
    assert strided_indices(10, 5) == [0, 2, 4, 6, 8]
    assert strided_indices(10, 99) == list(range(10))
    assert strided_indices(7, 3) == [0, 2, 4]


def test_unlike_shapes_are_refused() -> None:
    class Mixed(Samples):
        def __getitem__(self, index: int) -> object:
            return {"image": torch.zeros(1, 4 + index, 4, dtype=torch.uint8)}

    mixed = Mixed(torch.zeros(3), torch.zeros(3))
    with pytest.raises(ValueError, match=r"one shape, got \[\(1, 4, 4\), \(1, 5, 4\)"):
        list(read_samples(mixed, [0, 1, 2]))


def test_second_call_reads_the_cache_and_no_sample(cache: Path, stripes: StripeData) -> None:
    space = RandVGGSpace()
    first = real_statistics(stripes, space, n_fake=60)
    reads = stripes.reference("train").reads
    again = real_statistics(stripes, space, n_fake=60)
    assert stripes.reference("train").reads == reads == 360
    assert torch.equal(first.moments.scatter, again.moments.scatter)
    assert first.root is not None and again.root is not None
    assert torch.equal(first.root, again.root)
    assert first.floor == again.floor
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("change", ["fingerprint", "n_real", "n_fake", "space", "settings"])
def test_any_change_is_computed_again(cache: Path, stripes: StripeData, change: str) -> None:
    options: dict = {"data": stripes, "space": RandVGGSpace(), "n_fake": 60, "n_real": 200}
    real_statistics(**options)
    if change == "fingerprint":
        stripes.content = "other"
    options |= {
        "fingerprint": {},
        "n_real": {"n_real": 201},
        "n_fake": {"n_fake": 61},
        "space": {"space": RandVGGSpace(64)},
        "settings": {"settings": ScoreSettings(splits=3)},
    }[change]
    real_statistics(**options)
    assert len(list(cache.iterdir())) == 2


def test_damaged_cache_is_computed_again(cache: Path, stripes: StripeData) -> None:
    first = real_statistics(stripes, RandVGGSpace(), n_fake=60)
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    again = real_statistics(stripes, RandVGGSpace(), n_fake=60)
    assert first.floor == again.floor
    assert len(file.read_bytes()) > 100


def test_floor_of_enough_held_out_reals_is_their_score(stripes: StripeData) -> None:
    space = RandVGGSpace()
    real = real_statistics(stripes, space, n_fake=90)
    builder = BankBuilder(space, 90)
    builder.add(stripes.reference("held_out").images)
    assert real.floor == score_bank(real, builder.finish())
    assert real.floor_note == "90 held-out reals against 360 reals"
    assert "fd_rand_vgg@90" in real.floor
    assert real.floor["coverage_rand_vgg@90"] > 0.85


def test_floor_without_enough_held_out_reals_parts_the_reals(stripes: StripeData) -> None:
    space = RandVGGSpace()
    real = real_statistics(stripes, space, n_fake=150)
    assert real.floor_note == "150 reals against 210 other reals"
    assert "fd_rand_vgg@150" in real.floor
    many = real_statistics(stripes, space, n_fake=10_000)
    assert many.floor_note == "180 reals against 180 other reals"
    # A floor of fewer samples may not carry the name of the larger number.
    assert "fd_rand_vgg@180" in many.floor and "fd_rand_vgg@10k" not in many.floor


def test_collapsed_samples_score_worse_than_the_floor(stripes: StripeData) -> None:
    space = RandVGGSpace()
    real = real_statistics(stripes, space, n_fake=90)
    builder = BankBuilder(space, 90)
    builder.add(stripes.reference("held_out").images[:1].expand(90, -1, -1, -1))
    collapsed = score_bank(real, builder.finish())
    assert collapsed["fd_rand_vgg@90"] > 2 * real.floor["fd_rand_vgg@90"]
    assert collapsed["kd_rand_vgg@90"] > real.floor["kd_rand_vgg@90"] + 0.1
    assert collapsed["recall_rand_vgg@90"] == 0.0 < real.floor["recall_rand_vgg@90"]
    assert collapsed["coverage_rand_vgg@90"] < 0.2 * real.floor["coverage_rand_vgg@90"]


def test_points_have_statistics_too(cache: Path) -> None:
    real = real_statistics(RingData(), IdentitySpace(), n_fake=200)
    assert real.moments.n == 200 and real.frechet_space == "waves64"
    # The same mean and covariance, and no mode.
    blob = torch.randn(200, 2, generator=torch.Generator().manual_seed(1))
    builder = BankBuilder(IdentitySpace(), 200)
    builder.add(blob * real.features.std(dim=0) + real.features.mean(dim=0))
    found = score_bank(real, builder.finish())
    assert found["fd_waves64@200"] > 5 * real.floor["fd_waves64@200"]
    assert found["fd_waves64@200"] > 10 * found["se_fd_waves64@200"] > 0


def test_protocol_says_what_was_computed(stripes: StripeData) -> None:
    space = RandVGGSpace()
    real = real_statistics(stripes, space, n_fake=60, n_real=200)
    protocol = real.protocol(space, 60, "ema", "k=5")
    assert protocol.to_dict() == {
        "space": "rand_vgg",
        "sha256": space.sha256,
        "resize": "bicubic-aa-32",
        "dim": 64,
        "n_fake": 60,
        "n_real": 200,
        "split": "train",
        "data": "stripes-360-90-True",
        "generator": "ema",
        "quantised": True,
        "settings": "k=5",
    }
    assert not real.protocol(IdentitySpace(), 60, "raw").quantised


def test_kept_features_are_bounded(stripes: StripeData) -> None:
    space = RandVGGSpace()
    builder = BankBuilder(space, 360)
    builder.add(stripes.reference("train").images)
    bank = builder.finish()
    real = RealStatistics.of(space, bank, most_features=100)
    assert real.moments.n == 360
    expected = real.standardise(bank.features)[strided_indices(360, 100)]
    assert torch.equal(real.features, expected)


def test_nothing_need_be_held_out(cache: Path) -> None:
    data = SmallImages(batch_size=8, held_out_share=0.0)
    found = real_statistics(data, RandVGGSpace(32, channels=3), 40)
    assert found.floor and "other reals" in found.floor_note
