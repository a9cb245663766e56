"""All mutants, one file a part of the library."""

from benchmarks.mutants.engine import ENGINE
from benchmarks.mutants.layers import LAYERS
from benchmarks.mutants.objectives import OBJECTIVES
from benchmarks.mutants.regularizers import REGULARIZERS
from benchmarks.mutants.training import TRAINING
from benchmarks.mutants.translation import TRANSLATION

MUTANTS = (*ENGINE, *OBJECTIVES, *REGULARIZERS, *TRAINING, *LAYERS, *TRANSLATION)
