"""Digits and sheets of paper: whatever comes back of a digit that was erased had been hidden.

Data for the question of arXiv:1712.02950. Real digits (a) are led to sheets (b) that show nothing,
or, as the control, to digits in negative, which hold everything.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.audit import Audit, DomainAudit
from datamodules.cache import LabelledImages, content_hash
from datamodules.mnist import MNIST5k
from datamodules.two_domains import LoadedDomains
from datamodules.unpaired import UnpairedDataModule

_SEED = 17120295
#: Shades of sheets.
_LOW, _HIGH = 60, 200
_COUNT = 2000


class DigitsAndSheets(UnpairedDataModule):
    """a = 1,000 digits, b = 1,000 sheets of one shade of grey each, or other digits in negative.

    Args:
        sheets: blank, or negative.
        **kwargs: see :class:`UnpairedDataModule`; ``size`` is 32.
    """

    def __init__(self, sheets: Literal["blank", "negative"] = "blank", **kwargs: Any) -> None:
        super().__init__(size=32, **kwargs)
        self.sheets = sheets

    def slug(self) -> str:
        """digits-and-<sheets>-sheets."""
        return f"digits-and-{self.sheets}-sheets"

    @property
    def attribution(self) -> str:
        """Source of the digits."""
        return MNIST5k().attribution

    @property
    def domain_titles(self) -> dict[str, str]:
        """Digits and sheets."""
        return {"a": "digits", "b": f"{self.sheets} sheets"}

    def load_domains(self) -> LoadedDomains:
        """Open the digits; see the base."""
        digits = MNIST5k(32).load().array
        # They are sorted by class: every second of an even choice is of the other domain.
        chosen = np.asarray(digits[np.linspace(0, len(digits) - 1, _COUNT).astype(int)])
        mine, others = chosen[::2], chosen[1::2]
        arrays = {"a": mine, "b": 255 - others if self.sheets == "negative" else _blank(mine.shape)}
        images = {
            domain: LabelledImages(array, None, None, None, None, content_hash(array))
            for domain, array in arrays.items()
        }
        titles, count = self.domain_titles, len(mine)
        audits = {
            domain: DomainAudit(
                titles[domain], count, {"32x32": count}, {1: count}, {"uint8": count}
            )
            for domain in images
        }
        return LoadedDomains(images, Audit(audits))


def _blank(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    shades = np.random.Generator(np.random.PCG64(_SEED)).integers(_LOW, _HIGH, shape[0])
    return np.broadcast_to(shades.astype(np.uint8)[:, None, None, None], shape).copy()
