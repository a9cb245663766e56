"""Low-pass filters against convolutions written out, and their gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_modules.networks.filters import SMOOTH, blur, downsample, fir, upsample


def kernel(taps: tuple[float, ...], channels: int) -> Tensor:
    row = torch.tensor(taps, dtype=torch.float64) / sum(taps)
    return torch.outer(row, row).expand(channels, 1, -1, -1)


def maps(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("taps", [SMOOTH, (1.0, 2.0, 1.0), (1.0, 0.0, -3.0, 0.0, 1.0)])
def test_filter_is_the_depthwise_convolution(taps: tuple[float, ...], padding: int) -> None:
    x = maps(2, 3, 6, 5)
    expected = F.conv2d(x, kernel(taps, 3), padding=padding, groups=3)
    torch.testing.assert_close(fir(x, taps, padding), expected)


def test_doubling_puts_zeros_between_pixels_and_halving_drops_every_second() -> None:
    x, filters = maps(2, 3, 4, 6), kernel(SMOOTH, 3)
    doubled = F.conv_transpose2d(x, 4 * filters, stride=2, padding=1, groups=3)
    torch.testing.assert_close(upsample(x), doubled)
    torch.testing.assert_close(downsample(x), F.conv2d(x, filters, None, 2, 1, groups=3))
    torch.testing.assert_close(blur(x), F.conv2d(x, kernel((1, 2, 1), 3), padding=1, groups=3))


def test_doubling_is_bilinear_inside_and_fades_to_zero_at_the_border() -> None:
    x = maps(1, 2, 5, 5)
    bilinear = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    found = upsample(x)
    torch.testing.assert_close(found[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1])
    torch.testing.assert_close(found[..., 0, 0], bilinear[..., 0, 0] * 9 / 16)


def test_constants_keep_their_value_inside() -> None:
    ones = torch.ones(1, 1, 8, 8)
    for function in (blur, downsample, upsample):
        inside = function(ones)[..., 1:-1, 1:-1]
        torch.testing.assert_close(inside, torch.ones_like(inside))


def test_doubling_is_four_times_the_transpose_of_halving() -> None:
    x, y = maps(2, 3, 4, 4), maps(2, 3, 8, 8)
    torch.testing.assert_close((upsample(x) * y).sum(), 4 * (x * downsample(y)).sum())


@pytest.mark.parametrize("function", [blur, downsample, upsample])
def test_gradients_of_both_orders_are_right(function) -> None:
    x = maps(1, 2, 4, 4).requires_grad_(True)
    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(lambda x: function(x).pow(3), x)


def test_precision_of_the_maps_is_kept() -> None:
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        assert upsample(torch.randn(1, 1, 4, 4, dtype=dtype)).dtype == dtype
