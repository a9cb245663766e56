"""PacGAN: what a pack is, what sees packs and what sees images (known answer 23)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from callbacks.collapse.discriminator import discriminator_auc
from callbacks.collapse.probes import SampleProber
from gan_modules.augmentations import Augmentation
from gan_modules.base import AdversarialModule
from gan_modules.engine.noise import Noise
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.networks.toy import MaxoutDiscriminator, ToyGenerator
from gan_modules.objectives import Hinge, NonSaturating, Wasserstein
from gan_modules.regularizers import R1, GradientPenalty
from gan_modules.unconditional.pacgan import PacGAN
from tests.helpers_resume import assert_same_state, fit, resumed_and_whole
from tests.small_variants import FixedImages, build


def pacgan(packing: int = 2, channels: int = 1, **options: Any) -> PacGAN:
    generator = DCGANGenerator(32, channels, 6, 4, "none")
    return PacGAN(
        generator, DCGANDiscriminator(32, packing * channels, 4, "none"), packing, **options
    )


def points(discriminator: nn.Module, packing: int, **options: Any) -> PacGAN:
    return PacGAN(MLPGenerator(2, [1], 4, 1), discriminator, packing, **options).double()


# -- known answer 23 -------------------------------------------------------------------------------


class BestDiscriminator(nn.Module):
    """The sign of ``P^m - Q^m`` at packs of ``m`` cells: the optimum of the hinge objective."""

    def __init__(self, real: Tensor, fake: Tensor) -> None:
        super().__init__()
        self.real, self.fake = real, fake

    def forward(self, packs: Tensor) -> Tensor:
        cells = packs.long()
        return (self.real[cells].prod(1) - self.fake[cells].prod(1)).sign()


def every_tuple(law: Tensor, packing: int, unit: float) -> Tensor:
    """Rows of which consecutive ones are all tuples of cells, as often as their law has it."""
    cells = torch.repeat_interleave(torch.arange(len(law)), (law / unit).round().long())
    return torch.cartesian_prod(*[cells] * packing).reshape(-1, 1).double()


@pytest.mark.parametrize(
    ("packing", "lost_modes", "uneven"), [(1, 0.2, 0.2), (2, 0.36, 0.24), (3, 0.488, 0.284)]
)
def test_packing_separates_lost_modes_from_uneven_ones_kat_23(
    packing: int, lost_modes: float, uneven: float
) -> None:
    """Both laws are as far from the uniform one, until two samples are looked at together."""
    uniform = torch.full((10,), 0.1, dtype=torch.float64)
    collapsed = torch.tensor([0.125] * 8 + [0.0] * 2, dtype=torch.float64)
    weighted = torch.tensor([0.06] * 5 + [0.14] * 5, dtype=torch.float64)
    for law, unit, distance in ((collapsed, 0.125, lost_modes), (weighted, 0.02, uneven)):
        module = points(BestDiscriminator(uniform, law), packing)
        real = module.score(every_tuple(uniform, packing, 0.1))
        fake = module.score(every_tuple(law, packing, unit))
        # The optimal loss is 2 (1 - TV).
        loss = Hinge().discriminator_loss(real, fake)
        assert 1 - loss.item() / 2 == pytest.approx(distance, abs=1e-6)


def test_packs_of_one_are_no_packing_kat_23() -> None:
    results = []
    for cls, options in ((PacGAN, {"packing": 1}), (AdversarialModule, {})):
        torch.manual_seed(3)
        networks = MLPGenerator(4, [1, 32, 32], 8, 2), MLPDiscriminator([1, 32, 32], 8, 2)
        module = cls(*networks, objective=NonSaturating(), regularizers=[R1(0.1)], **options)
        fit(module, steps=3)
        results.append(module)
    assert_same_state(*results)


# -- packs -----------------------------------------------------------------------------------------


def test_a_pack_is_consecutive_images_along_the_channels() -> None:
    x = torch.randn(6, 3, 4, 5)
    packs = pacgan(2, 3).packed(x)
    assert packs.shape == (3, 6, 4, 5)
    for pack in range(3):
        assert torch.equal(packs[pack], torch.cat([x[2 * pack], x[2 * pack + 1]]))
    assert torch.equal(pacgan(2, 3).unpacked(packs), x)
    last = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(pacgan(2, 3).packed(last), packs)


def test_a_pack_of_points_is_a_longer_point() -> None:
    module = PacGAN(ToyGenerator(hidden=4), MaxoutDiscriminator(6, 4, 1), packing=3)
    x = torch.arange(12.0).view(6, 2)
    assert module.packed(x).tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert torch.equal(module.unpacked(module.packed(x)), x)
    assert module.score(x).shape == (2,)


def test_scores_are_those_of_packs_and_a_rest_is_left_out() -> None:
    module = pacgan()
    x = FixedImages(7).images
    expected = module.discriminator(x[:6].reshape(3, 2, 32, 32))
    assert torch.equal(module.score(x), expected)
    assert torch.equal(module.score(x[:6]), expected)
    with pytest.raises(ValueError, match="PacGAN: scores are of packs of 2, got 1 images"):
        module.score(x[:1])


def test_the_generator_learns_from_every_member_of_a_pack() -> None:
    module = pacgan()
    fake = FixedImages(4).images.requires_grad_(True)
    module.objective.generator_loss(module.score(fake)).backward()
    assert (fake.grad.flatten(1).abs().amax(1) > 0).all()


def test_the_collapse_monitor_may_ask_for_scores_of_images() -> None:
    module = pacgan()
    prober = SampleProber.__new__(SampleProber)
    prober.real_samples = (FixedImages(9).images * 127.5 + 127.5).to(torch.uint8)
    prober.latest = torch.zeros(9, 1, 32, 32)
    area = discriminator_auc(module, prober)
    assert area is not None and 0 <= area <= 1


# -- penalties and augmentation --------------------------------------------------------------------


class Linear(nn.Module):
    """``D(x) = w . x`` of packs of two numbers."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weights))
        self.seen: list[Tensor] = []

    def forward(self, packs: Tensor) -> Tensor:
        self.seen.append(packs.detach())
        return packs.flatten(1) @ self.weight


