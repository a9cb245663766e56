"""One colour for each state, on light and on dark, for the report and for the figures.

Each has a contrast of at least 4.5 with its page (WCAG 2.1, 1.4.3). Nowhere do they stand alone:
a state is always named beside its colour, and has a texture of its own.
"""

from callbacks.collapse.records import State

LIGHT: dict[State, str] = {
    "warmup": "#5d646e",
    "healthy": "#0a6b47",
    "suspect": "#8a5a00",
    "collapsed": "#b3261e",
    "recovered": "#1d56a8",
    "diverged": "#7b2d94",
    "never_learned": "#6b4a2f",
}
DARK: dict[State, str] = {
    "warmup": "#a0a7b1",
    "healthy": "#7ddcb0",
    "suspect": "#f1c66a",
    "collapsed": "#ff9d94",
    "recovered": "#93c2fb",
    "diverged": "#dda6ef",
    "never_learned": "#d3b191",
}
