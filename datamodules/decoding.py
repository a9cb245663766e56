"""Image files to arrays, at the precision that they have.

Pillow reads everything, but of 16-bit colour it keeps the high bytes alone and says nothing: those
files are decoded a second time for the low ones.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps
from torch.nn import functional

#: What is looked for in a folder; other files are left alone.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".npy")
#: Channels to Pillow's mode; arrays may have any other number.
CHANNEL_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

#: Headers of .npy are Python, and CPython 3.11 must not parse in two threads at once: see its issue
#: 106905.
_PARSING = Lock()

_UINT8, _UINT16, _FLOAT32 = np.dtype("uint8"), np.dtype("uint16"), np.dtype("float32")
_DEEP_MODES = {
    "LA;16B": "RGBA",
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B" if sys.byteorder == "little" else "RGB;16L",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": "RGBA;16B" if sys.byteorder == "little" else "RGBA;16L",
}
_MODES: dict[str, tuple[int, np.dtype[Any]]] = {
    **dict.fromkeys(("1", "L"), (1, _UINT8)),
    **dict.fromkeys(("LA", "La"), (2, _UINT8)),
    **dict.fromkeys(("RGB", "RGBX", "CMYK", "YCbCr"), (3, _UINT8)),
    **dict.fromkeys(("RGBA", "RGBa", "PA"), (4, _UINT8)),
    **dict.fromkeys(("I;16", "I;16B", "I;16L", "I;16N", "I"), (1, _UINT16)),
    "F": (1, _FLOAT32),
}
_EXIF_ORIENTATION, _TIFF_BITS, _TIFF_PLANES = 0x0112, 258, 284


class UnreadableImage(ValueError):
    """A file that holds no image that can be used.

    Args:
        path: of the file.
        reason: what is wrong with it, in a few words.
        rule: what every file must do.
    """

    def __init__(self, path: Path, reason: str, rule: str) -> None:
        super().__init__(f"ImageFolder: every {rule}; repair or remove the file")
        self.path, self.reason = path, reason


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; arrays may have any number.
        dtype: uint8, uint16 or float32.
        count: images in the file; more than 1 only in an array ``(N, H, W, C)``.
    """

    height: int
    width: int
    channels: int
    dtype: np.dtype[Any]
    count: int = 1


def read_header(path: Path) -> Header:
    """Read shape and precision without decoding.

    Args:
        path: an image, or a .npy file with one image ``(H, W)`` or ``(H, W, C)`` or a stack
            ``(N, H, W, C)`` of them.

    Returns:
        The header.

    Raises:
        ValueError: when the file cannot be read or holds something else; the message names it.
    """
    return _guarded(path, _array_header if path.suffix.lower() == ".npy" else _image_header)


def read_pixels(path: Path, position: int = 0) -> NDArray[Any]:
    """Decode one image.

    Args:
        path: see :func:`read_header`.
        position: which image of a stack.

    Returns:
        ``(H, W, C)`` uint8, uint16 or float32; floats as they stand in the file.

    Raises:
        ValueError: when the file cannot be decoded, or its floats hold NaN or infinity.
    """
    if path.suffix.lower() != ".npy":
        pixels = _guarded(path, _image_pixels)
    else:
        array = _guarded(path, _mapped)
        pixels = np.array(array[position] if array.ndim == 4 else array)
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.dtype.kind == "f":
        pixels = pixels.astype(_FLOAT32)
        if not np.isfinite(pixels).all():
            reason = "NaN or infinity"
            raise UnreadableImage(path, reason, f"value must be finite, got {reason} in {path}")
    return pixels


def convert_channels(pixels: NDArray[Any], channels: int) -> NDArray[Any]:
    """Convert between grey, grey and alpha, RGB and RGBA.

    Colour becomes grey by ITU-R BT.601 luma; alpha is removed by composition on white, and added as
    opaque.

    Args:
        pixels: ``(H, W, C)`` with C from 1 to 4: uint8, uint16, or float32 in [-1, 1].
        channels: 1 to 4.

    Returns:
        ``(H, W, channels)`` of the same type.
    """
    have = pixels.shape[-1]
    if have == channels:
        return pixels
    colour, alpha = (pixels[..., :-1], pixels[..., -1:]) if have in (2, 4) else (pixels, None)
    high = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    low = -1.0 if pixels.dtype.kind == "f" else 0.0
    if alpha is not None and channels in (1, 3):
        share = (alpha.astype(np.float64) - low) / (high - low)
        colour = _fit(colour * share + high * (1.0 - share), pixels.dtype)
    if colour.shape[-1] == 3 and channels in (1, 2):
        luma = colour.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
        colour = _fit(luma[..., None], pixels.dtype)
    if colour.shape[-1] == 1 and channels in (3, 4):
        colour = np.repeat(colour, 3, axis=-1)
    if channels in (1, 3):
        return colour
    opaque = np.full_like(colour[..., :1], high)
    return np.concatenate([colour, opaque if alpha is None else alpha], axis=-1)