@pytest.mark.parametrize(
    ("regularizer", "expected"), [(R1(10.0), 125.0), (GradientPenalty(1.0), 16.0)]
)
def test_a_penalty_is_of_the_slope_along_the_whole_pack(regularizer: Any, expected: float) -> None:
    """Of w = (3, 4): the norm is 5 for the pack, where its members have 3 and 4."""
    module = points(Linear(3.0, 4.0), 2, regularizers=[regularizer])
    module.steps = {"discriminator": 0, "generator": 0}
    real, fake = torch.randn(2, 8, 1, dtype=torch.float64)
    (found,) = module.penalties(module.smooth_score(), real, fake).values()
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_interpolates_lie_between_packs_at_one_share_for_all_members() -> None:
    module = points(Linear(3.0, 4.0), 2, regularizers=[GradientPenalty()])
    module.steps = {"discriminator": 0, "generator": 0}
    real, fake = torch.randn(2, 8, 1, dtype=torch.float64)
    module.penalties(module.smooth_score(), real, fake)
    (packs,) = module.discriminator.seen  # type: ignore[union-attr,misc]
    shares = (packs - fake.view(4, 2)) / (real.view(4, 2) - fake.view(4, 2))
    torch.testing.assert_close(shares[:, 0], shares[:, 1])
    assert len(shares[:, 0].unique()) == 4


class Shifted(Augmentation):
    """Adds a draw of its own to each image."""

    def __init__(self) -> None:
        super().__init__()
        self.observed: list[tuple[int, int | None]] = []

    def forward(self, images: Tensor, noise: Noise) -> Tensor:
        ones = (1,) * (images.dim() - 1)
        return images + noise.uniform(len(images), *ones, device=images.device)

    def observe(self, real_scores: Tensor, images: int | None = None) -> None:
        self.observed.append((len(real_scores), images))


