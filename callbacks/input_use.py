"""Ask while training whether a translation uses its input, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from callbacks.metrics.distributed import on_rank_zero
from callbacks.metrics.input_use import InputUse, input_use
from callbacks.probe_images import Direction, ProbeImages, seeded
from callbacks.translation_picture import Panel, draw_panels
from callbacks.translation_probe import TranslationProbe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 8
_WORDS = {
    "hflip": "left and right exchanged",
    "vflip": "top and bottom exchanged",
    "rot180": "turned by 180 degrees",
    "transpose": "rows and panels exchanged",
}


class InputUseProbe(TranslationProbe):
    """Tell a translation of its input from beautiful pictures that have nothing to do with it.

    The verdict is one of aligned, mirrored (or otherwise transformed), negated, dependent (in
    another way), ignoring, constant; see :mod:`callbacks.metrics.input_use`. Train without mirrored
    images where it matters whether a translation mirrors: a discriminator that is shown both cannot
    tell.

    Args:
        every_n_images: see :class:`TranslationProbe`.
        at_end: see :class:`TranslationProbe`.
        samples: see :class:`TranslationProbe`; each is translated four times.
        directions: see :class:`TranslationProbe`.
        seed: see :class:`TranslationProbe`.
    """

    key = "input_use"

    def judge(self, module: Any, source: str, target: str, images: ProbeImages) -> InputUse:
        """See :class:`TranslationProbe`; rank 0 works alone, so that the ranks cannot differ."""
        forward = seeded(module, source, target, self.seed)
        again = seeded(module, source, target, self.seed, draw=1)
        inputs = images.of(source)
        judge = getattr(module, "pair_scores", None)
        return on_rank_zero(lambda: input_use(inputs, forward, again, judge, seed=self.seed))

    def headline(self, finding: InputUse) -> str:
        """See :class:`TranslationProbe`."""
        if finding.verdict == "undecided":
            return "undecided: the translations are not finite, or the inputs all alike"
        name = finding.transformation
        how = ""
        if finding.verdict == "mirrored":
            order = f"channels in the order {name.removeprefix('channels_')}"
            how = f" ({_WORDS.get(name, order)}{', negated' if finding.negated else ''})"
        return (
            f"{finding.verdict}{how}: spread {finding.spread:.3g}, dependence "
            f"{finding.dependence:.3g} (p {finding.p:.3g}), finds its input "
            f"{100 * finding.top1:.0f} %, fit {finding.fits[name]:.2f} "
            f"(by chance {finding.chance:.2f})"
        )

    def draw(
        self, module: Any, findings: Mapping[Direction, InputUse], images: ProbeImages
    ) -> Figure:
        """Inputs over what became of them."""
        panels = []
        for (source, target), finding in findings.items():
            inputs = images.of(source)[:: max(1, len(images.of(source)) // _SHOWN)][:_SHOWN]
            made = seeded(module, source, target, self.seed)(inputs)
            title = f"{source} to {target}\n{self.headline(finding)}"
            panels.append(Panel(title, {source: inputs, f"as {target}": made}))
        return draw_panels(panels)
