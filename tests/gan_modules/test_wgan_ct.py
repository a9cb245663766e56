"""WGAN-CT: where the consistency term comes from and what dropout does to a game (answer 13)."""

from typing import Any

import pytest
import torch
from torch import nn

from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.dropout import DropoutResNetDiscriminator
from gan_modules.regularizers import inconsistency
from tests.small_variants import FixedImages, build
from tests.test_every_variant import fit


def dropping(**options: Any) -> Any:
    discriminator = DropoutResNetDiscriminator(32, 1, 8)
    module = build("WGANCT", discriminator=discriminator, **options)
    module.steps = {"generator": 0, "discriminator": 0}
    return module


def test_without_dropout_two_looks_agree_kat_13() -> None:
    module = build("WGANCT")
    module.steps = {"generator": 0, "discriminator": 0}
    terms = module.discriminator_losses({"image": FixedImages(4).images})
    assert terms["consistency"].item() == 0.0
    assert set(terms) == {"adversarial", "consistency", "gradient_penalty"}


def test_the_term_is_the_weighted_inconsistency_of_two_looks_at_the_real_images_kat_13() -> None:
    module, real = dropping(consistency_weight=5.0, margin=1e-5), FixedImages(6).images
    seen = []
    looks = module.discriminator.features

    def features(x: torch.Tensor) -> torch.Tensor:
        seen.append((x, looks(x)))
        return seen[-1][1]

    module.discriminator.features = features
    terms = module.discriminator_losses({"image": real})
    (first, one), (second, other) = seen[:2]
    assert torch.equal(first, real) and torch.equal(second, real) and not torch.equal(one, other)
    # Real twice, generated, and once between them for the slope.
    assert len(seen) == 4
    scores = tuple(module.discriminator.head(f).squeeze(1) for f in (one, other))
    expected = 5.0 * inconsistency(scores, (one, other), 1e-5)
    torch.testing.assert_close(terms["consistency"], expected)
    assert terms["consistency"] > 0
    fake_scores = module.discriminator.head(seen[2][1])
    torch.testing.assert_close(terms["adversarial"], fake_scores.mean() - scores[0].mean())


def test_consistency_reaches_the_discriminators_weights() -> None:
    module = dropping()
    terms = module.discriminator_losses({"image": FixedImages(6).images})
    terms["consistency"].backward()
    gradients = {name: p.grad for name, p in module.discriminator.named_parameters()}
    assert all(g is not None and g.any() for g in gradients.values())
    assert all(p.grad is None for p in module.generator.parameters())


def test_it_trains_and_logs_the_estimate_of_the_distance() -> None:
    module = dropping(discriminator_steps=2)
    fit(module, steps=2)
    keys = {"consistency", "adversarial", "gradient_penalty", "real_score", "fake_score"}
    assert module.last_statistics.keys() >= {f"train/discriminator/{key}" for key in keys}
    assert module.last_statistics["train/discriminator/consistency"] > 0


@pytest.mark.parametrize(("keep", "alike"), [((0.8, 0.5, 0.5), False), ((1.0, 1.0, 1.0), True)])
def test_dropout_is_drawn_from_the_global_generator_and_nothing_else_is(
    keep: tuple[float, float, float], alike: bool
) -> None:
    """So ranks drop units of their own, and a resumed run, whose generator is restored, goes on."""
    module = build("WGANCT", discriminator=DropoutResNetDiscriminator(32, 1, 4, keep=keep))
    module.steps = {"generator": 0, "discriminator": 0}
    seen = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        module.noise.calls = 0
        terms = module.discriminator_losses({"image": FixedImages(4).images})
        seen.append(torch.stack(list(terms.values())).detach())
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2]) == alike


def conditional() -> nn.Module:
    generator = DCGANGenerator(32, 1, 6, 4, "none")
    generator.num_classes = 7  # type: ignore[assignment]
    return generator


class Dropping(nn.Module):
    """Drops units but shows nothing of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(1024, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).squeeze(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"discriminator": DCGANDiscriminator(32, 1, 4, "none")},
            "WGANCT: discriminator must have dropout, DCGANDiscriminator has none; use gan_modules",
        ),
        ({"discriminator": Dropping()}, "discriminator must have features, Dropping has none"),
        ({"generator": conditional()}, "must take latents alone, got one with 7 classes"),
        ({"consistency_weight": 0.0}, "consistency_weight must be positive .* got 0.0 and 0.0"),
        ({"margin": -0.1}, "margin at least 0, got 2.0 and -0.1; the paper's are 2 and 0"),
    ],
)
def test_what_cannot_be_consistent_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("WGANCT", **options)
