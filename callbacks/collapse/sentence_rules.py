"""When a generator of sentences repeats itself: pure rules over what it said, beside the score.

The score sees places of sentences; these see the sentences. Nothing here alarms of a generator that
was not armed.
"""

from __future__ import annotations

import math

from callbacks.collapse.memory import Memory
from callbacks.collapse.records import WHOLE, Band, Signals
from callbacks.collapse.score import ratio
from callbacks.collapse.settings import DetectorSettings


def listen(signals: Signals, band: Band, memory: Memory) -> None:
    """Let the memory take what a probe says of sentences; of other samples it takes nothing.

    Args:
        signals: of one probe.
        band: of real sentences.
        memory: of the detector; changed.
    """
    whole = signals.get(WHOLE, {})
    unique, alike = whole.get("unique_share"), whole.get("self_bleu4")
    real = band.get(WHOLE, {}).get("self_bleu4")
    if unique is not None and alike is not None and real is not None:
        memory.hear(unique, alike - real["median"])


def repeats(signals: Signals, band: Band, memory: Memory, settings: DetectorSettings) -> str:
    """Why a probe alone shows that a generator repeats itself; empty where it does not.

    Args:
        signals: of the probe.
        band: of real sentences.
        memory: of the detector.
        settings: of the detector.
    """
    whole = signals.get(WHOLE, {})
    unique, entropy = whole.get("unique_share"), whole.get("token_entropy")
    kept = 1.0 - settings.unique_drop
    if unique is not None and unique < kept * memory.most_unique:
        top = whole.get("top_share") or 0.0
        most = f"{memory.most_unique:.0%}"
        return f"{unique:.0%} of the sentences differ, after {most}; one of them is {top:.0%}"
    share = ratio(whole, band.get(WHOLE, {}), "token_entropy")
    if entropy is not None and entropy < settings.least_entropy and not share >= kept:
        return f"the next word is certain: {entropy:.2f} nats of choice in a word"
    return ""


def alike(memory: Memory, settings: DetectorSettings, probes: int) -> str:
    """Why the sentences of the latest probes are too much alike; empty where they are not.

    Args:
        memory: of the detector.
        settings: of the detector.
        probes: how many of them must show it.
    """
    latest = memory.alike[-probes:]
    if len(latest) < probes or min(latest, default=-math.inf) <= settings.alike:
        return ""
    return f"the sentences are alike: self-BLEU-4 is {latest[-1]:.2f} above that of real ones"


def fewer_differ(memory: Memory, settings: DetectorSettings) -> bool:
    """Whether fewer sentences differ than at best, as where modes are lost; True of other samples.

    A speaker is spread over everything at first. As it learns the rules it leaves cells, and hardly
    says the same more often.

    Args:
        memory: of the detector.
        settings: of the detector: ``part_score`` of them must be gone.
    """
    if not memory.unique:
        return True
    return memory.unique[-1] <= (1.0 - settings.part_score) * memory.most_unique
