"""The figures of a run's health: what is drawn is what was written, pixel by pixel for grids."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from callbacks.collapse.colours import LIGHT
from callbacks.collapse.figures import before_and_after, health_figure
from tests.helpers_health import Told, Watched, climb, collapsed_run, fallen


def pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def labelled(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """Lines of a plot by the name in the legend."""
    return {
        str(line.get_label()): [(float(x), float(y)) for x, y in line.get_xydata()]  # type: ignore[union-attr]
        for line in axes.lines
        if not str(line.get_label()).startswith("_")
    }


def names(axes: Axes) -> dict[str, float]:
    """Marked moments by their names."""
    return {text.get_text(): float(text.xy[0]) for text in axes.texts}  # type: ignore[attr-defined]


# -- the curve -------------------------------------------------------------------------------------


def test_figure_draws_scores_levels_and_moments(tmp_path: Path) -> None:
    run = collapsed_run(tmp_path / "run").run
    figure = health_figure(run.read_history(), chosen=64_000)
    plot, strip = figure.axes
    lines = labelled(plot)
    stored = [(row["images_seen"], row["verdict"]["score"]) for row in run.read_probes()]
    assert lines["score"] == stored
    assert lines["healthy level"][-1] == (102_400, 0.86)
    assert lines["level of an alarm"][-1] == (102_400, 0.43)
    assert names(plot) == {"best checkpoint": 64_000, "onset": 83_200, "alarm": 86_400}
    title = plot.get_title(loc="left")
    assert title == "Fully collapsed since 83,200 images, score 0.13 after 0.86"
    bars = [
        (p.get_x(), p.get_x() + p.get_width(), to_hex(p.get_facecolor())) for p in strip.patches
    ]  # type: ignore[attr-defined]
    assert bars == [
        (3200, 11_200, LIGHT["warmup"]),
        (11_200, 81_600, LIGHT["healthy"]),
        (81_600, 84_800, LIGHT["suspect"]),
        (84_800, 102_400, LIGHT["collapsed"]),
    ]
    # The suspicion is too short for its name.
    texts = [text.get_text() for text in strip.texts]
    assert texts == ["warmup", "healthy", "collapsed, full"]
    band = plot.patches[0].get_extents().transformed(plot.transData.inverted())
    assert (round(band.y0, 6), round(band.y1, 6)) == (0.96, 0.98)
    assert pixels(figure).shape == (460, 1000, 3)


def test_left_branches_have_a_line_and_a_lane(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8), *fallen(2, 0.1, 0.1))
    watched.event("rollback", at=6400, left=12_800)
    figure = health_figure(watched.tell(Told(0.7)).run.read_history())
    plot, strip = figure.axes
    lines = labelled(plot)
    assert lines["score"] == [(3200, 0.5), (6400, 0.8), (9600, 0.7)]
    assert lines["left by a rollback"] == [(6400, 0.8), (9600, 0.1), (12_800, 0.1)]
    assert [label.get_text() for label in strip.get_yticklabels()] == ["state", "left"]
    assert names(plot) == {"onset": 9600, "alarm": 9600, "rollback": 12_800}


def test_score_that_is_not_finite_leaves_a_gap(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8), Told(None, "diverged"))
    plot = health_figure(watched.run.read_history()).axes[0]
    assert np.isnan(labelled(plot)["score"][2][1])


@pytest.mark.parametrize("rows", [[], [{"images_seen": 5, "scores": {}}]])
def test_figure_without_a_probe_says_so(rows: list[dict[str, object]]) -> None:
    figure = health_figure(rows)
    assert figure.axes[0].get_title(loc="left") == "No probe yet"
    assert pixels(figure).shape == (460, 1000, 3)


def test_long_title_stays_in_the_figure(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8))
    watched.tell(Told(0.5, "suspect", {"reason": "the score " * 40}))
    title = health_figure(watched.run.read_history()).axes[0].get_title(loc="left")
    assert len(title) <= 110 and title.endswith(" ...")


def test_damaged_rows_are_refused(tmp_path: Path) -> None:
    rows = Watched(tmp_path / "run").tell(*climb(0.5)).run.read_history()
    rows[1]["verdict"]["state"] = "ill"
    with pytest.raises(ValueError, match="line 2 of evaluations.jsonl must be a row"):
        health_figure(rows)


def test_pyplot_keeps_none_of_the_figures() -> None:
    from matplotlib import pyplot

    health_figure([])
    before_and_after(*[torch.zeros(1, 8, 8)] * 3)
    assert pyplot.get_fignums() == []


# -- the grids -------------------------------------------------------------------------------------


def test_grids_are_shown_pixel_by_pixel() -> None:
    draws = torch.Generator().manual_seed(1)
    grids = [
        torch.randint(0, 256, (3, 130, 100), dtype=torch.uint8, generator=draws) for _ in range(3)
    ]
    image = pixels(before_and_after(*grids))
    # 400 / 130 rounds to 3: three panels of 300 x 390 with gaps of 24, under a title of 44.
    assert image.shape == (390 + 44 + 24, 3 * 300 + 4 * 24, 3)
    for place, grid in enumerate(grids):
        left = 24 + place * 324
        shown = image[44 : 44 + 390, left : left + 300]
        wanted = grid.permute(1, 2, 0).numpy().repeat(3, axis=0).repeat(3, axis=1)
        np.testing.assert_array_equal(shown, wanted)


def test_floats_grey_and_many_channels_are_shown() -> None:
    grey = torch.full((1, 400, 400), -1.0)
    grey[:, :, 200:] = 1.0
    figure = before_and_after(grey, grey, grey)
    row = pixels(figure)[44 + 200, 24 : 24 + 400]
    assert (row[:200] == 0).all() and (row[200:] == 255).all()
    five = pixels(before_and_after(*[torch.zeros(5, 80, 80)] * 3))
    # Five channels stand side by side: 400 wide, 80 high.
    assert five.shape == (80 + 68, 3 * 400 + 96, 3)


def test_missing_grid_is_a_frame_that_says_so() -> None:
    figure = before_and_after(None, torch.zeros(1, 50, 50), None, ("a", "b", "c"))
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert texts == [["no picture"], [], ["no picture"]]
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]
    assert pixels(figure).shape == (400 + 68, 3 * 400 + 96, 3)


def test_points_share_their_axes_and_lie_over_real_ones() -> None:
    real = torch.tensor([[-2.0, -1.0], [2.0, 1.0]])
    sets = [real, torch.zeros(3, 2), torch.tensor([[0.0, float("nan")], [1.0, 1.0]])]
    figure = before_and_after(*sets, real=real)
    # A square of 1.5 times the wider side, around the middle.
    assert {(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes} == {((-3, 3), (-3, 3))}
    assert [len(axes.collections) for axes in figure.axes] == [2, 2, 2]
    np.testing.assert_array_equal(figure.axes[1].collections[1].get_offsets(), np.zeros((3, 2)))
    # Without real points the earliest set is the measure, not the collapsed one.
    alone = before_and_after(real, torch.zeros(3, 2), torch.zeros(3, 2))
    assert {axes.get_xlim() for axes in alone.axes} == {(-3.0, 3.0)}
    lost = torch.full((4, 2), float("inf"))
    assert pixels(before_and_after(lost, lost, lost)).shape == (468, 1296, 3)


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        ([None, None, None], "got none of them"),
        ([(1, 8, 8), (5, 2), None], r"got \(1, 8, 8\), \(5, 2\)"),
        ([(64, 1, 8, 8), None, None], r"got \(64, 1, 8, 8\); make a grid"),
        ([(5, 3), None, None], r"got \(5, 3\)"),
        ([(5,), None, None], r"got \(5,\)"),
    ],
)
def test_other_shapes_are_refused(shapes: list[tuple[int, ...] | None], found: str) -> None:
    tensors = [None if shape is None else torch.zeros(shape) for shape in shapes]
    with pytest.raises(ValueError, match=f"must all be grids .C, H, W. or all points.*{found}"):
        before_and_after(*tensors)


def test_titles_must_be_three() -> None:
    with pytest.raises(ValueError, match=re.escape("titles must be three, got 2; name")):
        before_and_after(torch.zeros(1, 8, 8), None, None, ("a", "b"))
