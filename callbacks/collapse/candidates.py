"""Which checkpoint is the best one before a collapse, and why each of the others is not.

Pure rules over the rows of ``index.json``, without files and without torch. A row may be gone back
to if the generator was healthy then, before the onset of the fall, with no earlier collapse in the
same segment; of these the best score wins. The lowest of several scores is a lucky one: of those
that differ from it by noise alone the one that covers the most wins, and of those whose coverage
differs by noise alone the latest. What was never evaluated is the last resort.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from callbacks.collapse.health import Health, state_of
from callbacks.metrics.names import coverage_with_error, error_name, is_coverage

if TYPE_CHECKING:
    from callbacks.retention import Retention

Row = Mapping[str, Any]

#: A difference within so many of its standard errors is noise ...
_ERRORS = 2.0
#: ... and where these were not measured, within this share of the score.
_NOISE = 0.08


@dataclass(frozen=True)
class Candidate:
    """A checkpoint, and whether a run may go back to it.

    Attributes:
        row: of ``index.json``.
        eligible: whether it takes part.
        why: what decides about it, in words.
        rank: its place by the score, from 1; None where it is not ranked.
        chosen: whether it is the best one.
    """

    row: Row
    eligible: bool
    why: str
    rank: int | None = None
    chosen: bool = False


def candidates(
    rows: Iterable[Row],
    health: Health | Mapping[str, Any] | None,
    retention: Retention,
    missing: Collection[str] = (),
) -> list[Candidate]:
    """Judge every checkpoint of a run.

    Args:
        rows: of ``index.json``.
        health: what the index says of the run, also as the plain data in it; None without a
            monitor.
        retention: says which score ranks, and which way it is better.
        missing: paths of rows whose file is gone.

    Returns:
        One candidate a row, in the order of training; at most one is chosen.
    """
    if health is not None and not isinstance(health, Health):
        health = Health.from_dict(health)
    ordered = sorted(rows, key=lambda row: row["images_seen"])
    refused = {row["path"]: _refusal(row, health, missing) for row in ordered}
    sound = [row for row in ordered if refused[row["path"]] is None]
    first = [row for row in sound if not after_collapse(row, health)]
    before = "" if health is None or health.onset is None else ", before the onset"
    judged: dict[str, Candidate] = {}
    for pool, words in ((first, "healthy"), (sound, "healthy again after an earlier collapse")):
        if ranking := retention.ranked(pool):
            judged = _ranked(ranking, retention, words + before)
            break
    else:
        # Nothing was evaluated: the newest is the most trained one.
        if pool := first or sound:
            others = f" of {len(pool)}" if len(pool) > 1 else ""
            words = "healthy" if first else "healthy again after an earlier collapse"
            why = f"{words}{before}, not evaluated; the newest{others}"
            judged = {pool[-1]["path"]: Candidate(pool[-1], True, why, chosen=True)}
    return [
        judged.get(row["path"])
        or Candidate(row, False, refused[row["path"]] or _passed_over(row, health, retention))
        for row in ordered
    ]


def pre_collapse(
    rows: Iterable[Row],
    health: Health | Mapping[str, Any] | None,
    retention: Retention,
    missing: Collection[str] = (),
) -> Row | None:
    """The best checkpoint before the collapse; the best healthy one as long as there was none.

    Args:
        rows: of ``index.json``.
        health: see :func:`candidates`.
        retention: see :func:`candidates`.
        missing: paths of rows whose file is gone.

    Returns:
        Its row; None where no checkpoint may be gone back to, see :func:`why_none`.
    """
    judged = candidates(rows, health, retention, missing)
    return next((one.row for one in judged if one.chosen), None)


def best_first(
    rows: Iterable[Row], health: Health, retention: Retention, count: int | None = None
) -> list[Row]:
    """The checkpoints that may be gone back to, the chosen one first.

    Args:
        rows: of ``index.json``.
        health: of the run.
        retention: the rule.
        count: at most so many.
    """
    judged = [one for one in candidates(rows, health, retention) if one.eligible]
    judged.sort(key=lambda one: (not one.chosen, one.rank or 0))
    return [one.row for one in judged[:count]]


def why_none(rows: Sequence[Row], health: Health) -> str:
    """Say in a few words why there is no checkpoint to go back to.

    Args:
        rows: of ``index.json``, of which :func:`pre_collapse` has found none.
        health: of the run.
    """
    healthy = [row["images_seen"] for row in rows if state_of(row) == "healthy"]
    if not healthy or health.onset is None:
        newest = state_of(rows[-1]) or "not judged"
        return f"no checkpoint was healthy, the newest was {newest.replace('_', ' ')}"
    return (
        f"the first healthy checkpoint is of {min(healthy):,} images, the fall began at "
        f"{health.onset:,}"
    )


def after_collapse(row: Row, health: Health | None) -> bool:
    """Whether a collapse began before a checkpoint in the same segment."""
    if health is None or health.first_onset is None:
        return False
    return bool(row["images_seen"] >= health.first_onset)


def unbeaten(rows: Iterable[Row], retention: Retention) -> list[Row]:
    """The rows that no later one equals, the best score first: each is later than those before it.

    Whatever rows are older than all others, only the first few of their unbeaten ones can be among
    the first few of all; so these are what has to be kept for a choice among a few.

    Args:
        rows: evaluated, under one protocol.
        retention: says which score ranks.
    """
    found: list[Row] = []
    for row in sorted(rows, key=lambda row: _strictly(row, retention)):
        if not found or row["images_seen"] > found[-1]["images_seen"]:
            found.append(row)
    return found


def _strictly(row: Row, retention: Retention) -> tuple[float, int]:
    """Sort key by score alone; of equals, the later one is better."""
    score = retention.score(row)
    assert score is not None
    return score, -row["images_seen"]


def _covering_most(rows: Sequence[Row]) -> list[Row]:
    """The rows that no other one covers clearly more than.

    A coverage is a share of as many reals as its name says: its standard error is a binomial one.
    What differs by noise is as wide as for distances.
    """
    known = [(row, coverage_with_error(row["scores"])) for row in rows]
    covers = [(row, found) for row, found in known if found is not None]
    if not covers:
        return list(rows)
    most, error = max(found for _, found in covers)
    return [row for row, (share, own) in covers if most - share <= _ERRORS * math.hypot(error, own)]


def _ranked(ranking: Sequence[Row], retention: Retention, words: str) -> dict[str, Candidate]:
    ranking = sorted(ranking, key=lambda row: _strictly(row, retention))
    name, low = retention.score_name(ranking[0]), retention.direction(ranking[0]) == "min"
    best, of = ("lowest" if low else "highest"), f" of {len(ranking)}" if len(ranking) > 1 else ""
    # Only those that retention keeps may win a draw: so the winner is always still there.
    rivals = unbeaten(ranking, retention)[: retention.top]
    level = [row for row in rivals if _level(ranking[0], row, retention)]
    alike = level if is_coverage(name or "") else _covering_most(level)
    chosen = max(alike, key=lambda row: row["images_seen"])
    judged = {}
    for rank, row in enumerate(ranking, start=1):
        place = f"{best} {name}{of}" if rank == 1 else f"number {rank}{of} by {name}"
        judged[row["path"]] = Candidate(row, True, f"{words}, {place}", rank, row is chosen)
    if chosen is not ranking[0]:
        path, first = chosen["path"], ranking[0]["path"]
        more = "later" if ranking[0] in alike else "covering more"
        why = f"{words}, {name} within noise of the {best}{of}, and {more}"
        judged[path] = replace(judged[path], why=why)
        beaten = f"{judged[first].why}, within noise of the chosen one"
        judged[first] = replace(judged[first], why=beaten)
    return judged


def _refusal(row: Row, health: Health | None, missing: Collection[str]) -> str | None:
    """Why a checkpoint may not be gone back to, whatever its score."""
    state = state_of(row)
    if row["path"] in missing:
        return "file is gone"
    if health is None or state is None:
        return "not judged by a collapse monitor"
    if state != "healthy":
        return f"state was {state.replace('_', ' ')}"
    if health.onset is not None and row["images_seen"] >= health.onset:
        where = "at" if row["images_seen"] == health.onset else "after"
        return f"{where} the onset at {health.onset:,} images"
    return None


def _passed_over(row: Row, health: Health | None, retention: Retention) -> str:
    """Why a healthy checkpoint before the onset is not among those that are ranked."""
    assert health is not None
    if after_collapse(row, health):
        return f"an earlier collapse, at {health.first_onset:,} images, lies before it"
    if retention.score(row) is None:
        return "not evaluated"
    return "evaluated under another protocol than the newest"


def _level(best: Row, row: Row, retention: Retention) -> bool:
    """Whether a score differs from the best one by no more than noise."""
    lowest, score = retention.score(best), retention.score(row)
    assert lowest is not None and score is not None
    name = error_name(retention.score_name(best) or "")
    errors = [one["scores"].get(name) for one in (best, row)]
    if None in errors:
        return score - lowest <= _NOISE * abs(lowest)
    return score - lowest <= _ERRORS * math.hypot(*errors)
