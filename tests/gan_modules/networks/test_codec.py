"""Codecs: what is shared is one thing, wherever it goes; and the classifier of codes."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.networks.codec import DomainCodec
from gan_modules.networks.latent_discriminator import LatentDiscriminator
from gan_modules.networks.unit import UNITDecoder, UNITEncoder
from tests.small.translation_codes import codec
from tests.small_variants import build, load, sgd
from tests.test_every_variant import fit


def shared(of: Any) -> list[tuple[nn.Module, nn.Module]]:
    return [
        (of.encoders[0].blocks[-1], of.encoders[1].blocks[-1]),
        (of.decoders[0].blocks[0], of.decoders[1].blocks[0]),
    ]


def assert_shared(of: Any) -> None:
    for one, other in shared(of):
        assert one is other
        for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
            assert mine is theirs and mine.data_ptr() == theirs.data_ptr()


def test_shared_layers_stay_one_through_casts_copies_and_checkpoints_k26(tmp_path: Path) -> None:
    module = build("UNIT", ema_half_life_images=50.0)
    assert_shared(module.codec)
    assert_shared(copy.deepcopy(module.codec))
    assert_shared(module.generator_ema["codec"])
    fit(module).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    again = load("UNIT", tmp_path / "m.ckpt")
    for one in (module, again, again.double()):
        assert_shared(one.codec)
    assert shared(module.codec)[0][0] is not shared(module.generator_ema["codec"])[0][0]


def test_a_shared_tensor_is_once_in_the_optimizer_and_steps_by_the_sum_of_gradients_k26() -> None:
    module = build("UNIT").double()
    module.optimizer = sgd(0.1)
    player = next(player for player in module.players() if player.name == "generator")
    weight = shared(module.codec)[0][0].first.convolution.weight
    held = [p for group in player.optimizer.param_groups for p in group["params"]]
    assert sum(p is weight for p in held) == 1
    images = {d: torch.rand(2, 1, 32, 32, dtype=torch.float64) for d in "ab"}

    def loss(domain: str) -> Tensor:
        return module.codec.encode(images[domain], domain).square().mean()

    a, b = (torch.autograd.grad(loss(domain), weight)[0] for domain in "ab")
    before = weight.detach().clone()
    (loss("a") + loss("b")).backward()
    player.optimizer.step()
    torch.testing.assert_close(weight.detach(), before - 0.1 * (a + b))
    assert a.abs().max() > 0 and b.abs().max() > 0


def test_only_the_ends_next_to_the_code_are_shared() -> None:
    encoders = [UNITEncoder(1, 4, 1, 3) for _ in range(2)]
    decoders = [UNITDecoder(1, 4, 1, 3) for _ in range(2)]
    both: Any = DomainCodec([*encoders], [*decoders], share=2)
    same = [
        [one is other for one, other in zip(*(n.blocks for n in networks), strict=True)]
        for networks in (both.encoders, both.decoders)
    ]
    assert same == [[False, True, True], [True, True, False]]
    apart: Any = codec(0)
    assert not any(one is other for one, other in shared(apart))


def test_one_network_for_all_domains_is_told_which() -> None:
    full = codec("full")
    images = torch.rand(2, 1, 32, 32) * 2 - 1
    assert torch.equal(full.encode(images, "a"), full.encode(images, "b"))
    norms = [n for n in full.modules() if type(n).__name__ == "ConditionalNorm"]
    for norm in norms:
        nn.init.normal_(norm.bias.weight)  # type: ignore[union-attr, arg-type]
    for change in (full.encode, full.decode):
        x = images if change == full.encode else full.encode(images, "a").detach()
        assert (change(x, "a") - change(x, "b")).abs().mean() > 1e-3
    torch.testing.assert_close(full(images, "a", "b"), full.decode(full.encode(images, "a"), "b"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: DomainCodec([UNITEncoder(1, 4)], [UNITDecoder(1, 4)]),
            "encoders and decoders must be 2 each at share 1, got 1 and 1",
        ),
        (
            lambda: DomainCodec([UNITEncoder(1, 4)], [UNITDecoder(1, 4)], "full"),
            "UNITEncoder must know 2 domains at share full, got num_domains 0",
        ),
        (
            lambda: DomainCodec([nn.Identity()] * 2, [nn.Identity()] * 2, 1),
            "share must be 0 for networks without blocks, got 1 for Identity; take UNITEncoder",
        ),
        (lambda: codec().encode(torch.zeros(1, 1, 32, 32), "c"), "domain must be one of a, b, got"),
        (lambda: LatentDiscriminator(4, dropout=1.0), r"dropout must lie in \[0, 1\), got 1.0"),
        (
            lambda: LatentDiscriminator(4, layers=3)(torch.zeros(1, 4, 4, 4)),
            "codes must have at least 8 px, got 4x4; set layers lower",
        ),
        (lambda: LatentDiscriminator(4)(torch.zeros(1, 5, 8, 8)), r"must have shape \(N, 4, H, W"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_codes_of_any_size_get_a_score_for_each_domain() -> None:
    judge = LatentDiscriminator(4, num_domains=3, width=8)
    assert judge(torch.zeros(2, 4, 8, 8)).shape == judge(torch.zeros(2, 4, 13, 4)).shape == (2, 3)
    assert sum(isinstance(layer, nn.Dropout) and layer.p == 0.3 for layer in judge.modules()) == 2
