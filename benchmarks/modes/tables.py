"""Means over seeds beside the published rows, and where the two are apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.modes.published import PUBLISHED, Row, Value
from benchmarks.modes.results import Result
from benchmarks.modes.setups import Setup

#: Digits after the point, and the factor of what is printed.
QUANTITIES = {"modes": (1, 1.0), "high_quality": (1, 100.0), "reverse_kl": (3, 1.0)}
_APART = 2.0
#: Stands for infinity, which JSON does not have.
_CERTAIN = 1e9


@dataclass(frozen=True)
class Line:
    """One variant on one data set, over its seeds.

    Attributes:
        data: the data set.
        variant: the row.
        setup: what was played.
        runs: one result a seed, at least one.
    """

    data: str
    variant: str
    setup: Setup
    runs: Sequence[Result]

    @property
    def published(self) -> Row | None:
        """The paper's row, if there is one."""
        return PUBLISHED[self.data].get(self.variant)

    def value(self, quantity: str) -> Value | None:
        """Mean and standard error over the seeds; the error is None for one seed."""
        found = [float(run[quantity]) for run in self.runs if quantity in run]
        if not found:
            return None
        error = statistics.stdev(found) / math.sqrt(len(found)) if len(found) > 1 else None
        return Value(statistics.fmean(found), error)

    def apart(self, quantity: str) -> float | None:
        """How many combined standard errors ours is above the published mean.

        None where either is missing, or ours is of one seed; a paper that gives no error counts as
        certain. Equal means are 0 apart, also where both errors are 0.
        """
        ours = self.value(quantity)
        theirs: Value | None = getattr(self.published, quantity, None)
        if ours is None or theirs is None or ours.error is None:
            return None
        combined = math.hypot(ours.error, theirs.error or 0.0)
        difference = ours.mean - theirs.mean
        if not combined:
            return math.copysign(_CERTAIN, difference) if difference else 0.0
        return difference / combined

    def share(self) -> float | None:
        """Steps that were played, over those of the source."""
        theirs = self.setup.published_steps
        return None if theirs is None else self.runs[0]["steps"] / theirs

    def milliseconds(self) -> float:
        """CPU milliseconds of a generator step."""
        return 1e3 * statistics.fmean(run["cpu_s"] / run["steps"] for run in self.runs)

    def explanation(self) -> str:
        """What differs from the source: the named settings behind a difference."""
        share = self.share()
        budget = () if share is None or share >= 1 else (f"{share:.1%} of the steps",)
        return "; ".join((*budget, *self.setup.changes)) or "nothing"

    def to_dict(self) -> Result:
        """Plain data."""
        found: Result = {
            "setup": self.setup.name,
            "seeds": len(self.runs),
            "steps": self.runs[0]["steps"],
            "share_of_published_steps": self.share(),
            "cpu_ms_per_step": round(self.milliseconds(), 3),
            "diverged": sum(run["diverged"] for run in self.runs),
            "published": self.published._asdict() if self.published else None,
            "differs_in": self.explanation(),
        }
        for quantity in QUANTITIES:
            found[quantity] = self.value(quantity)
            found[f"{quantity}_apart"] = self.apart(quantity)
        return found


def markdown(lines: Sequence[Line]) -> str:
    """A table with ours and the published row in each cell, and a note below for each gap."""
    text = [
        "| data | variant | seeds | steps | modes | published | high quality % | published "
        "| reverse KL | published | ms/step |",
        "|" + "---|" * 11,
    ]
    for line in lines:
        cells = []
        for quantity in QUANTITIES:
            cells.append(_cell(quantity, line.value(quantity)))
            cells.append(_cell(quantity, getattr(line.published, quantity, None)))
        share = line.share()
        steps = f"{line.runs[0]['steps']:,}" + ("" if share is None else f" ({share:.1%})")
        text.append(
            f"| {line.data} | {line.variant} | {len(line.runs)} | {steps} | {' | '.join(cells)} "
            f"| {line.milliseconds():.1f} |"
        )
    return "\n".join([*text, "", *notes(lines)])


def notes(lines: Sequence[Line]) -> list[str]:
    """What is more than two combined standard errors away, with the settings that differ."""
    found = []
    for line in lines:
        gaps = []
        for quantity in QUANTITIES:
            apart = line.apart(quantity)
            if apart is not None and abs(apart) > _APART:
                gaps.append(f"{quantity} {apart:+.1f} s.e.")
        source = f" of {line.published.source}" if line.published else ""
        if diverged := sum(run["diverged"] for run in line.runs):
            gaps.append(f"{diverged} of {len(line.runs)} runs diverged")
        if gaps:
            found.append(
                f"- {line.data} {line.variant}: {', '.join(gaps)}{source}; set-up "
                f'"{line.setup.name}" with {line.explanation()}'
            )
    return found


def ranking(lines: Sequence[Line], order: Sequence[Sequence[str]]) -> bool | None:
    """Whether groups of variants come in their published order of falling coverage.

    Coverage is the reverse KL, which still tells variants apart where all modes are covered. Every
    variant of a group must be below every one of the next.

    Args:
        lines: of one data set.
        order: groups of variants, best first.

    Returns:
        None where a variant is missing.
    """
    means = {line.variant: line.value("reverse_kl") for line in lines}
    groups = [[means.get(variant) for variant in group] for group in order]
    known = [[value.mean for value in group if value is not None] for group in groups]
    if any(len(values) < len(group) for values, group in zip(known, order, strict=True)):
        return None
    return all(max(one) < min(other) for one, other in zip(known[:-1], known[1:], strict=True))


def _cell(quantity: str, value: Value | None) -> str:
    if value is None:
        return ""
    digits, factor = QUANTITIES[quantity]
    text = f"{factor * value.mean:.{digits}f}"
    return text if value.error is None else f"{text} ± {factor * value.error:.{digits}f}"
