"""Ask while training whether translations carry their input in a hidden signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from callbacks.metrics.disturbances import SAVED
from callbacks.metrics.steganography import Steganography, steganography
from callbacks.probe_images import Direction, ProbeImages, directions_of, seeded
from callbacks.translation_picture import Panel, draw_panels
from callbacks.translation_probe import TranslationProbe
from gan_modules.corruptions import blurred

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 6
#: What is finer than so many pixels is shown as the hidden signal, at most so much amplified.
_FINE, _LOUDEST = 1.0, 64.0


class SteganographyProbe(TranslationProbe):
    """Disturb translations a little and see whether the way back still finds the input.

    Needs a way back: a direction without its reverse is not looked at. The verdict "hiding" says
    that one grey level of noise destroys what the way back had recovered, see
    :mod:`callbacks.metrics.steganography`; ``translations.jsonl`` holds the whole curve, and the
    picture shows the signal, amplified.

    Args:
        every_n_images: see :class:`TranslationProbe`.
        at_end: see :class:`TranslationProbe`.
        samples: see :class:`TranslationProbe`; each is led back 25 times,
            which 64 images answer about as well where that is slow.
        directions: see :class:`TranslationProbe`.
        seed: see :class:`TranslationProbe`.
    """

    key = "steganography"

    def judged_directions(self, module: Any) -> list[Direction]:
        """Those that can be led back."""
        known = directions_of(module)
        chosen = super().judged_directions(module)
        return [(source, target) for source, target in chosen if (target, source) in known]

    def judge(self, module: Any, source: str, target: str, images: ProbeImages) -> Steganography:
        """See :class:`TranslationProbe`."""
        forward = seeded(module, source, target, self.seed)
        back = seeded(module, target, source, self.seed)
        return steganography(images.of(source), images.of(target), forward, back, self.seed)

    def headline(self, finding: Steganography) -> str:
        """See :class:`TranslationProbe`."""
        if not finding.finite:
            return "undecided: the translations are not finite"
        whose = ""
        if finding.verdict == "hiding":
            whose = " (only the first are fragile)" if finding.specific else " (fragile everywhere)"
        return (
            f"{finding.verdict}: {100 * max(finding.recovered, 0.0):.0f} % comes back, of which 8 "
            f"bits and one grey level of noise destroy {100 * finding.collapse():.0f} %; gain "
            f"{finding.gain:.3g} on translations, {finding.real_gain:.3g} on real images{whose}"
        )

    def draw(
        self, module: Any, findings: Mapping[Direction, Steganography], images: ProbeImages
    ) -> Figure:
        """See :meth:`panels`."""
        return draw_panels(self.panels(module, findings, images))

    def panels(
        self, module: Any, findings: Mapping[Direction, Steganography], images: ProbeImages
    ) -> list[Panel]:
        """Input, translation, its fine part amplified, the way back without and with the noise."""
        panels = []
        for (source, target), finding in findings.items():
            inputs = images.of(source)[:: max(1, len(images.of(source)) // _SHOWN)][:_SHOWN]
            forward = seeded(module, source, target, self.seed)
            back = seeded(module, target, source, self.seed)
            sent = forward(inputs)
            fine = sent - blurred(sent, _FINE)
            own = torch.Generator().manual_seed(self.seed)
            noise = torch.randn(sent.shape, generator=own).to(sent)
            loud = float(fine.abs().flatten().float().sort().values[int(0.995 * fine.numel())])
            factor = min(1.0 / max(loud, 1e-6), _LOUDEST)
            rows = {
                f"{source}": inputs,
                f"as {target}": sent,
                f"its fine part, x {factor:.3g}": (factor * fine).clamp(-1.0, 1.0),
                f"back to {source}": back(sent),
                "back after 8 bits\nand one grey level": back(SAVED.apply(sent, noise)),
            }
            title = f"{source} to {target}\n{self.headline(finding)}"
            levels = [name for name in finding.errors if name.startswith("noise_")]
            curve = [(float(name[6:]), finding.errors[name]) for name in levels]
            panels.append(Panel(title, rows, [(0.0, finding.errors["none"]), *curve], finding.swap))
        return panels
