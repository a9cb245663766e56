from typing import Any

import pytest

from callbacks.retention import Retention, better


def row(images_seen: int, protocol: Any = "p", **scores: float | None) -> dict[str, Any]:
    named = {name.replace("_at_", "@"): value for name, value in scores.items()}
    return {
        "path": str(images_seen),
        "images_seen": images_seen,
        "scores": named or None,
        "protocol": protocol if named else None,
    }


def test_newest_and_best_stay() -> None:
    rows = [row(i, fd_x=value) for i, value in enumerate([3.0, 1.0, 2.0, 9.0, 8.0, 7.0])]
    assert Retention(keep_last=2, keep_best=2).kept(rows) == {"1", "2", "4", "5"}
    assert Retention(keep_last=1, keep_best=0).kept(rows) == {"5"}


def test_lower_distance_and_higher_coverage_are_better() -> None:
    rows = [row(0, fd_x=1.0, coverage_x=0.1), row(1, fd_x=2.0, coverage_x=0.9)]
    assert [r["path"] for r in Retention().ranked(rows)] == ["0", "1"]
    assert [r["path"] for r in Retention(monitor="coverage_x").ranked(rows)] == ["1", "0"]
    own = Retention(monitor="fd_x", mode="max")
    assert [r["path"] for r in own.ranked(rows)] == ["1", "0"]


def test_first_frechet_distance_of_a_row_is_the_default_monitor() -> None:
    keep = Retention()
    assert keep.score(row(0, kd_x=5.0, fd_b=2.0, fd_a=1.0)) == 2.0
    assert keep.score(row(0, fid_at_50k=7.0)) == 7.0
    assert keep.score(row(0, kd_x=5.0)) is None


def test_rows_without_a_finite_score_are_not_ranked() -> None:
    rows = [row(0), row(1, fd_x=None), row(2, fd_x=float("nan")), row(3, fd_x=4.0)]
    assert [r["path"] for r in Retention().ranked(rows)] == ["3"]
    assert Retention().ranked(rows[:2]) == []


def test_scores_of_another_protocol_do_not_compete() -> None:
    rows = [row(0, protocol="old", fd_x=0.1), row(1, fd_x=5.0), row(2, fd_x=6.0)]
    assert [r["path"] for r in Retention().ranked(rows)] == ["1", "2"]


def test_of_equal_scores_the_older_one_is_best() -> None:
    rows = [row(5, fd_x=1.0), row(3, fd_x=1.0)]
    assert [r["path"] for r in Retention().ranked(rows)] == ["3", "5"]


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("fd_rand_vgg@2k", "min"),
        ("kd_efflite0@2k", "min"),
        ("fid@50k", "min"),
        ("fid_clean@50k", "min"),
        ("kid@50k", "min"),
        ("precision_a@2k", "max"),
        ("recall_a@2k", "max"),
        ("density_a@2k", "max"),
        ("coverage_a@2k", "max"),
        ("cs_a@2k", "max"),
        ("is@50k", "max"),
    ],
)
def test_good_direction_follows_from_the_name(name: str, direction: str) -> None:
    assert better(name) == direction


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_last": 0}, "keep_last must be at least 1, got 0"),
        ({"keep_best": -1}, "keep_best must be 0 or more, got -1"),
        ({"mode": "lower"}, "mode must be 'min' or 'max', got 'lower'"),
        ({"monitor": "loss"}, "good direction is known, got 'loss'; set mode"),
    ],
)
def test_bad_rule_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Retention(**options)
    if "monitor" in options:
        assert Retention(monitor="loss", mode="min").score(row(0, loss=2.0)) == 2.0


def test_errors_of_scores_rank_nothing() -> None:
    scores = {"se_fd_waves64@2k": 0.1, "fd_waves64@2k": 0.4, "coverage_identity@2k": 0.9}
    assert Retention().score_name({"scores": scores}) == "fd_waves64@2k"
    assert Retention().score({"scores": scores}) == 0.4
    assert Retention().score_name({"scores": {"se_fd_x@2k": 0.1}}) is None
    assert Retention(monitor="coverage_identity@2k").score({"scores": scores}) == -0.9
