"""Discriminators that drop units: where, how many, and in which mode."""

from typing import Any

import pytest
import torch
from torch import nn

from gan_modules.engine.noise import Noise
from gan_modules.networks.dcgan import DCGANDiscriminator
from gan_modules.networks.dropout import DropoutDCGANDiscriminator, DropoutResNetDiscriminator
from gan_modules.networks.residual import DownBlock
from gan_modules.networks.resnet import ResNetDiscriminator
from gan_modules.regularizers import GradientPenalty


def images(n: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size) * 2 - 1


def test_dropout_stands_after_blocks_two_three_and_four() -> None:
    blocks = list(DropoutResNetDiscriminator().blocks)
    assert [type(layer).__name__ for layer in blocks] == [
        "FirstBlock",
        *["DownBlock", "Dropout"] * 3,
    ]
    rates = [layer.p for layer in blocks if isinstance(layer, nn.Dropout)]
    assert rates == pytest.approx([0.2, 0.5, 0.5])
    assert sum(isinstance(layer, DownBlock) for layer in blocks) == 3


@pytest.mark.parametrize("size", [32, 64])
def test_dropout_stands_after_the_last_three_convolutions(size: int) -> None:
    layers = list(DropoutDCGANDiscriminator(size, width=4).layers)
    places = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Dropout)]
    assert [layers[i].p for i in places] == pytest.approx([0.2, 0.5, 0.5])
    assert all(isinstance(layers[i - 1], nn.LeakyReLU) for i in places)
    convolutions = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == {32: 3, 64: 4}[size]
    assert all(i < j for i, j in zip(convolutions[-3:], places, strict=True))
    assert places[0] < convolutions[-2] and places[1] < convolutions[-1]


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("kind", ["resnet", "dcgan"])
def test_in_eval_mode_it_is_the_network_without_dropout(size: int, kind: str) -> None:
    dropping, plain = {
        "resnet": lambda: (
            DropoutResNetDiscriminator(size, width=4),
            ResNetDiscriminator(size, width=4, normalization="none", pool="mean"),
        ),
        "dcgan": lambda: (
            DropoutDCGANDiscriminator(size, width=4),
            DCGANDiscriminator(size, width=4, normalization="none"),
        ),
    }[kind]()
    dropping.eval()
    weights = zip(plain.parameters(), dropping.parameters(), strict=True)
    for one, other in weights:
        one.data.copy_(other.data)
    x = images(size=size)
    torch.testing.assert_close(dropping(x), plain(x))
    assert torch.equal(dropping(x), dropping(x))


@pytest.mark.parametrize("network", [DropoutResNetDiscriminator, DropoutDCGANDiscriminator])
def test_in_training_mode_two_looks_differ(network: Any) -> None:
    dropping = network(32, width=8)
    x = images(2)
    assert not torch.equal(dropping(x), dropping(x))
    assert torch.equal(dropping.eval()(x), dropping(x))


def test_features_are_pooled_under_the_head_and_each_sample_stands_alone() -> None:
    dropping = DropoutResNetDiscriminator(width=4).eval()
    x = images().requires_grad_(True)
    features = dropping.features(x)
    assert features.shape == (3, 4) and (features >= 0).all()
    torch.testing.assert_close(dropping.head(features).squeeze(1), dropping(x))
    (gradient,) = torch.autograd.grad(dropping(x)[0], x)
    assert gradient[0].any() and not gradient[1:].any()


def test_a_slope_can_be_punished_through_dropout() -> None:
    dropping = DropoutResNetDiscriminator(width=8, normalization="layer")
    GradientPenalty().penalty(dropping, images(), images(), Noise()).backward()
    for name, parameter in dropping.named_parameters():
        if parameter.dim() > 1:
            assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": (0.8, 0.5)}, r"keep must be three shares .* got \[0.8, 0.5\]; the paper's"),
        ({"keep": (0.8, 0.5, 0.0)}, r"above 0 and at most 1, got \[0.8, 0.5, 0.0\]"),
        ({"keep": (1.1, 0.5, 0.5)}, r"DropoutResNetDiscriminator: keep must be three shares"),
        ({"size": 48}, "DropoutResNetDiscriminator: size must be one of 32, 64, 128, got 48"),
        ({"normalization": "batch"}, "normalization must be one of .* got batch"),
    ],
)
def test_what_no_network_can_be_made_of_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DropoutResNetDiscriminator(**options)


def test_shares_are_checked_in_both_networks() -> None:
    with pytest.raises(ValueError, match=r"DropoutDCGANDiscriminator: keep must be .* got \[2, 1"):
        DropoutDCGANDiscriminator(keep=(2, 1, 1))
