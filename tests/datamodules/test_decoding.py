import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from datamodules.decoding import (
    Header,
    centre_crop_resize,
    convert_channels,
    convert_dtype,
    read_header,
    read_pixels,
)

UINT8, UINT16, FLOAT32 = np.dtype("uint8"), np.dtype("uint16"), np.dtype("float32")
Noise = Callable[..., NDArray[Any]]


def assert_reads(path: Path, pixels: NDArray[Any]) -> None:
    height, width, channels = pixels.shape
    assert read_header(path) == Header(height, width, channels, pixels.dtype)
    read = read_pixels(path)
    assert read.dtype == pixels.dtype and np.array_equal(read, pixels)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_8_bit_files_are_read_exactly(
    tmp_path: Path, noise: Noise, channels: int, suffix: str
) -> None:
    pixels = noise(5, 7, channels)
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(pixels.squeeze()).save(path)
    assert_reads(path, pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_are_read_exactly(
    tmp_path: Path, noise: Noise, write_deep_png: Any, channels: int
) -> None:
    pixels = noise(5, 7, channels, dtype="uint16")
    write_deep_png(tmp_path / "image.png", pixels)
    assert_reads(tmp_path / "image.png", pixels)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_tiff_are_read_exactly(
    tmp_path: Path, noise: Noise, write_deep_tiff: Any, channels: int, deflate: bool, order: str
) -> None:
    pixels = noise(9, 7, channels, dtype="uint16")
    write_deep_tiff(tmp_path / "image.tiff", pixels, order=order, deflate=deflate)
    assert_reads(tmp_path / "image.tiff", pixels)


@pytest.mark.parametrize("deflate", [False, True])
def test_16_bit_tiff_in_planes_is_refused_and_not_misread(
    tmp_path: Path, noise: Noise, write_deep_tiff: Any, deflate: bool
) -> None:
    pixels = noise(9, 7, 3, dtype="uint16")
    write_deep_tiff(tmp_path / "planes.tif", pixels, deflate=deflate, planes=True)
    with pytest.raises(ValueError, match="got .*planes.tif"):
        read_header(tmp_path / "planes.tif")


def test_float_tiff_keep_their_values(tmp_path: Path) -> None:
    pixels = np.linspace(-1, 1, 35, dtype=np.float32).reshape(5, 7, 1)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "image.tif")
    assert_reads(tmp_path / "image.tif", pixels)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 6)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_arrays_are_read_exactly_with_any_channels(
    tmp_path: Path, noise: Noise, shape: tuple[int, ...], dtype: str
) -> None:
    pixels = noise(*shape, dtype=dtype)
    np.save(tmp_path / "image.npy", pixels)
    assert_reads(tmp_path / "image.npy", pixels.reshape(5, 7, -1))


def test_stack_is_read_image_by_image(tmp_path: Path, noise: Noise) -> None:
    stack = noise(4, 5, 7, 3)
    np.save(tmp_path / "stack.npy", stack)
    assert read_header(tmp_path / "stack.npy") == Header(5, 7, 3, UINT8, count=4)
    assert np.array_equal(read_pixels(tmp_path / "stack.npy", 2), stack[2])


def test_palette_and_print_colours_become_rgb(tmp_path: Path, noise: Noise) -> None:
    colours = Image.fromarray(noise(5, 7, 3))
    palette = colours.quantize(16)
    palette.save(tmp_path / "palette.png")
    assert_reads(tmp_path / "palette.png", np.asarray(palette.convert("RGB")))
    colours.convert("CMYK").save(tmp_path / "print.tif")
    assert read_header(tmp_path / "print.tif").channels == 3
    assert read_pixels(tmp_path / "print.tif").shape == (5, 7, 3)
    palette.save(tmp_path / "clear.png", transparency=3)
    assert read_header(tmp_path / "clear.png").channels == 4
    assert set(np.unique(read_pixels(tmp_path / "clear.png")[..., 3])) <= {0, 255}


def test_photograph_taken_upright_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    assert read_header(tmp_path / "photo.jpg") == Header(16, 8, 3, UINT8)
    upright = read_pixels(tmp_path / "photo.jpg")
    assert upright.shape == (16, 8, 3)
    assert upright[:7].min() > 240 and upright[9:].max() < 15


def test_alpha_is_composed_on_white() -> None:
    pixels = np.array([[[255, 0, 100, 0], [255, 0, 100, 255], [255, 0, 100, 51]]], np.uint8)
    rgb = convert_channels(pixels, 3)
    assert rgb.tolist() == [[[255, 255, 255], [255, 0, 100], [255, 204, 224]]]
    grey = convert_channels(np.array([[[100, 0], [100, 255]]], np.uint8), 1)
    assert grey.tolist() == [[[255], [100]]]


def test_colour_becomes_luma_and_back() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]], np.uint8)
    grey = convert_channels(pixels, 1)
    assert grey[0, :, 0].tolist() == [76, 150, 29, 9]
    assert convert_channels(grey, 3)[0].tolist() == [[76] * 3, [150] * 3, [29] * 3, [9] * 3]
    assert convert_channels(grey, 4)[0, 0].tolist() == [76, 76, 76, 255]
    assert convert_channels(grey.astype(np.uint16), 2)[0, 1].tolist() == [150, 65535]


