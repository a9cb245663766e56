"""DiffAugment: the closed forms of known answer 24, and what every augmentation must do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gan_modules.augmentations import AdaptiveAugmentation, Augmentation, DiffAugment
from gan_modules.augmentations.pixels import (
    integers,
    mirrored,
    product,
    read_between_pixels,
    read_pixels,
)
from gan_modules.engine.noise import Noise
from tests.helpers_draws import GivenDraws

EVERY: dict[str, Augmentation] = {
    "color": DiffAugment(["color"]),
    "translation": DiffAugment(["translation"]),
    "cutout": DiffAugment(["cutout"]),
    "all": DiffAugment(),
    "lite": AdaptiveAugmentation("lite", None, 0.7),
    "bg": AdaptiveAugmentation("bg", None, 0.7),
    "bgc": AdaptiveAugmentation("bgc", None, 0.7),
}


def images(n: int = 8, channels: int = 3, height: int = 16, width: int = 16) -> Tensor:
    return torch.rand(n, channels, height, width, dtype=torch.float64) * 2 - 1


# -- known answer 24 -------------------------------------------------------------------------------


def test_translation_and_cutout_of_share_zero_are_the_identity_kat_24() -> None:
    x = images()
    still = DiffAugment(["translation", "cutout"], translation_share=0.0, cutout_share=0.0)
    assert torch.equal(still(x, Noise()), x)


def test_brightness_adds_one_constant_between_minus_half_and_half_kat_24() -> None:
    x = images(3)
    draws = GivenDraws([[0.0, 0.5, 0.5], [0.25, 0.5, 0.5], [0.9, 0.5, 0.5]])
    found = DiffAugment(["color"])(x, draws) - x
    expected = torch.tensor([-0.5, -0.25, 0.4], dtype=torch.float64).view(3, 1, 1, 1)
    torch.testing.assert_close(found, expected.expand_as(x), rtol=0, atol=1e-6)
    # A constant image has neither saturation nor contrast, so only the brightness is seen.
    many = DiffAugment(["color"])(torch.zeros(4000, 3, 2, 2), Noise(5))[:, 0, 0, 0]
    assert -0.5 <= many.min() < -0.49 and 0.49 < many.max() <= 0.5
    assert many.std().item() == pytest.approx(12**-0.5, rel=0.03)


def test_saturation_keeps_the_channel_mean_of_each_pixel_kat_24() -> None:
    x = images(3)
    share = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    draws = GivenDraws(torch.stack([torch.full((3,), 0.5), share, torch.full((3,), 0.5)], 1))
    found = DiffAugment(["color"])(x, draws)
    torch.testing.assert_close(found.mean(1), x.mean(1), rtol=0, atol=1e-6)
    deviation = x - x.mean(1, keepdim=True)
    expected = deviation * (2 * share).view(3, 1, 1, 1)
    torch.testing.assert_close(found - found.mean(1, keepdim=True), expected, rtol=0, atol=1e-6)


def test_contrast_keeps_the_mean_of_the_image_kat_24() -> None:
    x = images(3)
    share = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    half = torch.full((3,), 0.5)
    found = DiffAugment(["color"])(x, GivenDraws(torch.stack([half, half, share], 1)))
    means = x.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(found.mean((1, 2, 3), keepdim=True), means, rtol=0, atol=1e-6)
    expected = (x - means) * (share + 0.5).view(3, 1, 1, 1)
    torch.testing.assert_close(found - means, expected, rtol=0, atol=1e-6)


def test_colours_change_in_the_order_brightness_saturation_contrast() -> None:
    x = images(1)
    found = DiffAugment(["color"])(x, GivenDraws([[0.7, 0.2, 0.9]]))
    bright = x + 0.2
    grey = bright.mean(1, keepdim=True)
    pale = (bright - grey) * 0.4 + grey
    expected = (pale - pale.mean()) * 1.4 + pale.mean()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_each_image_has_draws_of_its_own_kat_24() -> None:
    x = images(1).expand(8, -1, -1, -1)
    for name in ("color", "translation", "cutout", "all"):
        found = EVERY[name](x, Noise(3))
        different = (found.unsqueeze(0) - found.unsqueeze(1)).flatten(2).abs().amax(2) > 0
        assert different.double().mean() > 0.7, name


def test_gradient_with_respect_to_the_images_is_finite_and_not_zero_kat_24() -> None:
    for name, augmentation in EVERY.items():
        x = images().requires_grad_(True)
        augmentation(x, Noise(2)).square().sum().backward()
        assert x.grad is not None and x.grad.isfinite().all(), name
        assert (x.grad.flatten(1).abs().amax(1) > 0).all(), name


# -- DiffAugment -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 32)])
def test_translation_shifts_by_whole_pixels_and_pads_with_zeros(height: int, width: int) -> None:
    x = images(300, 2, height, width) + 3
    found = DiffAugment(["translation"])(x, Noise(1))
    most = (height // 8, width // 8)
    seen = set()
    for one, image in zip(found, x, strict=True):
        inside = one[0] != 0
        rows, columns = inside.any(1).nonzero(), inside.any(0).nonzero()
        # What is left of the image tells how far it went, and which way.
        top, bottom = int(rows[0]), int(rows[-1])
        left, right = int(columns[0]), int(columns[-1])
        down = top if top else bottom - (height - 1)
        across = left if left else right - (width - 1)
        seen.add((down, across))
        expected = torch.zeros_like(image)
        source = image[
            :, max(-down, 0) : height - max(down, 0), max(-across, 0) : width - max(across, 0)
        ]
        expected[:, top : bottom + 1, left : right + 1] = source
        assert torch.equal(one, expected)
    assert {down for down, _ in seen} == set(range(-most[0], most[0] + 1))
    assert {across for _, across in seen} == set(range(-most[1], most[1] + 1))


@pytest.mark.parametrize(("size", "side"), [(16, 8), (14, 7)])
def test_cutout_is_a_square_of_half_the_size_around_any_pixel(size: int, side: int) -> None:
    x = torch.ones(2000, 2, size, size)
    found = DiffAugment(["cutout"])(x, Noise(1))
    assert torch.equal(found[:, 0], found[:, 1])
    holes = found[:, 0] == 0
    assert torch.equal(found == 1, ~holes.unsqueeze(1).expand_as(x))
    rows, columns = holes.any(2), holes.any(1)
    assert torch.equal(holes, rows.unsqueeze(2) & columns.unsqueeze(1))
    heights = rows.sum(1)
    assert int(heights.max()) == side
    # Around a corner, half of the square is outside.
    assert int(heights.min()) == (side // 2 if side % 2 == 0 else side // 2 + 1)
    whole = rows[heights == side].int().argmax(1)
    assert set(whole.tolist()) == set(range(size - side + 1))


def test_the_policy_is_applied_in_its_order() -> None:
    x = images(1) + 2
    # Shifted two pixels down, a square of zeros at the upper left.
    shift, hole = [[0.99, 0.5]], [[0.0, 0.0]]
    first = DiffAugment(["cutout", "translation"])(x, GivenDraws(hole, shift))
    second = DiffAugment(["translation", "cutout"])(x, GivenDraws(shift, hole))
    assert not torch.equal(first, second)
    assert (first[0, 0, :6, :4] == 0).all() and (first[0, 0, 6:] != 0).all()
    assert (second[0, 0, :4, :4] == 0).all() and (second[0, 0, 4:] != 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": []}, r"policy must name some of color, translation, cutout, .* got \[\]"),
        ({"policy": ["colour"]}, r"got \['colour'\]; without augmentation leave it out"),
        ({"policy": ["cutout", "cutout"]}, "each once"),
        ({"translation_share": -0.1}, r"translation_share must lie in \[0, 1\], got -0.1"),
        ({"cutout_share": 1.5}, r"cutout_share must lie in \[0, 1\], got 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"DiffAugment: .*{message}"):
        DiffAugment(**options)


# -- what every augmentation must do ---------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_it_can_be_differentiated_twice_through(name: str) -> None:
    x = images(2, 3, 3, 4).requires_grad_(True)

    def slope(points: Tensor) -> Tensor:
        changed = EVERY[name](points, Noise(4))
        (gradient,) = torch.autograd.grad(changed.pow(3).sum(), points, create_graph=True)
        return gradient

    assert torch.autograd.gradcheck(lambda points: EVERY[name](points, Noise(4)), x)
    assert torch.autograd.gradcheck(slope, x)


@pytest.mark.parametrize("name", EVERY)
def test_two_ranks_draw_what_one_process_draws(name: str) -> None:
    x = images(8).double()
    whole = EVERY[name](x, Noise(6))
    parts = [EVERY[name](x[4 * r : 4 * r + 4], Noise(6, rank=r)) for r in range(2)]
    # Some processors round a product of half as many rows otherwise; another draw is far off.
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0.0, atol=1e-12)
    other = EVERY[name](x[4:], Noise(6, rank=0))
    assert (other - whole[4:]).abs().max() > 1e-3


@pytest.mark.parametrize("name", EVERY)
def test_type_and_shape_are_kept_and_precisions_agree(name: str) -> None:
    for shape in ((4, 3, 12, 12), (4, 1, 12, 12), (4, 3, 8, 12)):
        x = torch.rand(*shape) * 2 - 1
        found = EVERY[name](x, Noise(7))
        assert found.shape == x.shape and found.dtype == x.dtype and found.isfinite().all()
        torch.testing.assert_close(EVERY[name](x.double(), Noise(7)).float(), found)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(EVERY[name](x, Noise(7)), found)
        half = EVERY[name](x.bfloat16(), Noise(7))
        assert half.dtype == torch.bfloat16
        torch.testing.assert_close(half.float(), found, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("name", EVERY)
def test_points_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"images must have shape \(N, C, H, W\), got \(5, 2\)"):
        EVERY[name](torch.zeros(5, 2), Noise())


def test_the_base_does_nothing_and_says_what_to_override() -> None:
    base = Augmentation()
    base.observe(torch.zeros(3))
    base.adapt()
    assert base.statistics() == {} and not base.adaptive
    with pytest.raises(NotImplementedError, match="must override forward"):
        base(images(), Noise())


# -- reading pixels --------------------------------------------------------------------------------


def test_places_beyond_the_border_are_mirrored_without_repeating_it() -> None:
    reference = torch.nn.functional.pad(
        torch.arange(4.0).view(1, 1, 4), (3, 3), mode="reflect"
    ).flatten()
    assert torch.equal(mirrored(torch.arange(-3, 7), 4).float(), reference)
    far = [1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert mirrored(torch.arange(-7, 9), 4).tolist() == far
    assert mirrored(torch.arange(-7, 9), 1).unique().tolist() == [0]
    torch.testing.assert_close(mirrored(torch.tensor([-0.25, 3.5]), 4), torch.tensor([0.25, 2.5]))


def test_reading_between_pixels_agrees_with_grid_sample() -> None:
    x = images(2, 3, 5, 7)
    rows = torch.rand(2, 5, 7, dtype=torch.float64) * 12 - 4
    columns = torch.rand(2, 5, 7, dtype=torch.float64) * 16 - 5
    grid = torch.stack([columns / 6 * 2 - 1, rows / 4 * 2 - 1], 3)
    expected = torch.nn.functional.grid_sample(
        x, grid, mode="bilinear", padding_mode="reflection", align_corners=True
    )
    torch.testing.assert_close(read_between_pixels(x, rows, columns), expected)


def test_reading_whole_pixels_is_indexing() -> None:
    x = images(2, 3, 4, 5)
    rows, columns = torch.randint(4, (2, 4, 5)), torch.randint(5, (2, 4, 5))
    expected = torch.stack([image[:, r, c] for image, r, c in zip(x, rows, columns, strict=True)])
    assert torch.equal(read_pixels(x, rows, columns), expected)


def test_integers_are_equally_likely_and_never_too_large() -> None:
    draws = (torch.arange(9000) + 0.5) / 9000
    assert torch.bincount(integers(draws, 9)).tolist() == [1000] * 9
    almost = torch.tensor([1.0]).nextafter(torch.zeros(1))
    assert all(int(integers(almost, count)) == count - 1 for count in range(1, 200))


def test_small_matrix_products_agree_with_matmul() -> None:
    one, other = torch.randn(2, 5, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(product(one, other), one @ other)
