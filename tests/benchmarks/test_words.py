"""The benchmark of word alignment: its ways, its table, its options."""

import json
import logging
from collections.abc import Iterator

import pytest

from benchmarks.words import __main__ as command
from benchmarks.words.ways import Setup, precisions


@pytest.fixture(autouse=True)
def logger_as_it_was() -> Iterator[None]:
    """A benchmark quiets Lightning."""
    log = logging.getLogger("pytorch_lightning")
    level = log.level
    yield
    log.setLevel(level)


def test_ways_from_pairs_reach_the_hidden_rotation_and_few_steps_of_the_game_do_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sizes = ["--words", "300", "--steps", "4", "--every", "2", "--restarts", "2"]
    command.main(["--seeds", "1", "--dim", "10", *sizes])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| way to the map | P@1, d=10 |"
    result = json.loads(lines[-1])
    (found,) = result["p1"]["10"]
    assert len(lines) == 3 + len(found)
    assert found["Procrustes, half of the pairs"] > 0.95
    assert found["the same, refined"] > 0.95 > found["map off by 0.6 rad"]
    assert found["the seed dictionary, refined"] > 0.95
    assert found["game, one start"] < 0.5
    assert result["words"] == 300 and result["steps"] == 4


def test_a_seed_gives_the_same_numbers_again() -> None:
    setup = Setup(words=200, centres=8, restarts=1, steps=2, every=1)
    assert precisions(setup, 1) == precisions(setup, 1)


def test_a_cell_is_the_mean_and_the_range_of_the_seeds() -> None:
    found = {10: [{"one": 0.5}, {"one": 0.25}], 30: [{"one": 1.0}, {"one": 1.0}]}
    assert command.table(found).splitlines()[2] == (
        "| one | 0.375 (0.250 to 0.500) | 1.000 (1.000 to 1.000) |"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["--words", "10"], "--words must be at least 200, got 10"),
        (["--dim", "10", "1"], "--dim must be at least 2, got 1"),
        (["--every", "9", "--steps", "3"], "--every must be at most --steps, got 9 and 3"),
    ],
)
def test_options_out_of_range_are_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.parse(options)
    assert message in capsys.readouterr().err
