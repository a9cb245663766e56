"""The level of a growing network, and the resizings around it."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gan_modules.engine.ema import averaged_copy, update_average
from gan_modules.networks.growing import Growing, enlarged, faded, level_of, reduced
from gan_modules.networks.resizing import Doubling, doubled, halved


def images(size: int = 32, n: int = 3) -> Tensor:
    return torch.rand(n, 2, size, size) * 2 - 1


def test_a_new_network_stands_at_its_full_size() -> None:
    network = Growing(64)
    assert network.level == network.top == network.stage == 4 and network.share_below == 0
    assert Growing(4).top == 0


@pytest.mark.parametrize(
    ("level", "stage", "share"), [(0, 0, 0.0), (2, 2, 0.0), (2.25, 3, 0.75), (0.5, 1, 0.5)]
)
def test_a_level_is_a_stage_and_the_share_of_the_one_below(
    level: float, stage: int, share: float
) -> None:
    network = Growing(32)
    network.level = level
    assert (network.level, network.stage, network.share_below) == (level, stage, share)


def test_a_level_survives_saving_copying_and_changes_of_precision(tmp_path: Path) -> None:
    network = Growing(32)
    network.level = 1.3
    rounded = network.level
    assert rounded == float(torch.tensor(1.3)) != 1.3
    torch.save(network.state_dict(), tmp_path / "n.pt")
    again = Growing(32)
    assert again.level == 3
    again.load_state_dict(torch.load(tmp_path / "n.pt", weights_only=True))
    assert again.level == copy.deepcopy(network).level == rounded
    assert network.double().level == rounded
    network.level = 1.3
    assert network.level == 1.3 == copy.deepcopy(network).level
    assert network.bfloat16().level == 1.296875


def test_an_averaged_copy_follows_the_level() -> None:
    network = Growing(32)
    network.scale = nn.Parameter(torch.ones(1))
    average = averaged_copy(network)
    assert isinstance(average, Growing) and average.level == 3
    for level in (0.0, 0.25, 3.0):
        network.level = level
        update_average(average, network, 0.9)
        assert average.level == level
    # The copy has a level of its own between two updates.
    network.level = 1.0
    assert average.level == 3.0


def test_the_level_is_known_however_it_was_written() -> None:
    network = Growing(32)
    assert network.level == 3
    network._level.fill_(2)
    assert network.level == 2
    with torch.inference_mode():
        frozen = Growing(32)
        frozen.level = 0.5
        assert frozen.level == 0.5 and network.level == 2


@pytest.mark.parametrize("level", [-0.1, 3.01, float("nan")])
def test_a_level_beyond_the_network_is_refused(level: float) -> None:
    network = Growing(32)
    with pytest.raises(ValueError, match=rf"^Growing: level must lie in 0..3, got {level}; "):
        network.level = level
    assert network.level == 3


@pytest.mark.parametrize("size", [2, 3, 24, 0, 32.0])
def test_sizes_that_no_doubling_reaches_are_refused(size: int) -> None:
    with pytest.raises(
        ValueError, match=f"^Growing: size must be a power of two of at least 4, got {size}; "
    ):
        Growing(size)


def test_levels_of_sizes() -> None:
    assert [level_of(size, "x") for size in (4, 8, 32, 1024)] == [0, 1, 3, 8]


def test_halving_takes_means_of_four_and_undoes_doubling_exactly() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert halved(x).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert doubled(torch.tensor([[[[1.0, 2.0]]]])).flatten().tolist() == [1, 1, 2, 2] * 2
    x = images()
    assert torch.equal(halved(doubled(x)), x)
    assert torch.equal(reduced(enlarged(x, 256), 32), x)
    assert torch.equal(enlarged(x, 128), doubled(doubled(x)))
    assert torch.equal(reduced(x, 8), halved(halved(x))) and reduced(x, 32) is x


def test_real_images_fade_between_the_smaller_and_the_larger_size_kat_30() -> None:
    x = images()
    coarse = {size: enlarged(reduced(x, size), 32) for size in (4, 8, 16)}
    assert torch.equal(faded(x, 3), x) and torch.equal(faded(x, 0), coarse[4])
    assert torch.equal(faded(x, 2), doubled(halved(x)))
    assert torch.equal(faded(x, 2), coarse[16])
    torch.testing.assert_close(faded(x, 2.75), 0.75 * x + 0.25 * doubled(halved(x)))
    torch.testing.assert_close(faded(x, 1.25), 0.25 * coarse[16] + 0.75 * coarse[8])
    # No jump at either end.
    torch.testing.assert_close(faded(x, 2 + 1e-6), coarse[16], rtol=0, atol=1e-5)
    torch.testing.assert_close(faded(x, 3 - 1e-6), x, rtol=0, atol=1e-5)


def test_faded_images_keep_their_mean_and_range() -> None:
    x = images()
    for level in (0, 0.4, 1, 2.9):
        shown = faded(x, level)
        assert shown.shape == x.shape and shown.abs().max() <= 1
        torch.testing.assert_close(shown.mean((2, 3)), x.mean((2, 3)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_doubling_keeps_the_type_and_its_gradient_is_the_sum_of_four(dtype: torch.dtype) -> None:
    x = images(4).to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        larger = Doubling()(x)
    assert larger.dtype == dtype and larger.shape[2:] == (8, 8)
    assert torch.equal(larger[..., ::2, 1::2], x)
    larger.sum().backward()
    assert torch.equal(x.grad, torch.full_like(x, 4.0))
