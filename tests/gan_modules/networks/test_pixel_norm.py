"""Known answer 29: every pixel's feature vector has mean square one."""

import pytest
import torch

from gan_modules.networks.pixel_norm import PixelNorm


@pytest.mark.parametrize("shape", [(5, 32), (2, 16, 4, 6)], ids=["latents", "maps"])
def test_mean_square_over_channels_is_one_kat_29(shape: tuple[int, ...]) -> None:
    y = PixelNorm()(3.0 * torch.randn(shape, dtype=torch.float64) + 1.0)
    squares = y.square().mean(1)
    torch.testing.assert_close(squares, torch.ones_like(squares), rtol=0, atol=1e-5)


def test_two_numbers_by_hand() -> None:
    # sqrt((9 + 16) / 2) = 5 / sqrt 2.
    y = PixelNorm()(torch.tensor([[3.0, -4.0]], dtype=torch.float64))
    torch.testing.assert_close(y, torch.tensor([[0.6, -0.8]]).double() * 2**0.5)


def test_only_directions_count_and_each_pixel_is_its_own() -> None:
    x = torch.randn(2, 8, 3, 3, dtype=torch.float64)
    scaled = x.clone()
    scaled[0, :, 1, 2] *= 50.0
    torch.testing.assert_close(PixelNorm()(scaled), PixelNorm()(x))


def test_zero_stays_zero_with_a_finite_gradient() -> None:
    x = torch.zeros(1, 4, 1, 1, requires_grad=True)
    y = PixelNorm()(x)
    y.sum().backward()
    assert not y.any() and x.grad is not None and x.grad.isfinite().all()


def test_half_precision_neither_overflows_nor_divides_by_zero() -> None:
    x = torch.full((1, 4, 2, 2), 30_000.0, dtype=torch.float16)
    assert torch.equal(PixelNorm()(x), torch.ones_like(x))
    assert torch.equal(PixelNorm()(0 * x), 0 * x)
    assert PixelNorm()(x.bfloat16()).dtype == torch.bfloat16


def test_derivatives_are_right() -> None:
    x = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(PixelNorm(), x)
    assert torch.autograd.gradgradcheck(PixelNorm(), x)
