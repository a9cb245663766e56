"""The tables of the benchmark, as Markdown: every number with its count and interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.collapse.baselines import lowest
from benchmarks.collapse.judging import Outcome
from benchmarks.collapse.plan import HELD_OUT_FAMILIES, HELD_OUT_INJECTIONS
from benchmarks.collapse.scoring import (
    Scores,
    false_alarms,
    flagged_in_time,
    found_in_time,
    healthy_probes,
    in_time,
    recovered,
    regret,
    score,
)
from benchmarks.collapse.shares import Share, quantile, share_of


def percent(share: Share) -> str:
    """``98.1 % (96.0-99.3), 212 of 216``."""
    if not share.total:
        return "no case"
    low, high = share.interval
    return (
        f"{100 * share.value:.1f} % ({100 * low:.1f}-{100 * high:.1f}), "
        f"{share.hits} of {share.total}"
    )


def number(value: float, digits: int = 2) -> str:
    """A number, or a dash where there is none."""
    return f"{value:.{digits}g}" if math.isfinite(value) else ("inf" if value > 0 else "-")


def goals(scores: Scores) -> str:
    """Every goal beside what was measured."""
    rows = [
        (
            "full collapses called within 2 probes",
            ">= 95 %, lower bound >= 90 %",
            percent(scores.recall),
        ),
        ("... of which trained, not injected", "", percent(scores.recall_trained)),
        ("samples that became bad, all modes there, called lost", "", percent(scores.blurred)),
        ("partial collapses flagged within 8 probes", ">= 80 %", percent(scores.partial)),
        ("divergences called within 2 probes", "", percent(scores.diverged)),
        ("dead classes, ignored labels or inputs reported", "", percent(scores.input)),
        ("false alarms per healthy probe", "0 of >= 3,000", percent(scores.false_alarms)),
        ("... in negative controls", "0", percent(scores.control_alarms)),
        ("alarms between health and collapse", "", str(scores.grey_alarms)),
        ("healthy probes called suspect", "<= 3 %", percent(scores.suspect)),
        (
            "onset error, probes: median, 90 %",
            "<= 1, <= 3",
            f"{number(scores.onset_median)}, {number(scores.onset_90)} ({scores.onsets} alarms)",
        ),
        (
            "Frechet regret of the choice: median, 95 %",
            "0, <= 5 %",
            f"{number(100 * scores.regret_median)} %, {number(100 * scores.regret_95)} % "
            f"({scores.regrets} choices)",
        ),
        (
            "... against the same rule told the true onset",
            "0, <= 5 %",
            f"{number(100 * scores.loss_median)} %, {number(100 * scores.loss_95)} %",
        ),
        ("choices from after the onset", "0", percent(scores.after_onset)),
        ("never learned, and reported so", "100 %", percent(scores.never_learned)),
        ("learned, but reported as never_learned", "0", percent(scores.wrongly_never)),
        ("passing collapses that end healthy", ">= 95 %", percent(scores.recovery)),
    ]
    return table(("score", "goal", "measured (95 % interval)"), rows)


def comparison(rules: Mapping[str, Sequence[Outcome]]) -> str:
    """One row for the detector and each simpler rule, the same cases."""
    rows = []
    for name, outcomes in rules.items():
        found = score(outcomes)
        rows.append(
            (
                name,
                short(found.recall),
                short(found.partial),
                f"{found.false_alarms.hits} ({100 * found.false_alarms.value:.2f})",
                str(found.control_alarms.hits),
                f"{number(found.onset_median)}, {number(found.onset_90)}",
                f"{number(100 * found.regret_95)} %",
                f"{found.after_onset.hits} of {found.after_onset.total}",
            )
        )
    head = (
        "rule",
        "recall in 2 probes",
        "partial in 8",
        "false alarms (per 100 healthy probes)",
        "in controls",
        "onset error, median and 90 %",
        "regret, 95 %",
        "chosen after the onset",
    )
    return table(head, rows)


def choices(outcomes: Sequence[Outcome]) -> str:
    """The checkpoint that the alarm names, beside ``save_top_k`` and perfect knowledge."""
    falls = [o for o in outcomes if o.case.truth in ("full", "diverged", "recover")]

    def best_before(outcome: Outcome) -> int | None:
        case = outcome.case
        first = case.begins if case.begins is not None else case.onset
        return None if first is None else lowest(case, first - 1)

    ways = {
        "the detector's choice": lambda o: o.chosen,
        "the same rule told the true onset": lambda o: o.told,
        "lowest Frechet distance before the true onset": best_before,
        "`save_top_k`: lowest Frechet distance of all": lambda o: lowest(o.case, len(o.case.track)),
    }
    rows = []
    for name, choose in ways.items():
        cells = [name]
        for points in (False, True):
            mine = [o for o in falls if (o.case.kind in ("ring", "grid")) is points]
            values = [r for o in mine if (r := regret(o, choose)) is not None]
            middle = median(values) if values else math.nan
            high = quantile(values, 0.95)
            cells.append(f"{number(100 * middle)} %, {number(100 * high)} % of {len(values)}")
        values = [r for o in falls if (r := regret(o, choose)) is not None]
        rows.append((*cells, percent(share_of([v == math.inf for v in values]))))
    head = ("choice", "images: regret, median and 95 %", "points", "from after the onset")
    return table(head, rows)


def by_group(outcomes: Sequence[Outcome]) -> str:
    """Recall and false alarms of every kind of data and family of training."""
    rows = []
    for group in sorted({_group(o) for o in outcomes}):
        mine = [o for o in outcomes if _group(o) == group]
        full = [o for o in mine if o.case.truth == "full"]
        plain = [o for o in mine if not o.case.injected and not o.case.control]
        held = "held out" if group[1] in HELD_OUT_FAMILIES else ""
        rows.append(
            (
                group[0],
                group[1],
                held,
                short(share_of([in_time(o) for o in full])),
                f"{sum(len(false_alarms(o)) for o in plain)} in "
                f"{sum(healthy_probes(o) for o in plain):,}",
            )
        )
    return table(("data", "family", "", "recall in 2 probes", "false alarms, probes"), rows)


def by_injection(outcomes: Sequence[Outcome]) -> str:
    """How each kind of collapse is noticed."""
    rows = []
    names = sorted({o.case.track.injection or "(trained)" for o in outcomes})
    for name in names:
        mine = [
            o
            for o in outcomes
            if (o.case.track.injection or "(trained)") == name and not o.case.control
        ]
        for truth in ("full", "blurred", "partial", "diverged", "recover", "classes", "input"):
            cases = [o for o in mine if o.case.truth == truth]
            if not cases:
                continue
            held = "held out" if name.split("@")[0] in HELD_OUT_INJECTIONS else ""
            rows.append((name, truth, held, short(share_of([noticed(o) for o in cases]))))
    return table(("injection", "truth", "", "noticed in time"), rows)


def by_control(outcomes: Sequence[Outcome]) -> str:
    """False alarms of every negative control."""
    rows = []
    for name in sorted({o.case.control for o in outcomes} - {""}):
        mine = [o for o in outcomes if o.case.control == name]
        rows.append(
            (
                name,
                str(len(mine)),
                f"{sum(healthy_probes(o) for o in mine):,}",
                str(sum(len(false_alarms(o)) for o in mine)),
            )
        )
    return table(("control", "cases", "healthy probes", "false alarms"), rows)


def by_space(spaces: Mapping[str, Sequence[Outcome]]) -> str:
    """The same streams in several feature spaces."""
    rows = []
    for name, outcomes in spaces.items():
        full = [o for o in outcomes if o.case.truth in ("full", "diverged")]
        plain = [o for o in outcomes if not o.case.injected]
        rows.append(
            (
                name,
                percent(share_of([in_time(o) for o in full])),
                f"{sum(len(false_alarms(o)) for o in plain)} in "
                f"{sum(healthy_probes(o) for o in plain):,}",
            )
        )
    return table(("space", "recall in 2 probes", "false alarms, probes"), rows)


def noticed(outcome: Outcome) -> bool:
    """Whether a case was taken for what it is, in time."""
    truth = outcome.case.truth
    if truth == "healthy":
        return not false_alarms(outcome)
    if truth == "bad":
        return outcome.states[-1] == "never_learned"
    if truth == "partial":
        return flagged_in_time(outcome)
    if truth in ("input", "classes"):
        return found_in_time(outcome)
    if truth == "recover":
        return recovered(outcome)
    return truth in ("unclear", "blurred") or in_time(outcome)


def short(share: Share) -> str:
    """``98.1 % of 216``."""
    return f"{100 * share.value:.1f} % of {share.total}" if share.total else "no case"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _group(outcome: Outcome) -> tuple[str, str]:
    kind, family = outcome.case.track.run.split("-")[:2]
    return kind, family
