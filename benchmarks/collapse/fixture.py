"""A dozen recorded cases for CI: the detector is judged again in seconds, without training."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from benchmarks.collapse import tables
from benchmarks.collapse.cases import Case
from benchmarks.collapse.judging import play
from benchmarks.collapse.plan import Run
from benchmarks.collapse.scoring import score
from benchmarks.collapse.tasks import Task, cases_of
from benchmarks.collapse.tracks import Track

FIXTURE = Path(__file__).with_name("smoke.json.gz")
_DIGITS = 5
_SEED = 4
#: Runs, and the injections of theirs that are kept beside the run itself.
_KEPT: tuple[tuple[Run, tuple[str, ...]], ...] = (
    (Run("ring", "r1", "healthy", _SEED), ("copies", "few_modes", "nan")),
    (Run("ring", "wgan_gp", "healthy", _SEED), ("class_drop", "contraction")),
    (Run("ring", "sn_hinge", "turning", _SEED), ()),
    (Run("digits", "r1", "healthy", _SEED), ("constant", "few_modes", "recover", "noise_blowup")),
    (Run("digits", "sn_hinge", "healthy", _SEED), ("class_drop", "class_drop_slow", "recover")),
    (Run("digits", "wgan_gp", "turning", _SEED), ()),
    (Run("digits", "strong_d", "bad", _SEED), ()),
    (Run("labelled", "r1", "healthy", _SEED), ("dead_classes",)),
    (Run("inverted", "r1", "healthy", _SEED), ("same_output",)),
)


def write(folder: Path, workers: int) -> tuple[dict[str, Any], str]:
    """Make the fixture again from recorded runs.

    Args:
        folder: of the cache.
        workers: not used; there are few runs.
    """
    cases = []
    for run, wanted in _KEPT:
        for case in cases_of(Task(run, folder, (_SEED,), only=wanted or ("none",))):
            if not case.control:
                cases.append(case)
    missed = [case.name for case in cases if not tables.noticed(play(case))]
    content = {"missed": missed, "cases": [_plain(case) for case in cases]}
    text = json.dumps(content, separators=(",", ":"))
    FIXTURE.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    size = FIXTURE.stat().st_size
    names = [case.name for case in cases]
    line = f"{len(cases)} cases, {size:,} bytes: {names}; missed: {missed}"
    return {"cases": names, "bytes": size, "missed": missed}, line


def read() -> list[Case]:
    """The cases of the fixture."""
    return [_case(row) for row in _content()["cases"]]


def smoke() -> tuple[dict[str, Any], str]:
    """Judge the fixture: what was taken for what it is when it was recorded must be so again.

    Returns:
        Plain data with ``passed``, and the table of goals.
    """
    outcomes = [play(case) for case in read()]
    found = score(outcomes)
    wrong = [o.case.name for o in outcomes if not tables.noticed(o)]
    result = {"cases": len(outcomes), "wrong": wrong, "detector": found.to_dict()}
    result["worse"] = sorted(set(wrong) - set(_content()["missed"]))
    return {**result, "passed": not result["worse"]}, tables.goals(found)


def _content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(FIXTURE.read_bytes()).decode())
    return found


def _plain(case: Case) -> dict[str, Any]:
    values = {**vars(case), "labels": list(case.labels), "track": json.loads(case.track.to_json())}
    track = values["track"]
    # The detector does not look at these.
    for row in track["signals"] + [r for r in track["second"] if r]:
        for signals in row.values():
            for name in ("density", "effective_rank"):
                signals.pop(name, None)
    rounded: dict[str, Any] = _rounded(values)
    return rounded


def _case(row: dict[str, Any]) -> Case:
    track = Track.from_json(json.dumps(row["track"]))
    return Case(**{**row, "track": track, "labels": tuple(row["labels"])})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
