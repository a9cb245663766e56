import copy

import pytest
import torch
from pytorch_lightning import Trainer
from torch import nn

from gan_modules.engine.compile import NetworkHandles
from gan_modules.engine.noise import Noise
from gan_modules.engine.precision import PerPlayerMixedPrecision, fp32_island
from gan_modules.networks.blocks import spectral
from gan_modules.regularizers import GradientPenalty
from tests.small_variants import build, loader
from tests.test_every_variant import QUIET


def fp16(**options) -> PerPlayerMixedPrecision:
    return PerPlayerMixedPrecision("cpu", init_scale=1024.0, growth_interval=2, **options)


def fit(module, plugin, steps: int) -> None:
    options = {k: v for k, v in QUIET.items()}
    Trainer(max_steps=steps, plugins=plugin, **options).fit(module, loader(4))


def test_each_player_has_its_own_loss_scale() -> None:
    """A shared scaler would be updated by both, and halved for both by one's overflow."""
    module, plugin = build("GAN"), fp16()
    next(module.generator.parameters()).register_hook(
        lambda gradient: gradient * (float("inf") if module.steps["generator"] == 2 else 1.0)
    )
    before = {}
    step = module.player_stepped

    def stepped(name: str) -> None:
        before.setdefault(name, []).append(
            next(getattr(module, name).parameters()).detach().clone()
        )
        step(name)

    module.player_stepped = stepped
    fit(module, plugin, 4)
    scales = {name: plugin._scalers[name].get_scale() for name in ("generator", "discriminator")}
    # Four good steps double D's scale twice; G's doubled once, then its overflow halved it.
    assert scales == {"generator": 1024.0, "discriminator": 4096.0}
    # The overflow skipped G's step and no other.
    assert torch.equal(before["generator"][1], before["generator"][2])
    assert not torch.equal(before["generator"][2], before["generator"][3])
    assert not torch.equal(before["discriminator"][1], before["discriminator"][2])


def test_loss_scales_are_in_the_checkpoint_by_player() -> None:
    plugin = fp16()
    fit(build("GAN"), plugin, 2)
    state = plugin.state_dict()
    assert set(state) == {"generator", "discriminator"}
    again = fp16()
    again.load_state_dict(state)
    again.acting = "discriminator"
    assert again.scaler.get_scale() == 2048.0


def test_a_penalty_inside_autocast_equals_the_one_outside() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 32), nn.Softplus(), nn.Linear(32, 1), nn.Flatten(0))
    real, fake = torch.randn(2, 16, 6)

    def gradient(inside: bool) -> torch.Tensor:
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=inside):
            value = GradientPenalty().penalty(net, real, fake, Noise(1))
        value.backward()
        return net[0].weight.grad.clone()

    assert torch.equal(gradient(True), gradient(False))


def test_the_island_switches_autocast_off_and_on_again() -> None:
    a = torch.randn(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        with fp32_island("cpu"):
            assert (a @ a).dtype == torch.float32
        assert (a @ a).dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["GAN", "WGANGP", "SNGAN"])
def test_bf16_mixed_trains_and_keeps_float32_weights(name: str) -> None:
    module = build(name, discriminator_steps=1)
    Trainer(max_steps=2, precision="bf16-mixed", **QUIET).fit(module, loader(4))
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in module.parameters())
    assert module.sample(2).dtype == torch.float32


def test_compiled_handles_serve_plain_forwards_and_eager_ones_the_penalty(monkeypatch) -> None:
    calls = []

    def fake_compile(network, **how):
        def compiled(*args):
            calls.append(type(network).__name__)
            return network(*args)

        return compiled

    monkeypatch.setattr(torch, "compile", fake_compile)
    module = build("WGANGP", compile="GD")
    assert not any("_orig_mod" in key for key in module.state_dict())
    module.steps = {"discriminator": 0, "generator": 0}
    batch = {"image": torch.zeros(2, 1, 32, 32)}
    module.discriminator_losses(batch)
    # Two plain scores and one generation; the penalty's forward is eager.
    assert sorted(calls) == ["DCGANDiscriminator", "DCGANDiscriminator", "DCGANGenerator"]
    calls.clear()
    build("WGANGP", compile="off").training_latents(1)
    assert calls == []


def test_only_g_is_compiled_when_only_g_is_asked_for(monkeypatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, **how: "compiled")
    generator, discriminator = nn.Linear(1, 1), nn.Linear(1, 1)
    handles = NetworkHandles("G", generator, discriminator)
    assert handles.generator == "compiled" and handles.discriminator is discriminator
    off = NetworkHandles("off", generator, discriminator)
    assert off.generator is generator and off.discriminator is discriminator


def test_a_compiled_network_with_singular_vectors_may_be_called_twice_before_the_backward() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(spectral(nn.Linear(8, 4)), nn.ReLU(), spectral(nn.Linear(4, 1)))
    plain = copy.deepcopy(network)
    handle = NetworkHandles("GD", nn.Linear(1, 1), network).discriminator
    real, fake = torch.randn(2, 4, 8)
    for scores in (handle, plain):
        (scores(real).sum() + 2 * scores(fake).square().sum()).backward()
    # Its graph keeps the vectors that the next forward writes into: torch refuses such a backward.
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    for (name, ours), theirs in zip(network.named_buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, msg=name)
    buffers = dict(network.named_buffers())
    handle(real)
    assert all(buffer is buffers[name] for name, buffer in network.named_buffers())


class OfTwoDomains(nn.Module):
    """The layer is chosen by a number."""

    def __init__(self) -> None:
        super().__init__()
        self.tails = nn.ModuleList([nn.Linear(2, 1), nn.Linear(2, 1)])

    def forward(self, x: torch.Tensor, domain: int) -> torch.Tensor:
        if domain not in range(len(self.tails)):
            raise ValueError("no such domain")
        return self.tails[domain](x).squeeze(1)


def test_a_compiled_network_may_choose_its_layers_by_a_number() -> None:
    torch.manual_seed(0)
    network = OfTwoDomains()
    handles = NetworkHandles("GD", nn.Identity(), network)
    x = torch.randn(3, 2)
    for domain in (0, 1, 0):
        torch.testing.assert_close(handles.discriminator(x, domain), network(x, domain))
