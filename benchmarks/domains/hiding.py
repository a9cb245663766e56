"""Digits that are led to blank sheets and back: what a cycle hides, and what a defence costs.

Chu, Zhmoginov, Sandler, 2017, arXiv:1712.02950, in its barest form: a blank sheet tells nothing of
a digit, so all that comes back was carried in what the eye does not see. With noise on the way back
(Bashkirova, Usman, Saenko, 2019, arXiv:1908.01517) the message must be louder than the noise. The
control leads digits to negatives, where nothing need be hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from benchmarks.domains.jobs import ERASED
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.steganography import Steganography, steganography
from callbacks.probe_images import ProbeImages
from callbacks.steganography import SteganographyProbe
from callbacks.translation_picture import draw_panels
from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 256
_WAY = ("a", "b")


def told(found: Steganography, sent: Tensor) -> Measures:
    """The columns of one translator.

    Args:
        found: by the probe, from digits to sheets and back.
        sent: the sheets ``(N, 1, H, W)`` in [-1, 1].
    """
    return {
        "hiding": float(found.verdict == "hiding"),
        "comes back": found.recovered,
        "destroyed by one grey level": found.collapse(),
        "gain": found.gain,
        "gain on real sheets": found.real_gain,
        "deviation within a sheet (levels)": 127.5 * float(sent.flatten(1).std(1).mean()),
    }


def images_of(data: Any) -> ProbeImages:
    """Held-out digits and sheets."""
    return ProbeImages.read(data, _WAY, _MOST)


def _measure(opened: OpenedRun) -> Measures:
    images = images_of(opened.data())
    found = SteganographyProbe(samples=_MOST).judge(opened.module, *_WAY, images)
    return told(found, opened.module.translate(images.of("a"), *_WAY).float().cpu())


def _baselines(data: Any) -> Mapping[str, Measures]:
    images = images_of(data)
    digits, sheets = images.of("a"), images.of("b")
    kept = steganography(digits, sheets, lambda x: -x, lambda x: -x)
    whisper = steganography(digits, sheets, lambda x: x / 100, lambda x: 100 * x)
    return {
        "their negatives": told(kept, -digits),
        "a hundredth, and a hundred times that": told(whisper, digits / 100),
    }


def _picture(runs: Mapping[str, OpenedRun]) -> Figure:
    panels = []
    for name, opened in runs.items():
        images = images_of(opened.data())
        probe = SteganographyProbe(samples=_MOST)
        finding = probe.judge(opened.module, *_WAY, images)
        (panel,) = probe.panels(opened.module, {_WAY: finding}, images)
        _, _, verdict = panel.title.partition("\n")
        sheets = opened.data().domain_titles["b"]
        panels.append(replace(panel, title=f"{name}: digits to {sheets}\n{verdict}"))
    return draw_panels(panels)


TASK = Task(
    name="hiding",
    question="Does a cycle hide what it erases, and does noise on the way keep it from doing so?",
    jobs=ERASED,
    measure=_measure,
    baselines=_baselines,
    picture=_picture,
)
