from typing import Any

import pytest

from callbacks.collapse.candidates import best_first, candidates, pre_collapse, unbeaten, why_none
from callbacks.collapse.health import Health
from callbacks.retention import Retention
from tests.helpers_checkpoints import FD, paths, row

KEEP = Retention()


def fallen(onset: int, alarm: int | None = None, **more: Any) -> Health:
    """A collapse whose alarm came some time after its onset."""
    first = {"first_onset": onset, **more}
    return Health("collapsed", "full", onset, alarm or onset + 40, **first)


def chosen(rows: list[dict[str, Any]], health: Health | None, keep: Retention = KEEP) -> str | None:
    found = pre_collapse(rows, health, keep)
    return None if found is None else found["path"]


def whys(rows: list[dict[str, Any]], health: Health | None) -> dict[str, str]:
    return {one.row["path"]: one.why for one in candidates(rows, health, KEEP)}


def test_lowest_distance_after_the_onset_is_not_chosen() -> None:
    rows = [row(10, 5.0), row(20, 3.0), row(30, 4.0), row(40, 1.0), row(50, 0.5)]
    assert chosen(rows, fallen(40)) == "20"
    assert chosen(rows, fallen(41)) == "40"
    assert whys(rows, fallen(40)) == {
        "10": f"healthy, before the onset, number 3 of 3 by {FD}",
        "20": f"healthy, before the onset, lowest {FD} of 3",
        "30": f"healthy, before the onset, number 2 of 3 by {FD}",
        "40": "at the onset at 40 images",
        "50": "after the onset at 40 images",
    }


def test_of_a_higher_is_better_score_the_highest_is_chosen() -> None:
    rows = [row(10, 5.0, **{"coverage_x": 0.2}), row(20, 9.0, **{"coverage_x": 0.8})]
    keep = Retention(monitor="coverage_x")
    assert chosen(rows, Health("healthy"), keep) == "20"
    judged = candidates(rows, Health("healthy"), keep)
    assert judged[1].why == "healthy, highest coverage_x of 2"


def test_lowest_distance_in_an_earlier_collapsed_segment_is_not_chosen() -> None:
    """A fall at 30 was survived; what came after it is only the second choice."""
    rows = [
        row(10, 5.0),
        row(20, 4.0),
        row(30, 0.1, "collapsed"),
        row(40, 0.2, "recovered"),
        row(50, 1.0),
        row(60, 2.0),
        row(80, 9.0, "collapsed"),
    ]
    second = fallen(70, first_onset=30)
    assert chosen(rows, second) == "20"
    assert whys(rows, second)["30"] == "state was collapsed"
    assert whys(rows, second)["40"] == "state was recovered"
    assert whys(rows, second)["50"] == "an earlier collapse, at 30 images, lies before it"
    only_later = [one for one in rows if one["images_seen"] >= 30]
    assert chosen(only_later, second) == "50"
    assert whys(only_later, second)["50"] == (
        f"healthy again after an earlier collapse, before the onset, lowest {FD} of 2"
    )
    # Of a segment that was begun anew, the collapse of the old one says nothing.
    assert chosen(rows, Health("collapsed", "full", 70, 80, segment=45)) == "50"


def test_suspect_right_before_the_onset_is_excluded() -> None:
    rows = [row(10, 5.0), row(20, 4.0), row(39, 1.0, "suspect")]
    assert chosen(rows, fallen(40)) == "20"
    assert whys(rows, fallen(40))["39"] == "state was suspect"


@pytest.mark.parametrize(
    "name", ["warmup", "suspect", "collapsed", "recovered", "diverged", "never_learned"]
)
def test_only_healthy_moments_may_be_gone_back_to(name: Any) -> None:
    rows = [row(10, 1.0, name), row(20, 2.0)]
    assert chosen(rows, Health("healthy")) == "20"
    assert whys(rows, None)["10"] == "not judged by a collapse monitor"
    assert whys([row(5, 1.0, None), *rows], Health("healthy"))["5"] == (
        "not judged by a collapse monitor"
    )


