"""What the tests of memorization say in one feature space."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callbacks.metrics.authenticity import Authenticity, Twins
from callbacks.metrics.copying import CopyTest, Level
from callbacks.metrics.mifid import InformedFrechet
from callbacks.metrics.three_sample import Cell, ThreeSampleTest


@dataclass(frozen=True)
class SpaceVerdict:
    """What the tests say in one feature space.

    Attributes:
        space: id of the space.
        twins: without them nothing is called copying, whatever the other tests say: blurred and
            collapsed samples lie near the training set too.
        authenticity: with the twins the only test that needs no held-out samples.
        copies: None without held-out samples; so are the next two.
        three_sample: C_T of samples as they are.
        three_sample_changed: C_T under the best change of each sample: it also sees mirrored
            copies.
        informed: Frechet distance with its penalty; None where it was not asked for. No test: it
            gives no verdict.
        informed_name: name of that score, such as ``mifd_rand_vgg@1k``.
        held_out_distance: what ``informed.distance`` is for held-out samples; None without them.
        names: what a cell mostly holds, by its number; empty for data without classes.
    """

    space: str
    twins: Twins
    authenticity: Authenticity
    copies: CopyTest | None = None
    three_sample: ThreeSampleTest | None = None
    three_sample_changed: ThreeSampleTest | None = None
    informed: InformedFrechet | None = None
    informed_name: str = ""
    held_out_distance: float | None = None
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def weakest(self) -> Cell | None:
        """The cell that looks most like copying, under both ways of C_T."""
        cells = [test.weakest for test in (self.three_sample, self.three_sample_changed) if test]
        found = [cell for cell in cells if cell is not None]
        return min(found, key=lambda cell: cell.z or 0.0) if found else None

    @property
    def flags(self) -> dict[str, str]:
        """The tests that flag the samples, by name, with a sentence each; the gravest first."""
        found = {}
        if self.twins.flagged:
            found["twins"] = self._twins()
        if self.copies is not None and self.copies.level != "fresh":
            found["copies"] = self._copies(self.copies)
        for name, test in (
            ("C_T", self.three_sample),
            ("C_T with changes", self.three_sample_changed),
        ):
            if test is not None and test.copying:
                found[name] = (
                    f"{name} {test.value:.1f}: nearer to the training set than held-out samples "
                    "(below -3)"
                )
            elif test is not None and test.copying_locally:
                found[name] = f"{name}: z {_z(test.weakest)} in {self.name_of(test.weakest)}"
        if self.authenticity.flagged:
            found["authenticity"] = self._authenticity()
        return found

    @property
    def level(self) -> Level:
        """``fresh`` without more twins than real data have; with them ``suspect``.

        ``memorised`` where the copy test says so as well, and surely 10 % of the samples are twins.
        """
        if not self.twins.flagged:
            return "fresh"
        copied = self.copies is not None and self.copies.level == "memorised"
        return "memorised" if copied and self.twins.lower > 0.10 else "suspect"

    def name_of(self, cell: Cell | None) -> str:
        """Say which cell, such as ``cell 3 (mostly 7)``."""
        if cell is None:
            return "no cell"
        mostly = self.names.get(cell.number)
        return f"cell {cell.number}" + (f" (mostly {mostly})" if mostly else "")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        numbers: dict[str, Any] = {
            "level": self.level,
            "flags": self.flags,
            "twin_rate": self.twins.rate,
            "twin_rate_lower": self.twins.lower,
            "held_out_twin_rate": self.twins.null,
            "tolerated_twin_rate": self.twins.tolerated,
            "authentic": self.authenticity.share,
            "held_out_authentic": self.authenticity.null,
            "nearest_ratio": self.authenticity.ratio,
        }
        if self.copies is not None:
            numbers |= {
                "copy_rate": self.copies.rate,
                "copy_rate_lower": self.copies.lower,
                "copy_threshold": self.copies.threshold,
                "held_out_rate": self.copies.null,
                "tolerated_rate": self.copies.tolerated,
                "flip_share": self.copies.flipped,
            }
        if self.three_sample is not None and self.three_sample_changed is not None:
            numbers |= {
                "ct": self.three_sample.value,
                "ct_with_changes": self.three_sample_changed.value,
                "cells": len(self.three_sample.cells),
                "underfitting": self.three_sample.underfitting,
                "weakest_z": None if self.weakest is None else self.weakest.z,
                "weakest_cell": None if self.weakest is None else self.name_of(self.weakest),
            }
        if self.informed is not None:
            numbers |= {
                self.informed_name: self.informed.value,
                "penalised": self.informed.penalised,
                "training_distance": self.informed.distance,
                "held_out_training_distance": self.held_out_distance,
                "penalty_threshold": self.informed.threshold,
            }
        return numbers

    def _twins(self) -> str:
        test = self.twins
        text = (
            f"{100 * test.rate:.1f} % of the samples match one training sample three times better "
        )
        text += f"than its neighbours do (surely {100 * test.lower:.1f} %"
        return text + (")" if test.null is None else f"; held-out {100 * test.null:.1f} %)")

    def _copies(self, test: CopyTest) -> str:
        text = (
            f"{100 * test.rate:.1f} % of the samples are as near to a training sample as the "
            f"nearest {100 * test.null:.1f} % of held-out ones (surely {100 * test.lower:.1f} %)"
        )
        mirrored = test.flipped is not None and test.flipped >= 0.01
        return text + (f", {100 * (test.flipped or 0):.0f} % of them mirrored" if mirrored else "")

    def _authenticity(self) -> str:
        test = self.authenticity
        than = "" if test.null is None else f", of held-out ones {100 * test.null:.0f} %"
        return (
            f"{100 * test.share:.0f} % of the samples are further from their match than it is from "
            f"its own nearest training sample{than}"
        )


def _z(cell: Cell | None) -> str:
    return "-" if cell is None or cell.z is None else f"{cell.z:.1f}"
