"""The features that come with the install, and DTN's discriminator."""

import pytest
import torch
from torch import nn

from callbacks.metrics.efflite import EffLiteSpace
from gan_modules.networks.dtn import DTNDiscriminator
from gan_modules.networks.efflite import EffLiteFeatures, folded_network, pretrained_network


@pytest.mark.parametrize(
    ("blocks", "maps", "shrink"), [(1, 16, 2), (3, 24, 4), (5, 40, 8), (8, 80, 16), (16, 320, 32)]
)
def test_maps_are_as_many_and_as_small_as_is_said(blocks: int, maps: int, shrink: int) -> None:
    network = EffLiteFeatures(blocks=blocks).eval()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, maps, 64 // shrink, 64 // shrink)


def test_a_grid_gives_vectors_of_means() -> None:
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    maps = EffLiteFeatures(blocks=5).eval()(images)
    vectors = EffLiteFeatures(blocks=5, grid=4).eval()(images)
    torch.testing.assert_close(vectors[0, :16], maps[0, 0].view(4, 2, 4, 2).mean((1, 3)).flatten())
    assert vectors.shape == (2, 640)


def test_it_is_the_network_of_the_scores_with_its_scale_of_pixels() -> None:
    space = EffLiteSpace(64)
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    mine = EffLiteFeatures(blocks=16).eval()
    net = space.net
    with torch.no_grad():
        head = net._swish(net._bn1(net._conv_head(mine.maps(pixels.float() / 127.5 - 1))))
    torch.testing.assert_close(head.mean((2, 3)), space(pixels).features, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("side", [33, 96])
def test_folded_it_is_the_same_map(side: int) -> None:
    images = torch.rand(2, 3, side, side) * 2 - 1
    with torch.no_grad():
        plain = pretrained_network().eval()(images)
        torch.testing.assert_close(folded_network()(images), plain, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded_network().modules())


def test_features_of_a_place_have_a_mean_square_of_one() -> None:
    network = EffLiteFeatures().eval()
    found = network(torch.rand(2, 3, 32, 32) * 2 - 1)
    torch.testing.assert_close(found.square().mean(1), torch.ones(2, 4, 4))


def test_one_channel_is_shown_as_grey() -> None:
    grey = torch.rand(2, 1, 32, 32)
    one, three = EffLiteFeatures(channels=1).eval(), EffLiteFeatures(channels=3).eval()
    assert torch.equal(one(grey), three(grey.repeat(1, 3, 1, 1)))


def test_building_it_leaves_the_random_generator_alone() -> None:
    torch.manual_seed(1)
    wanted = torch.rand(())
    torch.manual_seed(1)
    EffLiteFeatures()
    assert torch.equal(torch.rand(()), wanted)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="channels must be 1 or 3 and blocks lie in 1..16, got 2"):
        EffLiteFeatures(channels=2)
    with pytest.raises(
        ValueError, match="channels must be 1 or 3 and blocks lie in 1..16, got 3 a"
    ):
        EffLiteFeatures(blocks=17)
    with pytest.raises(ValueError, match="grid must be a positive integer, got 0"):
        EffLiteFeatures(grid=0)
    with pytest.raises(ValueError, match=r"input must have shape \(N, 3, H, W\), got"):
        EffLiteFeatures()(torch.zeros(1, 1, 32, 32))


def test_dtns_discriminator_has_three_scores() -> None:
    network = DTNDiscriminator(32, 1, 4, "none")
    assert network(torch.zeros(5, 1, 32, 32)).shape == (5, 3)
    assert network.head.weight.std().item() == pytest.approx(0.02, rel=0.2)
