"""Numbers, times and sizes as a reader wants to see them; filters of the page template."""

import math
from collections.abc import Sequence
from datetime import datetime, timezone

_SI = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float | None) -> str:
    """Four significant digits with thousands separators; ``NaN``, ``∞`` and missing in words.

    Args:
        value: a score, loss or rate; ``None`` when the file has none.
    """
    if value is None:
        return "—"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e7 or size < 1e-4:
        text = f"{value:.2e}"
    elif size >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:#.4g}".rstrip(".")
    return text.replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with thousands separators, ``—`` when missing."""
    return "—" if value is None or not math.isfinite(value) else f"{round(value):,}"


def short(value: float) -> str:
    """A count in three digits at most: 950, 12k, 1.25M."""
    for size, letter in _SI:
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """Two units at most: ``8.4 s``, ``12 min 4 s``, ``3 h 7 min``, ``2 d 5 h``."""
    if seconds is None or not math.isfinite(seconds):
        return "—"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit, small, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} {int(seconds % size // small)} {name}"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def size(count_of_bytes: float | None) -> str:
    """Decimal units, three digits: ``612 B``, ``14.2 MB``."""
    if count_of_bytes is None:
        return "—"
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count_of_bytes >= unit:
            return f"{count_of_bytes / unit:.3g} {name}"
    return f"{count_of_bytes:.0f} B"


def moment(text: str | None) -> str:
    """An ISO 8601 time in UTC to the minute; anything else as it stands."""
    if not text:
        return "—"
    try:
        # Python 3.10 does not read the suffix Z.
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return text
    if time.tzinfo is not None:
        time = time.astimezone(timezone.utc)
    return time.strftime("%Y-%m-%d %H:%M UTC")


def sentence(text: str) -> str:
    """The same words with a capital letter in front."""
    return text[:1].upper() + text[1:]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Labels of one axis, all with the same number of decimals or the same SI unit."""
    largest = max(abs(t) for t in ticks)
    if largest == 0:
        return ["0" for _ in ticks]
    # 1,500 and 8,000 read better in full than as 1.5k and 8k.
    units = (unit for unit in _SI if largest >= max(unit[0], 1e4))
    scale, letter = next(units, (1.0, ""))
    if scale == 1.0 and largest < 1e-3:
        return ["0" if t == 0 else f"{t:.2g}".replace("-", "−") for t in ticks]
    for decimals in range(7):
        texts = [f"{t / scale:.{decimals}f}" for t in ticks]
        errors = (abs(float(s) - t / scale) for s, t in zip(texts, ticks, strict=True))
        if max(errors) <= 1e-9 * largest / scale:
            break
    return [
        "0" if t == 0 else (s + letter).replace("-", "−", 1)
        for s, t in zip(texts, ticks, strict=True)
    ]
