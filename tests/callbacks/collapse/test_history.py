"""The history of a run's health: every span, fall and break that was written, and no other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callbacks.collapse.history import History, history_of
from callbacks.collapse.moments import Break, Span, extents, spans
from callbacks.collapse.wording import advice, break_line, fall_line, headline, resume_command
from callbacks.run_folder import RunFolder
from tests.helpers_health import EVERY, Told, Watched, climb, collapsed_run, fallen


def history(watched: Watched) -> History:
    return history_of(watched.run.read_history())


def shape(parts: list[Span | Break]) -> list[tuple[str, int, int]]:
    """Each span as (state, first probe, last probe), each break as (event, from, to)."""
    return [
        (part.state, part.first.probe, part.last.probe)
        if isinstance(part, Span)
        else (part.event, part.at, part.images_seen)
        for part in parts
    ]


# -- spans and falls -------------------------------------------------------------------------------


def test_healthy_run_has_two_spans_and_no_fall(tmp_path: Path) -> None:
    found = history(Watched(tmp_path / "run").tell(*climb(0.05, 0.15, 0.4, 0.8, 0.7)))
    assert shape(found.story) == [("warmup", 0, 1), ("healthy", 2, 4)]
    assert [span.scores for span in found.story if isinstance(span, Span)] == [
        (0.05, 0.15),
        (0.4, 0.8),
    ]
    assert found.falls == [] and found.lost == [] and found.begun and not found.lost_now
    assert headline(found) == "Healthy, score 0.70"
    assert advice(found, 6400) == ""


def test_headline_says_what_is_to_be_known_of_a_healthy_generator(tmp_path: Path) -> None:
    rows = Watched(tmp_path / "run").tell(*climb(0.05, 0.15, 0.4)).run.read_history()
    rows[-1]["verdict"]["reason"] = "most samples are like nothing real"
    expected = "Healthy, score 0.40: most samples are like nothing real"
    assert headline(history_of(rows)) == expected
    rows[-1]["verdict"] |= {"state": "warmup", "reason": "it was lost again"}
    expected = "Warming up, score 0.40: it was lost again; no alarm is possible yet"
    assert headline(history_of(rows)) == expected


def test_collapse_has_its_onset_alarm_and_delay(tmp_path: Path) -> None:
    found = history(collapsed_run(tmp_path / "run"))
    assert shape(found.story) == [
        ("warmup", 0, 2),
        ("healthy", 3, 24),
        ("suspect", 25, 25),
        ("collapsed", 26, 31),
    ]
    (fall,) = found.falls
    assert (fall.onset, fall.onset_probe, fall.alarm.images_seen) == (83_200, 25, 86_400)
    assert (fall.delay, fall.severity, fall.end, fall.branch) == (1, "full", "", None)
    assert fall.alarm.verdict.evidence[0] == "coverage 0.80 -> 0.11 of real data"
    assert found.lost_now and found.end == 102_400
    assert headline(found) == "Fully collapsed since 83,200 images, score 0.13 after 0.86"
    assert fall_line(fall) == (
        "alarm at 86,400 images (probe 26), onset at 83,200 (1 probe before)"
    )
    assert advice(found, 64_000) == "The best checkpoint before that is of 64,000 images"
    assert advice(found, None) == "There is no checkpoint to go back to"


def test_recovery_ends_a_fall_and_another_one_begins(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8), *fallen(2, 0.1, 0.1))
    watched.tell(Told(0.75, "recovered"), Told(0.8), *fallen(6, 0.2, state="diverged"))
    found = history(watched)
    assert [(fall.name, fall.onset_probe, fall.end) for fall in found.falls] == [
        ("full collapse", 2, f"recovered at {5 * EVERY:,} images"),
        ("divergence", 6, ""),
    ]
    assert [fall.delay for fall in found.falls] == [0, 0]
    assert fall_line(found.falls[0]) == (
        "alarm at 9,600 images (probe 2), onset at 9,600 (the same probe), recovered at "
        "16,000 images"
    )
    watched.tell(Told(0.7, "recovered"))
    assert headline(history(watched)) == (
        "Recovering, score 0.70; after 2 falls (the last alarm at 22,400 images, recovered at "
        "25,600 images)"
    )


def test_divergence_without_a_finite_score(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8))
    reason = "samples, weights or losses are not finite"
    lost = {"reason": reason, "onset": 3 * EVERY, "onset_probe": 2, "alarm": True}
    found = history(watched.tell(Told(None, "diverged", lost)))
    span = found.story[-1]
    assert isinstance(span, Span) and span.scores is None and span.name == "diverged"
    assert found.falls[0].name == "divergence"
    assert headline(found) == "Diverged since 9,600 images"
    assert found.now is not None and found.now.parts is None


def test_generator_that_never_learned_is_no_fall(tmp_path: Path) -> None:
    found = history(Watched(tmp_path / "run").tell(*[Told(0.02, "never_learned")] * 3))
    assert found.falls == []
    assert headline(found) == "Never learned, score 0.02 after 3 probes"


def test_partial_collapse_that_becomes_full_is_one_fall_from_its_first_onset(
    tmp_path: Path,
) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8))
    watched.tell(*fallen(2, 0.6, 0.6, severity="partial", lost_share=0.25))
    assert headline(history(watched)) == (
        "Partly collapsed since 9,600 images, score 0.60 after 0.80"
    )
    watched.tell(*fallen(4, 0.2, 0.2))
    (fall,) = history(watched).falls
    assert (fall.severity, fall.onset_probe, fall.delay) == ("full", 2, 0)
    assert fall.alarm.probe == 2


def test_verdict_between_two_probes_counts(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8), Told(0.5, "suspect"))
    verdict = fallen(2, 0.5)[0].verdict
    assert verdict is not None
    watched.run.append_monitor(
        {
            "kind": "verdict",
            "probe": 2,
            "images_seen": 10_000,
            "verdict": {"state": "collapsed", **verdict},
        }
    )
    found = history(watched.tell(*fallen(2, 0.1, alarmed=False)))
    (fall,) = found.falls
    assert (fall.alarm.images_seen, fall.alarm.probe, fall.delay) == (10_000, 2, 0)
    assert [m.images_seen for m in found.path] == [3200, 6400, 9600, 10_000, 12_800]
    assert [m.images_seen for m in found.probes] == [3200, 6400, 9600, 12_800]


def test_collapse_that_goes_on_to_diverge_is_one_fall(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8))
    watched.tell(*fallen(2, 0.1), *fallen(2, 0.5, severity=None, state="diverged", alarmed=False))
    found = history(watched)
    (fall,) = found.falls
    assert (fall.name, fall.state, fall.severity) == (
        "full collapse, then divergence",
        "diverged",
        "full",
    )
    assert headline(found) == "Diverged since 9,600 images, score 0.50 after 0.80"


# -- breaks ----------------------------------------------------------------------------------------


def rolled_back(path: Path) -> Watched:
    """Healthy to probe 3, collapsed at 4 and 5, back to probe 2, two more probes."""
    watched = Watched(path).tell(*climb(0.3, 0.6, 0.7, 0.8), *fallen(4, 0.1, 0.1))
    changes = {"generator_lr": 1e-4, "seed": 1_000_003}
    watched.event("rollback", at=9600, left=19_200, note="rollback 1", changes=changes)
    watched.probe = 2
    return watched.tell(Told(0.72), Told(0.81))


def test_rollback_leaves_a_branch_and_ends_its_fall(tmp_path: Path) -> None:
    found = history(rolled_back(tmp_path / "run"))
    assert shape(found.story) == [
        ("healthy", 0, 3),
        ("collapsed", 4, 5),
        ("rollback", 19_200, 9600),
        ("healthy", 3, 4),
    ]
    assert [m.images_seen for m in found.path] == [3200, 6400, 9600, 12_800, 16_000]
    assert [[m.images_seen for m in branch] for branch in found.lost] == [[12_800, 16_000, 19_200]]
    assert [m.verdict.score for m in found.path] == [0.3, 0.6, 0.7, 0.72, 0.81]
    assert (found.falls[0].end, found.falls[0].branch) == ("rolled back to 9,600 images", 1)
    assert found.end == 19_200
    assert headline(found) == (
        "Healthy, score 0.81; after one full collapse (alarm at 16,000 images, rolled back to "
        "9,600 images)"
    )
    (broken,) = found.breaks
    assert break_line(broken) == (
        "Rolled back from 19,200 to 9,600 images; generator_lr 0.0001, seed 1000003"
    )


def test_second_rollback_beyond_the_first_leaves_parts_of_both(tmp_path: Path) -> None:
    watched = rolled_back(tmp_path / "run")
    watched.event("rollback", at=6400, left=16_000)
    found = history(watched.tell(Told(0.65)))
    assert [m.verdict.score for m in found.path] == [0.3, 0.6, 0.65]
    assert [[m.verdict.score for m in branch] for branch in found.lost] == [
        [0.8, 0.1, 0.1],
        [0.7, 0.72, 0.81],
    ]


def test_rebaseline_parts_two_healthy_spans_and_ends_a_fall(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5, 0.8))
    watched.event("rebaseline", note="resolution 64")
    found = history(watched.tell(Told(0.6), *fallen(3, 0.1)))
    assert shape(found.story) == [
        ("healthy", 0, 1),
        ("rebaseline", 6400, 6400),
        ("healthy", 2, 2),
        ("collapsed", 3, 3),
    ]
    assert [len(span.moments) for span in spans(found.path)] == [2, 1, 1]
    watched.event("rebaseline", note="resolution 128")
    found = history(watched)
    assert found.falls[0].end == "new baseline at 12,800 images"
    assert break_line(found.breaks[-1]) == "New baseline at 12,800 images: resolution 128"


def test_fork_and_errors_are_told_and_a_beginning_is_not(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run")
    watched.images = 6400
    watched.event("begin", note="of run a")
    watched.tell(Told(0.5))
    watched.event("evaluation_error", note="out of memory")
    found = history(watched.tell(Told(0.5)))
    assert [(b.event, break_line(b)) for b in found.breaks] == [
        ("begin", "Fork begins at 6,400 images: of run a"),
        ("evaluation_error", "Error of the monitor at 9,600 images: out of memory"),
    ]
    # An error parts no span.
    assert len(spans(found.path)) == 1


def test_events_stand_where_they_happened(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5))
    watched.event("evaluation_error", note="x")
    found = history(watched.tell(Told(0.6)))
    assert shape(found.story) == [
        ("healthy", 0, 0),
        ("evaluation_error", 3200, 3200),
        ("healthy", 1, 1),
    ]


# -- bands, groups, places -------------------------------------------------------------------------


def test_real_band_is_that_of_the_score_or_made_of_its_signals(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "run").tell(*climb(0.5))
    assert history(watched).real == (0.96, 0.98)
    for group in watched.band.values():
        group.pop("score")  # type: ignore[attr-defined]
    watched.event("rebaseline")
    # a = 7.6 / 8, b = sqrt(0.96 / 0.98 * 0.94 / 0.96); the root of their product.
    low = (0.95 * (0.96 / 0.98 * 0.94 / 0.96) ** 0.5) ** 0.5
    found = history(watched).real
    assert found is not None and found[1] == 1.0 and abs(found[0] - low) < 1e-12
    empty = History()
    assert empty.real is None and empty.now is None and headline(empty) == "No probe yet"


def test_directions_have_scores_of_their_own(tmp_path: Path) -> None:
    groups = ("horses to zebras", "zebras to horses")
    watched = Watched(tmp_path / "run", groups)
    for levels in ((0.5, 0.4), (0.9, 0.7), (0.2, 0.75)):
        watched.tell(Told(min(levels), groups=dict(zip(groups, levels, strict=True))))
    rows = history(watched).group_scores()
    assert [name for name, _, _ in rows] == [*groups]
    assert [(round(now or 0, 9), round(best or 0, 9)) for _, now, best in rows] == [
        (0.2, 0.9),
        (0.75, 0.75),
    ]


def test_each_probe_speaks_up_to_half_way_to_its_neighbours(tmp_path: Path) -> None:
    found = history(Watched(tmp_path / "run").tell(*climb(0.1, 0.5, 0.6), *fallen(3, 0.1)))
    places = [(span.state, start, stop) for span, start, stop in extents(spans(found.path))]
    assert places == [
        ("warmup", 3200.0, 4800.0),
        ("healthy", 4800.0, 11_200.0),
        ("collapsed", 11_200.0, 12_800.0),
    ]


# -- the way back ----------------------------------------------------------------------------------


def test_resume_command_halves_the_rates_that_the_run_has(tmp_path: Path) -> None:
    run = Watched(tmp_path / "two words").run
    assert resume_command(run) == (
        f"ganagerie resume '{run.path}' --from pre-collapse --seed +1 "
        "--set 'model.init_args.generator_lr*=0.5' --set 'model.init_args.discriminator_lr*=0.5'"
    )
    plain = f"ganagerie resume '{run.path}' --from pre-collapse --seed +1"
    for text in ("", "- no\n- mapping\n", "model: {init_args: {latent_dim: 4}}", "a: [unclosed"):
        run.config_path.write_text(text)
        assert resume_command(run) == plain
    run.config_path.unlink()
    assert resume_command(RunFolder(run.path)) == plain


# -- damage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda row: row.pop("verdict"), "got no 'verdict'"),
        (
            lambda row: row.update(verdict="collapsed"),
            "got 'collapsed' where a verdict",
        ),
        (lambda row: row["verdict"].update(state="ill"), "got the state 'ill'"),
        (lambda row: row["verdict"].update(mood="good"), "got the unknown entry 'mood'"),
        (lambda row: row["verdict"].update(score=float("nan")), "got nan where a finite number"),
        (lambda row: row["verdict"].update(score="high"), "must be real number"),
        (lambda row: row.update(images_seen=-5), "got -5 where a number from 0 belongs"),
        (lambda row: row.update(images_seen="many"), "got 'many' where a number from 0"),
        (lambda row: row.update(probe=None), "got None where a number from 0"),
        (lambda row: row.pop("probe"), "got no 'probe'"),
        (lambda row: row.update(signals=[1]), r"got '\[1\]' where groups of values belong"),
        (lambda row: row.update(signals={"all": 3}), "where groups of values belong"),
    ],
)
def test_damaged_probe_is_named_by_its_line(
    tmp_path: Path, damage: Callable[[dict[str, Any]], object], words: str
) -> None:
    rows = Watched(tmp_path / "run").tell(*climb(0.5, 0.6)).run.read_history()
    damage(rows[2])
    with pytest.raises(ValueError, match=f"line 3 of evaluations.jsonl must be a row.*{words}"):
        history_of(rows)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("event", None, ""),
        ("images_seen", 1.5, "got 1.5 where"),
        ("left", "far", "got 'far' where"),
        ("band", {"all": []}, "where groups of values belong"),
    ],
)
def test_damaged_event_is_named_by_its_line(
    tmp_path: Path, key: str, value: object, words: str
) -> None:
    rows = Watched(tmp_path / "run").run.read_history()
    if value is None:
        del rows[0][key]
    else:
        rows[0][key] = value
    with pytest.raises(ValueError, match=f"line 1 of evaluations.jsonl must be a row.*{words}"):
        history_of(rows)
