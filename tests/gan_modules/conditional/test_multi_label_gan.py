"""MultiLabelGAN: label sets that D cannot know by their numbers, and what moves whom."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules import MultiLabelGAN, label_sets
from gan_modules.engine.noise import Noise
from gan_modules.objectives import NonSaturating, Wasserstein
from gan_modules.regularizers import GradientPenalty
from tests.small import conditional
from tests.small.batches import FixedBatches
from tests.small_variants import CLASSES, build
from tests.test_every_variant import fit

DATA = FixedBatches("LabelSets")
BATCH = DATA.batch(6)


class Spy(nn.Module):
    """Scores that are the sum of the labels times a weight, and what it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        self.asked.append((features, labels))
        return self.weight * labels.sum(1)


def spied(**options: Any) -> Any:
    parts = {**conditional.label_sets("none"), "discriminator": Spy()}
    module = MultiLabelGAN(**{**parts, **options})
    module.configure_optimizers()
    return module


def test_gumbel_labels_are_exactly_zero_or_one_with_a_gradient_k48() -> None:
    logits = torch.randn(500, 4, requires_grad=True)
    guess = label_sets.relaxed(logits, "gumbel", 0.7, Noise(1))
    assert set(guess.unique().tolist()) == {0.0, 1.0}
    guess.sum().backward()
    assert logits.grad.min() >= 0 and (logits.grad > 0).float().mean() > 0.9


def test_gumbel_labels_are_drawn_with_their_probability_k48() -> None:
    logits = torch.tensor([-2.0, 0.0, 1.0]).expand(20_000, 3)
    guess = label_sets.relaxed(logits, "gumbel", 0.3, Noise(1))
    # Four standard deviations of the largest.
    torch.testing.assert_close(guess.mean(0), torch.sigmoid(logits[0]), atol=0.015, rtol=0)


def test_gradient_of_gumbel_labels_is_that_of_the_concrete_sample_k48() -> None:
    logits = torch.randn(50, 2, dtype=torch.float64, requires_grad=True)
    label_sets.relaxed(logits, "gumbel", 0.5, Noise(1)).sum().backward()
    uniform = Noise(1).uniform(50, 2, device=logits.device, dtype=torch.float64)
    soft = torch.sigmoid((logits.detach() + torch.logit(uniform, eps=1e-6)) / 0.5)
    torch.testing.assert_close(logits.grad, soft * (1 - soft) / 0.5)


def test_noise_moves_true_labels_inwards_and_leaves_guesses() -> None:
    labels = DATA.columns["labels"]
    moved = label_sets.softened(labels, "noise", Noise(1))
    gap = (moved - labels).abs()
    assert 0 <= gap.min() and 0.25 < gap.max() < 0.3 and moved.min() >= 0 and moved.max() <= 1
    assert torch.equal(label_sets.softened(labels, "gumbel", Noise(1)), labels)
    logits = torch.randn(5, 3)
    for relax in ("noise", "none"):
        torch.testing.assert_close(
            label_sets.relaxed(logits, relax, 1.0, Noise(1)), torch.sigmoid(logits)
        )


def test_each_relaxation_has_its_game() -> None:
    for relax in ("gumbel", "noise"):
        module = build("MultiLabelGAN", relax=relax)
        assert isinstance(module.objective, NonSaturating) and module.penalty is None
    module = build("MultiLabelGAN", relax="none", mismatch_weight=0)
    assert isinstance(module.objective, Wasserstein)
    assert isinstance(module.penalty, GradientPenalty)
    module.configure_optimizers()
    losses = module.discriminator_losses(BATCH)
    assert set(losses) == {"adversarial", "gradient_penalty"} and losses["gradient_penalty"] > 0


def test_losses_of_an_undecided_discriminator() -> None:
    module = spied(mismatch_weight=0.25, adversarial_weight=0.1)
    nn.init.zeros_(module.discriminator.weight)
    losses = module.discriminator_losses(BATCH)
    assert losses["adversarial"].item() == pytest.approx(0.75 * 2 * math.log(2), rel=1e-6)
    assert losses["mismatched"].item() == pytest.approx(0.25 * 2 * math.log(2), rel=1e-6)
    nn.init.zeros_(module.generator.head.weight)
    nn.init.zeros_(module.generator.head.bias)
    losses = module.generator_losses(BATCH)
    assert losses["labels"].item() == pytest.approx(math.log(2), rel=1e-6)
    assert losses["adversarial"].item() == pytest.approx(0.1 * math.log(2), rel=1e-6)


