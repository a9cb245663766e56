"""Known answers of the relativistic pairing, alone and inside a game."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.augmentations import AdaptiveAugmentation
from gan_modules.base import AdversarialModule
from gan_modules.engine.noise import Noise
from gan_modules.regularizers import R1, R2
from gan_modules.relativistic import RelativisticPairing

PAIRING = RelativisticPairing()


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def scores(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_equal_scores_cost_log_two_and_pull_half_on_each_side_of_a_pair() -> None:
    real, fake = scores(3.0, -7.0), scores(3.0, -7.0)
    for loss, sign in (
        (PAIRING.discriminator_loss(real, fake), -1.0),
        (PAIRING.generator_loss(fake, real), 1.0),
    ):
        assert loss.item() == pytest.approx(math.log(2), abs=1e-12)
        to_real, to_fake = torch.autograd.grad(loss, (real, fake))
        # A mean over two pairs: each pair's own slope is a half.
        assert (2 * to_real).tolist() == pytest.approx([sign * 0.5] * 2, abs=1e-12)
        assert (2 * to_fake).tolist() == pytest.approx([-sign * 0.5] * 2, abs=1e-12)


def test_losses_are_softplus_of_the_lead_within_each_pair() -> None:
    real, fake = scores(1.0, -2.0), scores(0.0, 0.5)
    of_d, of_g = PAIRING.discriminator_loss(real, fake), PAIRING.generator_loss(fake, real)
    assert of_d.item() == pytest.approx((softplus(-1.0) + softplus(2.5)) / 2, abs=1e-12)
    assert of_g.item() == pytest.approx((softplus(1.0) + softplus(-2.5)) / 2, abs=1e-12)
    # By position: the other pairing is another number.
    swapped = PAIRING.discriminator_loss(real, fake.flip(0))
    assert swapped.item() == pytest.approx((softplus(-0.5) + softplus(2.0)) / 2, abs=1e-12)


def test_a_constant_on_all_scores_changes_neither_loss() -> None:
    real, fake = torch.randn(9, dtype=torch.float64), torch.randn(9, dtype=torch.float64)
    for shift in (-40.0, 3.0):
        for loss in (PAIRING.discriminator_loss, lambda r, f: PAIRING.generator_loss(f, r)):
            found, expected = loss(real + shift, fake + shift), loss(real, fake)
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_the_players_share_the_comparison_with_sides_exchanged() -> None:
    real, fake = torch.randn(20), torch.randn(20)
    torch.testing.assert_close(
        PAIRING.generator_loss(fake, real), PAIRING.discriminator_loss(fake, real)
    )


def test_halves_of_a_batch_average_to_the_whole_as_two_ranks_do() -> None:
    real, fake = torch.randn(8, dtype=torch.float64), torch.randn(8, dtype=torch.float64)
    halves = zip(real.chunk(2), fake.chunk(2), strict=True)
    parts = [PAIRING.discriminator_loss(*half) for half in halves]
    whole = PAIRING.discriminator_loss(real, fake)
    torch.testing.assert_close(sum(parts) / 2, whole, rtol=1e-14, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_and_slopes_are_finite_at_scores_of_ten_thousand(dtype: torch.dtype) -> None:
    for value in (1e4, -1e4):
        real = torch.full((2,), value, dtype=dtype, requires_grad=True)
        fake = -real
        for loss in (PAIRING.discriminator_loss(real, fake), PAIRING.generator_loss(fake, real)):
            assert loss.isfinite()
            assert torch.autograd.grad(loss, real, retain_graph=True)[0].isfinite().all()


def test_half_precision_is_raised_before_the_difference() -> None:
    # 256 and 257 are one number in bf16; the difference of the raised ones is what was given.
    real, fake = torch.tensor([256.0], dtype=torch.bfloat16), torch.tensor([255.0]).bfloat16()
    loss = PAIRING.discriminator_loss(real, fake)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(softplus(-1.0), rel=1e-6)


def test_scores_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must pair one to one, got shapes \(2,\) and \(3,\)"):
        PAIRING.discriminator_loss(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="must get real_scores, got None; score the real batch"):
        PAIRING.generator_loss(torch.zeros(2))


class Line(nn.Module):
    """D(x) = w . x."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weights, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Shift(nn.Module):
    """G(z) = z + offset."""

    latent_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.tensor([1.0, -1.0], dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return z + self.offset


def game(**options: Any) -> AdversarialModule:
    module = AdversarialModule(Shift(), Line(3.0, 4.0), PAIRING, **options).double()
    module.configure_optimizers()
    return module


def test_r1_and_r2_of_a_linear_discriminator_are_gamma_times_its_squared_norm() -> None:
    module = game(regularizers=[R1(0.3), R2(0.3)])
    real, fake = torch.randn(5, 2).double(), torch.randn(5, 2).double()
    terms = [r.penalty(module.discriminator, real, fake, Noise()) for r in module.regularizers]
    assert sum(term.item() for term in terms if term is not None) == pytest.approx(0.3 * 25)


def test_in_the_generators_turn_real_samples_are_scored_and_only_fakes_carry_gradient() -> None:
    module = game()
    module.discriminator.requires_grad_(False)  # As the engine does in this turn.
    real = torch.randn(6, 2).double()
    loss = module.generator_losses({"image": real})["adversarial"]
    module.noise.calls = 0  # The same latents once more.
    fake = module.generate(6)
    expected = PAIRING.generator_loss(module.score(fake), module.score(real))
    torch.testing.assert_close(loss, expected)
    (to_offset,) = torch.autograd.grad(loss, module.generator.parameters())
    lead = (module.score(real) - module.score(fake)).detach()
    slope = -torch.sigmoid(lead).mean() * module.discriminator.weight
    torch.testing.assert_close(to_offset, slope)
    assert module.discriminator.weight.grad is None


def test_discriminator_minimises_the_comparison_of_the_pairs_of_the_batch() -> None:
    module = game()
    real = torch.randn(6, 2).double()
    loss = module.discriminator_losses({"image": real})["adversarial"]
    module.noise.calls = 0
    lead = module.score(real) - module.score(module.generate(6).detach())
    torch.testing.assert_close(loss, torch.nn.functional.softplus(-lead).mean())
    (gradient,) = torch.autograd.grad(loss, module.discriminator.parameters())
    assert gradient.abs().sum() > 0 and module.generator.offset.grad is None


def test_an_adaptive_augmentation_is_refused_because_zero_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="scores whose 0 means undecided"):
        game(augmentation=AdaptiveAugmentation())
