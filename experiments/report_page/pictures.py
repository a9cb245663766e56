"""Section "Samples": the PNGs under media/, embedded, with one slider over images seen."""

import base64
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from callbacks.collapse.wording import FALL_FIGURE, GRIDS, SCORE_FIGURE
from experiments.report_page.palette import style_of
from experiments.report_page.records import Frame, Run

_FRAMES = 24
_BYTES = 12_000_000
_LARGEST_SIDE = 640


@dataclass(frozen=True)
class Picture:
    """One embedded image: its place on the axis, a data URI and its size in pixels.

    In the panel of the health it may be sentences instead: ``lines``.
    """

    images_seen: int
    uri: str
    width: int
    height: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """The pictures of one run; ``shown[k]`` is the picture for the slider's k-th stop, or None.

    ``scale`` is the whole factor by which small pictures are enlarged, without smoothing.
    """

    label: str
    colour: int
    dash: int
    pictures: list[Picture]
    shown: list[int | None]
    scale: int
    note: str


@dataclass(frozen=True)
class Viewer:
    """One media key: a panel for each run that has it, and the stops of the common slider."""

    key: str
    panels: list[Panel]
    stops: list[int]


def viewers(runs: Sequence[Run], labels: Sequence[str]) -> list[Viewer]:
    """One viewer for each media key, in the order in which they are found."""
    # The panel of the health shows these at their moments, and draws the curve itself.
    told = {GRIDS, SCORE_FIGURE, FALL_FIGURE} if any(run.health for run in runs) else set()
    found = {key for run in runs for key in run.media if _pictures(run, key)}
    keys = sorted(found - told, key=lambda key: (key != "samples", key))
    return [_viewer(key, runs, labels, share=len(keys) * len(runs)) for key in keys]


def _pictures(run: Run, key: str) -> list[Frame]:
    return [frame for frame in run.media.get(key, []) if not frame.is_text]


def _viewer(key: str, runs: Sequence[Run], labels: Sequence[str], share: int) -> Viewer:
    chosen = [choose(_pictures(run, key), budget=_BYTES // share) for run in runs]
    stops = sorted({frame.images_seen for frames in chosen for frame in frames})
    panels = [
        _panel(label, slot, frames, stops, total=len(_pictures(run, key)))
        for slot, (run, label, frames) in enumerate(zip(runs, labels, chosen, strict=True))
        if frames
    ]
    return Viewer(key, panels, stops)


def _panel(label: str, slot: int, frames: list[Frame], stops: list[int], total: int) -> Panel:
    pictures = [
        Picture(frame.images_seen, data_uri(frame), frame.width, frame.height) for frame in frames
    ]
    seen = [p.images_seen for p in pictures]
    # A stop shows the newest picture up to there, so that runs with other intervals keep in step.
    places = [bisect_right(seen, stop) - 1 for stop in stops]
    side = max(pictures[-1].width, pictures[-1].height, 1)
    note = f"{len(frames)} of {total} pictures, evenly chosen" if len(frames) < total else ""
    shown = [place if place >= 0 else None for place in places]
    return Panel(label, *style_of(slot), pictures, shown, max(1, _LARGEST_SIDE // side), note)


def choose(frames: Sequence[Frame], budget: int) -> list[Frame]:
    """At most 24 frames, evenly spaced, first and last always among them while they fit.

    Args:
        frames: in order of images seen.
        budget: bytes that the chosen files may have together; the last frame comes at any size.
    """
    for many in range(min(_FRAMES, len(frames)), 1, -1):
        rows = [round(i * (len(frames) - 1) / (many - 1)) for i in range(many)]
        picked = [frames[row] for row in rows]
        if sum(frame.bytes for frame in picked) <= budget:
            return picked
    return list(frames[-1:])


def data_uri(frame: Frame) -> str:
    """The file of a frame, to be put into the page."""
    text = base64.b64encode(frame.path.read_bytes()).decode("ascii")
    return f"data:image/png;base64,{text}"
