"""The recorded cases that CI judges again: a detector that got worse does not pass."""

from benchmarks.collapse import fixture


def test_the_fixture_is_small_and_has_every_kind_of_case() -> None:
    assert fixture.FIXTURE.stat().st_size <= 2_000_000
    cases = fixture.read()
    assert len(cases) >= 12
    assert {"healthy", "full", "partial", "diverged", "recover", "bad"} <= {c.truth for c in cases}


def test_smoke_finds_what_it_found_when_it_was_recorded() -> None:
    result, text = fixture.smoke()
    assert result["worse"] == [] and result["passed"]
    assert len(result["wrong"]) <= 3
    assert "full collapses called within 2 probes" in text
