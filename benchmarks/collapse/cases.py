"""Cases: a track with its truth. Every run is one, and gives several more by injection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from benchmarks.collapse.injections import CONTROLS, INJECTIONS, Injection
from benchmarks.collapse.labels import Label, Labels, label
from benchmarks.collapse.plan import HEALTHY, KINDS, Run
from benchmarks.collapse.probing import Bench, track_of
from benchmarks.collapse.streams import Stream
from benchmarks.collapse.tracks import Track
from benchmarks.collapse.translation_injections import TRANSLATION_INJECTIONS

Truth = Literal[
    "healthy", "full", "partial", "diverged", "recover", "classes", "input", "bad", "unclear"
]

#: Probes of a stream that are spoilt, at most.
_SPOILT = 24
#: Probes before and after the beginning where spaces are compared.
_COMPARED_BEFORE, _COMPARED_AFTER = 16, 4
#: A run whose level never passed the first share has never learned; above the second it has.
NEVER_BELOW, LEARNED_ABOVE = 0.15, 0.30


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


@dataclass(frozen=True)
class Task:
    """What one worker does: a run, in one space, with some injections.

    Attributes:
        run: to train.
        folder: of the cache.
        seeds: of the suite: decides which injections this run gets.
        space: name of the feature space; another one than auto gives a few probes around the
            injections only.
        tuning: leave out injections that are held out.
    """

    run: Run
    folder: Path
    seeds: tuple[int, ...]
    space: str = "auto"
    tuning: bool = False


def injections_of(run: Run, seeds: tuple[int, ...], tuning: bool) -> list[Injection]:
    """The injections of a run: over the seeds of a suite each gets its turn twice.

    Args:
        run: others than healthy ones have none.
        seeds: of the suite.
        tuning: leave out what is held out.
    """
    if run.ending != "healthy":
        return []
    fitting = [one for one in (*INJECTIONS, *TRANSLATION_INJECTIONS) if run.kind in one.kinds]
    turns = max(1, len(seeds) // 2)
    place = seeds.index(run.seed) + list(HEALTHY).index(run.family)
    mine = [one for number, one in enumerate(fitting) if (number + place) % turns == 0]
    return [one for one in mine if not (tuning and one.held_out)]


@lru_cache(maxsize=8)
def bench_of(kind: str, space: str, folder: Path, samples: int, evaluations: bool = True) -> Bench:
    """One bench per process, kind and space; see :class:`Bench`."""
    return replace(Bench.of(kind, space, folder, samples), evaluations=evaluations)


def cases_of(task: Task) -> list[Case]:
    """All cases of a run: itself, its injections and its controls."""
    run, folder = task.run, task.folder
    bench = bench_of(run.kind, "auto", folder, 256)
    stream = Stream.of(run, folder)
    base = track_of(bench, stream, folder)
    truth = label(base.levels)
    found = [plain_case(run, base, truth)]
    starts = beginning(run, truth)
    if run.ending != "healthy" or starts is None:
        return found
    if task.space != "auto":
        return compared_cases(task, stream, base, truth, starts)
    for injection in injections_of(run, task.seeds, task.tuning):
        last = min(starts + _SPOILT, len(base))
        part = track_of(bench, stream, folder, injection, starts, (starts, last))
        found.append(injected_case(run, base, part, truth, injection, starts))
    return found + controls_of(task, bench, stream, base, truth, starts)


def compared_cases(
    task: Task, stream: Stream, base: Track, truth: Labels, starts: int
) -> list[Case]:
    """The cases of a run in another space: a few probes around the injection, no evaluations."""
    run, folder = task.run, task.folder
    bench = bench_of(run.kind, task.space, folder, 256, evaluations=False)
    first, last = starts - _COMPARED_BEFORE, starts + _COMPARED_AFTER
    own = track_of(bench, stream, folder, probes=(first, last))
    plain = Case(own, truth.labels[first:last], "healthy", held_out=run.held_out)
    found = [replace(plain, truth=plain_case(run, base, truth).truth)]
    for injection in injections_of(run, task.seeds, task.tuning):
        part = track_of(bench, stream, folder, injection, starts, (starts, last))
        whole = injected_case(run, base, part, truth, injection, starts)
        before = own.cut(0, starts - first)
        track = spliced(before, part, starts - first, own.images_seen)
        found.append(
            replace(
                whole,
                track=track,
                labels=whole.labels[first:],
                onset=None if whole.onset is None else whole.onset - first,
                begins=None if whole.begins is None else whole.begins - first,
                ends=None if whole.ends is None else whole.ends - first,
            )
        )
    return found


def plain_case(run: Run, base: Track, truth: Labels) -> Case:
    """A run as it was; the oracle says what it is, not its recipe."""
    best = max(sorted(base.levels[i : i + 3])[1] for i in range(len(base.levels) - 2))
    kind: Truth = "healthy" if truth.onset is None else "full"
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
    columns = ("signals", "second", "finite", "levels", "d_loss")
    joined: dict[str, Any] = {
        name: [*getattr(base, name)[:begins], *getattr(part, name)] for name in columns
    }
    return replace(
        part,
        images_seen=(moments or base.images_seen)[: begins + len(part)],
        heavy={p: s for p, s in base.heavy.items() if p < begins} | part.heavy,
        independent={p: s for p, s in base.independent.items() if p < begins},
        **joined,
    )


def controls_of(
    task: Task, bench: Bench, stream: Stream, base: Track, truth: Labels, begins: int
) -> list[Case]:
    """What must not be taken for a collapse, on a third of the runs each."""
    run, folder = task.run, task.folder
    if run.kind not in ("ring", "grid", "digits"):
        return []
    found = []
    turn = run.seed % 3
    if turn < len(CONTROLS):
        control = CONTROLS[turn]
        part = track_of(bench, stream, folder, control, begins, (begins, len(base)))
        found.append(injected_case(run, base, part, truth, control, begins))
    if turn == 2:
        half = bench_of(run.kind, "auto", folder, 128)
        track = track_of(half, stream, folder)
        found.append(replace(plain_case(run, track, truth), control="half the samples"))
        found.append(shocked_case(run, base, truth, begins))
    if run.family == "r1" and turn == 1:
        averaged = track_of(bench, stream, folder, average=True)
        found.append(replace(plain_case(run, averaged, label(averaged.levels)), control="average"))
    return found


def shocked_case(run: Run, base: Track, truth: Labels, begins: int) -> Case:
    """A planned shock: at a probe the generator is that of the first quarter again."""
    early = len(base) // 4
    count = len(base) - begins
    part = replace(
        base,
        **{
            name: getattr(base, name)[early : early + count]
            for name in ("images_seen", "signals", "second", "finite", "levels", "d_loss")
        },
        heavy={p - early + begins: s for p, s in base.heavy.items() if early <= p < early + count},
        independent={},
    )
    track = spliced(base, part, begins)
    labels = (*truth.labels[:begins], *truth.labels[early : early + count])
    return Case(
        track, labels, "healthy", rebaseline=begins, control="rebaseline", held_out=run.held_out
    )
