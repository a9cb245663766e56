"""Section "Samples" of runs that make sentences: how they were first, half way, and last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from callbacks.run_lines import read_columns
from experiments.report_page.palette import style_of
from experiments.report_page.records import Frame, Run

_KEY = "samples"
_LONGEST = 300


@dataclass(frozen=True)
class Table:
    """Sentences of one kind of latents: a column for each moment, in images seen."""

    title: str
    moments: list[int]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class Excerpt:
    """The sentences of one run."""

    label: str
    colour: int
    dash: int
    tables: list[Table]


def excerpts(runs: Sequence[Run], labels: Sequence[str]) -> list[Excerpt]:
    """The sentences of each run that has some."""
    found = []
    for slot, (run, label) in enumerate(zip(runs, labels, strict=True)):
        frames = [frame for frame in run.media.get(_KEY, []) if frame.is_text]
        if frames:
            found.append(Excerpt(label, *style_of(slot), tables(choose(frames))))
    return found


def choose(frames: Sequence[Frame]) -> list[Frame]:
    """The first, the middle and the last moment; fewer where there are fewer."""
    places = {0, (len(frames) - 1) // 2, len(frames) - 1}
    return [frames[place] for place in sorted(places)]


def tables(frames: Sequence[Frame]) -> list[Table]:
    """Moments beside each other, one table for each column of the files."""
    moments = [frame.images_seen for frame in frames]
    columns = [read_columns(frame.path) for frame in frames]
    found = []
    for title in columns[-1]:
        texts = [[_short(text) for text in column.get(title, [])] for column in columns]
        found.append(Table(title, moments, list(zip_longest(*texts, fillvalue=""))))
    return found


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\u2026"
