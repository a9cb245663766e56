"""Normalizing flows: bits by hand (known answer 40), levels, what a run keeps, and learning."""

import copy
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from datamodules.batches import from_uint8, to_uint8
from gan_modules.autoencoding.flow import NormalizingFlow, warmup
from gan_modules.dequantization import (
    bits_of_density,
    images_of_levels,
    spread_levels,
)
from gan_modules.networks.flow import FlowGenerator
from gan_modules.networks.mlp import MLPGenerator
from tests.small_variants import SIZE, FixedImages, build, load, sgd
from tests.test_every_variant import fit

RANGE = 512 / 255


class IdentityFlow(FlowGenerator):
    """``z = scale * x``."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__(2, 1, 1, 1, 2)
        self.scale = scale

    def forward(self, z: Tensor) -> Tensor:
        return z.unflatten(1, (1, 2, 2)) / self.scale

    def inverse(self, images: Tensor) -> tuple[Tensor, Tensor]:
        log_det = torch.full((len(images),), 4 * math.log(self.scale), dtype=images.dtype)
        return self.scale * images.flatten(1), log_det


def all_bytes() -> Tensor:
    """256 images of 2 x 2 pixels: every level once, all pixels alike."""
    return (torch.arange(256.0).double() / 127.5 - 1.0).view(256, 1, 1, 1).expand(256, 1, 2, 2)


def test_bits_of_the_uniform_law_of_spread_levels_are_8_kat_40() -> None:
    uniform = torch.full((1,), -4 * math.log(RANGE), dtype=torch.float64)
    assert bits_of_density(uniform, 4).item() == pytest.approx(8.0, abs=1e-12)
    assert bits_of_density(uniform, 4, bits=5).item() == pytest.approx(5.0, abs=1e-12)
    # A density twice as high in every dimension saves a bit of each.
    twice = uniform + 4 * math.log(2.0)
    assert bits_of_density(twice, 4).item() == pytest.approx(7.0, abs=1e-12)


def test_an_identity_flow_on_uniform_bytes_costs_what_n01_says_by_hand_kat_40() -> None:
    """``E -log2 N(x; 0, 1)`` of x uniform on [-r, r] is ``log2 sqrt(2 pi) + r^2 / (6 ln 2)``."""
    r = 256 / 255
    for scale in (1.0, 0.5):
        module = NormalizingFlow(IdentityFlow(scale)).double()
        images = all_bytes().repeat(64, 1, 1, 1)
        found = module.bits_per_dim(images, generator=torch.Generator().manual_seed(0))
        of_density = 0.5 * math.log2(2 * math.pi) + scale**2 * r**2 / (6 * math.log(2))
        # A level is 2 / 255 wide.
        expected = of_density - math.log2(scale) + math.log2(255 / 2)
        assert found.shape == (len(images),)
        assert found.mean().item() == pytest.approx(expected, abs=2e-4)


def test_the_loss_is_the_bits_of_the_batch_and_its_noise_comes_from_the_run() -> None:
    module = NormalizingFlow(IdentityFlow()).double()
    module.steps = {"generator": 1}
    images = all_bytes()
    first = module.generator_losses({"image": images})["bits_per_dim"]
    assert module.noise.calls == 1
    module.noise.calls = 0
    again = module.generator_losses({"image": images})["bits_per_dim"]
    assert torch.equal(first, again)
    assert not torch.equal(first, module.generator_losses({"image": images})["bits_per_dim"])
    assert first.item() == pytest.approx(module.bits_per_dim(images).mean().item(), abs=1e-3)


@pytest.mark.parametrize("bits", range(1, 9))
def test_levels_are_spread_over_their_width_and_found_again(bits: int) -> None:
    images = all_bytes()[:, 0, 0, 0]
    middles = spread_levels(images, bits)
    assert len(middles.unique()) == 2**bits
    edges = [spread_levels(images, bits, noise) for noise in (1e-9, 1.0 - 1e-9)]
    assert edges[0].min().item() == pytest.approx(-256 / 255)
    assert edges[1].max().item() == pytest.approx(256 / 255)
    back = images_of_levels(middles, bits)
    assert back.min() == -1.0 and back.max() == 1.0 and len(back.unique()) == 2**bits
    for edge in edges:
        assert torch.equal(images_of_levels(edge, bits), back)
    # Images of few levels are levels themselves.
    torch.testing.assert_close(spread_levels(back, bits), middles)
    if bits == 8:
        torch.testing.assert_close(middles, images, rtol=0, atol=1e-14)
        torch.testing.assert_close(back, images, rtol=0, atol=1e-14)
    assert images_of_levels(torch.tensor([-9.0, 9.0]), bits).tolist() == [-1.0, 1.0]


def test_reconstructions_are_exact_and_codes_belong_to_one_image() -> None:
    module = build("NormalizingFlow", warmup_steps=1)
    module.optimizer = sgd(0.02)
    fit(module, steps=3)
    images = from_uint8(to_uint8(FixedImages().images[:5]))
    codes = module.encode(images)
    assert codes.shape == (5, SIZE * SIZE) and not codes.requires_grad
    torch.testing.assert_close(module.encode(images[:1]), codes[:1])
    torch.testing.assert_close(module.reconstruct(images), images, rtol=0, atol=1e-6)


def test_the_first_batch_initialises_the_flow_and_its_average_and_no_later_one() -> None:
    module = build("NormalizingFlow", ema_half_life_images=1e9, ema_rampup=None, warmup_steps=1)
    module.optimizer = sgd(0.0)
    fit(module, steps=1)
    once = copy.deepcopy(module.generator.state_dict())
    for key, value in module.generator_ema.state_dict().items():
        torch.testing.assert_close(value, once[key])
    assert module.generator.initialized and once["levels.0.0.log_gain"].abs().min() > 0
    fit(module, steps=2)
    assert all(torch.equal(v, once[k]) for k, v in module.generator.state_dict().items())


def test_a_loaded_flow_is_not_initialised_again(tmp_path: Path) -> None:
    module = build("NormalizingFlow")
    fit(module).save_checkpoint(tmp_path / "m.ckpt")
    again = load("NormalizingFlow", tmp_path / "m.ckpt")
    images = FixedImages().images[:8]
    torch.testing.assert_close(again.bits_per_dim(images), module.bits_per_dim(images))
    before = copy.deepcopy(again.generator.state_dict())
    # Neither after its steps, nor at the start of another run.
    for again.steps in ({"generator": 2}, {}):
        again.generator_losses({"image": -images})
        assert all(torch.equal(v, before[k]) for k, v in again.generator.state_dict().items())


def test_mixed_precision_rounds_neither_the_beginning_nor_the_bits() -> None:
    batch = {"image": FixedImages().images[:8]}
    modules = [build("NormalizingFlow") for _ in range(2)]
    full = modules[0].generator_losses(batch)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = modules[1].generator_losses(batch)
    assert torch.equal(full["bits_per_dim"], mixed["bits_per_dim"])
    states = [module.generator.state_dict() for module in modules]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_held_out_bits_come_from_the_average_and_do_not_change_from_call_to_call() -> None:
    module = build("NormalizingFlow", ema_half_life_images=50.0, warmup_steps=1)
    module.optimizer = sgd(0.02)
    fit(module, steps=3)
    images = FixedImages().images[:8]
    first = module.bits_per_dim(images)
    assert first.shape == (8,) and torch.equal(first, module.bits_per_dim(images))
    other = module.bits_per_dim(images, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(first, other)
    with module.unaveraged():
        assert not torch.equal(first, module.bits_per_dim(images))


def test_temperature_scales_the_latents() -> None:
    draws = [
        build("NormalizingFlow", temperature=t).draw_latents(
            4, generator=torch.Generator().manual_seed(1)
        )
        for t in (1.0, 0.5)
    ]
    torch.testing.assert_close(draws[1], 0.5 * draws[0])
    assert draws[0].std().item() == pytest.approx(1.0, abs=0.05)


def test_the_rate_rises_over_the_warmup_and_falls_over_the_decay() -> None:
    def rates(*arguments) -> list[float]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=2.0)
        scheduler, seen = warmup(optimizer, *arguments), []
        for _ in range(9):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return seen

    assert rates(4) == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    assert rates(1) == pytest.approx([2.0] * 9)
    assert rates(2, (4, 8)) == pytest.approx([1.0, 2.0, 2.0, 2.0, 2.0, 1.5, 1.0, 0.5, 0.0])
    (player,) = build("NormalizingFlow", warmup_steps=10).players()
    assert player.optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)


def test_bits_fall_below_those_of_independent_pixels() -> None:
    """A flow whose pixels knew nothing of each other could not do better than their entropies."""
    module = build("NormalizingFlow", warmup_steps=5, generator_lr=2e-3)
    fit(module, steps=60, batch=16)
    images = FixedImages().images
    counts = torch.bincount(((images + 1) * 127.5).round().long().flatten(), minlength=256)
    share = counts[counts > 0] / counts.sum()
    independent = -(share * share.log2()).sum().item()
    assert 2.0 < module.bits_per_dim(images).mean().item() < independent - 1.5


def test_what_does_not_fit_is_refused() -> None:
    flow = FlowGenerator(8, 1, 2, 1, 4)
    with pytest.raises(ValueError, match="NormalizingFlow: generator must be a flow, .* MLPGenera"):
        NormalizingFlow(MLPGenerator(4))
    for bits in (0, 9):
        with pytest.raises(ValueError, match=f"bits must lie in 1..8, got {bits}; 8 keeps all"):
            NormalizingFlow(flow, bits=bits)
    with pytest.raises(ValueError, match="NormalizingFlow: temperature must be positive, got 0.0"):
        NormalizingFlow(flow, temperature=0.0)
    with pytest.raises(ValueError, match="NormalizingFlow: warmup_steps must be positive, got 0"):
        NormalizingFlow(flow, warmup_steps=0)
