"""Which scores may stand side by side: a score is its value and its protocol, or it is nothing."""

import contextlib
import json
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from callbacks.metrics.names import Protocol
from callbacks.retention import better

_SPREAD = re.compile(r"^(kd|kid|kid_clean|cs|is)_(se|sd)(?=[_@])|^se_(?=fd_|fid)")


def direction(score: str) -> str:
    """``lower`` or ``higher`` is better, or ``""`` for a score of an unknown family."""
    try:
        return "lower" if better(score) == "min" else "higher"
    except ValueError:
        return ""


def spread_of(score: str) -> str | None:
    """The score whose standard error (``se``) or deviation (``sd``) this is; else ``None``."""
    base, found = _SPREAD.subn(lambda match: match[1] or "", score)
    return base if found else None


def best_of(score: str, values: Iterable[float]) -> float | None:
    """The best finite value of a score; ``None`` without one, or when its direction is unknown."""
    finite = [v for v in values if abs(v) < float("inf")]
    if not finite or not direction(score):
        return None
    return min(finite) if direction(score) == "lower" else max(finite)


def flat(settings: Any, prefix: str = "") -> dict[str, str]:
    """Nested settings as ``a.b.c -> text``; a list counts as one value."""
    if isinstance(settings, dict) and settings:
        rows: dict[str, str] = {}
        for key, value in settings.items():
            rows.update(flat(value, f"{prefix}.{key}" if prefix else str(key)))
        return rows
    text = settings if isinstance(settings, str) else json.dumps(settings, default=str)
    return {prefix: text} if prefix else {}


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """What keeps two protocols apart: ``images: 5000 here, 2000 there`` for every setting."""
    a, b = flat(ours), flat(theirs)
    keys = [key for key in {**a, **b} if a.get(key) != b.get(key)]
    return [f"{k}: {a.get(k, 'not recorded')}, not {b.get(k, 'not recorded')}" for k in keys]


@dataclass
class Protocols:
    """The distinct protocols of a page, lettered A, B, ... in order of first use."""

    known: list[dict[str, Any]] = field(default_factory=list)

    def letter(self, protocol: dict[str, Any]) -> str:
        """The letter of a protocol, a new one when it is new."""
        if protocol not in self.known:
            self.known.append(protocol)
        place = self.known.index(protocol)
        letters = string.ascii_uppercase
        return letters[place] if place < len(letters) else f"P{place + 1}"

    def caveats(self) -> list[str]:
        """What a reader of the scores must know, one sentence each, for all protocols."""
        sentences: list[str] = []
        for values in self.known:
            # Scores that another version wrote are shown too, without our remarks on them.
            with contextlib.suppress(ValueError):
                sentences += Protocol.from_dict(values).caveats()
        return list(dict.fromkeys(sentences))

    def rows(self) -> list[tuple[str, list[tuple[str, str, bool]]]]:
        """For each protocol its letter and ``(setting, text, differs from the first)``."""
        first = flat(self.known[0]) if self.known else {}
        return [
            (self.letter(p), [(k, v, first.get(k) != v) for k, v in flat(p).items()])
            for p in self.known
        ]
