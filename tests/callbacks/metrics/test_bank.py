"""The bank of features and the scores computed from it."""

import math
import re

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from callbacks.metrics.bank import BankBuilder, FeatureBank
from callbacks.metrics.classifier import classifier_score
from callbacks.metrics.features import Features, FeatureSpace, IdentitySpace
from callbacks.metrics.frechet import frechet_from_features
from callbacks.metrics.frechet_error import frechet_error
from callbacks.metrics.kernel import kernel_distance
from callbacks.metrics.manifold import Neighbours, manifold_scores
from callbacks.metrics.rand_vgg import RandVGGSpace
from callbacks.metrics.reference import RealStatistics
from callbacks.metrics.scoring import ScoreSettings, score_bank
from datamodules.batches import to_uint8
from tests.callbacks.metrics.helpers_data import RingData, StripeData


class PixelSpace(FeatureSpace):
    """The first pixels of an image are its features, and all of them its logits."""

    id = "pixels"
    dim = 6
    sha256 = "none"
    resize_id = "none"
    has_logits = True

    def __init__(self) -> None:
        self.passes = 0

    def __call__(self, samples: Tensor) -> Features:
        self.passes += len(samples)
        rows = samples.flatten(1).float()
        return Features(rows[:, : self.dim] + 0.0, rows / 50)


def images(n: int, seed: int, light: int = 256) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(0, light, (n, 1, 4, 4), generator=draws, dtype=torch.uint8)


def bank_of(samples: Tensor, space: FeatureSpace) -> FeatureBank:
    builder = BankBuilder(space, len(samples))
    for part in samples.split(7):
        builder.add(part)
    return builder.finish()


def test_bank_holds_the_samples_in_order_after_one_pass() -> None:
    space, samples = PixelSpace(), images(20, 0)
    bank = bank_of(samples, space)
    assert space.passes == len(bank) == 20
    assert torch.equal(bank.features, samples.flatten(1)[:, :6].float())
    assert bank.logits is not None and bank.logits.shape == (20, 16)
    assert bank.problem == ""
    chosen = bank.select(torch.tensor([3, 1]))
    assert torch.equal(chosen.features, bank.features[[3, 1]])


def test_floats_are_quantised_as_images_on_disk_are() -> None:
    samples = torch.rand(9, 1, 4, 4) * 2 - 1
    space = PixelSpace()
    expected = bank_of(to_uint8(samples), space).features
    assert torch.equal(bank_of(samples, space).features, expected)
    assert torch.equal(bank_of(samples.double().requires_grad_(), space).features, expected)
    points = torch.randn(8, 2)
    assert torch.equal(bank_of(points, IdentitySpace()).features, points)


def test_wrong_number_of_samples_is_refused() -> None:
    builder = BankBuilder(PixelSpace(), 5)
    assert list(builder.indices) == [0, 1, 2, 3, 4]
    builder.add(images(4, 0))
    with pytest.raises(ValueError, match="must hold 5 of 5 rows, got 4"):
        builder.finish()
    with pytest.raises(ValueError, match="total must be at least 1, got 0"):
        BankBuilder(PixelSpace(), 0)


