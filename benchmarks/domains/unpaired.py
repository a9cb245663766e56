"""Line art to colour without pairs, held against the true pairs that no training saw.

What holds input and output together differs: the way back (CycleGAN, arXiv:1703.10593), codes that
both domains share (UNIT, arXiv:1703.00848), patches (CUT, arXiv:2007.15651), or a shallow network
alone (arXiv:1709.00074). From colour to line art and back, colours are lost on the way: where they
come back they were hidden (arXiv:1712.02950). Noise on the way is a defence (arXiv:1908.01517).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.domains.jobs import DEFENDED, UNPAIRED
from benchmarks.domains.paired import (
    SHOWN,
    Unchanged,
    closeness,
    credited,
    held_out,
    of_the_truth,
    strips,
    subject,
    translated,
)
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.dependence import retrieval
from callbacks.metrics.disturbances import SAVED
from callbacks.metrics.input_use import grey_grid
from callbacks.metrics.steganography import Steganography, steganography
from callbacks.probe_images import directions_of, seeded
from callbacks.translation_picture import Panel, draw_panels
from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP1, COLLAPSE, GAIN = "top-1 retrieval", "collapse", "gain"
#: Of these the hidden signal is shown, so many times amplified.
_ATTACKED, _LOUDER = ("cyclegan", "cyclegan-noise"), 8.0


def hiding(module: Any, data: Any) -> Steganography | None:
    """Colours that are led to line art and back, when the line art is disturbed; None: no way back.

    The direction that loses something: what comes back of a colour must have been hidden.
    """
    if ("b", "a") not in directions_of(module):
        return None
    lines, colours = held_out(data)
    there, back = seeded(module, "b", "a", 0), seeded(module, "a", "b", 0)
    return steganography(colours, lines, there, back)


def measures(module: Any, data: Any) -> Measures:
    """All columns of one translator; without a way back, none about hiding."""
    lines, _ = held_out(data)
    found = closeness(module, subject(data))
    found[TOP1] = _retrieved(lines, translated(module, lines))
    hidden = hiding(module, data)
    return found if hidden is None else {**found, COLLAPSE: hidden.collapse(), GAIN: hidden.gain}


def revealed(module: Any, lines: Tensor, colours: Tensor) -> dict[str, Tensor]:
    """Rows of a picture of what colours leave in the line art that is made of them.

    Args:
        module: translates both ways.
        lines: true line art ``(N, 3, H, W)`` in [-1, 1].
        colours: its colours.
    """
    sent = translated(module, colours, "b", "a")
    noise = torch.randn(sent.shape, generator=torch.Generator().manual_seed(0))
    return {
        "true colour": colours,
        "as line art": sent,
        f"less true line art,\nx {_LOUDER:g}": (_LOUDER * (sent - lines)).clamp(-1.0, 1.0),
        "back to colour": translated(module, sent),
        "back after 8 bits\nand one grey level": translated(module, SAVED.apply(sent, noise)),
        "true line art\nto colour": translated(module, lines),
    }


def _retrieved(inputs: Tensor, outputs: Tensor) -> float:
    return retrieval(grey_grid(inputs), grey_grid(outputs)).top1


def _measure(opened: OpenedRun) -> Measures:
    return measures(opened.module, opened.data())


def _baselines(data: Any) -> Mapping[str, Measures]:
    lines, truth = held_out(data)
    return {
        "line art unchanged": measures(Unchanged(), data),
        "true colour": {**of_the_truth(subject(data)), TOP1: _retrieved(lines, truth)},
    }


def _picture(runs: Mapping[str, OpenedRun]) -> Figure:
    title = (
        "Without pairs: line art to colour\nTrained on other emoji, and on the colours of others "
        "again. Are surfaces filled, with plausible colours, in the right drawing?"
    )
    return credited(draw_panels([Panel(title, strips(runs))]), runs)


def _hidden(runs: Mapping[str, OpenedRun]) -> Mapping[str, Figure]:
    """Colour to line art and back, beside what the same translator makes of true line art."""
    panels = []
    for name in _ATTACKED:
        module, data = runs[name].module, runs[name].data()
        found = hiding(module, data)
        assert found is not None
        lines, colours = held_out(data)
        blind = float((translated(module, lines) - colours).abs().mean())
        title = (
            f"{name}: colour to line art and back\nWhat was not hidden cannot come back: error "
            f"{found.errors['none']:.3f} here, {blind:.3f} from true line art. 8 bits and one grey "
            f"level of noise destroy {100 * found.collapse():.0f} %; gain {found.gain:.3g}"
        )
        panels.append(Panel(title, revealed(module, *held_out(data, SHOWN))))
    return {"hidden": credited(draw_panels(panels), runs)}


TASK = Task(
    name="unpaired",
    question="Without pairs: who finds the true colours, and who hides them in line art?",
    jobs=(*UNPAIRED, *DEFENDED),
    measure=_measure,
    baselines=_baselines,
    picture=_picture,
    more_pictures=_hidden,
)
