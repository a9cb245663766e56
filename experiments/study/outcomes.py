"""What became of each run, read from the trials: one row a run, and the best setting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.study.design import Direction
from experiments.study.plan import FINAL, SEARCH
from experiments.study.queue import Queue
from experiments.study.trials import OUTCOME, RUN, SUPERSEDED, is_result, key_of


@dataclass(frozen=True)
class Outcome:
    """One run that has ended.

    Attributes:
        key: of the run.
        variant: label.
        stage: search or final.
        draw: number of the setting.
        seed: number of the seed.
        setting: by path.
        outcome: finished, collapsed, never_learned, diverged, failed or timed_out.
        state: what the collapse monitor said last; empty without one.
        chosen: best choosing score of the training; None without one.
        reported: score of that checkpoint against the other reals; None without one.
        failed: whether it counts as the worst possible score.
        images_seen: that it was trained on.
        chosen_images: images_seen of the chosen checkpoint.
        seconds: of training and scoring, all attempts.
        early: the state that ended it early; empty.
        error: one line.
        trial: number in Optuna.
        attempts: how often it was taken up.
    """

    key: str
    variant: str
    stage: str
    draw: int
    seed: int
    setting: dict[str, Any]
    outcome: str
    state: str
    chosen: float | None
    reported: float | None
    failed: bool
    images_seen: int
    chosen_images: int | None
    seconds: float
    early: str
    error: str
    trial: int
    attempts: int

    def cost(self, name: str, direction: Direction) -> float:
        """A score of which lower is better; infinite for a failure.

        Args:
            name: chosen or reported.
            direction: of the metric.
        """
        value = getattr(self, name)
        if self.failed or value is None:
            return math.inf
        return float(value) if direction == "min" else -float(value)


def outcomes(queue: Queue) -> list[Outcome]:
    """All runs that have ended, in the order of the plan."""
    design, trials = queue.plan["design"], queue.trials
    by_key: dict[str, Any] = {}
    attempts: dict[str, int] = {}
    for trial in trials:
        key = key_of(trial)
        begun = trial.datetime_start is not None and not trial.user_attrs.get(SUPERSEDED)
        attempts[key] = attempts.get(key, 0) + begun
        if is_result(trial):
            by_key.setdefault(key, trial)
    lost = queue.given_up(trials)
    rows = []
    for run in queue.runs:
        if run.key in by_key:
            attributes = by_key[run.key].user_attrs
            number = by_key[run.key].number
        elif run.key in lost:
            gone = f"lost {design['retries'] + 1} times: its process was killed each time"
            attributes = {RUN: run.to_dict(), OUTCOME: "failed", "error": gone}
            number = max(trial.number for trial in trials if key_of(trial) == run.key)
        else:
            continue
        rows.append(_row(attributes, number, attempts.get(run.key, 1), design))
    return rows


def _row(
    attributes: Mapping[str, Any], number: int, attempts: int, design: Mapping[str, Any]
) -> Outcome:
    run, outcome = attributes[RUN], attributes[OUTCOME]
    failed = outcome in design["failures"] or attributes.get("chosen") is None
    return Outcome(
        **{name: run[name] for name in ("key", "variant", "stage", "draw", "seed", "setting")},
        outcome=outcome,
        state=attributes.get("state") or "",
        chosen=attributes.get("chosen"),
        reported=attributes.get("reported"),
        failed=failed,
        images_seen=attributes.get("images_seen") or 0,
        chosen_images=attributes.get("chosen_images"),
        seconds=attributes.get("seconds", 0.0),
        early=attributes.get("early") or "",
        error=attributes.get("error") or "",
        trial=number,
        attempts=attempts,
    )


def outcome_of(result: Mapping[str, Any], timed_out: bool) -> str:
    """How a run ended, in one word: the gravest that applies."""
    if result["outcome"] in ("diverged", "failed"):
        return str(result["outcome"])
    if timed_out:
        return "timed_out"
    state = result.get("state", "")
    return state if state in ("collapsed", "never_learned", "diverged") else "finished"


def by_setting(rows: Iterable[Outcome], variant: str) -> dict[int, list[Outcome]]:
    """The runs of a variant's search, by the number of the setting."""
    found: dict[int, list[Outcome]] = {}
    for row in rows:
        if row.variant == variant and row.stage == SEARCH:
            found.setdefault(row.draw, []).append(row)
    return found


def best_draw(rows: Sequence[Outcome], variant: str, direction: Direction) -> int | None:
    """The setting with the fewest failed seeds, and of those the best mean choosing score.

    Returns:
        Its number; None where no run of the variant has a score.
    """

    def rank(draws: list[Outcome]) -> tuple[int, float]:
        costs = [row.cost("chosen", direction) for row in draws]
        finite = [cost for cost in costs if math.isfinite(cost)]
        return len(costs) - len(finite), sum(finite) / len(finite) if finite else math.inf

    settings = by_setting(rows, variant)
    ranked = sorted((rank(draws), draw) for draw, draws in settings.items())
    return ranked[0][1] if ranked and math.isfinite(ranked[0][0][1]) else None


def finals(rows: Iterable[Outcome], variant: str) -> list[Outcome]:
    """The runs of a variant's best setting with new seeds."""
    return [row for row in rows if row.variant == variant and row.stage == FINAL]