def test_without_a_collapse_it_is_the_best_healthy_one_so_far() -> None:
    rows = [row(10, 5.0), row(20, 2.0), row(30, 3.0), row(40, 1.0, "suspect")]
    assert chosen(rows, Health("healthy")) == "20"
    # A suspicion has an onset too, and no alarm yet.
    assert chosen(rows, Health("suspect", onset=20, frozen=True)) == "10"
    judged = candidates(rows, Health("healthy"), KEEP)
    assert [(one.eligible, one.rank, one.chosen) for one in judged] == [
        (True, 3, False),
        (True, 1, True),
        (True, 2, False),
        (False, None, False),
    ]
    assert judged[1].why == f"healthy, lowest {FD} of 3"


def test_of_equals_within_noise_the_later_is_chosen() -> None:
    def rows(second: float) -> list[dict[str, Any]]:
        return [row(10, 10.0), row(20, second)]

    assert chosen(rows(10.79), Health("healthy")) == "20"
    assert chosen(rows(10.81), Health("healthy")) == "10"
    assert chosen(rows(10.0), Health("healthy")) == "20"
    assert chosen([row(10, 10.79), row(20, 10.0)], Health("healthy")) == "20"
    found = whys(rows(10.79), Health("healthy"))
    assert found["20"] == f"healthy, {FD} within noise of the lowest of 2, and later"
    assert found["10"] == f"healthy, lowest {FD} of 2, within noise of the chosen one"


def test_noise_that_was_measured_replaces_the_share_of_the_score() -> None:
    """Two standard errors of the difference: with 0.3 and 0.4 these are 1.0."""

    def rows(second: float, **errors: float) -> list[dict[str, Any]]:
        first = {f"se_{FD}": 0.3}
        return [row(10, 10.0, **first), row(20, second, **errors)]

    assert chosen(rows(10.99, **{f"se_{FD}": 0.4}), Health("healthy")) == "20"
    assert chosen(rows(11.01, **{f"se_{FD}": 0.4}), Health("healthy")) == "10"
    # One that was not measured takes the share.
    assert chosen(rows(10.81), Health("healthy")) == "10"
    assert chosen(rows(10.79), Health("healthy")) == "20"


def test_of_equals_within_noise_the_one_that_covers_more_is_chosen() -> None:
    def rows(first: float, second: float, third: float = 0.1) -> list[dict[str, Any]]:
        name = "coverage_rand@2k"
        pairs = [(10.0, first), (10.5, second), (11.0, third)]
        return [row(10 * n, fd, **{name: c}) for n, (fd, c) in enumerate(pairs, start=1)]

    assert chosen(rows(0.5, 0.4), Health("healthy")) == "10"
    assert chosen(rows(0.4, 0.5), Health("healthy")) == "20"
    assert chosen(rows(0.5, 0.5), Health("healthy")) == "20"
    # Beyond the noise of the distance the coverage says nothing.
    assert chosen(rows(0.4, 0.5, 0.9), Health("healthy")) == "20"
    found = whys(rows(0.4, 0.5), Health("healthy"))
    assert found["20"] == f"healthy, {FD} within noise of the lowest of 3, and covering more"
    assert whys(rows(0.5, 0.5), Health("healthy"))["20"].endswith("lowest of 3, and later")


def test_of_coverages_within_two_standard_errors_the_later_is_chosen() -> None:
    """Of 2,000 reals half are covered with an error of 0.0112 each, 0.0316 is twice both."""

    def rows(first: float, second: float, count: str = "2k") -> list[dict[str, Any]]:
        name = f"coverage_rand@{count}"
        return [row(10, 10.0, **{name: first}), row(20, 10.5, **{name: second})]

    assert chosen(rows(0.5, 0.469), Health("healthy")) == "20"
    assert chosen(rows(0.5, 0.467), Health("healthy")) == "10"
    # Of 500 reals the error is twice as large.
    assert chosen(rows(0.5, 0.438, "500"), Health("healthy")) == "20"
    assert chosen(rows(0.5, 0.434, "500"), Health("healthy")) == "10"
    found = whys(rows(0.5, 0.485), Health("healthy"))
    assert found["20"] == f"healthy, {FD} within noise of the lowest of 2, and later"
    # One without a coverage is passed over.
    some = [row(10, 10.0, **{"coverage_rand@2k": 0.5}), row(20, 10.5)]
    assert chosen(some, Health("healthy")) == "10"