@pytest.mark.parametrize("have", [1, 2, 3, 4])
@pytest.mark.parametrize("want", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [UINT8, UINT16, FLOAT32])
def test_white_stays_white(have: int, want: int, dtype: Any) -> None:
    white = 1.0 if dtype == FLOAT32 else np.iinfo(dtype).max
    converted = convert_channels(np.full((2, 2, have), white, dtype), want)
    assert converted.dtype == dtype and converted.shape == (2, 2, want)
    assert (converted == white).all()


def test_floats_are_composed_and_weighted_in_their_own_range() -> None:
    pixels = np.array([[[-1.0, 0.0, 1.0, 0.0]]], np.float32)  # half transparent
    assert convert_channels(pixels, 3)[0, 0].tolist() == [0.0, 0.5, 1.0]
    red = np.array([[[1.0, -1.0, -1.0]]], np.float32)
    assert convert_channels(red, 1)[0, 0, 0] == pytest.approx(2 * 0.299 - 1)


def test_widening_keeps_the_value_of_every_level() -> None:
    levels = np.arange(256, dtype=np.uint8)
    deep = convert_dtype(levels, UINT16)
    assert deep.dtype == UINT16 and deep[[0, 1, 255]].tolist() == [0, 257, 65535]
    floats = convert_dtype(levels, FLOAT32)
    np.testing.assert_allclose(floats, levels / 127.5 - 1, atol=1e-7)
    np.testing.assert_allclose(convert_dtype(deep, FLOAT32), floats, atol=1e-7)


def test_crop_takes_the_centre() -> None:
    pixels = np.zeros((4, 10, 1), np.uint8)
    pixels[:, 3:7] = 200
    assert np.array_equal(centre_crop_resize(pixels, 4), np.full((4, 4, 1), 200))
    assert np.array_equal(centre_crop_resize(pixels.transpose(1, 0, 2), 4), np.full((4, 4, 1), 200))
    assert centre_crop_resize(pixels, 2).tolist() == [[[200]] * 2] * 2


def test_resize_is_antialiased_and_close_to_pillow(noise: Noise) -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    assert np.abs(centre_crop_resize(board, 16).astype(int) - 127.5).max() < 3
    pixels = np.asarray(Image.fromarray(noise(9, 9, 3)).resize((90, 90), Image.Resampling.BICUBIC))
    mine = centre_crop_resize(pixels, 32).astype(int)
    theirs = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC))
    assert np.abs(mine - theirs).max() <= 2


@pytest.mark.parametrize("dtype", [UINT8, UINT16, FLOAT32])
def test_overshoot_of_the_filter_is_clamped(dtype: Any) -> None:
    low, high = (-1.0, 1.0) if dtype == FLOAT32 else (0, np.iinfo(dtype).max)
    edge = np.full((8, 8, 1), low, dtype)
    edge[:, 4:] = high
    resized = centre_crop_resize(edge, 31)
    assert resized.dtype == dtype and resized.min() == low and resized.max() == high


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 4), np.int64), "type int64 is none of uint8, uint16, float"),
        (np.zeros(4, np.uint8), r"shape \(4,\) is none of"),
        (np.zeros((0, 4, 4, 3), np.uint8), "shape .* is none of"),
        (np.zeros((3, 8, 9), np.uint8), "has its channels first, transpose it to last"),
        (np.array([{}]), "."),
    ],
)
def test_arrays_that_are_no_images_are_refused(
    tmp_path: Path, array: NDArray[Any], reason: str
) -> None:
    np.save(tmp_path / "odd.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=rf"must be a readable image, got .*odd\.npy \(.*{reason}"):
        read_header(tmp_path / "odd.npy")
    with pytest.raises(ValueError) as caught:
        read_header(tmp_path / "odd.npy")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["image.png", "image.jpg", "image.tif", "image.npy"])
@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_no_image_is_named(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=f"got .*{name} .*; repair or remove the file"):
        read_header(tmp_path / name)


@pytest.mark.parametrize("deep", [False, True])
def test_truncated_file_is_named(
    tmp_path: Path, noise: Noise, write_deep_png: Any, deep: bool
) -> None:
    path = tmp_path / "cut.png"
    if deep:
        write_deep_png(path, noise(32, 32, 3, dtype="uint16"))
    else:
        Image.fromarray(noise(32, 32, 3)).save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="must be a readable image, got .*cut.png"):
        read_pixels(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused_with_their_file(
    tmp_path: Path, value: float
) -> None:
    array = np.zeros((4, 4, 3), np.float64)
    array[1, 2, 0] = value
    np.save(tmp_path / "bad.npy", array)
    with pytest.raises(ValueError, match="must be finite, got NaN or infinity in .*bad.npy"):
        read_pixels(tmp_path / "bad.npy")


def test_headers_of_arrays_are_parsed_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        np.save(tmp_path / f"{number}.npy", np.full((4, 4, 3), number, np.uint8))
    inside, most = 0, 0
    original = np.load

    def slow(*args: Any, **kwargs: Any) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.005)
        found = original(*args, **kwargs)
        inside -= 1
        return found

    monkeypatch.setattr(np, "load", slow)
    files = [tmp_path / f"{number}.npy" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        values = [int(pixels[0, 0, 0]) for pixels in pool.map(read_pixels, files)]
        assert [header.channels for header in pool.map(read_header, files)] == [3] * 8
    assert values == list(range(8)) and most == 1
