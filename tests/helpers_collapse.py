"""Streams of signals made by hand, for the collapse detector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.records import Band, Verdict
from callbacks.collapse.settings import DetectorSettings

_SPREAD = {"coverage": 0.012, "recall": 0.013, "precision": 0.01, "vendi": 0.4}
_REAL = {"coverage": 0.97, "recall": 0.97, "precision": 0.95, "vendi": 40.0}


def band(groups: Iterable[str] = ("all",)) -> Band:
    """Real samples as good as 256 of a mixture are."""
    spreads: dict[str, Any] = {
        name: {"median": value, "low": value - 2.5 * _SPREAD[name], "sd": _SPREAD[name]}
        for name, value in _REAL.items()
    }
    spreads["score"] = {"median": 1.0, "low": 0.97, "sd": 0.01}
    return {group: dict(spreads) for group in groups}


def signals(
    score: float,
    *,
    diversity: float | None = None,
    coverage: float | None = None,
    quality: float = 0.9,
    cells: Sequence[float] = (),
    **more: float,
) -> dict[str, dict[str, float | None]]:
    """Signals of a probe whose parts are these; by default diversity and coverage are alike.

    ``cells`` are numbers of samples in the cells of the reals.
    """
    a = score if diversity is None else diversity
    b = score if coverage is None else coverage
    whole: dict[str, float | None] = {
        "coverage": b * _REAL["coverage"],
        "recall": b * _REAL["recall"],
        "precision": quality * _REAL["precision"],
        "vendi": a * _REAL["vendi"],
        "duplicates": 0.0,
        **{f"cell_{n:02d}": count for n, count in enumerate(cells)},
        **more,
    }
    return {"all": whole}


def feed(
    scores: Sequence[float | dict[str, Any]],
    detector: CollapseDetector | None = None,
    every: int = 100,
    settings: DetectorSettings | None = None,
) -> list[Verdict]:
    """Verdicts of a detector on scores, or on keywords of :func:`signals`, 100 images apart."""
    detector = detector or CollapseDetector(band(), settings)
    verdicts = []
    for value in scores:
        made = signals(**value) if isinstance(value, dict) else signals(value)
        verdicts.append(detector.update(every * (detector.probes + 1), made))
    return verdicts


#: A generator that learns, and is healthy from the second probe on.
RISING = [0.05, 0.3, 0.4, 0.5, 0.55, 0.6, 0.62, 0.66, 0.65, 0.68, 0.7, 0.69, 0.7, 0.71, 0.7]
