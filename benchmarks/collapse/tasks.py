"""What one worker does: train a run, spoil it, probe it; and which injections are its turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from benchmarks.collapse.cases import (
    Case,
    beginning,
    injected_case,
    plain_case,
    shocked_case,
    spliced,
)
from benchmarks.collapse.injections import CONTROLS, INJECTIONS, Injection
from benchmarks.collapse.labels import Labels, label
from benchmarks.collapse.plan import HEALTHY, Run
from benchmarks.collapse.probing import Bench, track_of
from benchmarks.collapse.streams import Stream
from benchmarks.collapse.tracks import Track
from benchmarks.collapse.translation_injections import TRANSLATION_INJECTIONS

#: The space that the monitor chooses itself.
AUTO = "auto"
#: Probes of a stream that are spoilt, at most: as many as follow the spoiling of a trained run, and
#: more where the fall takes some probes or ends.
_SPOILT, _SPOILT_LONG = 12, 24
#: Probes before and after the beginning where spaces are compared.
_COMPARED_BEFORE, _COMPARED_AFTER = 16, 3


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
        only: families of the injections that are made; empty makes all whose turn it is.
    """

    run: Run
    folder: Path
    seeds: tuple[int, ...]
    space: str = AUTO
    tuning: bool = False
    only: tuple[str, ...] = ()


def injections_of(run: Run, seeds: tuple[int, ...], tuning: bool) -> list[Injection]:
    """The injections of a run: over the seeds of a suite each family gets each of them once.

    Args:
        run: others than healthy ones have none.
        seeds: of the suite.
        tuning: leave out what is held out.
    """
    if run.ending != "healthy":
        return []
    fitting = [one for one in (*INJECTIONS, *TRANSLATION_INJECTIONS) if run.kind in one.kinds]
    place = seeds.index(run.seed) + list(HEALTHY).index(run.family)
    mine = [one for number, one in enumerate(fitting) if (number + place) % len(seeds) == 0]
    return [one for one in mine if not (tuning and one.held_out)]


def spoilt_probes(injection: Injection) -> int:
    """How many probes of a stream an injection spoils, at most."""
    return _SPOILT_LONG if injection.gradual or injection.effect == "recover" else _SPOILT


@lru_cache(maxsize=8)
def bench_of(kind: str, space: str, folder: Path, samples: int, evaluations: bool = True) -> Bench:
    """One bench per process, kind and space; see :class:`Bench`."""
    return replace(Bench.of(kind, space, folder, samples), evaluations=evaluations)


def cases_of(task: Task) -> list[Case]:
    """All cases of a run: itself, its injections and its controls."""
    run, folder = task.run, task.folder
    bench = bench_of(run.kind, AUTO, folder, 256)
    stream = Stream.of(run, folder)
    base = track_of(bench, stream, folder)
    truth = label(base.levels)
    found = [plain_case(run, base, truth)]
    starts = beginning(run, truth)
    if run.ending != "healthy" or starts is None:
        return found
    if task.space != AUTO:
        return compared_cases(task, stream, base, truth, starts)
    for injection in injections_of(run, task.seeds, task.tuning):
        if task.only and injection.family not in task.only:
            continue
        last = min(starts + spoilt_probes(injection), len(base))
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
        if injection.gradual or injection.effect not in ("full", "diverged"):
            continue
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
        half = bench_of(run.kind, AUTO, folder, 128)
        track = track_of(half, stream, folder)
        found.append(replace(plain_case(run, track, truth), control="half the samples"))
        found.append(shocked_case(run, base, truth, begins))
    if run.family == "r1" and turn == 1:
        averaged = track_of(bench, stream, folder, average=True)
        found.append(replace(plain_case(run, averaged, label(averaged.levels)), control="average"))
    return found
