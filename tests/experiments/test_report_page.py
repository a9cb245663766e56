"""The parts of the report: axes that read well, colours that can be told apart, words."""

import math
from itertools import combinations

import numpy as np
import pytest

from experiments.report_page import formatting, palette
from experiments.report_page.chart import Series, draw
from experiments.report_page.curves import Curve, images_axis, nice_ticks, thin, trend, value_axis
from experiments.report_page.pictures import choose
from experiments.report_page.protocols import best_of, differences, direction, spread_of
from experiments.report_page.scores import stem

# Machado, Oliveira and Fernandes, 2009, table 1, severity 1.0, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    return TO_OKLAB @ np.cbrt(TO_LMS @ rgb)


def contrast(a: str, b: str) -> float:
    weights = np.array([0.2126, 0.7152, 0.0722])
    light, dark = sorted((weights @ linear(a), weights @ linear(b)), reverse=True)
    return float((light + 0.05) / (dark + 0.05))


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK])
def test_colours_can_be_told_apart(colours: tuple[str, ...], sight: str) -> None:
    seen = [oklab(np.clip(SIGHT[sight] @ linear(colour), 0, 1)) for colour in colours]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) >= 0.099


@pytest.mark.parametrize(
    ("colours", "surface"),
    [(palette.LIGHT, palette.LIGHT_SURFACE), (palette.DARK, palette.DARK_SURFACE)],
)
def test_colours_stand_out_from_their_surface(colours: tuple[str, ...], surface: str) -> None:
    assert min(contrast(colour, surface) for colour in colours) >= 3.0


def test_no_two_of_eighteen_runs_look_the_same() -> None:
    assert len({palette.style_of(slot) for slot in range(18)}) == 18


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.69314, "0.6931"),
        (41.25, "41.25"),
        (164.75, "164.8"),
        (-0.5, "−0.5000"),
        (0.0, "0"),
        (12345.6, "12,346"),
        (2.5e8, "2.50e+08"),
        (3.1e-5, "3.10e−05"),
        (float("nan"), "NaN"),
        (float("-inf"), "−∞"),
        (None, "—"),
    ],
)
def test_number_in_four_digits(value: float | None, text: str) -> None:
    assert formatting.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (8.44, "8.4 s"),
        (724, "12 min 4 s"),
        (11_250, "3 h 7 min"),
        (190_800, "2 d 5 h"),
        (None, "—"),
    ],
)
def test_duration_in_two_units(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0.0, 500_000.0, 1_000_000.0], ["0", "0.5M", "1.0M"]),
        ([0.0, 20_000.0, 40_000.0], ["0", "20k", "40k"]),
        ([0.0, 500.0, 1500.0], ["0", "500", "1500"]),
        ([-0.5, 0.0, 0.25], ["−0.50", "0", "0.25"]),
        ([0.0, 2e-5], ["0", "2e−05"]),
        ([0.0], ["0"]),
    ],
)
def test_tick_labels_share_decimals_and_unit(ticks: list[float], labels: list[str]) -> None:
    assert formatting.tick_labels(ticks) == labels


def test_moment_is_utc_and_unknown_text_stays() -> None:
    assert formatting.moment("2026-11-22T04:30:59+02:00") == "2026-11-22 02:30 UTC"
    assert formatting.moment("2026-11-22T02:30:59Z") == "2026-11-22 02:30 UTC"
    assert formatting.moment("yesterday") == "yesterday"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 17), (1e-6, 4e-6), (0, 1_152_000)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    ticks = nice_ticks(low, high, about=6)
    assert 2 <= len(ticks) <= 7 and low <= ticks[0] and ticks[-1] <= high * (1 + 1e-12)
    step = ticks[1] - ticks[0]
    assert f"{step:.0e}"[0] in "125" and np.allclose(np.diff(ticks), step)


def test_a_few_spikes_leave_the_axis_and_the_note_says_so() -> None:
    values = [math.sin(k / 10) for k in range(500)]
    values[100] = 900.0
    curve = Curve([float(k) for k in range(500)], values)
    axis = value_axis([curve])
    assert axis is not None and not axis.log and axis.high < 3
    chart = draw("loss", [Series("d", curve, 0)], images_axis([499.0]))
    assert chart.notes == ["d: one value lies outside the axis, at 900.0"]
    assert [100.0, 900.0] in chart.data["series"][0]