def test_where_the_coverage_ranks_the_later_of_equals_is_chosen() -> None:
    name = "coverage_rand@2k"
    rows = [row(10, 5.0, **{name: 0.60}), row(20, 5.0, **{name: 0.58})]
    assert chosen(rows, Health("healthy"), Retention(monitor=name, mode="max")) == "20"


def test_only_as_many_as_are_kept_take_part_in_a_draw() -> None:
    rows = [row(10 * n, 10.0 + 0.01 * n) for n in range(1, 6)]
    assert chosen(rows, Health("healthy")) == "30"
    assert chosen(rows, Health("healthy"), Retention(keep_best=5)) == "50"
    assert chosen(rows, Health("healthy"), Retention(keep_best=0)) == "10"


def test_what_a_later_one_equals_takes_no_place_in_a_draw() -> None:
    """Four are lower than the last one, but three of these were beaten later."""
    rows = [row(10, 10.4), row(20, 10.3), row(30, 10.2), row(40, 10.0), row(50, 10.5)]
    assert chosen(rows, Health("healthy")) == "50"
    assert paths(unbeaten(rows, KEEP)) == ["40", "50"]
    level = [row(10, 1.0), row(20, 1.0), row(30, 3.0), row(40, 2.0)]
    assert paths(unbeaten(level, KEEP)) == ["20", "40"]


def test_fallback_is_the_newest_healthy_one_that_was_never_evaluated() -> None:
    rows = [row(10), row(20), row(30, name="suspect"), row(50)]
    assert chosen(rows, fallen(40)) == "20"
    found = whys(rows, fallen(40))
    assert found["20"] == "healthy, before the onset, not evaluated; the newest of 2"
    assert found["10"] == "not evaluated"
    assert chosen([*rows, row(5, 99.0)], fallen(40)) == "5"
    assert whys([*rows, row(5, 99.0)], fallen(40))["20"] == "not evaluated"


def test_scores_of_another_protocol_do_not_compete() -> None:
    rows = [row(10, 0.1, protocol="old"), row(20, 5.0), row(30, 6.0), row(40, 7.0, protocol="new")]
    assert chosen(rows, fallen(40)) == "20"
    assert whys(rows, fallen(40))["10"] == "evaluated under another protocol than the newest"
    # Before 15, the old protocol is the newest one.
    assert chosen(rows, fallen(15)) == "10"


def test_a_file_that_is_gone_is_not_chosen() -> None:
    rows = [row(10, 5.0), row(20, 3.0)]
    found = candidates(rows, Health("healthy"), KEEP, missing=["20"])
    assert [one.why for one in found] == [f"healthy, lowest {FD}", "file is gone"]
    assert pre_collapse(rows, Health("healthy"), KEEP, missing=["10", "20"]) is None


def test_best_first_begins_with_the_chosen_one() -> None:
    rows = [row(10, 10.0), row(20, 10.1), row(30, 20.0)]
    assert paths(best_first(rows, Health("healthy"), KEEP)) == ["20", "10", "30"]
    assert paths(best_first(rows, Health("healthy"), KEEP, 2)) == ["20", "10"]
    assert best_first([], Health("healthy"), KEEP) == []


def test_health_may_be_the_plain_data_of_the_index() -> None:
    rows = [row(10, 5.0), row(20, 1.0)]
    assert candidates(rows, fallen(15).to_dict(), KEEP) == candidates(rows, fallen(15), KEEP)


def test_why_there_is_none_is_told() -> None:
    young = [row(10, 5.0, "warmup"), row(20, 1.0, "never_learned")]
    assert why_none(young, Health("never_learned")) == (
        "no checkpoint was healthy, the newest was never learned"
    )
    late = [row(10, 5.0, "warmup"), row(2000, 1.0), row(3000, 1.0, "collapsed")]
    assert chosen(late, fallen(2000)) is None
    assert why_none(late, fallen(2000)) == (
        "the first healthy checkpoint is of 2,000 images, the fall began at 2,000"
    )
