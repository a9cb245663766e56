"""Categorical colours of the curves, one list for a light page and one for a dark page.

Chosen by a search in OKLCH that kept the order of hues in both lists. For normal sight and
for simulated protanopia, deuteranopia and tritanopia (Machado, Oliveira and Fernandes, 2009,
severity 1) every pair is at least 0.099 apart in OKLab, and every colour has a contrast of at
least 3 with the surface below it (WCAG 2.1, 1.4.11). tests/experiments/test_report.py checks it.
"""

from callbacks.collapse import colours as states

LIGHT_SURFACE = "#ffffff"
DARK_SURFACE = "#1b1e23"
LIGHT = ("#3d8ef2", "#962619", "#08845c", "#db589d", "#744bc9", "#a38d0d")
DARK = ("#1da0f3", "#eca527", "#5ddba1", "#e168a8", "#9d529e", "#7d920e")

DASHES = ("none", "7 4", "2 4")
"""Stroke patterns: the seventh series takes the first colour again, with the second pattern."""


def style_of(slot: int) -> tuple[int, int]:
    """Colour index and dash index of the series in ``slot`` (0, 1, ...)."""
    return slot % len(LIGHT), slot // len(LIGHT) % len(DASHES)


def css_variables(dark: bool) -> str:
    """CSS custom properties ``--series-0`` ..., ``--surface`` and the states of one theme."""
    colours, surface = (DARK, DARK_SURFACE) if dark else (LIGHT, LIGHT_SURFACE)
    rows = [f"--series-{i}:{colour}" for i, colour in enumerate(colours)]
    shades = states.DARK if dark else states.LIGHT
    rows += [f"--{state.replace('_', '-')}:{colour}" for state, colour in shades.items()]
    return ";".join([f"--surface:{surface}", *rows])