def test_positive_values_over_decades_get_a_logarithmic_axis() -> None:
    curve = Curve([0.0, 1.0, 2.0, 3.0], [0.01, 1.0, 10.0, 1000.0])
    axis = value_axis([curve])
    assert axis is not None and axis.log
    assert axis.place(math.sqrt(axis.low * axis.high)) == pytest.approx(0.5)
    assert draw("norm", [Series("g", curve, 0)], images_axis([3.0])).hint == "log scale"
    with_zero = value_axis([Curve([0.0, 1.0], [0.0, 1000.0])])
    assert with_zero is not None and not with_zero.log


def test_a_small_floor_does_not_make_the_axis_logarithmic() -> None:
    axis = value_axis([Curve([0.0, 1.0], [0.1, 0.3])], levels=[0.0004])
    assert axis is not None and not axis.log and axis.low < 0.0004


def test_axis_of_one_value_has_a_width_and_of_none_is_none() -> None:
    axis = value_axis([Curve([1.0], [0.0])])
    assert axis is not None and axis.low < 0 < axis.high
    assert value_axis([Curve([1.0], [float("nan")])]) is None


def test_trend_of_a_line_is_the_line_and_skips_what_is_not_finite() -> None:
    y = [2.0 * k for k in range(600)]
    y[300] = float("inf")
    smooth = trend(Curve([float(k) for k in range(600)], y))
    assert smooth is not None
    middle = [(x, v) for x, v in zip(smooth.x, smooth.y, strict=True) if 20 < x < 280]
    assert len(middle) > 50 and all(v == pytest.approx(2 * x) for x, v in middle)
    assert all(math.isfinite(v) for v in smooth.y)
    assert trend(Curve([0.0] * 119, [0.0] * 119)) is None


def test_thinning_keeps_short_curves_whole() -> None:
    curve = Curve([float(k) for k in range(1200)], [0.0] * 1200)
    assert thin(curve) is curve


@pytest.mark.parametrize(
    ("score", "good"),
    [
        ("fd_rand_vgg@2k", "lower"),
        ("kid_clean@50k", "lower"),
        ("recall_x@2k", "higher"),
        ("is@50k", "higher"),
        ("cs_cls@2k", "higher"),
        ("beauty@2k", ""),
    ],
)
def test_direction_of_a_score(score: str, good: str) -> None:
    assert direction(score) == good
    best = best_of(score, [2.0, 1.0, float("nan"), 3.0])
    assert best == {"lower": 1.0, "higher": 3.0, "": None}[good]


def test_stem_is_what_is_measured() -> None:
    names = ("fd_rand_vgg@2k", "kid_clean@50k", "is@50k", "entropy_of_mean_cls_m_5@2k", "new_x@2k")
    assert [stem(n) for n in names] == ["fd", "kid_clean", "is", "entropy_of_mean", "new_x"]


def test_standard_errors_are_known_by_name() -> None:
    assert spread_of("kid_clean_se@50k") == "kid_clean@50k"
    assert spread_of("cs_sd_cls@2k") == "cs_cls@2k"
    assert spread_of("se_fd_waves64@2k") == "fd_waves64@2k"
    assert spread_of("se_fid_clean@50k") == "fid_clean@50k" and spread_of("se_net@2k") is None
    assert spread_of("kd_rand_vgg@2k") is None and spread_of("fd_se_net@2k") is None


def test_differences_name_both_values() -> None:
    unlike = differences({"n": 5, "net": {"id": "a"}}, {"n": 5, "net": {"id": "b"}, "real": "x"})
    assert unlike == ["net.id: a, not b", "real: not recorded, not x"]


def test_pictures_beyond_the_budget_are_fewer_but_never_none() -> None:
    from pathlib import Path

    from experiments.report_page.records import Frame

    frames = [Frame(k, Path(), 1, 1, bytes=100) for k in range(10)]
    assert [f.images_seen for f in choose(frames, budget=300)] == [0, 4, 9]
    assert [f.images_seen for f in choose(frames, budget=1)] == [9]
    assert choose([], budget=1) == []
