"""The plan of a growing game: stages, shocks and levels (known answer of arXiv:1710.10196)."""

import pytest

from gan_modules.engine.schedule import Position, Stage, Turn, check_schedule
from gan_modules.growth import Growth

TURNS = (Turn("discriminator"), Turn("generator"))
#: The authors' default, where the paper's text has 800,000.
DEFAULT = Growth(32, 4, stable_images=600_000, fade_images=600_000)


def walk(growth: Growth, until: int, batch: int) -> Position:
    """The position after ``until`` images, in batches of all ranks together."""
    position, stages = Position(), growth.stages(TURNS)
    for _ in range(until // batch):
        position.advance(stages, batch)
    return position


@pytest.mark.parametrize(
    ("kimg", "lod", "size", "alpha"),
    [
        (0, 3.0, 4, 0.0),
        (600, 3.0, 4, 0.0),
        (900, 2.5, 8, 0.5),
        (1200, 2.0, 8, 0.0),
        (2100, 1.5, 16, 0.5),
        (3600, 0.0, 32, 0.0),
        (9000, 0.0, 32, 0.0),
    ],
)
@pytest.mark.parametrize("batch", [100, 50_000])
def test_levels_of_the_authors_plan_kat_30(
    kimg: int, lod: float, size: int, alpha: float, batch: int
) -> None:
    level = DEFAULT.level(walk(DEFAULT, kimg * 1000, batch))
    assert level == pytest.approx(3.0 - lod, abs=1e-12)
    assert 4 * 2 ** -int(-level // 1) == size
    assert level % 1 == pytest.approx(alpha, abs=1e-12)


def test_stages_have_names_lengths_and_a_shock_where_the_resolution_rises() -> None:
    growth = Growth(16, 4, stable_images=7, fade_images=5)
    assert growth.stages(TURNS) == (
        Stage(TURNS, 7, "4 px"),
        Stage(TURNS, 5, "fading in 8 px", planned_shock=True),
        Stage(TURNS, 7, "8 px"),
        Stage(TURNS, 5, "fading in 16 px", planned_shock=True),
        Stage(TURNS, None, "16 px"),
    )
    check_schedule(growth.stages(TURNS), ["discriminator", "generator"])


def test_the_papers_lengths_are_the_defaults() -> None:
    assert Growth(32) == Growth(32, 4, 800_000, 800_000)


def test_a_fade_begins_at_the_smaller_network_and_rises_by_the_share_of_images() -> None:
    growth = Growth(16, 4, stable_images=10, fade_images=8)
    assert growth.level(Position(stage=0, images=9)) == 0
    assert [growth.level(Position(1, 0, images)) for images in (0, 2, 8)] == [0, 0.25, 1]
    assert growth.level(Position(2, 0, 9)) == 1
    assert growth.level(Position(3, 0, 4)) == 1.5
    # A batch that overshoots the end of a stage does not overshoot the level.
    assert growth.level(Position(3, 0, 11)) == 2
    assert growth.level(Position(4, 0, 10**9)) == 2


def test_growth_can_start_at_a_larger_size() -> None:
    growth = Growth(32, start_size=8, stable_images=10, fade_images=10)
    names = [stage.name for stage in growth.stages(TURNS)]
    assert names == ["8 px", "fading in 16 px", "16 px", "fading in 32 px", "32 px"]
    assert growth.level(Position()) == 1 and growth.level(Position(1, 0, 5)) == 1.5
    assert growth.level(Position(4)) == 3


def test_without_growth_there_is_one_stage_without_end() -> None:
    growth = Growth(8, start_size=8)
    assert growth.stages(TURNS) == (Stage(TURNS, None, "8 px"),)
    assert growth.level(Position(0, 0, 10**9)) == 1
    # A run that goes on with a shorter plan than it began with stays at the full size.
    assert growth.level(Position(5, 0, 1)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 48}, "Growth: size must be a power of two of at least 4, got 48; "),
        (
            {"size": 32, "start_size": 2},
            "Growth: start_size must be a power of two of at least 4, got 2; ",
        ),
        (
            {"size": 8, "start_size": 16},
            "Growth: start_size must be at most size, got 16 for 8; start at 4 px",
        ),
        (
            {"size": 8, "stable_images": 0},
            "Growth: stable_images must be at least 1, got 0; it is a number of real images",
        ),
        ({"size": 8, "fade_images": -1}, "Growth: fade_images must be at least 1, got -1; "),
    ],
)
def test_a_plan_that_cannot_be_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Growth(**options)
