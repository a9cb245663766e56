"""Cases: a track with its truth. Every run is one, and gives several more by injection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

from benchmarks.collapse.injections import Injection
from benchmarks.collapse.labels import LASTING, Label, Labels, label
from benchmarks.collapse.plan import KINDS, Run
from benchmarks.collapse.tracks import COLUMNS, Track

Truth = Literal[
    "healthy",
    "full",
    "blurred",
    "partial",
    "diverged",
    "recover",
    "classes",
    "input",
    "bad",
    "unclear",
]

#: A run whose level never passed the first share has never learned; above the second it has.
NEVER_BELOW, LEARNED_ABOVE = 0.15, 0.30
#: A fall is a full collapse where so small a share of the modes before it is left.
FULL_BELOW = 0.5
_BEFORE = 8


@dataclass(frozen=True)
class Case:
    """What a detector is asked, and the answer.

    Attributes:
        track: all that it sees.
        labels: of every probe.
        truth: what the case is.
        onset: probe of the first collapse; None where there is none.
        begins: earliest probe that may be called its onset: gradual falls begin before the oracle
            calls them a collapse.
        ends: first probe after a passing collapse; None where it stays.
        rebaseline: probe before which a planned shock is announced; None without one.
        control: name of a negative control; empty otherwise.
        held_out: whether it was never used for tuning.
    """

    track: Track
    labels: tuple[Label, ...]
    truth: Truth
    onset: int | None = None
    begins: int | None = None
    ends: int | None = None
    rebaseline: int | None = None
    control: str = ""
    held_out: bool = True

    @property
    def name(self) -> str:
        """Of the track, and of the control."""
        return f"{self.track.name}+{self.control}" if self.control else self.track.name

    @property
    def kind(self) -> str:
        """Kind of data."""
        return self.track.run.split("-")[0]

    @property
    def injected(self) -> bool:
        """Whether the collapse was put in, and not trained."""
        return bool(self.track.injection)


def plain_case(run: Run, base: Track, truth: Labels) -> Case:
    """A run as it was; the oracle says what it is, not its recipe."""
    best = max(sorted(base.levels[i : i + 3])[1] for i in range(len(base.levels) - 2))
    kind: Truth = "healthy" if truth.onset is None else fall_of(base, truth.onset)
    if not truth.learned or best < LEARNED_ABOVE:
        kind = "bad" if best < NEVER_BELOW else "unclear"
    return Case(
        base,
        truth.labels,
        kind,
        truth.onset,
        first_grey(truth),
        ends=next(
            (
                probe
                for probe in range(truth.onset or 0, len(truth.labels))
                if truth.onset is not None and truth.labels[probe] != "collapsed"
            ),
            None,
        ),
        held_out=run.held_out,
    )


def fall_of(base: Track, onset: int) -> Truth:
    """Whether half of the modes went in a fall of the level, or the samples only became bad."""
    before = median(base.spreads[max(0, onset - _BEFORE) : onset])
    after = median(base.spreads[onset : onset + LASTING])
    return "full" if after <= FULL_BELOW * before else "blurred"


def first_grey(truth: Labels) -> int | None:
    """Where the fall to the first collapse leaves the healthy level."""
    probe = truth.onset
    while probe is not None and probe > 0 and truth.labels[probe - 1] == "grey":
        probe -= 1
    return probe


def beginning(run: Run, truth: Labels) -> int | None:
    """The probe at which injections into a run begin: healthy, at 40 % of it or later."""
    probes = KINDS[run.kind].probes
    wanted = round(probes * (0.40 + 0.04 * (run.seed % 6)))
    for probe in range(wanted, len(truth.labels) - 6):
        if truth.labels[probe - 1] == truth.labels[probe] == "healthy":
            return probe
    return None


def injected_case(
    run: Run, base: Track, part: Track, truth: Labels, injection: Injection, begins: int
) -> Case:
    """A run that is spoilt from a probe on."""
    track = spliced(base, part, begins)
    onset: int | None = begins
    ends: int | None = None
    after: list[Label] = ["collapsed"] * len(part)
    kind: Truth = injection.effect if injection.effect != "none" else "healthy"
    if injection.gradual and kind == "full":
        judged = label(track.levels)
        onset = next(
            (p for p in range(begins, len(track)) if judged.labels[p] == "collapsed"), None
        )
        after = [value if value == "collapsed" else "grey" for value in judged.labels[begins:]]
        kind = kind if onset is not None else "unclear"
    elif kind == "recover":
        ends = begins + 6
        after[6:] = truth.labels[ends : begins + len(part)]
    elif kind in ("partial", "classes", "input"):
        after = ["grey"] * len(part)
    elif kind == "healthy":
        onset, after = None, list(truth.labels[begins : begins + len(part)])
    return Case(
        track,
        (*truth.labels[:begins], *after),
        kind,
        onset,
        begins if onset is not None else None,
        ends,
        control=injection.name if injection.effect == "none" else "",
        held_out=run.held_out or injection.held_out,
    )


def spliced(base: Track, part: Track, begins: int, moments: list[int] | None = None) -> Track:
    """The first probes of one track, then another one, moment by moment.

    Args:
        base: its first ``begins`` probes are taken.
        part: all of it is taken.
        begins: see ``base``.
        moments: images_seen of all; None takes those of ``base``.
    """
    joined: dict[str, Any] = {
        name: [*getattr(base, name)[:begins], *getattr(part, name)] for name in COLUMNS
    }
    return replace(
        part,
        images_seen=(moments or base.images_seen)[: begins + len(part)],
        heavy={p: s for p, s in base.heavy.items() if p < begins} | part.heavy,
        independent={p: s for p, s in base.independent.items() if p < begins},
        **joined,
    )


def shocked_case(run: Run, base: Track, truth: Labels, begins: int) -> Case:
    """A planned shock: at a probe the generator is that of the first quarter again."""
    early = len(base) // 4
    count = len(base) - begins
    part = replace(
        base,
        **{
            name: getattr(base, name)[early : early + count]
            for name in (
                "images_seen",
                "signals",
                "second",
                "finite",
                "levels",
                "spreads",
                "d_loss",
            )
        },
        heavy={p - early + begins: s for p, s in base.heavy.items() if early <= p < early + count},
        independent={},
    )
    track = spliced(base, part, begins)
    labels = (*truth.labels[:begins], *truth.labels[early : early + count])
    return Case(
        track, labels, "healthy", rebaseline=begins, control="rebaseline", held_out=run.held_out
    )
