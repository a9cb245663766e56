"""OpenMoji as two domains, line art and colour: as pairs, and as two sets without common pictures.

The outlines of a drawing are its groups whose id starts with "line", rendered on white: both
domains fit each other to the pixel. The split is made by families of pictures before there are
domains: skin tones, men and women, and pictures whose outlines are the same (hearts, discs) stay on
one side. Flags are left out, whose outlines are one rectangle, and so are pictures that are the
same in both domains, such as a clock. All emojis designed by OpenMoji, CC BY-SA 4.0: published
images must show the attribution.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.audit import Audit, DomainAudit
from datamodules.base import held_out_mask
from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.openmoji_pictures import (
    SIZES,
    attribution,
    chosen_pictures,
    line_art,
    missing,
    picture_families,
    rasterise,
    render_all,
    svg_of,
    versions,
)
from datamodules.pairs import PairedDataModule
from datamodules.two_domains import LoadedDomains, PairedReference, Split, TwoDomains
from datamodules.unpaired import UnpairedDataModule

# Mean absolute difference of levels, 0 to 255, below which a picture is its own line art: the
# nearest pictures with colour differ by 0.5 and more at any size, those without by 0.1 or less.
_SAME_IN_BOTH = 0.3
_TITLES = {"a": "line art", "b": "colour"}


class _Drawings:
    """Both renderings of all chosen pictures, made when they are first asked for."""

    def __init__(self, size: int) -> None:
        self.size = size

    @cached_property
    def rendered(self) -> tuple[list[str], NDArray[np.uint8], NDArray[np.uint8]]:
        """Return N code point sequences, line art and colour, both ``(N, 3, size, size)``."""
        codes, _ = chosen_pictures(flags=False)
        line = self._render(codes, "line art", lambda code: line_art(svg_of(code)))
        colour = self._render(codes, "pictures", svg_of)
        difference = np.abs(line.astype(np.int16) - colour).mean((1, 2, 3))
        drawn = (line < 255).any((1, 2, 3))
        kept = np.flatnonzero(drawn & (difference >= _SAME_IN_BOTH))
        return [codes[row] for row in kept], line[kept], colour[kept]

    def contents(self, domain: str, channels: int) -> Contents:
        """Return one domain for its cache."""
        codes, line, colour = self.rendered
        # Outlines are black: their three channels are one.
        images = line[:, :channels] if domain == "a" else colour
        return Contents(
            rows=images,
            count=len(images),
            shape=(images.shape[1], self.size, self.size),
            dtype=np.dtype("uint8"),
            families=picture_families(codes, colour, line),
        )

    def _render(
        self, codes: list[str], what: str, drawing: Callable[[str], str]
    ) -> NDArray[np.uint8]:
        told = f"OpenMoji: rendering {len(codes):,} {what} at {self.size} px"
        return render_all(codes, lambda code: rasterise(drawing(code), self.size), told)


class LineAndColour(TwoDomains):
    """Base of the two sets below: a = line art, b = colour, some 1,580 pictures.

    Args:
        size: edge in pixels; 32, 64 and 128 are usual.
        channels_a: of the line art: 1 grey, or 3.
        **kwargs: see :class:`datamodules.two_domains.TwoDomains`.

    Raises:
        ValueError: when ``size`` or ``load_size`` does not lie in 8..512, ``channels_a`` is neither
            1 nor 3, or a needed package is missing.
    """

    def __init__(self, size: int = 64, channels_a: Literal[1, 3] = 3, **kwargs: Any) -> None:
        super().__init__(size=size, **kwargs)
        self.channels_a = channels_a
        for name, edge in (("size", size), ("load_size", self.load_size or size)):
            if edge not in SIZES:
                raise self._refusal(name, "lie in 8..512", edge, f"set {name}: 64")
        if channels_a not in (1, 3):
            raise self._refusal("channels_a", "be 1 or 3", channels_a, "set channels_a: 3")

    @property
    def attribution(self) -> str:
        """The line that the licence asks for."""
        return attribution(type(self).__name__)

    @property
    def domain_titles(self) -> dict[str, str]:
        """Line art and colour."""
        return dict(_TITLES)

    def load_domains(self) -> LoadedDomains:
        """Open both renderings of the pictures, made once; see the base."""
        edge = self.load_size or self.size
        assert edge is not None
        drawings = _Drawings(edge)
        try:
            images = {
                domain: self._cached(drawings, domain, channels)
                for domain, channels in (("a", self.channels_a), ("b", 3))
            }
        except ImportError as error:
            raise missing(type(self).__name__, error) from error
        return LoadedDomains(
            images, Audit({domain: _audit(domain, images[domain].array) for domain in images})
        )

    def _cached(self, drawings: _Drawings, domain: str, channels: int) -> LabelledImages:
        key = {
            "data": "openmoji-line-and-colour",
            "domain": domain,
            "versions": versions(),
            "size": drawings.size,
            "channels": channels,
        }
        name = f"openmoji-{_TITLES[domain].replace(' ', '-')}-{drawings.size}"
        return cached_images(name, key, lambda: drawings.contents(domain, channels))


class OpenMojiPairs(PairedDataModule, LineAndColour):
    """Line art beside the same picture in colour.

    Args:
        **kwargs: see :class:`LineAndColour`.
    """

    def slug(self) -> str:
        """openmoji-pairs-<size>."""
        return f"openmoji-pairs-{self.size}"


class OpenMojiUnpaired(UnpairedDataModule, LineAndColour):
    """Line art of some pictures and the colour of others: no family is trained on in both domains.

    The held-out part is the same pictures in both, whose true pairs are for scores alone:
    :meth:`paired_reference`.

    Args:
        **kwargs: see :class:`datamodules.unpaired.UnpairedDataModule` and :class:`LineAndColour`.
    """

    def slug(self) -> str:
        """openmoji-unpaired-<size>."""
        return f"openmoji-unpaired-{self.size}"

    def paired_reference(self, split: Split) -> PairedReference | None:
        """Return the true pairs of the held-out part; None for the training part, which has none.

        Args:
            split: which side.

        Raises:
            ValueError: when the name is another one, or nothing is held out.
        """
        self._check_split(split)
        if split == "train":
            return None
        return PairedReference(self.reference(split, "a"), self.reference(split, "b"))

    def _split(self) -> dict[str, dict[str, NDArray[np.int64]]]:
        families = self._opened().images["a"].families
        assert families is not None
        mask = held_out_mask(len(families), self.held_out_share, families=families)
        train, held_out = np.flatnonzero(~mask), np.flatnonzero(mask)
        lines = held_out_mask(len(train), 0.5, families=families[train])
        return {
            "a": {"train": train[lines], "held_out": held_out},
            "b": {"train": train[~lines], "held_out": held_out},
        }


def _audit(domain: str, array: NDArray[Any]) -> DomainAudit:
    count, channels, height, width = array.shape
    return DomainAudit(
        _TITLES[domain], count, {f"{width}x{height}": count}, {channels: count}, {"uint8": count}
    )
