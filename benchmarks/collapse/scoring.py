"""From what was said of all cases to shares with intervals: recall, false alarms, regrets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.collapse.judging import Alarm, Outcome
from benchmarks.collapse.shares import Share, quantile, share_of
from callbacks.collapse.records import LOST

#: An alarm counts for a collapse up to so many probes after its onset; for a partial one,
IN_TIME, IN_TIME_PARTIAL = 2, 8
#: Dates are judged for alarms up to so many probes after the onset.
_DATED = 12
_LEARNED = ("healthy", "full", "blurred")


def detected(outcome: Outcome) -> Alarm | None:
    """The alarm that belongs to the collapse of a case: not before it began, not after it ended."""
    case = outcome.case
    if case.onset is None:
        return None
    first = case.onset if case.begins is None else case.begins
    last = len(case.labels) if case.ends is None else case.ends
    return next((a for a in outcome.alarms if first <= a.probe <= last), None)


def in_time(outcome: Outcome) -> bool:
    """Whether the collapse of a case was called one within two probes."""
    alarm, onset = detected(outcome), outcome.case.onset
    return alarm is not None and onset is not None and alarm.probe <= onset + IN_TIME


def flagged_in_time(outcome: Outcome, within: int = IN_TIME_PARTIAL) -> bool:
    """Whether a partial collapse was suspected, or called one, within eight probes."""
    onset = outcome.case.onset
    if onset is None:
        return False
    return any(
        state == "suspect" or state in LOST for state in outcome.states[onset : onset + within + 1]
    )


def found_in_time(outcome: Outcome) -> bool:
    """Whether anything was said of a condition or an input that is ignored."""
    onset, found = outcome.case.onset, outcome.findings
    said = found is not None and onset is not None and found <= onset + IN_TIME
    return said or flagged_in_time(outcome, IN_TIME)


def false_alarms(outcome: Outcome) -> list[Alarm]:
    """Alarms at probes that are healthy, or that have not learned enough to collapse."""
    labels = outcome.case.labels
    return [a for a in outcome.alarms if labels[a.probe] in ("healthy", "early")]


def grey_alarms(outcome: Outcome) -> list[Alarm]:
    """Alarms between health and collapse, other than those of a collapse that follows."""
    case, own = outcome.case, detected(outcome)
    return [a for a in outcome.alarms if case.labels[a.probe] == "grey" and a is not own]


def healthy_probes(outcome: Outcome) -> int:
    """Probes that the oracle calls healthy."""
    return sum(value == "healthy" for value in outcome.case.labels)


def suspected_probes(outcome: Outcome) -> int:
    """Healthy probes that were called suspect."""
    pairs = zip(outcome.case.labels, outcome.states, strict=False)
    return sum(truth == "healthy" and said == "suspect" for truth, said in pairs)


def onset_error(outcome: Outcome) -> int | None:
    """Named onset minus the true one, in probes; 0 anywhere within a gradual fall."""
    alarm, case = detected(outcome), outcome.case
    if alarm is None or case.onset is None or alarm.onset is None:
        return None
    if alarm.probe > case.onset + _DATED:
        return None
    first = case.onset if case.begins is None else case.begins
    if alarm.onset < first:
        return alarm.onset - first
    return max(0, alarm.onset - case.onset)


def regret(outcome: Outcome, choose: Callable[[Outcome], int | None]) -> float | None:
    """How much worse the chosen checkpoint is than the best before the collapse, as a share.

    Both are judged by the Frechet distance of fresh samples in a space that no detector sees.

    Args:
        outcome: of a case with a collapse.
        choose: which checkpoint.

    Returns:
        None where nothing was chosen or there was nothing to choose from; infinity for a choice
        from the collapse.
    """
    case, chosen = outcome.case, choose(outcome)
    if case.onset is None or chosen is None:
        return None
    first = case.onset if case.begins is None else case.begins
    before = {p: v for p, v in case.track.independent.items() if p < first}
    if not before:
        return None
    if chosen >= case.onset:
        return math.inf
    if chosen not in before:
        # Of a gradual fall, between its beginning and the oracle's onset: nothing was drawn there.
        return None
    best = min(before.values())
    return (before[chosen] - best) / best


def loss_of_detection(outcome: Outcome) -> float | None:
    """What not knowing the true onset cost: the choice beside that of the same rule that knows it.

    Returns:
        Share by which the independent distance is larger, below 0 where luck made it smaller; None
        where either chose nothing; infinity for a choice from the collapse.
    """
    case, chosen, told = outcome.case, chosen_at_alarm(outcome), outcome.told
    if case.onset is None or chosen is None or told is None:
        return None
    first = case.onset if case.begins is None else case.begins
    if chosen >= first:
        return math.inf
    return case.track.independent[chosen] / case.track.independent[told] - 1.0


def chosen_at_alarm(outcome: Outcome) -> int | None:
    """The checkpoint that the alarm names."""
    alarm = detected(outcome)
    return None if alarm is None else alarm.chosen


@dataclass(frozen=True)
class Scores:
    """All scores of one rule over one set of cases.

    Attributes:
        recall: full collapses that were called within two probes.
        recall_trained: of those, in runs that were trained to collapse.
        blurred: runs whose samples became bad while the modes stayed, and that were called lost.
        partial: partial collapses that were flagged within eight probes.
        input: ignored conditions and inputs that were reported, and dead classes flagged.
        diverged: divergences that were called within two probes.
        false_alarms: alarms at healthy probes, of the healthy probes of runs as they were.
        grey_alarms: alarms between health and collapse.
        control_alarms: alarms at healthy probes of negative controls.
        suspect: healthy probes that were called suspect.
        onset_median: of the absolute error in probes.
        onset_90: its 90 % quantile.
        onsets: how many errors these are of.
        regret_median: of the checkpoint that the alarm names.
        regret_95: its 95 % quantile.
        regrets: how many these are of.
        loss_median: the same against the choice of a rule that is told the true onset.
        loss_95: its 95 % quantile.
        after_onset: choices from the collapse.
        never_learned: runs that never learned and were reported so.
        wrongly_never: runs that learned and were reported as never_learned.
        recovery: passing collapses that ended healthy, with a checkpoint not from inside.
    """

    recall: Share
    recall_trained: Share
    blurred: Share
    partial: Share
    input: Share
    diverged: Share
    false_alarms: Share
    grey_alarms: int
    control_alarms: Share
    suspect: Share
    onset_median: float
    onset_90: float
    onsets: int
    regret_median: float
    regret_95: float
    regrets: int
    loss_median: float
    loss_95: float
    after_onset: Share
    never_learned: Share
    wrongly_never: Share
    recovery: Share

    def to_dict(self) -> dict[str, Any]:
        """Plain data, NaN and infinity as None."""
        found: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Share):
                found[name] = value.to_dict()
            elif isinstance(value, float) and not math.isfinite(value):
                found[name] = None
            else:
                found[name] = value
        return found


def score(outcomes: Sequence[Outcome]) -> Scores:
    """Score one rule.

    Args:
        outcomes: of all cases.
    """

    def of(*truths: str) -> list[Outcome]:
        return [o for o in outcomes if o.case.truth in truths]

    plain = [o for o in outcomes if not o.case.injected and not o.case.control]
    controls = [o for o in outcomes if o.case.control]
    full = of("full")
    errors = [abs(e) for o in full + of("recover") if (e := onset_error(o)) is not None]
    falls = full + of("diverged", "recover")
    regrets = [r for o in falls if (r := regret(o, chosen_at_alarm)) is not None]
    losses = [value for o in falls if (value := loss_of_detection(o)) is not None]
    return Scores(
        recall=share_of([in_time(o) for o in full]),
        recall_trained=share_of([in_time(o) for o in full if not o.case.injected]),
        blurred=share_of([in_time(o) for o in of("blurred")]),
        partial=share_of([flagged_in_time(o) for o in of("partial")]),
        input=share_of([found_in_time(o) for o in of("input", "classes")]),
        diverged=share_of([in_time(o) for o in of("diverged")]),
        false_alarms=Share(
            sum(len(false_alarms(o)) for o in plain), sum(healthy_probes(o) for o in plain)
        ),
        grey_alarms=sum(len(grey_alarms(o)) for o in plain),
        control_alarms=Share(
            sum(len(false_alarms(o)) for o in controls), sum(healthy_probes(o) for o in controls)
        ),
        suspect=Share(
            sum(suspected_probes(o) for o in plain), sum(healthy_probes(o) for o in plain)
        ),
        onset_median=median(errors) if errors else math.nan,
        onset_90=quantile(errors, 0.9),
        onsets=len(errors),
        regret_median=median(regrets) if regrets else math.nan,
        regret_95=quantile(regrets, 0.95),
        regrets=len(regrets),
        loss_median=median(losses) if losses else math.nan,
        loss_95=quantile(losses, 0.95),
        after_onset=share_of([r == math.inf for r in regrets]),
        never_learned=share_of([o.states[-1] == "never_learned" for o in of("bad")]),
        wrongly_never=share_of(
            [
                "never_learned" in o.states
                for o in plain
                if o.case.truth in ("healthy", "full", "blurred")
            ]
        ),
        recovery=share_of([recovered(o) for o in of("recover")]),
    )


def recovered(outcome: Outcome) -> bool:
    """Whether a passing collapse was called, is over, and gave no checkpoint."""
    case = outcome.case
    if case.ends is None or case.onset is None or detected(outcome) is None:
        return False
    inside = outcome.chosen is not None and case.onset <= outcome.chosen < case.ends
    return outcome.states[-1] == "healthy" and not inside
