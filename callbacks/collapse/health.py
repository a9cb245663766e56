"""What the index of a run remembers of its health, so that the right checkpoints stay.

Plain data, without torch. The monitor says what it sees (:class:`Health`), the index adds what
follows from it for the checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, get_args

from typing_extensions import TypedDict

from callbacks.collapse.records import LOST, Severity, State, Verdict

#: Most probes between an onset and its alarm, where the monitor's settings do not say.
ONSET_BACK = 12

_STATES = get_args(State)


class CheckpointState(TypedDict):
    """What the monitor says of the moment of a checkpoint: ``state`` of a row of ``index.json``.

    Attributes:
        state: of the generator at the last probe.
        probe: number of that probe.
        score: of that probe; None where its samples were not finite.
        armed: whether the generator had been good enough to be able to collapse.
    """

    state: State
    probe: int
    score: float | None
    armed: bool


@dataclass(frozen=True)
class Health:
    """The state of a run, and which checkpoints it protects.

    The first eight are the monitor's to say. The last four follow from them and from the
    evaluations and checkpoints, which :class:`callbacks.checkpoint_index.CheckpointFolder` keeps.

    Attributes:
        state: of the generator at the last probe.
        severity: of a collapse.
        onset: images_seen at which the present fall, or the last one in this segment, began; of a
            mere suspicion too, as long as there was no alarm in this segment. None before.
        alarm: images_seen of the alarm that belongs to ``onset``; None for a suspicion.
        window: images_seen of the probe ``onset_back`` probes ago, 0 before there are as many: no
            later alarm can have its onset before it.
        frozen: the state is suspect: no checkpoint is deleted.
        segment: images_seen at which the monitor began, or began anew after a rollback or a
            rebaseline.
        branch: number of the segment: two rollbacks may go back to the same moment.
        first_onset: onset of the first alarm in this segment.
        evaluated: an evaluation fell into a collapse of this segment. One that came and went
            between two of them is forgotten once the generator is healthy again, as a suspicion is.
        pre_collapse: path of the best checkpoint before the collapse; the best healthy one as long
            as there was none.
        pinned: paths that stay for good: the best ones before each alarm.
    """

    state: State
    severity: Severity | None = None
    onset: int | None = None
    alarm: int | None = None
    window: int = 0
    frozen: bool = False
    segment: int = 0
    branch: int = 0
    first_onset: int | None = None
    evaluated: bool = False
    pre_collapse: str | None = None
    pinned: tuple[str, ...] = ()

    def seen(self, verdict: Verdict, images_seen: int, window: int) -> Health:
        """The health after one more verdict.

        Args:
            verdict: of a probe, or of an evaluation that changed the state.
            images_seen: of it.
            window: see the attribute.
        """
        onset, alarm = self.onset, self.alarm
        if verdict.state in LOST:
            if verdict.alarm or self.state not in LOST:
                alarm, onset = images_seen, images_seen
            # Where a fall cannot be dated, nothing before its alarm is known to be bad.
            onset = onset if verdict.onset is None else verdict.onset
        elif verdict.state == "healthy" and not self.evaluated:
            alarm, onset = None, None
        elif alarm is None:
            onset = verdict.onset if verdict.state == "suspect" else None
        health = Health(
            state=verdict.state,
            severity=verdict.severity,
            onset=onset,
            alarm=alarm,
            window=window,
            frozen=verdict.state == "suspect",
            segment=self.segment,
            branch=self.branch,
            evaluated=self.evaluated,
        )
        return health.after(self)

    def after_evaluation(self) -> Health:
        """The health after an evaluation of the generator that was judged last."""
        return replace(self, evaluated=self.evaluated or self.state in LOST)

    def after(self, last: Health | None) -> Health:
        """This health with what the index already knew: paths, and the segment's first onset.

        Args:
            last: what the index says so far.
        """
        same = last and (last.segment, last.branch) == (self.segment, self.branch)
        first = last.first_onset if last and same and self.alarm is not None else None
        if self.alarm is not None and self.onset is not None:
            # An evaluation may date the same alarm once more; a later alarm has a later onset.
            dated_anew = last is not None and last.alarm == self.alarm and last.onset == first
            if first is None or dated_anew:
                first = self.onset
            else:
                first = min(first, self.onset)
        health = replace(self, first_onset=first)
        if last is None:
            return health
        return replace(health, pinned=last.pinned, pre_collapse=last.pre_collapse)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "pinned": list(self.pinned)}

    @classmethod
    def from_dict(cls, values: Any) -> Health:
        """Return the health that :meth:`to_dict` wrote; keys of a newer version are left out.

        Raises:
            ValueError: it is no health; the message says what is wrong, without a remedy.
        """
        if not isinstance(values, Mapping) or values.get("state") not in _STATES:
            raise ValueError("health without a known state")
        known = {field.name for field in fields(cls)} & set(values)
        given = {name: values[name] for name in known}
        for name in ("window", "segment", "branch"):
            if name in given and not _is_count(given[name]):
                raise ValueError(f"health with the {name} {given[name]!r}")
        for name in ("onset", "alarm", "first_onset"):
            if given.get(name) is not None and not _is_count(given[name]):
                raise ValueError(f"health with the {name} {given[name]!r}")
        for name in ("frozen", "evaluated"):
            if not isinstance(given.get(name, False), bool):
                raise ValueError(f"health with {name} {given[name]!r}")
        if given.get("severity") not in (None, *get_args(Severity)):
            raise ValueError(f"health with the severity {given['severity']!r}")
        pinned = given.get("pinned", ())
        path = given.get("pre_collapse")
        if not isinstance(pinned, list | tuple) or not all(isinstance(p, str) for p in pinned):
            raise ValueError("health whose pinned is no list of paths")
        if path is not None and not isinstance(path, str):
            raise ValueError("health whose pre_collapse is no path")
        return cls(**{**given, "pinned": tuple(pinned)})

    @classmethod
    def of_history(cls, rows: Iterable[Mapping[str, Any]]) -> Health | None:
        """Read the health of a run off the lines of its ``evaluations.jsonl``.

        Args:
            rows: all lines, in their order.

        Returns:
            What the monitor said last; None where no monitor has judged anything.

        Raises:
            ValueError: a row of the monitor is damaged.
        """
        health: Health | None = None
        segment, branch, back = 0, 0, ONSET_BACK
        probes: list[tuple[int, State]] = []
        for row in rows:
            event = row.get("event") if row.get("kind") == "monitor" else None
            if event in ("begin", "rebaseline", "rollback"):
                segment, branch = row["images_seen"], branch + (event != "begin")
                back = (row.get("settings") or {}).get("onset_back", back)
                # After a rollback the probes beyond it are of a branch that was left.
                probes = [probe for probe in probes if probe[0] <= segment]
                if health is not None:
                    went_back = event == "rollback" and probes
                    state: State = probes[-1][1] if went_back else "warmup"
                    window = window_of([moment for moment, _ in probes], back)
                    health = cls(
                        state,
                        window=window,
                        frozen=state == "suspect",
                        segment=segment,
                        branch=branch,
                    )
                continue
            judged = probes[-1][0] if probes else None
            if "kind" not in row and health is not None and row["images_seen"] == judged:
                health = health.after_evaluation()
            if row.get("kind") == "probe" or row.get("verdict"):
                verdict = _verdict_of(row)
                if row.get("kind") == "probe":
                    probes.append((row["images_seen"], verdict.state))
                health = health or cls("warmup", segment=segment, branch=branch)
                window = window_of([moment for moment, _ in probes], back)
                health = health.seen(verdict, row["images_seen"], window)
        return health


def window_of(probes: Sequence[int], back: int = ONSET_BACK) -> int:
    """Where the window of a run begins.

    Args:
        probes: images_seen of its probes, oldest first.
        back: most probes between an onset and its alarm.

    Returns:
        images_seen of the probe ``back`` probes before the last; 0 before there is one.
    """
    return probes[-1 - back] if len(probes) > back else 0


def state_of(row: Mapping[str, Any]) -> State | None:
    """The state at the moment of an index row; None where no monitor judged it."""
    return row["state"]["state"] if row.get("state") else None


def check_state(state: Any) -> None:
    """Refuse what is no state of an index row.

    Raises:
        ValueError: saying what it is.
    """
    if state is None:
        return
    if not isinstance(state, Mapping) or state.get("state") not in _STATES:
        raise ValueError(f"state {state!r}, which is none of {', '.join(_STATES)}")


def _verdict_of(row: Mapping[str, Any]) -> Verdict:
    verdict = row.get("verdict")
    if not isinstance(verdict, Mapping) or verdict.get("state") not in _STATES:
        raise ValueError(
            "RunFolder: a probe in evaluations.jsonl must have a verdict of the monitor, got "
            f"{verdict!r} at images_seen={row['images_seen']}; delete that line"
        )
    return Verdict.from_dict(verdict)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