def test_every_score_equals_its_function() -> None:
    space = PixelSpace()
    real = RealStatistics.of(space, bank_of(images(60, 1), space))
    bank = bank_of(images(40, 2, light=200), space)
    settings = ScoreSettings(
        kernel_subsets=3,
        kernel_subset_size=20,
        manifolds=(Neighbours(), Neighbours(3, inclusive=True)),
        splits=4,
    )
    scores = score_bank(real, bank, settings)
    fd = frechet_from_features(real.features, bank.features).value
    assert scores["fd_pixels@40"] == pytest.approx(fd, rel=1e-9)
    error = frechet_error(real.moments, bank.features)
    assert scores["se_fd_pixels@40"] == pytest.approx(error, rel=1e-9)
    kernel = kernel_distance(real.features, bank.features, 3, 20)
    assert scores["kd_pixels@40"] == kernel.value
    assert scores["kd_se_pixels@40"] == kernel.spread
    even = real.features[torch.arange(40) * 60 // 40]
    for balls in settings.manifolds:
        expected = manifold_scores(even, bank.features, balls)
        for stem, value in expected._asdict().items():
            assert scores[f"{stem}{balls.suffix}_pixels@40"] == value
    assert bank.logits is not None
    assert scores["cs_pixels@40"] == classifier_score(bank.logits, 4).value
    assert 0 < scores["confidence_pixels@40"] <= 1
    assert math.log(scores["effective_classes_pixels@40"]) == pytest.approx(
        scores["entropy_of_mean_pixels@40"]
    )
    assert not [name for name in scores if re.match(r"^(fid|kid|is|lpips)\b", name)]


def test_unbalanced_sides_are_all_used_and_named_by_the_fakes() -> None:
    space = PixelSpace()
    real = RealStatistics.of(space, bank_of(images(60, 1), space))
    bank = bank_of(images(40, 2), space)
    scores = score_bank(real, bank, ScoreSettings(balanced=False))
    assert scores["recall_pixels@40"] == manifold_scores(real.features, bank.features).recall
    few = score_bank(real, bank, ScoreSettings(manifold_samples=10))
    assert "recall_pixels@10" in few and "recall_pixels@40" not in few
    assert "fd_pixels@40" in few


def test_published_settings_are_those_of_the_reference_packages() -> None:
    settings = ScoreSettings.published()
    assert (settings.kernel_subsets, settings.kernel_subset_size) == (100, 1000)
    assert settings.manifolds == (Neighbours(5), Neighbours(3, inclusive=True))
    assert (settings.balanced, settings.splits, settings.seed) == (False, 10, 2020)
    assert "manifolds=k5lt+k3le" in settings.line()
    assert settings.line() != ScoreSettings().line()


def test_few_samples_of_many_dimensions_take_the_exact_path_and_form_no_root() -> None:
    class Wide(PixelSpace):
        dim = 16

    space = Wide()
    real = RealStatistics.of(space, bank_of(images(10, 3), space))
    bank = bank_of(images(9, 4), space)
    assert real.root is None
    expected = frechet_from_features(real.features, bank.features).value
    assert score_bank(real, bank)["fd_pixels@9"] == expected
    more = bank_of(images(40, 5), space)
    full = score_bank(real, more)["fd_pixels@40"]
    assert full == pytest.approx(frechet_from_features(real.features, more.features).value)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_samples_that_are_not_finite_make_every_score_nan_with_a_reason(bad: float) -> None:
    space = PixelSpace()
    real = RealStatistics.of(space, bank_of(images(30, 1), space))
    samples = torch.rand(20, 1, 4, 4)
    samples[3, 0, 1, 1] = bad
    bank = bank_of(samples, space)
    assert bank.problem == "1 of 20 samples are not finite"
    scores = score_bank(real, bank)
    whole = score_bank(real, bank_of(torch.rand(20, 1, 4, 4), space))
    assert scores.keys() == whole.keys()
    assert all(math.isnan(value) for value in scores.values())
    assert not any(math.isnan(value) for value in whole.values())


def test_reals_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite, got 1 of 3 samples are not finite"):
        points = torch.tensor([[0.0, 0.0], [math.nan, 1.0], [1.0, 1.0]])
        RealStatistics.of(IdentitySpace(), bank_of(points, IdentitySpace()))
    with pytest.raises(ValueError, match="at least 2 real samples, got 1"):
        RealStatistics.of(IdentitySpace(), bank_of(torch.zeros(1, 2), IdentitySpace()))


def test_bank_of_another_space_is_refused() -> None:
    space = PixelSpace()
    real = RealStatistics.of(space, bank_of(images(30, 1), space))
    with pytest.raises(ValueError, match="space pixels, got identity"):
        score_bank(real, bank_of(torch.randn(10, 2), IdentitySpace()))


def test_random_features_are_compared_in_units_of_the_reals() -> None:
    data = StripeData()
    space = RandVGGSpace()
    bank = bank_of(data.reference("train").images[:100], space)
    real = RealStatistics.of(space, bank)
    assert_close(real.moments.mean, torch.zeros(64).double(), rtol=0, atol=1e-6)
    variances = real.moments.covariance().diagonal()
    assert_close(variances, torch.ones(64).double(), rtol=1e-5, atol=0)
    assert_close(real.standardise(bank.features), real.features)
    assert not torch.equal(bank.features, real.features)


def test_features_that_never_vary_keep_their_unit() -> None:
    class Flat(PixelSpace):
        standardised = True

    samples = images(30, 6)
    samples[:, 0, 0, 0] = 7
    space = Flat()
    real = RealStatistics.of(space, bank_of(samples, space))
    assert real.scale[0] == 1.0 and real.scale[1] > 10
    assert all(math.isfinite(v) for v in score_bank(real, bank_of(samples, space)).values())


def test_statistics_survive_the_cache_format() -> None:
    space = RandVGGSpace()
    bank = bank_of(StripeData().reference("train").images[:80], space)
    real = RealStatistics.of(space, bank, most_features=33, data="f", split="train")
    again = RealStatistics.from_arrays(real.to_arrays())
    assert (again.space, again.data, again.split) == ("rand_vgg", "f", "train")
    assert again.features.shape == (33, 64)
    fake = bank_of(StripeData().reference("held_out").images[:40], space)
    assert score_bank(again, fake) == score_bank(real, fake)


def test_scoring_leaves_the_global_generator_alone_and_repeats() -> None:
    space = IdentitySpace()
    points = RingData().reference("train").images
    real = RealStatistics.of(space, bank_of(points, space))
    bank = bank_of(points.flip(0) * 1.1, space)
    before = torch.random.get_rng_state()
    assert score_bank(real, bank) == score_bank(real, bank)
    assert torch.equal(before, torch.random.get_rng_state())
