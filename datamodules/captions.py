"""Pictures with captions: OpenMoji by its English names, and folders of the user's own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.cache import LabelledImages, content_hash
from datamodules.captioned import CaptionedData
from datamodules.openmoji import OpenMoji
from datamodules.openmoji_pictures import chosen_pictures, picture_families
from datamodules.tables import TableFolder
from datamodules.text_encoders import TextEncoder

_MORE_NAMES = "alias"


class OpenMojiCaptions(CaptionedData):
    """Colour pictures of OpenMoji with the English names of the package emoji.

    Args:
        size: edge in pixels; 32, 64 and 128 are usual.
        labels: take the 9 categories of Unicode as classes, so that mismatched images come from
            another category; otherwise they have another name, however like it may be.
        flags: keep the flags: 269 pictures whose names say little of what they show.
        encoder: see :class:`datamodules.captioned.CaptionedData`.
        captions_averaged: see :class:`datamodules.captioned.CaptionedData`.
        **kwargs: see :class:`datamodules.base.DataModule`.

    Raises:
        ValueError: when ``size`` does not lie in 8..512, or a needed package is missing.
    """

    def __init__(
        self,
        size: int = 64,
        labels: bool = False,
        flags: bool = False,
        encoder: TextEncoder | None = None,
        captions_averaged: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, captions_averaged, **kwargs)
        self.pictures = OpenMoji(size, labels=labels, flags=flags)
        self._names: list[tuple[str, ...]] = []

    def slug(self) -> str:
        """openmoji-captions-<size>."""
        return f"openmoji-captions-{self.pictures.size}"

    @property
    def attribution(self) -> str:
        """The line that the licence asks for."""
        return self.pictures.attribution

    def load(self) -> LabelledImages:
        """Open the pictures, rendered once; see :class:`datamodules.base.DataModule`."""
        images = self.pictures.load()
        source = np.frombuffer(f"{images.content}{self.sentences()}".encode(), np.uint8)
        return replace(images, content=content_hash(source))

    def sentences(self) -> Sequence[Sequence[str]]:
        """Return the name of every picture, and its other names where it has some."""
        if not self._names:
            import emoji

            codes, _ = chosen_pictures(flags=self.pictures.flags, labels=self.pictures.labels)
            self._names = [_names(emoji.EMOJI_DATA, code) for code in codes]
        return self._names

    def _numbers(self) -> NDArray[np.int64]:
        images = self._opened()
        if images.labels is not None:
            return images.labels
        # Pictures that look the same under two names count as one: neither misfits the other.
        different = [f"{0x100000 + place:X}" for place in range(len(images.array))]
        return picture_families(different, images.array)


class CaptionedFolder(TableFolder, CaptionedData):
    """A folder of images, and a CSV or JSON lines with their captions.

    Columns: ``image``, a path relative to the folder; ``caption``, a sentence, or a list of them in
    JSON lines; and maybe ``class``. An image with several captions may also have several rows.

    Arguments and errors: see :class:`datamodules.tables.TableFolder` and
    :class:`datamodules.captioned.CaptionedData`.
    """

    _sentences: Sequence[tuple[str, ...]] = ()

    def sentences(self) -> Sequence[Sequence[str]]:
        """Return the captions of every image, in the order of the table."""
        self._opened()
        return self._sentences

    def load(self) -> LabelledImages:
        """Open images and captions; see :class:`datamodules.base.DataModule`."""
        images = self.pictures.load()
        own = self.rows(len(images.array), "caption", several=True)
        self._sentences = [self._of_image(rows) for rows in own]
        labels, names = self._classes(own)
        source = np.frombuffer(f"{images.content}{self._sentences}{names}".encode(), np.uint8)
        return replace(
            images, labels=labels, class_names=names, content=content_hash(source, labels)
        )

    def _of_image(self, rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
        found: list[str] = []
        for row in rows:
            given = row["caption"]
            for one in given if isinstance(given, list) else [given]:
                if not isinstance(one, str) or not one.strip():
                    raise self._refusal(
                        "caption", "be a sentence", one, f"correct the row of {row['image']}"
                    )
                found.append(" ".join(one.split()))
        return tuple(found)

    def _classes(
        self, own: Sequence[Sequence[dict[str, Any]]]
    ) -> tuple[NDArray[np.int64] | None, tuple[str, ...] | None]:
        given = [{str(row.get("class") or "") for row in rows} for rows in own]
        if all(one == {""} for one in given):
            return None, None
        for one, rows in zip(given, own, strict=True):
            if len(one) > 1 or "" in one:
                raise self._refusal(
                    "class",
                    "be one and the same in all rows of an image",
                    sorted(one),
                    f"correct the rows of {rows[0]['image']}, or leave out the column",
                )
        classes = [one.pop() for one in given]
        names = sorted(set(classes))
        return np.array([names.index(one) for one in classes], np.int64), tuple(names)


def _names(entries: dict[str, dict[str, Any]], code: str) -> tuple[str, ...]:
    """Turn ``:red_apple:`` into "red apple"; aliases follow."""
    entry = entries["".join(chr(int(part, 16)) for part in code.split("-"))]
    names = [entry["en"], *entry.get(_MORE_NAMES, ())]
    plain = [" ".join(name.strip(":").replace("_", " ").split()) for name in names]
    return tuple(dict.fromkeys(plain))
