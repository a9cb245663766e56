"""Noisy labels: their ranges, their flips, and that they are the same for any number of ranks."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_modules.base import AdversarialModule
from gan_modules.engine.noise import Noise
from gan_modules.label_noise import NoisyLabels
from gan_modules.objectives import NonSaturating, Objective
from gan_modules.unconditional.gan import GAN
from tests.small_variants import FixedImages, arguments
from tests.test_every_variant import fit

ZEROS = torch.zeros(4000, dtype=torch.float64)


def targets(objective: Objective) -> tuple[Tensor, Tensor]:
    """Of a drawn objective, read off its gradient: d loss / d s is sigmoid(s) - target, at 0."""
    real, fake = (ZEROS.clone().requires_grad_(True) for _ in range(2))
    loss = objective.discriminator_loss(real, fake) * len(ZEROS)
    to_real, to_fake = torch.autograd.grad(loss, [real, fake])
    return 0.5 - to_real, 0.5 - to_fake


def test_targets_are_uniform_in_their_ranges() -> None:
    real, fake = targets(NoisyLabels().drawn(ZEROS, Noise()))
    for drawn, low, high in ((real, 0.7, 1.2), (fake, 0.0, 0.3)):
        assert low - 1e-12 <= drawn.min() < low + 0.01 and high - 0.01 < drawn.max() <= high + 1e-6
        assert drawn.mean().item() == pytest.approx((low + high) / 2, abs=0.02)
        assert drawn.std().item() == pytest.approx((high - low) / 12**0.5, rel=0.05)
    assert abs(torch.corrcoef(torch.stack([real, fake]))[0, 1]) < 0.06


def test_loss_is_the_cross_entropy_with_the_targets_drawn() -> None:
    objective = NoisyLabels(flip_probability=0.2).drawn(ZEROS, Noise(4))
    real_targets, fake_targets = targets(objective)
    real, fake = torch.randn(2, len(ZEROS), dtype=torch.float64)
    expected = F.binary_cross_entropy_with_logits(
        real, real_targets
    ) + F.binary_cross_entropy_with_logits(fake, fake_targets)
    assert objective.discriminator_loss(real, fake).item() == pytest.approx(expected.item())


def test_a_flip_gives_a_target_out_of_the_other_range_as_often_as_asked() -> None:
    never = targets(NoisyLabels().drawn(ZEROS, Noise(1)))
    sometimes = targets(NoisyLabels(flip_probability=0.1).drawn(ZEROS, Noise(1)))
    for side, (low, high) in enumerate(((0.0, 0.3), (0.7, 1.2))):
        flipped = sometimes[side] != never[side]
        assert flipped.double().mean().item() == pytest.approx(0.1, abs=0.015)
        others = sometimes[side][flipped]
        assert low - 1e-12 <= others.min() and others.max() <= high + 1e-6
    both = (sometimes[0] != never[0]) & (sometimes[1] != never[1])
    assert both.double().mean().item() == pytest.approx(0.01, abs=0.006)


def test_narrow_ranges_are_plain_label_smoothing() -> None:
    real, fake = torch.randn(2, 30, dtype=torch.float64)
    drawn = NoisyLabels((0.9, 0.9), (0.1, 0.1)).drawn(real, Noise())
    expected = NonSaturating(0.9, 0.1).discriminator_loss(real, fake)
    torch.testing.assert_close(drawn.discriminator_loss(real, fake), expected)


def test_the_generator_plays_as_ever() -> None:
    fake = torch.randn(9)
    objective = NoisyLabels()
    for one in (objective, objective.drawn(fake, Noise())):
        assert torch.equal(one.generator_loss(fake), NonSaturating().generator_loss(fake))
    assert objective.undecided_at_zero


def test_other_objectives_draw_nothing() -> None:
    noise, objective = Noise(), NonSaturating()
    assert objective.drawn(ZEROS, noise) is objective and noise.calls == 0
    NoisyLabels().drawn(ZEROS, noise)
    assert noise.calls == 1


def test_two_ranks_average_to_the_loss_of_the_joined_batch() -> None:
    real, fake = torch.randn(2, 8, dtype=torch.float64)
    objective = NoisyLabels(flip_probability=0.3)
    whole = objective.drawn(real, Noise(5)).discriminator_loss(real, fake)
    ranks = [
        objective.drawn(real[rows], Noise(5, rank)).discriminator_loss(real[rows], fake[rows])
        for rank, rows in enumerate((slice(0, 4), slice(4, 8)))
    ]
    assert ranks[0].item() != pytest.approx(ranks[1].item(), rel=1e-3)
    assert whole.item() == pytest.approx(sum(rank.item() for rank in ranks) / 2, rel=1e-12)


def test_scores_of_patches_share_the_target_of_their_image() -> None:
    scores = torch.zeros(3, 1, 4, 4, requires_grad=True)
    loss = NoisyLabels().drawn(scores, Noise()).discriminator_loss(scores, scores.detach())
    (gradient,) = torch.autograd.grad(loss, scores)
    assert torch.equal(gradient, gradient[:, :, :1, :1].expand_as(gradient))
    assert gradient[:, 0, 0, 0].unique().numel() == 3
    half = torch.zeros(3, dtype=torch.bfloat16)
    assert NoisyLabels().drawn(half, Noise()).discriminator_loss(half, half).dtype == torch.float32


def test_the_engine_draws_once_a_discriminator_step_and_each_step_anew() -> None:
    module = GAN(**arguments("GAN"), objective=NoisyLabels())
    module.steps = {"discriminator": 0, "generator": 0}
    batch = {"image": FixedImages(4).images}
    values, calls = [], []
    for _ in range(2):
        before = module.noise.calls
        values.append(module.discriminator_losses(batch)["adversarial"].item())
        calls.append(module.noise.calls - before)
    assert calls == [2, 2] and values[0] != values[1]
    module.generator_losses(batch)
    assert module.noise.calls == 5


def test_a_run_with_noisy_labels_trains() -> None:
    module = AdversarialModule(**arguments("GAN"), objective=NoisyLabels(flip_probability=0.05))
    fit(module, steps=3)
    assert module.last_statistics["train/discriminator/adversarial"] > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NoisyLabels((1.2, 0.7)), r"real_targets must be a rising range, got \[1.2, 0.7\]"),
        (lambda: NoisyLabels(fake_targets=(0.3, 0.0)), "fake_targets must be a rising range"),
        (lambda: NoisyLabels((0.0, float("nan"))), r"real_targets\[1\] must be finite, got nan"),
        (lambda: NoisyLabels((0, 0.3), (0.7, 1)), "real_targets must lie above fake_targets, got"),
        (lambda: NoisyLabels(flip_probability=0.5), "at least 0 and below 0.5, got 0.5"),
        (lambda: NoisyLabels(flip_probability=-0.1), "flip_probability must be .* got -0.1"),
        (
            lambda: NoisyLabels().discriminator_loss(ZEROS, ZEROS),
            "targets must be drawn before D's loss is taken, got none",
        ),
    ],
)
def test_what_makes_no_game_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