def convert_dtype(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Widen uint8 to uint16, or either to float32 in [-1, 1]; no level is lost."""
    if pixels.dtype == dtype:
        return pixels
    if dtype == _UINT16:
        return pixels.astype(_UINT16) * np.uint16(257)
    return (pixels / (np.iinfo(pixels.dtype).max / 2.0) - 1.0).astype(_FLOAT32)


def centre_crop_resize(pixels: NDArray[Any], size: int) -> NDArray[Any]:
    """Cut the largest centred square and resize it, bicubic and antialiased.

    Args:
        pixels: ``(H, W, C)`` uint8, uint16, or float32 in [-1, 1].
        size: edge of the result in pixels.

    Returns:
        ``(size, size, C)`` of the same type.
    """
    height, width = pixels.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = pixels[top : top + edge, left : left + edge]
    if edge == size:
        return square
    planes = torch.from_numpy(square.astype(np.float32)).permute(2, 0, 1)[None]
    resized = functional.interpolate(
        planes, size=(size, size), mode="bicubic", align_corners=False, antialias=True
    )
    return _fit(resized[0].permute(1, 2, 0).numpy(), pixels.dtype)


def _fit(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Round and clamp to an integer type, or clamp floats to [-1, 1]."""
    if dtype.kind == "f":
        return np.clip(values, -1.0, 1.0).astype(dtype)
    return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)


def _mapped(path: Path) -> NDArray[Any]:
    with _PARSING:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _guarded(path: Path, read: Any) -> Any:
    """Turn whatever a decoder raises on a bad file into one line that names the file."""
    try:
        return read(path)
    except Exception as error:
        reason = " ".join(str(error).split()).replace(f" {str(path)!r}", "")
        reason = reason or type(error).__name__
        raise UnreadableImage(
            path, reason, f"file must be a readable image, got {path} ({reason})"
        ) from error


def _array_header(path: Path) -> Header:
    array = _mapped(path)
    if array.dtype not in (_UINT8, _UINT16) and array.dtype.kind != "f":
        raise ValueError(f"type {array.dtype} is none of uint8, uint16, float")
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        raise ValueError(f"shape {array.shape} is none of (H, W), (H, W, C), (N, H, W, C)")
    height, width, channels = (*array.shape, 1) if array.ndim == 2 else array.shape[-3:]
    if height <= 4 < channels:
        raise ValueError(f"shape {array.shape} has its channels first, transpose it to last")
    dtype = _FLOAT32 if array.dtype.kind == "f" else array.dtype
    return Header(height, width, channels, dtype, len(array) if array.ndim == 4 else 1)


def _image_header(path: Path) -> Header:
    with Image.open(path) as image:
        width, height = image.size
        channels, dtype = _channels_and_dtype(image)
        # A camera that was held upright says so here, and not in the order of the pixels.
        if _is_photograph(image) and image.getexif().get(_EXIF_ORIENTATION, 1) >= 5:
            width, height = height, width
        return Header(height, width, channels, dtype)


def _is_photograph(image: Image.Image) -> bool:
    """Tell whether EXIF is looked at; in a PNG it may stand last, behind all pixels."""
    return image.format in ("JPEG", "MPO", "WEBP")


def _channels_and_dtype(image: Image.Image) -> tuple[int, np.dtype[Any]]:
    """Return the file's own channels and precision, which Pillow's mode may understate."""
    deep = _deep_raw_mode(image)
    if deep:
        return len(deep.split(";")[0]), _UINT16
    if image.mode == "P":
        return (4 if "transparency" in image.info else 3), _UINT8
    if image.mode not in _MODES:
        raise ValueError(f"colour mode {image.mode} has no place here, convert it to RGB")
    return _MODES[image.mode]


def _image_pixels(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        if _deep_raw_mode(image):
            return _deep_colour_pixels(path, image)
        channels, dtype = _channels_and_dtype(image)
        upright = ImageOps.exif_transpose(image) if _is_photograph(image) else image
        if dtype == _UINT8:
            pixels = np.asarray(upright.convert(CHANNEL_MODES[channels]))
        else:
            pixels = np.asarray(upright)
            if pixels.dtype.kind != "f" and (pixels.min() < 0 or pixels.max() > 65535):
                raise ValueError("levels lie outside of 16 bits")
            pixels = pixels.astype(dtype)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _deep_raw_mode(image: Image.Image) -> str:
    """Return how 16-bit colour lies in the file, such as RGB;16B, or "" for anything else."""
    if image.mode not in ("LA", "RGB", "RGBA") or not isinstance(image, ImageFile.ImageFile):
        return ""
    modes = {_raw_mode(tile) for tile in image.tile}
    deep, planes = any(";16" in mode for mode in modes), False
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        deep, planes = 16 in tags.get(_TIFF_BITS, ()), tags.get(_TIFF_PLANES) == 2
    if not deep:
        return ""
    mode = modes.pop()
    if planes or modes or mode not in _DEEP_MODES:
        raise ValueError("16-bit colour in this layout is not read, save it as PNG or .npy")
    return mode


def _deep_colour_pixels(path: Path, image: ImageFile.ImageFile) -> NDArray[np.uint16]:
    """Decode 16-bit colour twice: for the high bytes, and for the bytes that Pillow drops.

    Read as if the bytes of a level stood in the other order, the low byte is the high one.
    """
    mode = _deep_raw_mode(image)
    other = _DEEP_MODES[mode]
    high = np.asarray(image)
    with Image.open(path) as again:
        assert isinstance(again, ImageFile.ImageFile)
        again.tile = [
            tile._replace(args=(other, *tile.args[1:]) if isinstance(tile.args, tuple) else other)
            for tile in again.tile
        ]
        low = np.asarray(again)
    if other == "RGBA":
        # Two 16-bit channels, taken for four of 8 bits.
        return low.view(">u2").astype(_UINT16)
    return high.astype(_UINT16) << 8 | low


def _raw_mode(tile: Any) -> str:
    return str(tile.args[0] if isinstance(tile.args, tuple) else tile.args)