def test_each_member_is_augmented_on_its_own_before_it_is_packed() -> None:
    module = points(Linear(3.0, 4.0), 2, augmentation=Shifted(), regularizers=[R1()])
    module.steps = {"discriminator": 0, "generator": 0}
    x = torch.zeros(8, 1, dtype=torch.float64)
    expected = Noise().uniform(8, 1, device=x.device, dtype=torch.float64).view(4, 2)
    module.score(module.shown(x))
    module.noise.calls = 0
    module.penalties(module.smooth_score(), x, x)
    plain, of_penalty = module.discriminator.seen  # type: ignore[union-attr,misc]
    torch.testing.assert_close(plain, expected)
    torch.testing.assert_close(of_penalty, expected)


def test_an_adaptive_augmentation_is_told_how_many_images_the_packs_hold() -> None:
    module = pacgan(augmentation=Shifted())
    fit(module, steps=2, batch=8)
    assert module.augmentation.observed == [(4, 8), (4, 8)]  # type: ignore[union-attr]


def test_in_the_contract_tests_the_augmentation_moves() -> None:
    module = build("PacGAN")
    fit(module, steps=5)
    assert module.augmentation.probability != 0.3 and module.augmentation.observed[3] == 1


def test_a_resumed_packed_run_is_the_same_run(tmp_path: Path) -> None:
    assert_same_state(*resumed_and_whole(lambda: build("PacGAN"), tmp_path, steps=6))


# -- refusals --------------------------------------------------------------------------------------


class Classes(MLPGenerator):
    num_classes = 3


def test_packing_below_one_and_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="PacGAN: packing must be at least 1, got 0"):
        PacGAN(MLPGenerator(2, [2]), MLPDiscriminator([4]), packing=0)
    with pytest.raises(ValueError, match="PacGAN: generator must have no classes, got num_cla"):
        PacGAN(Classes(2, [2]), MLPDiscriminator([4]))


@pytest.mark.parametrize(
    ("options", "batch", "message"),
    [
        ({}, 5, "whole packs of 2, got 5 images; set batch_size to a multiple of 2"),
        ({"packing": 3}, 4, "whole packs of 3, got 4 images; set batch_size to a multiple of 3"),
        ({"micro_batches": 2}, 6, "whole packs of 2 in 2 micro-batches, got 6 .* multiple of 4"),
    ],
)
def test_a_batch_that_is_not_whole_packs_is_refused(
    options: dict[str, Any], batch: int, message: str
) -> None:
    with pytest.raises(ValueError, match=f"PacGAN: the batch of a rank must hold {message}"):
        fit(pacgan(**options), steps=1, batch=batch)
    fit(pacgan(**options), steps=1, batch=12)


def test_a_discriminator_of_single_images_is_refused() -> None:
    module = PacGAN(DCGANGenerator(32, 1, 6, 4), DCGANDiscriminator(32, 1, 4))
    message = (
        r"PacGAN: discriminator must take packs of shape \[2, 32, 32\], got one for "
        r"\[1, 32, 32\]; give it 2 times the channels of an image"
    )
    with pytest.raises(ValueError, match=message):
        fit(module, steps=1)
    module = PacGAN(MLPGenerator(2, [1, 32, 32], 4, 1), MLPDiscriminator([1, 32, 32], 4, 1))
    with pytest.raises(ValueError, match=message):
        fit(module, steps=1)


def test_other_objectives_may_be_used_and_are_checked() -> None:
    assert isinstance(pacgan().objective, NonSaturating)
    assert isinstance(pacgan(objective=Hinge()).objective, Hinge)
    with pytest.raises(ValueError, match="PacGAN: the Wasserstein objective needs a bound"):
        pacgan(objective=Wasserstein())
