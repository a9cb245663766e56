"""What fell from where to where, in words."""

from __future__ import annotations

from statistics import median

from callbacks.collapse.memory import Memory
from callbacks.collapse.records import WHOLE, Signals
from callbacks.collapse.score import Parts

_NAMES = ("diversity", "coverage", "precision")
_SHOWN = 0.05


def evidence(parts: Parts | None, signals: Signals, memory: Memory) -> tuple[str, ...]:
    """Lines for the alarm, the worst first.

    Args:
        parts: of the latest probe; None where it was not finite.
        signals: of the same probe.
        memory: of the detector, with the healthy probes before.
    """
    if parts is None:
        return ("the probe is not finite",)
    lines = []
    now = (parts.diversity, parts.coverage, parts.quality)
    for which, (name, value) in enumerate(zip(_NAMES, now, strict=True)):
        values = [row[which] for row in memory.healthy_parts[-12:]]
        if not values:
            continue
        base = median(values)
        if base > 0 and value < (1.0 - _SHOWN) * base:
            lines.append((value / base, f"{name} {base:.2f} -> {value:.2f} of real data"))
    lines.sort()
    texts = [text for _, text in lines]
    copies = signals.get(WHOLE, {}).get("duplicates")
    if copies is not None and copies > _SHOWN:
        texts.append(f"{copies:.0%} of the samples have a near copy")
    if memory.unique and memory.unique[-1] < (1.0 - _SHOWN) * memory.most_unique:
        texts.append(f"different sentences {memory.most_unique:.0%} -> {memory.unique[-1]:.0%}")
    return tuple(texts)
