"""UNIT: closed forms of its terms, fresh noise for each side, plans of its rates."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.corruptions import NoisyWay
from gan_modules.translation.unit import UNIT, divergence
from tests.gan_modules.translation.isolation import gradients_at_each_step
from tests.gan_modules.translation.test_cycle_gan import Mapped
from tests.small.batches import FixedBatches
from tests.small.translation_codes import codec
from tests.small_variants import build, sgd
from tests.test_every_variant import fit


class Doubling(nn.Module):
    """Codes are twice the image; decoding into domain b is a quarter too bright."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.given: list[tuple[str, Tensor]] = []

    def encode(self, images: Tensor, domain: str) -> Tensor:
        self.given.append((f"encode {domain}", images))
        return 2 * images + self.weight

    def decode(self, codes: Tensor, domain: str) -> Tensor:
        self.given.append((f"decode {domain}", codes))
        return codes / 2 + (0.25 if domain == "b" else 0.0)

    def forward(self, images: Tensor, source: str, target: str) -> Tensor:
        return self.decode(self.encode(images, source), target)


def two_scales(value: float) -> Mapped:
    judge = Mapped(lambda x: x)
    judge.forward = lambda x: [torch.full((len(x), 1, s, s), value) for s in (4, 2)]
    return judge


def batch() -> dict[str, Tensor]:
    return FixedBatches("UnpairedImages").batch(4)


def module_of(score: float = 0.5, noise: bool = False, **options: Any) -> Any:
    judges = {f"discriminator_{d}": two_scales(score) for d in "ab"}
    module: Any = UNIT(Doubling(), **judges, **options)  # type: ignore[arg-type]
    module.steps = {"discriminator": 0, "generator": 0}
    if not noise:
        module.noisy = lambda mean: mean
    return module


def test_the_divergence_is_twice_that_of_a_unit_gaussian_for_each_number_k28() -> None:
    mean = torch.randn(5, 3, 4, 4, dtype=torch.float64)
    one = torch.ones_like(mean)
    laws = [torch.distributions.Normal(m, one) for m in (mean, torch.zeros_like(mean))]
    kl = torch.distributions.kl_divergence(*laws).flatten(1).sum(1).mean()
    torch.testing.assert_close(divergence(mean), 2 * kl / mean[0].numel())


def test_what_is_asked_for_has_no_noise_and_training_has_fresh_noise_k29() -> None:
    module, a = build("UNIT"), batch()["a"]
    assert torch.equal(module.translate(a), module.translate(a))
    one, other = (module.translated(a, "a", "b") for _ in range(2))
    assert not torch.equal(one, other)
    module.noise.calls = 0
    assert torch.equal(module.translated(a, "a", "b"), one)
    mean = torch.zeros(64, 4, 8, 8)
    assert module.noisy(mean).std().item() == pytest.approx(1.0, rel=0.02)


def test_a_translation_is_the_code_of_the_source_in_the_words_of_the_target() -> None:
    module = build("UNIT", generator=Doubling())
    images = batch()["a"]
    assert torch.equal(module.translate(images, "a", "b"), images + 0.25)
    assert torch.equal(module.translate(images, "b", "a"), images)


def test_each_term_of_a_codec_that_is_a_quarter_too_bright_in_b() -> None:
    module = module_of(kl_weight=0.1, cycle_kl_weight=0.2, self_weight=2.0, cycle_weight=3.0)
    terms = {k: v.item() for k, v in module.generator_losses(module.prepare(batch())).items()}
    a, b = (batch()[d].square().mean().item() for d in "ab")
    brighter = (batch()["a"] + 0.25).square().mean().item()
    assert terms == pytest.approx(
        {
            "self_a": 0.0,
            "self_b": 2 * 0.25,
            "cycle_a": 3 * 0.25,
            "cycle_b": 3 * 0.25,
            "kl_a": 0.1 * 4 * a,
            "kl_b": 0.1 * 4 * b,
            # The code of a translation is made by the encoder of the other domain.
            "cycle_kl_a": 0.2 * 4 * brighter,
            "cycle_kl_b": 0.2 * 4 * b,
            # Two scales, a quarter each.
            "adversarial_a": 0.5,
            "adversarial_b": 0.5,
        },
        abs=1e-6,
    )


