"""Simpler rules that people use, on the same cases: what the detector is compared with."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks.collapse.cases import Case
from benchmarks.collapse.judging import Alarm, Outcome
from benchmarks.collapse.tracks import Signals


def alarms_where(case: Case, wrong: Callable[[int], bool | None]) -> Outcome:
    """An alarm at every probe at which a condition begins to hold.

    Args:
        case: which.
        wrong: probe to whether it looks wrong; None says nothing new.
    """
    outcome, before = Outcome(case), False
    for probe in range(len(case.track)):
        now = wrong(probe)
        if now and not before:
            outcome.alarms.append(Alarm(probe, probe, "full", lowest(case, probe)))
        before = before if now is None else now
        outcome.states.append("collapsed" if before else "healthy")
        outcome.severities.append("full" if before else None)
    outcome.chosen = lowest(case, len(case.track))
    return outcome


def lowest(case: Case, until: int) -> int | None:
    """What ``save_top_k`` keeps: the evaluation with the lowest Frechet distance of all."""
    rows = {p: distance(case, p) for p in case.track.heavy if p <= until}
    known = {p: value for p, value in rows.items() if value is not None}
    return min(known, key=lambda p: known[p]) if known else None


def distance(case: Case, probe: int) -> float | None:
    """Frechet distance of the evaluation at a probe, in the detector's space."""
    return next(iter(case.track.heavy[probe].values()))


def distance_rule(case: Case) -> Outcome:
    """Frechet distance above twice its best."""
    best: list[float] = []

    def wrong(probe: int) -> bool | None:
        if probe not in case.track.heavy:
            return None
        value = distance(case, probe)
        if value is None:
            return True
        found = bool(best) and value > 2.0 * min(best)
        best.append(value)
        return found

    return alarms_where(case, wrong)


def loss_rule(case: Case) -> Outcome:
    """Loss of the discriminator below a hundredth of its first values, for three probes."""
    losses = [abs(value) for value in case.track.d_loss]
    first = median(losses[:3])

    def wrong(probe: int) -> bool | None:
        return max(losses[max(0, probe - 2) : probe + 1]) < 0.01 * first

    return alarms_where(case, wrong)


def distance_between_rule(case: Case) -> Outcome:
    """Mean distance between two samples below half of that between real ones."""

    def wrong(probe: int) -> bool | None:
        rows = case.track.signals[probe].values()
        values = [row.get("mean_distance") for row in rows]
        return any(value is None or value < 0.5 for value in values) or not values

    return alarms_where(case, wrong)


def coverage_rule(case: Case) -> Outcome:
    """Coverage below half of its best median of three, twice."""
    values = [_coverage(signals) for signals in case.track.signals]
    best = 0.0

    def wrong(probe: int) -> bool | None:
        nonlocal best
        best = max(best, median(values[max(0, probe - 2) : probe + 1]))
        return best > 0.2 and max(values[max(0, probe - 1) : probe + 1]) < 0.5 * best

    return alarms_where(case, wrong)


def _coverage(signals: Signals) -> float:
    return min((row.get("coverage") or 0.0 for row in signals.values()), default=0.0)


BASELINES: dict[str, Callable[[Case], Outcome]] = {
    "Frechet distance above twice its best": distance_rule,
    "D loss to zero": loss_rule,
    "mean pairwise distance alone": distance_between_rule,
    "coverage alone": coverage_rule,
}
