"""All mutants, one file a part of the library."""

from benchmarks.mutants.engine import ENGINE

MUTANTS = (*ENGINE,)
