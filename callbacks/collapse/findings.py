"""Classes that died, conditions and inputs that are ignored: pure rules over groups of signals."""

from __future__ import annotations

import math
from collections.abc import Mapping

from callbacks.collapse.memory import Memory
from callbacks.collapse.records import WHOLE, Band, Signals, Spread
from callbacks.collapse.score import is_class, ratio
from callbacks.collapse.settings import DetectorSettings

_DOUBT = 0.01
_SAME_OUTPUT = 0.15
_COPIES = 0.1
_NOISE_IGNORED = 0.1


def look_at_classes(
    signals: Signals, band: Band, memory: Memory, settings: DetectorSettings
) -> float:
    """Find the classes that were alive and are dead now; the memory keeps their names.

    Args:
        signals: of one probe.
        band: of real samples.
        memory: of the detector; changed.
        settings: of the detector.

    Returns:
        Their share among all classes; 0 where there are none.
    """
    names = [name for name in signals if is_class(name)]
    if not names:
        return 0.0
    suspects: list[tuple[float, str]] = []
    for name in names:
        covered = ratio(signals[name], band.get(name, {}), "coverage")
        diverse = ratio(signals[name], band.get(name, {}), "vendi")
        weak = diverse < settings.class_diversity
        memory.weak[name] = memory.weak.get(name, 0) + 1 if weak else 0
        if covered >= settings.class_drop and not weak and name not in memory.lived:
            memory.lived.append(name)
        suspects.append((doubt(signals[name], band.get(name, {}), settings), name))
    # Holm: the clearest case meets the strictest level, each further one a milder level.
    dead = []
    for rank, (chance, name) in enumerate(sorted(suspects)):
        if chance > _DOUBT / (len(names) - rank):
            break
        dead.append(name)
    dead += [name for name in names if memory.weak[name] >= 2 and name not in dead]
    # Classes have their turn: those that were not looked at now stay what they were.
    others = [name for name in memory.dead if name not in names]
    memory.dead = others + [name for name in names if name in dead and name in memory.lived]
    return len(memory.dead) / max(1, sum(is_class(name) for name in band))


def doubt(
    values: Mapping[str, float | None], band: Mapping[str, Spread], settings: DetectorSettings
) -> float:
    """Chance of covering as few reals of a class as seen, if it were just half alive.

    Args:
        values: signals of the class: ``coverage`` and ``reals``, the number of its reference.
        band: of the class.
        settings: of the detector.

    Returns:
        1 where the signals are missing.
    """
    coverage, reals, spread = values.get("coverage"), values.get("reals"), band.get("coverage")
    if coverage is None or not reals or spread is None:
        return 1.0
    n, share = round(reals), settings.class_drop * spread["median"]
    return binomial_tail(round(coverage * n), n, share)


def binomial_tail(k: int, n: int, p: float) -> float:
    """Chance of at most ``k`` successes among ``n`` at probability ``p`` each."""
    if p <= 0.0 or k >= n:
        return 1.0
    if p >= 1.0:
        return 0.0
    terms = [
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(i + 1)
            - math.lgamma(n - i + 1)
            + i * math.log(p)
            + (n - i) * math.log1p(-p)
        )
        for i in range(k + 1)
    ]
    return min(1.0, math.fsum(terms))


def findings(signals: Signals, band: Band, memory: Memory, quiet: bool) -> list[str]:
    """What needs a user's eye besides the state, one line each.

    Args:
        signals: of one probe.
        band: of real samples.
        memory: after :func:`look_at_classes`.
        quiet: whether the whole generator is not healthy: then most of these only repeat it.
    """
    found = []
    if memory.dead:
        shown = ", ".join(name.removeprefix("class ") for name in memory.dead[:5])
        more = f" and {len(memory.dead) - 5} more" if len(memory.dead) > 5 else ""
        found.append(f"dead classes: {shown}{more}")
    if not quiet and (ignored := condition_ignored(signals)):
        found.append(ignored)
    diversity = signals.get(WHOLE, {}).get("noise_diversity")
    if diversity is not None and diversity < _NOISE_IGNORED and not quiet:
        found.append(
            f"noise ignored: samples of one condition are {diversity:.2f} times as diverse as real "
            "ones"
        )
    for name, values in signals.items():
        if name != WHOLE and not is_class(name):
            found += _of_direction(name, values, band.get(name, {}))
    return found


def condition_ignored(signals: Signals) -> str:
    """Say that the class that was asked for does not matter; empty where it does, or is not known.

    Args:
        signals: of one probe, with ``label_agreement`` and ``labelled`` in the whole.
    """
    whole, classes = signals.get(WHOLE, {}), _classes(signals)
    agreement, samples = whole.get("label_agreement"), whole.get("labelled")
    if agreement is None or not samples or classes < 2:
        return ""
    # Two-sided 99 % by the normal approximation: hundreds of samples.
    width = 2.576 * math.sqrt(max(agreement * (1 - agreement), 1e-9) / samples)
    if agreement - width > 1 / classes:
        return ""
    return (
        f"condition ignored: {agreement:.0%} of the samples show the class that was asked for, "
        f"{1 / classes:.0%} by chance"
    )


def _of_direction(
    name: str, values: Mapping[str, float | None], band: Mapping[str, Spread]
) -> list[str]:
    dependence, p = values.get("input_dependence"), values.get("rank_agreement_p")
    copies, coverage = values.get("identity"), ratio(values, band, "coverage")
    found = []
    if dependence is not None and dependence < _SAME_OUTPUT and coverage < 0.5:
        found.append(f"{name}: the same output for all inputs (spread {dependence:.2f} of real)")
    elif p is not None and p > 0.05 and dependence is not None and dependence >= _SAME_OUTPUT:
        found.append(f"{name}: the output does not follow the input (p {p:.2f})")
    if copies is not None and copies < _COPIES:
        found.append(f"{name}: the output is the input, all but unchanged")
    return found


def _classes(signals: Signals) -> int:
    return sum(is_class(name) for name in signals)
