"""Regularizers: what keeps the players' networks well-behaved, apart from their objective.

``base.py``: what one is; ``gradient.py``: slopes of D; ``scores.py``: its outputs;
``weights.py``: weights of either player. All names are to be had from here.
"""

from gan_modules.regularizers.base import Regularizer, Score
from gan_modules.regularizers.dragan import Dragan
from gan_modules.regularizers.gradient import (
    R1,
    R2,
    GradientPenalty,
    LipschitzPenalty,
    ZeroCentered,
)
from gan_modules.regularizers.scores import Drift, inconsistency
from gan_modules.regularizers.weights import Orthogonal, WeightClipping

__all__ = [
    "R1",
    "R2",
    "Dragan",
    "Drift",
    "GradientPenalty",
    "LipschitzPenalty",
    "Orthogonal",
    "Regularizer",
    "Score",
    "WeightClipping",
    "ZeroCentered",
    "inconsistency",
]
