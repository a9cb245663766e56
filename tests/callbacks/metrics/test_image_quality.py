"""PSNR, SSIM and sharpness against closed forms, and the ranges that they count with."""

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from callbacks.metrics.image_quality import psnr, sharpness_difference, ssim


def images(n: int = 3, size: int = 16) -> torch.Tensor:
    own = torch.Generator().manual_seed(0)
    return torch.rand(n, 3, size, size, generator=own) * 1.9 - 0.95


def test_an_error_of_002_on_images_in_minus_one_to_one_is_40_db_k41() -> None:
    target = images()
    torch.testing.assert_close(
        psnr(target + 0.02, target), torch.full((3,), 40.0).double(), atol=1e-3, rtol=0
    )
    # Ten times the error is 20 dB less; it is the same on either side.
    assert psnr(target - 0.2, target)[0].item() == pytest.approx(20.0, abs=1e-3)


def test_psnr_of_an_exact_image_is_infinite_and_of_the_opposite_0() -> None:
    assert psnr(images(), images()).isinf().all()
    assert psnr(torch.ones(1, 1, 4, 4), -torch.ones(1, 1, 4, 4)).item() == 0.0


def test_psnr_is_of_each_image() -> None:
    target = images(2)
    errors = torch.tensor([0.02, 0.2])[:, None, None, None]
    assert psnr(target + errors, target).tolist() == pytest.approx([40.0, 20.0], abs=1e-3)


def test_ssim_counts_in_zero_to_one() -> None:
    target = images()
    made = (target + 0.1 * torch.randn(target.shape)).clamp(-1, 1)
    unit = [(part.double() + 1) / 2 for part in (made, target)]
    expected = structural_similarity_index_measure(unit[0], unit[1], data_range=1.0)
    assert ssim(made, target).mean().item() == pytest.approx(float(expected))
    torch.testing.assert_close(ssim(target, target), torch.ones(3).double())
    assert ssim(made[:1], target[:1]).shape == (1,)


def test_ssim_of_two_grey_images_is_the_closed_form_of_their_brightness() -> None:
    dark, light = torch.full((1, 1, 16, 16), -0.6), torch.full((1, 1, 16, 16), 0.2)
    x, y, c = 0.2, 0.6, 0.01**2
    expected = (2 * x * y + c) / (x * x + y * y + c)
    assert ssim(dark, light).item() == pytest.approx(expected, rel=1e-6)


def test_sharpness_of_a_lost_edge_is_the_closed_form() -> None:
    edge = torch.zeros(1, 1, 5, 5)
    edge[..., 2:] = 0.5
    # Of the four columns of differences one is 0.5, so the mean is 0.125.
    assert sharpness_difference(torch.zeros(1, 1, 5, 5), edge).item() == pytest.approx(15.0515)
    assert sharpness_difference(edge, edge).isinf().all()
    # A shift in brightness loses no edge; a moved one costs both.
    assert sharpness_difference(edge + 0.3, edge).item() > 60
    moved = edge.roll(1, 3)
    moved[..., 0] = 0
    assert sharpness_difference(moved, edge).item() == pytest.approx(12.0412)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: psnr(images(), images(2)), r"psnr: images and targets must both be \(N, C, H, W"),
        (lambda: ssim(images(size=8), images(size=8)), "ssim: images must be 11 pixels or more"),
        (
            lambda: sharpness_difference(images(size=1), images(size=1)),
            "sharpness_difference: images must be 2 pixels or more",
        ),
        (lambda: psnr(images(0), images(0)), "pass each image beside the one that it should be"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
