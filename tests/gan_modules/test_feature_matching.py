"""Feature matching and what ImprovedGAN makes of it (known answer 26).

That two ranks match the means of the joined batch is shown in ``test_means_over_ranks.py``.
"""

from typing import Any

import pytest
import torch
from torch import nn

from gan_modules.features import feature_distance, features_and_scores
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.minibatch_discrimination import MinibatchDCGANDiscriminator
from gan_modules.objectives import NonSaturating
from gan_modules.regularizers import Orthogonal
from gan_modules.unconditional.improved_gan import ImprovedGAN
from tests.small_variants import FixedImages, build
from tests.test_every_variant import fit


@pytest.mark.parametrize("distance", ["squared", "absolute"])
def test_identical_batches_are_at_distance_zero_kat_26(distance: Any) -> None:
    features = torch.randn(6, 4)
    assert feature_distance(features, features, distance).item() == 0.0
    # Only the means count: another order, or another spread around them, is no distance.
    shuffled = features[torch.randperm(6)]
    assert feature_distance(features, shuffled, distance).item() == pytest.approx(0.0, abs=1e-6)
    wider = features.mean(0) + 3 * (features - features.mean(0))
    assert feature_distance(features, wider, distance).item() == pytest.approx(0.0, abs=1e-6)


def test_distances_are_those_of_the_means_by_hand_kat_26() -> None:
    real = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    fake = torch.tensor([[0.0, 0.0], [0.0, 10.0]])
    # Means (2, 2) and (0, 5).
    assert feature_distance(real, fake).item() == pytest.approx(4 + 9)
    assert feature_distance(real, fake, "absolute").item() == pytest.approx((2 + 3) / 2)


def test_gradients_pull_the_mean_of_the_fakes_to_that_of_the_real_ones() -> None:
    real, fake = torch.zeros(4, 2), torch.ones(4, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(feature_distance(real, fake), fake)
    torch.testing.assert_close(gradient, torch.full((4, 2), 2 / 4))
    (gradient,) = torch.autograd.grad(feature_distance(real, fake, "absolute"), fake)
    torch.testing.assert_close(gradient, torch.full((4, 2), 1 / 2 / 4))


def test_both_come_from_one_forward() -> None:
    discriminator = DCGANDiscriminator(32, 1, 4, "none")
    x = FixedImages(3).images
    features, scores = features_and_scores(discriminator, x)
    torch.testing.assert_close(features, discriminator.features(x))
    torch.testing.assert_close(scores, discriminator(x))


def losses(**options: Any) -> tuple[ImprovedGAN, dict[str, torch.Tensor]]:
    module = build("ImprovedGAN", **options)
    module.steps = {"generator": 0, "discriminator": 0}
    return module, module.generator_losses({"image": FixedImages(5).images})


def test_matching_replaces_the_generators_loss_or_is_added_to_it() -> None:
    assert set(losses(mode="replace")[1]) == {"feature_matching"}
    module, terms = losses(mode="add")
    assert set(terms) == {"feature_matching", "adversarial"}
    module.noise.calls = 0
    fake = module.generate(5)
    expected = NonSaturating().generator_loss(module.discriminator(fake))
    torch.testing.assert_close(terms["adversarial"], expected)


def test_the_term_is_the_weighted_distance_of_what_the_discriminator_sees() -> None:
    module, terms = losses(feature_weight=3.0, distance="absolute")
    module.noise.calls = 0
    real, fake = FixedImages(5).images, module.generate(5)
    wanted, found = (module.discriminator.features(x).mean(0) for x in (real, fake))
    torch.testing.assert_close(terms["feature_matching"], 3 * (wanted - found).abs().mean())


def test_the_discriminator_keeps_its_own_game_with_one_sided_smoothing() -> None:
    module = build("ImprovedGAN")
    module.steps = {"generator": 0, "discriminator": 0}
    batch = {"image": FixedImages(5).images}
    terms = module.discriminator_losses(batch)
    module.noise.calls = 0
    fake = module.generate(5).detach()
    expected = NonSaturating(0.9).discriminator_loss(
        module.discriminator(batch["image"]), module.discriminator(fake)
    )
    assert set(terms) == {"adversarial"}
    torch.testing.assert_close(terms["adversarial"], expected)


def test_matching_reaches_the_generator_and_no_real_image() -> None:
    module = build("ImprovedGAN", mode="replace")
    module.steps = {"generator": 0, "discriminator": 0}
    real = FixedImages(5).images.requires_grad_(True)
    module.generator_losses({"image": real})["feature_matching"].backward()
    assert all(p.grad is not None and p.grad.any() for p in module.generator.parameters())
    assert real.grad is None


def test_it_lowers_the_distance_of_a_generator_to_the_data() -> None:
    module = build("ImprovedGAN", mode="replace")
    module.steps = {"generator": 0, "discriminator": 0}
    batch = {"image": FixedImages(16).images}
    optimizer = torch.optim.Adam(module.generator.parameters(), lr=3e-3)
    values = []
    for _ in range(40):
        module.noise.calls = 0
        loss = module.generator_losses(batch)["feature_matching"]
        values.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert 0 < values[-1] < 0.3 * values[0]


def test_penalties_on_the_generators_weights_are_kept() -> None:
    module, _ = losses(regularizers=[Orthogonal(1e-2)])
    terms = module.generator_losses({"image": FixedImages(2).images})
    assert set(terms) == {"feature_matching", "adversarial", "orthogonal"}


def test_it_trains_with_minibatch_discrimination() -> None:
    discriminator = MinibatchDCGANDiscriminator(32, 1, 4, "none", kernels=3, dims=2)
    module = build("ImprovedGAN", discriminator=discriminator)
    before = discriminator.closeness.weight.detach().clone()
    fit(module, steps=2)
    assert not torch.equal(before, discriminator.closeness.weight)
    assert module.last_statistics["train/generator/feature_matching"] > 0


class Bare(nn.Module):
    """Scores without a look inside."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).sum(1)


class Headless(Bare):
    def features(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


def conditional() -> nn.Module:
    generator = DCGANGenerator(32, 1, 6, 4, "none")
    generator.num_classes = 7  # type: ignore[assignment]
    return generator


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discriminator": Bare()}, "ImprovedGAN: discriminator must have features, Bare has none"),
        ({"discriminator": Headless()}, "discriminator must have head, Headless has none; write"),
        ({"generator": conditional()}, "must take latents alone, got one with 7 classes"),
        ({"mode": "both"}, "ImprovedGAN: mode must be one of replace, add, got both"),
        ({"distance": "l2"}, "distance must be one of squared, absolute, got l2"),
        ({"feature_weight": 0.0}, "feature_weight must be positive, got 0.0; for the game without"),
    ],
)
def test_what_cannot_be_matched_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("ImprovedGAN", **options)
