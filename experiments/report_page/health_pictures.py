"""The pictures of the health panel: which one stands for which moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from callbacks.collapse.history import History
from callbacks.collapse.moments import Fall, Moment
from callbacks.collapse.wording import GRIDS
from callbacks.run_lines import read_columns
from experiments.report_page.pictures import Picture, data_uri
from experiments.report_page.records import Frame, Run
from experiments.run_health import RunHealth

#: Sentences that stand for a moment.
_LINES = 8


@dataclass(frozen=True)
class Shot:
    """A picture of a moment; ``note`` says where it is not of that very moment."""

    title: str
    picture: Picture
    note: str


def shots(run: Run, health: RunHealth) -> list[Shot]:
    """Chosen checkpoint, before the onset, onset, now; one picture for what falls together."""
    history, chosen, now = health.history, health.chosen_images, health.history.now
    assert now is not None
    frames = run.media.get(GRIDS) or run.media.get("samples") or []
    lasting = history.fall if history.fall is not None and not history.fall.end else None
    onset = lasting.onset if lasting else None
    wanted: list[tuple[str, int, Frame | None]] = []
    if chosen is not None:
        good = [frame for frame in frames if onset is None or frame.images_seen < onset]
        wanted.append(("Best checkpoint", chosen, nearest(good, chosen)))
    if lasting is not None:
        wanted += _around_onset(frames, history.path, lasting)
    wanted.append(("Now", now.images_seen, nearest(frames, now.images_seen)))
    return _joined(wanted)


def past_shots(run: Run, history: History, fall: Fall) -> list[Shot]:
    """Before the onset, onset and alarm of a fall that is over, from its own branch."""
    key = GRIDS if run.media.get(GRIDS) else "samples"
    frames, moments = run.media.get(key, []), history.path
    if fall.branch is not None:
        rollbacks = [found for found in history.breaks if found.event == "rollback"]
        back = rollbacks[fall.branch - 1].images_seen
        frames = [frame for frame in frames if frame.images_seen <= back]
        frames += run.left.get(fall.branch, {}).get(key, [])
        moments = [moment for moment in moments if moment.images_seen <= back]
        moments += history.lost[fall.branch - 1]
    at = fall.alarm.images_seen
    return _joined(
        [
            *_around_onset(frames, moments, fall),
            ("Alarm", at, nearest([f for f in frames if f.images_seen >= at], at)),
        ]
    )


def _around_onset(
    frames: Sequence[Frame], moments: Sequence[Moment], fall: Fall
) -> list[tuple[str, int, Frame | None]]:
    """The last picture before the onset, and the first one of the fall."""
    onset = fall.onset
    if onset is None:
        return []
    last = max((m.images_seen for m in moments if m.images_seen < onset), default=onset)
    before = [frame for frame in frames if frame.images_seen < onset]
    since = [frame for frame in frames if frame.images_seen >= onset]
    return [
        ("Before the onset", last, nearest(before, onset)),
        ("Onset", onset, nearest(since, onset)),
    ]


def _joined(wanted: Sequence[tuple[str, int, Frame | None]]) -> list[Shot]:
    """One shot for each picture, though several moments may have the same one."""
    shots: dict[int, Shot] = {}
    for title, at, frame in wanted:
        if frame is None:
            continue
        key = frame.images_seen
        note = "" if key == at else f"nearest picture to {at:,}"
        if key in shots:
            both = " · ".join([shots[key].title, title.lower()])
            shots[key] = replace(shots[key], title=both, note=shots[key].note and note)
        else:
            shots[key] = Shot(title, _shown(frame), note)
    return list(shots.values())


def _shown(frame: Frame) -> Picture:
    if frame.is_text:
        first = next(iter(read_columns(frame.path).values()))
        return Picture(frame.images_seen, "", 0, 0, tuple(first[:_LINES]))
    return Picture(frame.images_seen, data_uri(frame), frame.width, frame.height)


def nearest(frames: Sequence[Frame], at: int) -> Frame | None:
    """The frame nearest to a moment; of two equally near ones the earlier."""
    if not frames:
        return None
    place = bisect_right([frame.images_seen for frame in frames], at)
    around = frames[max(0, place - 1) : place + 1]
    return min(around, key=lambda frame: abs(frame.images_seen - at))
