"""All mutants, one file a part of the library."""

from benchmarks.mutants.collapse import COLLAPSE
from benchmarks.mutants.engine import ENGINE
from benchmarks.mutants.layers import LAYERS
from benchmarks.mutants.objectives import OBJECTIVES
from benchmarks.mutants.reading import READING
from benchmarks.mutants.recognition import RECOGNITION
from benchmarks.mutants.regularizers import REGULARIZERS
from benchmarks.mutants.rewriting import REWRITING
from benchmarks.mutants.sequence import SEQUENCE
from benchmarks.mutants.training import TRAINING
from benchmarks.mutants.translation import TRANSLATION

MUTANTS = (
    *ENGINE,
    *OBJECTIVES,
    *REGULARIZERS,
    *TRAINING,
    *LAYERS,
    *TRANSLATION,
    *RECOGNITION,
    *REWRITING,
    *READING,
    *SEQUENCE,
    *COLLAPSE,
)
