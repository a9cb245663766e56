"""Section "Translation": what the probes have last said about each direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.report_page.records import Run

_QUESTIONS = {
    "input_use": "Does it use its input?",
    "steganography": "Does it hide its input?",
}


@dataclass(frozen=True)
class Answer:
    """A probe's newest verdict on one direction, in words."""

    direction: str
    question: str
    verdict: str
    reason: str
    images_seen: int


def answers(run: Run) -> list[Answer]:
    """The newest verdict of each probe on each direction, by direction."""
    newest: dict[tuple[str, str], Answer] = {}
    for row in sorted(run.translations, key=lambda row: int(row["images_seen"])):
        kind = str(row["kind"])
        for direction, found in row["directions"].items():
            verdict, _, reason = str(found["headline"]).partition(": ")
            question = _QUESTIONS.get(kind, kind)
            seen = int(row["images_seen"])
            newest[direction, kind] = Answer(direction, question, verdict, reason, seen)
    return [newest[key] for key in sorted(newest)]


def all_answers(runs: Sequence[Run]) -> list[list[Answer]]:
    """Those of each run; nothing at all where no run has any."""
    found = [answers(run) for run in runs]
    return found if any(found) else []
