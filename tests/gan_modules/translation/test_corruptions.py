"""What a translation loses before it is led back."""

import pytest
import torch

from gan_modules.corruptions import BlurredWay, NoisyWay, QuantizedWay, SmallerWay, quantized
from gan_modules.engine.noise import Noise


def images(n: int = 2, size: int = 16) -> torch.Tensor:
    own = torch.Generator().manual_seed(0)
    return torch.rand(n, 1, size, size, generator=own, dtype=torch.float64) * 2 - 1


def test_noise_has_the_size_that_is_asked_for_and_the_gradient_of_the_image() -> None:
    x = images(64, 32).requires_grad_()
    sent = NoisyWay(0.1)(x, Noise(3))
    assert (sent - x).std().item() == pytest.approx(0.1, rel=0.02)
    assert torch.equal(torch.autograd.grad(sent.sum(), x)[0], torch.ones_like(x))
    assert torch.equal(sent, NoisyWay(0.1)(x, Noise(3)))


def test_eight_bits_are_the_levels_of_a_png_and_one_bit_is_black_and_white() -> None:
    x = images()
    byte = torch.round((x + 1) * 127.5)
    torch.testing.assert_close(quantized(x, 8), byte / 127.5 - 1)
    assert set(quantized(x, 1).unique().tolist()) == {-1.0, 1.0}
    assert (quantized(x, 4) - x).abs().max() <= 1 / 15 + 1e-12
    assert torch.equal(quantized(torch.tensor([-3.0, 3.0]), 5), torch.tensor([-1.0, 1.0]))


def test_quantizing_passes_the_gradient_on_as_if_it_were_not_there() -> None:
    x = images().requires_grad_()
    sent = QuantizedWay(3)(x, Noise())
    torch.testing.assert_close(sent, quantized(x.detach(), 3))
    weights = torch.randn_like(x)
    assert torch.equal(torch.autograd.grad((sent * weights).sum(), x)[0], weights)


def test_a_blur_and_a_smaller_image_keep_what_is_coarse_and_lose_what_is_fine() -> None:
    flat = torch.full((1, 1, 16, 16), 0.3)
    checks = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8)[None, None]
    for way in (BlurredWay(2.0), SmallerWay(2)):
        torch.testing.assert_close(way(flat, Noise()), flat)
        assert way(checks, Noise()).abs().max() < 0.01
    blocks = images(size=8).repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(SmallerWay(2)(blocks, Noise()), blocks)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NoisyWay(0), "NoisyWay: sigma must be positive, got 0; set sigma: 0.1"),
        (lambda: QuantizedWay(9), "QuantizedWay: bits must lie in 1..8, got 9"),
        (lambda: BlurredWay(-1), "BlurredWay: sigma must be positive, got -1"),
        (lambda: SmallerWay(1), "SmallerWay: factor must be at least 2, got 1"),
        (lambda: SmallerWay(3)(images(), Noise()), "factor must divide the images, got 3 for 16x"),
    ],
)
def test_numbers_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