def test_noise_is_on_the_code_of_both_ways_and_one_noise_serves_both_domains() -> None:
    module = module_of(noise=True)
    module.generator_losses(batch())
    steps = dict(enumerate(module.codec.given))
    decoded = [codes for name, codes in steps.values() if name.startswith("decode")]
    # Of a: translated, back to itself, and there and back; then the same of b.
    assert len(decoded) == 6 and torch.equal(decoded[0], decoded[1])
    noise = decoded[0] - 2 * batch()["a"]
    assert noise.std().item() == pytest.approx(1.0, rel=0.1)
    again = decoded[2] - 2 * (decoded[0] / 2 + 0.25)
    assert again.std().item() == pytest.approx(1.0, rel=0.1)
    assert not torch.allclose(again, noise)


def test_undecided_scores_cost_d_a_half_for_each_scale_and_d_sees_noisy_fakes() -> None:
    module = module_of(noise=True)
    shown: list[Tensor] = []
    telling = module.telling

    def watched(domain: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        shown.append(fake)
        return telling(domain, real, fake)

    module.telling = watched
    terms = module.discriminator_losses(module.prepare(batch()))
    assert terms["adversarial_a"].item() == terms["adversarial_b"].item() == pytest.approx(1.0)
    assert not any(fake.requires_grad for fake in shown)
    noise = 2 * (shown[1] - batch()["a"] - 0.25)
    assert noise.std().item() == pytest.approx(1.0, rel=0.1)


def test_d_steps_first_and_g_makes_translations_of_its_own_k39() -> None:
    module = build("UNIT")
    fakes: list[tuple[bool, Tensor]] = []
    score = module.score

    def watched(domain: str, images: Tensor) -> Any:
        if domain == "b":
            fakes.append((images.requires_grad, images.detach().clone()))
        return score(domain, images)

    module.score = watched
    seen = gradients_at_each_step(module)
    assert seen == [("discriminator", {"discriminator"}), ("generator", {"generator"})]
    # D: real, fake; G: its own fake, with other noise.
    assert [graph for graph, _ in fakes] == [False, False, True]
    assert not torch.allclose(fakes[1][1], fakes[2][1])


def test_a_corruption_is_on_the_way_back_alone() -> None:
    module = module_of(corruption=NoisyWay(0.3))
    module.generator_losses(batch())
    given = [(name, x) for name, x in module.codec.given if name.startswith("encode")]
    assert [name for name, _ in given] == ["encode a", "encode b", "encode b", "encode a"]
    led_back = given[1][1] - (batch()["a"] + 0.25)
    assert led_back.std().item() == pytest.approx(0.3, rel=0.05)


def test_rates_are_halved_by_the_step_and_weights_decay() -> None:
    module = build("UNIT", halving_steps=2, ema_half_life_images=None)
    fit(module, steps=5)
    for player in module.referee.players.values():
        group = player.optimizer.param_groups[0]
        assert group["lr"] == pytest.approx(1e-4 / 4) and group["weight_decay"] == 1e-4
    constant = build("UNIT", halving_steps=None)
    assert all(player.scheduler is None for player in constant.players())


@pytest.mark.parametrize("share", [0, 1, "full"])
def test_every_way_of_sharing_trains(share: Any) -> None:
    module = build("UNIT", generator=codec(share), ema_half_life_images=50.0)
    module.optimizer = sgd(1e-3)
    fit(module, steps=1)
    a = batch()["a"]
    assert not torch.equal(module.translate(a, "a", "b"), module.translate(a, "b", "a"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kl_weight": -1.0}, "UNIT: kl_weight must not be negative, got -1.0"),
        ({"halving_steps": 0}, "UNIT: halving_steps must be positive, got 0"),
        ({"lr_decay": (1, 2)}, "UNIT: halving_steps must be null beside another decay, got 100"),
        ({"epoch_decay": (1, 1, 2)}, "UNIT: halving_steps must be null beside another decay"),
        ({"weight_decay": -1.0}, "UNIT: weight_decay must not be negative, got -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("UNIT", **options)


def test_rates_may_fall_in_a_line_instead() -> None:
    module = build("UNIT", halving_steps=None, lr_decay=(0, 4))
    fit(module, steps=2)
    groups = [player.optimizer.param_groups[0] for player in module.referee.players.values()]
    assert [group["lr"] for group in groups] == pytest.approx([0.5e-4, 0.5e-4])
