"""The full suite: train, record, spoil, probe, judge, score."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.collapse import tables
from benchmarks.collapse.baselines import BASELINES
from benchmarks.collapse.judging import ABLATIONS, Outcome, play
from benchmarks.collapse.oracle import oracle_of
from benchmarks.collapse.plan import CALIBRATION_SEEDS, Run, planned_runs
from benchmarks.collapse.pool import shared_out
from benchmarks.collapse.scoring import score
from benchmarks.collapse.tasks import AUTO, Task, cases_of

_SPACES = ("cls", "rand_vgg", "efflite0")
_DETECTOR = "the detector"


def full(seeds: tuple[int, ...], folder: Path, workers: int) -> tuple[dict[str, Any], str]:
    """Run it all.

    Args:
        seeds: of the runs. Calibration seeds alone leave out whatever is held out.
        folder: of the cache.
        workers: processes.

    Returns:
        Plain data, and the tables.
    """
    tuning = set(seeds) <= set(CALIBRATION_SEEDS)
    runs = [run for run in planned_runs(seeds) if not (tuning and run.held_out)]
    tasks = [Task(run, folder, seeds, tuning=tuning) for run in runs]
    # In the middle: their runs have been trained by then, and short tasks follow.
    middle = len(tasks) // 2
    tasks[middle:middle] = [] if tuning else compared(seeds, folder)
    found = shared_out(judged, tasks, "runs", workers)
    pairs = list(zip(tasks, found, strict=True))
    of_runs = [rules for task, rules in pairs if task.space == AUTO]
    rules = {name: [o for one in of_runs for o in one[name]] for name in of_runs[0]}
    spaces = {} if tuning else {space: of_space(pairs, space) for space in _SPACES}
    outcomes = rules[_DETECTOR]
    text = report(seeds, runs, rules, spaces, folder)
    result = {
        "seeds": list(seeds),
        "cases": len(outcomes),
        "detector": score(outcomes).to_dict(),
        "baselines": {name: score(rules[name]).to_dict() for name in BASELINES},
        "ablations": {name: score(rules[_hiding(name)]).to_dict() for name in ABLATIONS},
        "spaces": {name: score(rows).to_dict() for name, rows in spaces.items()},
        "wrong": [o.case.name for o in outcomes if not tables.noticed(o)],
        "machine": platform.platform(),
    }
    return result, text


def report(
    seeds: tuple[int, ...],
    runs: Sequence[Run],
    rules: Mapping[str, Sequence[Outcome]],
    spaces: Mapping[str, Sequence[Outcome]],
    folder: Path,
) -> str:
    """All tables, with what a reader must know to read them."""
    outcomes = rules[_DETECTOR]
    simpler = {name: rules[name] for name in (_DETECTOR, *BASELINES)}
    hidden = {name: rules[name] for name in (_DETECTOR, *map(_hiding, ABLATIONS))}
    trained = sum(o.case.truth == "full" and not o.case.injected for o in outcomes)
    held_out = all(o.case.held_out for o in outcomes)
    parts = [
        f"{len(outcomes)} cases from {len(runs)} training runs of seeds "
        f"{', '.join(map(str, seeds))}"
        + (
            ", none of which was used for tuning"
            if held_out
            else ", some of which were looked at while it was tuned"
        )
        + f": {trained} runs that were trained to collapse, the others as they were or spoilt "
        "from a known probe on. Intervals are Clopper-Pearson, 95 %.",
        tables.goals(scores := score(outcomes)),
        f"An alarm at an unhealthy but not collapsed probe is neither right nor wrong: "
        f"{scores.grey_alarms} such. Simpler rules on the same cases:",
        tables.comparison(simpler),
        "The checkpoint that is gone back to. Regret: how much larger its Frechet distance is than "
        "the smallest before the fall, both of fresh samples in a space that no rule sees (coarse "
        "pixels; random waves over the plane).",
        tables.choices(outcomes),
        "The detector with one signal hidden, which then always says what it says of real data:",
        tables.comparison(hidden),
        "Every kind of collapse:",
        tables.by_injection(outcomes),
        "Every kind of data and family of training:",
        tables.by_group(outcomes),
        "Negative controls, which must raise no alarm:",
        tables.by_control(outcomes),
    ]
    if spaces:
        parts += [
            "Feature spaces, on the same probes of one run on digits and one on MNIST-5k:",
            tables.by_space(spaces),
        ]
    return "\n\n".join([*parts, truth(folder)])


def judged(task: Task) -> dict[str, list[Outcome]]:
    """The cases of a task in the eyes of the detector; of runs also of all that it is held against.

    In the worker that made them: cases are many, and so are the rules.
    """
    cases = cases_of(task)
    found = {_DETECTOR: [play(case) for case in cases]}
    if task.space == AUTO:
        found |= {name: [rule(case) for case in cases] for name, rule in BASELINES.items()}
        for name in ABLATIONS:
            found[_hiding(name)] = [play(case, without=name) for case in cases]
    return found


def compared(seeds: tuple[int, ...], folder: Path) -> list[Task]:
    """The same streams of images in every feature space, a few probes around injections."""
    runs = [Run(kind, "r1", "healthy", seeds[0]) for kind in ("mnist", "digits")]
    # Of one seed every injection is the turn of each.
    return [Task(run, folder, seeds[:1], space) for space in reversed(_SPACES) for run in runs]


def of_space(
    pairs: Sequence[tuple[Task, Mapping[str, list[Outcome]]]], space: str
) -> list[Outcome]:
    """What the detector said in one feature space."""
    return [o for task, rules in pairs if task.space == space for o in rules[_DETECTOR]]


def _hiding(signal: str) -> str:
    return f"without {signal}"


def truth(folder: Path) -> str:
    """How good the oracles are."""
    lines = []
    for kind in ("ring", "grid", "digits", "mnist"):
        oracle = oracle_of(kind, folder)
        lines.append(
            f"{kind}: {oracle.accuracy:.1%} of held-out real samples, "
            f"{oracle.junk_rejected:.0%} of junk rejected"
        )
    return "Oracles: " + "; ".join(lines) + "."
