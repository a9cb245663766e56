"""The catalogue of mutants: each applies, and its guard exists."""

import ast

import pytest

from benchmarks.mutants.catalogue import MUTANTS
from benchmarks.mutants.mutant import ROOT, Mutant


def test_every_mutant_changes_one_place_of_a_file_that_still_parses() -> None:
    assert len(MUTANTS) >= 60
    for mutant in MUTANTS:
        changed = mutant.source()
        ast.parse(changed)
        assert changed != (ROOT / mutant.file).read_text(), mutant.title
        for test in mutant.tests:
            assert (ROOT / test.split("::")[0]).is_file(), mutant.title


def test_a_text_that_is_not_there_once_is_refused() -> None:
    with pytest.raises(ValueError, match="exactly once in gan_modules/latents.py"):
        Mutant("gan_modules/latents.py", "no such text", "x", ()).source()
    with pytest.raises(ValueError, match="differ from new"):
        Mutant("gan_modules/latents.py", "def lerp(", "def lerp(", ()).source()