def test_d_is_asked_about_true_guessed_and_swapped_sets_of_the_same_image() -> None:
    module = spied(mismatch_weight=0.25, relax="noise")
    module.noise = Noise(4)
    module.discriminator_losses(BATCH)
    (first, true), (second, guess), (third, swapped) = module.discriminator.asked
    assert torch.equal(first, second) and torch.equal(first, third)
    torch.testing.assert_close(guess, torch.sigmoid(module.generator(BATCH["image"])))
    assert torch.equal(true.round(), BATCH["labels"])
    assert torch.equal(swapped, true[[1, 0, 3, 2, 5, 4]])
    assert not any(t.requires_grad for t in (first, guess))


@pytest.mark.parametrize(("n", "rows"), [(2, [1, 0]), (5, [1, 0, 3, 2, 0]), (1, [0])])
def test_mismatched_sets_are_the_neighbours(n: int, rows: list[int]) -> None:
    assert label_sets.neighbours(n).tolist() == rows


def test_f_learns_from_d_through_its_guess_alone_k39() -> None:
    module = spied()
    module.noise = Noise(3)
    losses = module.generator_losses(BATCH)
    ((features, guess),) = module.discriminator.asked
    assert not features.requires_grad and guess.requires_grad
    with module.referee._only(module.referee.players["generator"]):
        losses["adversarial"].backward()
    # More labels, more score: F raises them all.
    assert (module.generator.head.bias.grad < 0).all()
    module = spied()
    with module.referee._only(module.referee.players["discriminator"]):
        sum(module.discriminator_losses(BATCH).values()).backward()
    assert module.discriminator.weight.grad is not None
    assert all(p.grad is None for p in module.generator.parameters())


def test_the_cross_entropy_is_a_mean_over_images_and_labels() -> None:
    module = spied()
    logits = module.generator(BATCH["image"])
    probabilities = torch.sigmoid(logits)
    expected = F.binary_cross_entropy(probabilities, BATCH["labels"])
    torch.testing.assert_close(module.generator_losses(BATCH)["labels"], expected)
    torch.testing.assert_close(module.generator_pretraining_losses(BATCH)["labels"], expected)


def test_pretraining_is_f_alone_and_its_steps_count() -> None:
    module = build("MultiLabelGAN", pretraining_images=8)
    before = [p.clone() for p in module.discriminator.parameters()]
    fit(module, steps=2)
    assert module.steps == {"generator": 2, "discriminator": 0}
    assert all(
        torch.equal(a, b) for a, b in zip(before, module.discriminator.parameters(), strict=True)
    )
    module = build("MultiLabelGAN", pretraining_images=0)
    fit(module, steps=2)
    assert module.steps == {"generator": 2, "discriminator": 2}


def test_it_predicts_probabilities_in_eval_mode_and_has_nothing_to_sample() -> None:
    module = build("MultiLabelGAN", "batch", ema_half_life_images=50.0)
    fit(module)
    module.train()
    found = module.predict(BATCH["image"])
    assert found.shape == (6, CLASSES) and 0 <= found.min() and found.max() <= 1
    torch.testing.assert_close(found[:2], module.predict(BATCH["image"][:2]))
    with module.unaveraged():
        assert not torch.equal(module.predict(BATCH["image"]), found)
    with pytest.raises(NotImplementedError):
        module.sample(2)


def test_settings_and_batches_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="relax must be one of gumbel, noise, none, got hard"):
        build("MultiLabelGAN", relax="hard")
    with pytest.raises(ValueError, match=r"mismatch_weight must lie in \[0, 1\], got 2"):
        build("MultiLabelGAN", mismatch_weight=2)
    for name in ("temperature", "generator_lr", "discriminator_lr"):
        with pytest.raises(ValueError, match=f"MultiLabelGAN: {name} must be positive, got 0"):
            build("MultiLabelGAN", **{name: 0})
    for name in ("adversarial_weight", "pretraining_images"):
        with pytest.raises(ValueError, match=f"MultiLabelGAN: {name} must not be negative"):
            build("MultiLabelGAN", **{name: -1})
    module = build("MultiLabelGAN")
    module.check_batch(BATCH)
    with pytest.raises(ValueError, match="MultiLabelGAN: batch must have the key labels"):
        module.check_batch({"image": BATCH["image"]})
    with pytest.raises(ValueError, match=r"shape \[5\] but the classifier gives 3 labels"):
        module.check_batch({**BATCH, "labels": torch.zeros(6, 5)})
    with pytest.raises(ValueError, match=r"floats of 0 and 1, got torch.float32 in \[0.5, 0.5\]"):
        module.check_batch({**BATCH, "labels": torch.full((6, CLASSES), 0.5)})
    with pytest.raises(ValueError, match="floats of 0 and 1, got torch.int64"):
        module.check_batch({**BATCH, "labels": BATCH["labels"].long()})
    with pytest.raises(ValueError, match=r"images must lie in \[-1, 1\]"):
        module.check_batch({**BATCH, "image": 3 * BATCH["image"]})
