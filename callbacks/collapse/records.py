"""What the collapse monitor writes into ``evaluations.jsonl``, and what the detector says.

Plain data, without torch, so that commands can read a run at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

State = Literal[
    "warmup", "healthy", "suspect", "collapsed", "recovered", "diverged", "never_learned"
]
Severity = Literal["partial", "full"]

#: States at which training has lost the generator.
LOST: tuple[State, ...] = ("collapsed", "diverged")

#: The group of signals over all samples, beside "class <name>" and "<source> to <target>".
WHOLE = "all"

#: How the names of counts of samples in cells of the reals begin.
CELL = "cell_"

#: Signal values by group and name; None where a value is not finite.
Signals = Mapping[str, Mapping[str, float | None]]


class Spread(TypedDict):
    """What a signal is for real samples: drawn again and again by half-sampling.

    Attributes:
        median: of the draws.
        low: their 1 % quantile.
        sd: their standard deviation.
    """

    median: float
    low: float
    sd: float


#: The reference band: by group and signal.
Band = Mapping[str, Mapping[str, Spread]]


@dataclass(frozen=True)
class Verdict:
    """What the detector says after one probe.

    Attributes:
        state: of the generator.
        severity: of a collapse: partial or full; a suspicion of a partial one is partial too.
        score: g in (0, 1] against real samples; None where the samples were not finite.
        peak: the healthy level that the score is compared with, None before there is one.
        drop: 1 - score / peak, None before there is a peak.
        lost_share: estimated share of modes lost, None outside a partial collapse.
        onset: images_seen at which the fall began; None outside suspect, collapsed and diverged.
        onset_probe: the probe of that moment.
        alarm: whether this very probe entered collapsed or diverged.
        reason: why the state is what it is, one line; empty when nothing is wrong.
        evidence: signal by signal, what fell from where to where, one line each.
        findings: other things that need a user's eye, such as an ignored condition, one line each.
    """

    state: State
    severity: Severity | None = None
    score: float | None = None
    peak: float | None = None
    drop: float | None = None
    lost_share: float | None = None
    onset: int | None = None
    onset_probe: int | None = None
    alarm: bool = False
    reason: str = ""
    evidence: tuple[str, ...] = field(default=())
    findings: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "evidence": list(self.evidence), "findings": list(self.findings)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Verdict:
        """Return the verdict that :meth:`to_dict` wrote."""
        known = {**values}
        for name in ("evidence", "findings"):
            known[name] = tuple(known.get(name) or ())
        return cls(**known)


class ProbeRow(TypedDict):
    """One line of ``evaluations.jsonl`` with ``"kind": "probe"``.

    Attributes:
        kind: ``"probe"``.
        probe: its number, from 0, unbroken over stops and resumes.
        images_seen: the axis of all dashboards.
        generator_steps: generator steps taken.
        discriminator_steps: discriminator steps taken.
        round: rounds of the schedule played.
        time: UTC, ISO 8601.
        seconds: what the probe took.
        signals: by group and name.
        second: the signals of a second draw with another seed; None where none was made.
        finite: whether samples, weights and losses were finite on all ranks.
        warnings: leading signs that never alarm, such as a discriminator that wins, one line each.
        space: id of the feature space.
        samples: generated samples in the group of all.
        seed: of the latents.
        verdict: see :class:`Verdict`.
    """

    kind: str
    probe: int
    images_seen: int
    generator_steps: int
    discriminator_steps: int
    round: int
    time: NotRequired[str]
    seconds: float
    signals: dict[str, dict[str, float | None]]
    second: dict[str, dict[str, float | None]] | None
    finite: bool
    warnings: list[str]
    space: str
    samples: int
    seed: int
    verdict: dict[str, Any]


class VerdictRow(TypedDict):
    """One line with ``"kind": "verdict"``: an evaluation has changed the state.

    A replay comes to the same verdict from the evaluation's own line.

    Attributes:
        kind: ``"verdict"``.
        probe: number of the latest probe.
        images_seen: the moment.
        time: UTC, ISO 8601.
        verdict: see :class:`Verdict`.
    """

    kind: str
    probe: int
    images_seen: int
    time: NotRequired[str]
    verdict: dict[str, Any]


class MonitorRow(TypedDict):
    """One line of ``evaluations.jsonl`` with ``"kind": "monitor"``: what a replay starts from.

    Attributes:
        kind: ``"monitor"``.
        event: begin (first line, also of a fork), rebaseline, rollback, or evaluation_error.
        images_seen: the moment; for a rollback the moment that training went back to.
        time: UTC, ISO 8601.
        note: what happened, in words.
        settings: thresholds of the detector (``DetectorSettings`` as a dict).
        band: the reference band from here on.
        detector: ``CollapseDetector.state_dict()`` from here on; None where it begins empty.
        left: for a rollback, images_seen at which the lost branch was left; else None.
        changes: for a rollback, what was changed, such as ``{"generator_lr": 1e-4}``; else {}.
    """

    kind: str
    event: str
    images_seen: int
    time: NotRequired[str]
    note: str
    settings: dict[str, Any]
    band: dict[str, Any]
    detector: dict[str, Any] | None
    left: int | None
    changes: dict[str, Any]
