"""Quality against diversity: the same speakers, more and less certain.

Caccia et al., "Language GANs Falling Short", 2018, arXiv:1811.02549: a speaker trained by
likelihood can be made more certain, which a comparison at one temperature hides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from benchmarks.sentences.reals import subject_of
from benchmarks.sentences.scores import chosen, plain
from benchmarks.trained.task import Measures
from experiments.opening import OpenedRun
from experiments.sentences import AtTemperature

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPERATURES = (0.5, 0.7, 0.85, 1.0, 1.2)


def at_temperatures(*names: str) -> Callable[[OpenedRun], Measures]:
    """A measure: these scores of the same speaker at each temperature.

    Args:
        *names: without counts, see :func:`benchmarks.sentences.scores.chosen`.
    """

    def measure(opened: OpenedRun) -> Measures:
        subject, found = subject_of(opened.data()), {}
        for temperature in TEMPERATURES:
            scored = plain(subject.scores(AtTemperature(opened.module, temperature), 0))
            for name, value in chosen(scored, names).items():
                found[f"{name} T={temperature:g}"] = value
        return found

    return measure


def curves(runs: Mapping[str, OpenedRun]) -> Figure:
    """Self-BLEU across, Frechet distance up: nearer to the lower left is better."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name, opened in runs.items():
        found = at_temperatures("fd", "self_bleu4")(opened)
        across = [found[f"self_bleu4 T={t:g}"] for t in TEMPERATURES]
        up = [found[f"fd T={t:g}"] for t in TEMPERATURES]
        axes.plot(across, up, marker="o", label=name)
        for t, x, y in zip(TEMPERATURES, across, up, strict=True):
            axes.annotate(f"{t:g}", (x, y))
    axes.set_title("temperatures beside the points\nlower left is better")
    axes.set_xlabel("self-BLEU-4 (alike)")
    axes.set_ylabel("Frechet distance")
    axes.legend()
    return figure
