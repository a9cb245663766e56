"""The full suite: train, record, spoil, probe, judge, score."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.collapse import tables
from benchmarks.collapse.baselines import BASELINES
from benchmarks.collapse.cases import Case
from benchmarks.collapse.judging import ABLATIONS, Outcome, play
from benchmarks.collapse.oracle import oracle_of
from benchmarks.collapse.plan import CALIBRATION_SEEDS, Run, planned_runs
from benchmarks.collapse.pool import shared_out
from benchmarks.collapse.scoring import score
from benchmarks.collapse.tasks import Task, cases_of

_SPACES = ("cls", "rand_vgg", "efflite0")


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
    cases = gathered([Task(run, folder, seeds, tuning=tuning) for run in runs], workers)
    outcomes = [play(case) for case in cases]
    found = score(outcomes)
    rules: dict[str, Sequence[Outcome]] = {"the detector": outcomes}
    for name, rule in BASELINES.items():
        rules[name] = [rule(case) for case in cases]
    hidden = {f"without {name}": [play(case, without=name) for case in cases] for name in ABLATIONS}
    spaces = {} if tuning else in_spaces(seeds, folder, workers)
    text = report(seeds, runs, outcomes, rules, hidden, spaces, folder)
    result = {
        "seeds": list(seeds),
        "cases": len(cases),
        "detector": found.to_dict(),
        "baselines": {name: score(rules[name]).to_dict() for name in BASELINES},
        "ablations": {name: score(rows).to_dict() for name, rows in hidden.items()},
        "spaces": {name: score(rows).to_dict() for name, rows in spaces.items()},
        "wrong": [o.case.name for o in outcomes if not tables.noticed(o)],
        "machine": platform.platform(),
    }
    return result, text


def report(
    seeds: tuple[int, ...],
    runs: Sequence[Run],
    outcomes: Sequence[Outcome],
    rules: Mapping[str, Sequence[Outcome]],
    hidden: Mapping[str, Sequence[Outcome]],
    spaces: Mapping[str, Sequence[Outcome]],
    folder: Path,
) -> str:
    """All tables, with what a reader must know to read them."""
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
        tables.comparison(rules),
        "The checkpoint that is gone back to. Regret: how much larger its Frechet distance is than "
        "the smallest before the fall, both of fresh samples in a space that no rule sees (coarse "
        "pixels; random waves over the plane).",
        tables.choices(outcomes),
        "The detector with one signal hidden, which then always says what it says of real data:",
        tables.comparison({"the detector": outcomes, **hidden}),
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


def gathered(tasks: Sequence[Task], workers: int) -> list[Case]:
    """The cases of all tasks."""
    found = shared_out(cases_of, tasks, "runs", workers)
    return [case for cases in found for case in cases]


def in_spaces(seeds: tuple[int, ...], folder: Path, workers: int) -> dict[str, list[Outcome]]:
    """The same streams of images in every feature space, a few probes around injections."""
    runs = [Run(kind, "r1", "healthy", seeds[0]) for kind in ("mnist", "digits")]
    # Of one seed every injection is the turn of each.
    tasks = [Task(run, folder, seeds[:1], space) for space in reversed(_SPACES) for run in runs]
    found = shared_out(cases_of, tasks, "spaces", workers)
    spaces: dict[str, list[Outcome]] = {space: [] for space in _SPACES}
    for task, cases in zip(tasks, found, strict=True):
        spaces[task.space] += [play(case) for case in cases]
    return spaces


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
