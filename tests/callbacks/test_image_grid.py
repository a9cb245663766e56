"""Lines of a grid of images."""

from callbacks.image_grid import ImageGrid


def test_a_line_counts_once_whether_it_is_met_or_jumped_over() -> None:
    grid = ImageGrid(10)
    grid.start(0)
    assert [grid.crossed(seen) for seen in (4, 9, 10, 12, 35, 39, 40)] == [
        *(False, False, True, False),
        *(True, False, True),
    ]


def test_a_run_that_goes_on_begins_where_it_is() -> None:
    grid = ImageGrid(10)
    grid.start(25)
    assert not grid.crossed(29) and grid.crossed(31)


def test_without_lines_none_is_crossed() -> None:
    assert not ImageGrid(None).crossed(10**9)
