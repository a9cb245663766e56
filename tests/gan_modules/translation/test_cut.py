"""CUT: the value of its contrast, mirrored inputs, who learns from which term."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.corruptions import NoisyWay
from tests.gan_modules.translation.isolation import gradients_at_each_step
from tests.gan_modules.translation.test_cycle_gan import constant
from tests.small.batches import FixedBatches
from tests.small_variants import build
from tests.test_every_variant import fit

#: Cross entropy of 64 orthonormal vectors, each told from the other 63.
ORTHONORMAL = math.log1p(63 * math.exp(-1 / 0.07))


class Places(nn.Module):
    """Gives images back; features are the one-hot places of an 8x8 picture of 0..63."""

    encoder_channels = (64,)

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.zeros(()))

    def features(self, x: Tensor, layers: Any) -> list[Tensor]:
        numbers = x[:, 0].mul(32).add(31.5).round().long()
        return [nn.functional.one_hot(numbers, 64).permute(0, 3, 1, 2).float() + self.weight]

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x) + self.weight


class AsTheyAre(nn.Module):
    """In place of the MLPs: the vectors of the places themselves."""

    def forward(self, features: list[Tensor], places: list[Tensor]) -> list[Tensor]:
        pairs = zip(features, places, strict=True)
        return [
            f.flatten(2).transpose(1, 2).gather(1, p[:, :, None].expand(-1, -1, 64))
            for f, p in pairs
        ]


def pictures(n: int = 4) -> Tensor:
    return ((torch.arange(64.0) - 31.5) / 32).view(1, 1, 8, 8).repeat(n, 1, 1, 1)


def module_of(function: Any = lambda x: x, **options: Any) -> Any:
    parts = {"generator": Places(function), "discriminator": constant(0.5), "layers": (0,)}
    module = build("CUT", **{**parts, "flip_probability": 0.0, "patches": 64, **options})
    module.projector = AsTheyAre()
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def losses_of(module: Any) -> dict[str, float]:
    given = {"a": pictures(), "b": pictures()}
    return {k: v.item() for k, v in module.generator_losses(module.prepare(given)).items()}


def test_places_that_stay_where_they_are_cost_next_to_nothing_k49() -> None:
    losses = losses_of(module_of(nce_weight=1000.0, identity_weight=2000.0))
    assert ORTHONORMAL == pytest.approx(3.9e-5, rel=0.02)
    assert losses["nce"] == pytest.approx(1000 * ORTHONORMAL, rel=1e-2)
    assert losses["identity"] == pytest.approx(2000 * ORTHONORMAL, rel=1e-2)
    assert losses["adversarial_b"] == pytest.approx(0.25)


@pytest.mark.parametrize("move", [lambda x: x.flip(2), lambda x: x.roll(1, 3)])
def test_places_that_move_cost_the_inverse_temperature_k49(move: Any) -> None:
    losses = losses_of(module_of(move))
    assert losses["nce"] == pytest.approx(0.5 * (1 / 0.07 + ORTHONORMAL), rel=1e-3)
    assert losses["identity"] == pytest.approx(losses["nce"])


def test_the_identity_is_of_images_of_domain_b() -> None:
    of_b = pictures().roll(3, 2)
    module = module_of(lambda x: x.flip(2) if torch.equal(x, of_b) else x)
    given = {"a": pictures(), "b": of_b}
    losses = module.generator_losses(module.prepare(given))
    assert losses["nce"].item() < 1e-3 < 7 < losses["identity"].item()


def test_mirrored_inputs_are_mirrored_back_before_they_are_compared() -> None:
    for function, cheap in ((lambda x: x, True), (lambda x: x.flip(3), False)):
        module = module_of(function, flip_probability=1.0)
        prepared = module.prepare({"a": pictures(), "b": pictures()})
        assert torch.equal(prepared["a"], pictures()) and bool(prepared["mirrored"].all())
        assert torch.equal(prepared["fake_b"], function(pictures().flip(3)))
        losses = module.generator_losses(prepared)
        assert (losses["nce"].item() < 1e-3) is cheap is (losses["identity"].item() < 1e-3)


def test_half_of_the_images_are_mirrored_each_by_a_coin_of_its_own() -> None:
    module = module_of(flip_probability=0.5)
    mirrored = module.prepare({"a": pictures(1000), "b": pictures(1000)})["mirrored"]
    assert mirrored.double().mean().item() == pytest.approx(0.5, abs=0.05)
    assert not module_of().prepare({"a": pictures(), "b": pictures()})["mirrored"].any()


def test_a_translation_that_is_asked_for_is_never_mirrored() -> None:
    assert torch.equal(module_of(flip_probability=1.0).translate(pictures()), pictures())


def test_fast_cut_has_no_identity() -> None:
    assert set(losses_of(module_of(identity_weight=0.0))) == {"adversarial_b", "nce"}


def test_d_steps_first_and_the_mlps_move_with_g_k39() -> None:
    module = build("CUT")
    seen = gradients_at_each_step(module)
    assert seen == [("discriminator", {"discriminator"}), ("generator", {"generator"})]
    generator = {id(p) for p in module.referee.players["generator"].trainable}
    assert {id(p) for p in module.projector.parameters()} < generator
    averaged = build("CUT", ema_half_life_images=50.0)
    assert len(list(averaged.generator_ema.parameters())) == len(
        list(averaged.generator.parameters())
    )


def test_the_input_is_a_constant_of_the_contrast() -> None:
    module, batch = build("CUT"), FixedBatches("UnpairedImages").batch(2)
    images, output = (batch[key].requires_grad_() for key in "ab")
    mirrored = torch.zeros(2, 1, 1, 1, dtype=torch.bool)
    module.contrast(images, output, mirrored).backward()
    assert images.grad is None and output.grad.abs().max() > 0


def test_only_the_encoder_and_the_mlps_learn_from_the_contrast_of_a_fixed_output() -> None:
    module, batch = build("CUT"), FixedBatches("UnpairedImages").batch(2)
    module.contrast(batch["a"], batch["b"], torch.zeros(2, 1, 1, 1, dtype=torch.bool)).backward()
    assert all(p.grad is None for p in module.generator.ab.decoder.parameters())
    assert all(p.grad is not None for p in module.projector.parameters())


def test_one_direction_is_learned() -> None:
    module = build("CUT")
    fit(module, steps=1)
    with pytest.raises(ValueError, match="direction must be one of a to b, got b to a"):
        module.translate(pictures(), "b", "a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flip_probability": 1.5}, r"CUT: flip_probability must lie in \[0, 1\], got 1.5"),
        (
            {"layers": (0, 9)},
            r"layers must be layers of the generator's features, got \[0, 9\] for",
        ),
        ({"layers": ()}, r"layers must be layers of the generator's features, got \[\]"),
        ({"generator": constant(0.0)}, "for Mapped, which has none; take a ResnetTranslator"),
        ({"nce_weight": 0.0}, "CUT: nce_weight must be positive, got 0.0"),
        ({"identity_weight": -1.0}, "CUT: identity_weight must not be negative, got -1.0"),
        ({"patches": 0}, "CUT: patches must be positive, got 0"),
        ({"temperature": 0.0}, "CUT: temperature must be positive, got 0.0"),
        ({"corruption": NoisyWay()}, "CUT: corruption must be null, got NoisyWay; there is no way"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("CUT", **options)


def test_an_identity_between_unlike_channels_is_refused() -> None:
    module = module_of(lambda x: x.repeat(1, 3, 1, 1))
    unlike = {"a": pictures(), "b": pictures().repeat(1, 3, 1, 1)}
    with pytest.raises(ValueError, match="CUT: identity_weight must be 0 where the domains differ"):
        module.check_batch(unlike)
    module.identity_weight = 0.0
    module.check_batch(unlike)
