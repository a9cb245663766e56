"""The best checkpoint before a collapse is still there when the collapse is noticed."""

import random
from typing import Any

import pytest

from callbacks.checkpoint_index import protecting
from callbacks.collapse.candidates import pre_collapse
from callbacks.collapse.health import Health, window_of
from callbacks.collapse.records import Verdict
from callbacks.retention import Retention, thinned
from tests.helpers_checkpoints import FD, paths, row

STEP = 10


class Simulated:
    """A run of rows without files: what the index does, and what was ever written."""

    def __init__(self, keep: Retention, back: int = 12) -> None:
        self.keep, self.back = keep, back
        self.now, self.health = 0, Health("warmup")
        self.rows: list[Any] = []
        self.ever: list[Any] = []
        self.probes: list[int] = []
        self.alarms: list[bool] = []
        self.careful = True

    def probe(self, verdict: Verdict) -> None:
        self.probes.append(self.now)
        window = window_of(self.probes, self.back)
        health = self.health.seen(verdict, self.now, window)
        self.health = protecting(health.after(self.health), self.rows, self.keep)

    def write(self, fd: float | None, protocol: str = "p", **scores: float) -> None:
        if fd is not None:
            self.health = self.health.after_evaluation()
        entry = row(self.now, fd, self.health.state, protocol, **scores)
        before = self.rows
        self.ever.append(entry)
        self.rows = [*before, entry]
        kept = self.keep.kept(self.rows, self.health)
        self.rows = [one for one in self.rows if one["path"] in kept]
        self.health = protecting(self.health, self.rows, self.keep)
        if self.health.frozen and self.careful:
            assert paths(self.rows) == [*paths(before), entry["path"]]

    def begin_anew(self, segment: int) -> None:
        """A rebaseline, or what follows the rollback that has dropped the rows beyond it."""
        self.now = segment
        self.rows = [one for one in self.rows if one["images_seen"] <= segment]
        self.ever = list(self.rows)
        self.probes = [moment for moment in self.probes if moment <= segment]
        health = Health("warmup", window=window_of(self.probes, self.back), segment=segment)
        self.health = protecting(health.after(self.health), self.rows, self.keep)

    def check(self) -> None:
        """The choice is that of somebody who had kept everything."""
        expected = pre_collapse(self.ever, self.health, self.keep)
        found = pre_collapse(self.rows, self.health, self.keep)
        assert (found and found["path"]) == (expected and expected["path"])
        assert self.health.pre_collapse == (expected and expected["path"])


def story(run: Simulated, draws: random.Random, moments: int) -> None:
    """Play a run that is suspected, falls, recovers and begins anew.

    At each alarm it is noted whether the best checkpoint is older than the window.
    """
    phase, left, last_alarm = "warmup", 2, 0
    drift, protocol, streak = 50.0, "p", 0
    evaluated, probed = draws.choice([1.0, 0.5, 0.2, 0.0]), draws.choice([1.0, 0.7])
    for _ in range(moments):
        run.now += STEP
        alarm, onset = False, None
        if draws.random() < probed:
            left -= 1
            if left <= 0:
                phase, left = {
                    "warmup": ("healthy", draws.randint(1, 40)),
                    "healthy": (draws.choice(["suspect", "collapsed"]), draws.randint(1, 15)),
                    "suspect": (draws.choice(["healthy", "collapsed"]), draws.randint(1, 15)),
                    "collapsed": (draws.choice(["recovered", "anew"]), draws.randint(1, 3)),
                    "recovered": ("healthy", draws.randint(1, 40)),
                }[phase]
                if phase == "anew":
                    here = draws.random() < 0.3 or run.health.pre_collapse is None
                    run.begin_anew(run.now - STEP if here else int(run.health.pre_collapse))
                    phase, last_alarm = "warmup", run.now
                    continue
                alarm = phase == "collapsed"
            if phase == "collapsed" and alarm:
                window = window_of([*run.probes, run.now], run.back)
                earliest, begun = max(window, last_alarm + 1), run.now - STEP * streak
                # At the beginning of a run of better scores it is hardest.
                hard = begun >= earliest and draws.random() < 0.7
                onset = begun if hard else draws.randrange(earliest, run.now + 1)
            elif phase in ("collapsed", "suspect"):
                onset = run.health.onset if run.health.alarm is not None else run.now
            run.probe(Verdict(phase, onset=onset, alarm=alarm))  # type: ignore[arg-type]
            if alarm:
                last_alarm = run.now
                run.check()
                if run.health.pre_collapse is not None:
                    run.alarms.append(int(run.health.pre_collapse) < run.health.window)
        drift *= draws.choice([0.97, 1.0, 1.02])
        if draws.random() < 0.02:
            protocol = draws.choice("pq")
        # A run of better and better scores, such as a generator has that drops what is hard: an
        # onset at its beginning leaves none of them.
        streak = 0 if streak > 12 else streak + (streak > 0 or draws.random() < 0.1)
        if draws.random() < evaluated:
            # Rounded, so that there are equals; the noise, measured or not, makes draws within it.
            more = {f"se_{FD}": draws.choice([0.1, 1.0, 3.0])} if draws.random() < 0.7 else {}
            if draws.random() < 0.7:
                more["coverage_rand@2k"] = draws.choice([0.4, 0.5, 0.6])
            luck = draws.uniform(0.8, 1.2) if streak == 0 else 0.7 - 0.02 * streak
            run.write(round(drift * luck, 1), protocol, **more)
        elif draws.random() < 0.8:
            run.write(None)
        run.check()


@pytest.mark.parametrize("part", range(8))
def test_best_before_any_onset_is_still_there_at_the_alarm(part: int) -> None:
    alarms: list[bool] = []
    for seed in range(40):
        draws = random.Random(1000 * part + seed)
        keep = Retention(draws.randint(1, 3), draws.randint(0, 4))
        run = Simulated(keep, back=draws.choice([3, 12]))
        story(run, draws, moments=draws.choice([30, 80, 120]))
        alarms += run.alarms
    # Both cases of the proof took place, often.
    assert alarms.count(True) >= 20 and alarms.count(False) >= 10


def test_a_rule_that_looks_at_scores_alone_would_lose_it() -> None:
    """The same stories with the rule of runs without a monitor: so the proof above proves much."""
    lost = 0
    for seed in range(40):
        draws = random.Random(seed)
        run = Simulated(Retention(draws.randint(1, 3), draws.randint(0, 4)))
        run.careful = False
        rule = run.keep.kept
        object.__setattr__(run.keep, "kept", lambda rows, health, rule=rule: rule(rows))
        try:
            story(run, draws, moments=100)
        except AssertionError:
            lost += 1
    assert lost > 20


def test_number_of_files_stays_bounded_in_a_healthy_run() -> None:
    for seed in range(4):
        draws = random.Random(seed)
        keep, most = Retention(keep_last=2, keep_best=3), 0
        run = Simulated(keep)
        for _ in range(500):
            run.now += STEP
            run.probe(Verdict("healthy"))
            run.write(draws.choice([None, round(draws.uniform(1, 9), 1)]))
            most = max(most, len(run.rows))
        inside = sum(one["images_seen"] >= run.health.window for one in run.rows)
        assert inside == 13
        # The window, the best by either rule, the newest healthy ones, a row for each age.
        assert most <= 13 + 3 + 3 + 2 + (500 * STEP).bit_length()
        assert most >= 13 + 3


def test_everything_in_the_window_stays_and_the_best_before_it() -> None:
    rows = [row(10 * n, float(n)) for n in range(1, 31)]
    kept = Retention(1, 0).kept(rows, Health("healthy", window=200))
    assert {str(10 * n) for n in range(20, 31)} <= kept
    assert "10" in kept and "190" in kept
    assert "30" not in kept
    assert Retention(1, 2).kept(rows, Health("healthy", window=200)) >= {"10", "20"}


def test_best_of_what_is_older_is_not_displaced_by_the_first_row_of_the_window() -> None:
    """The onset may be the very beginning of the window, and all that follows look better."""
    scores = {10 * n: 9.0 if 10 * n < 200 else 1.0 for n in range(1, 31)} | {130: 5.0}
    rows = [row(moment, score) for moment, score in scores.items()]
    assert "130" not in paths(thinned(rows))
    kept = Retention(1, 1).kept(rows, Health("healthy", window=200))
    assert "130" in kept and "200" in kept
    left = [one for one in rows if one["path"] in kept]
    alarm = Health("collapsed", "full", 200, 320, window=200, first_onset=200)
    assert pre_collapse(left, alarm, Retention(1, 1)) == row(130, 5.0)


def test_what_was_not_healthy_is_no_best_before_the_window() -> None:
    rows = [row(10, 1.0, "suspect"), row(20, 2.0), *(row(10 * n, 9.0) for n in range(3, 31))]
    kept = Retention(1, 0).kept(rows, Health("healthy", window=200))
    assert "20" in kept and "10" not in kept - set(paths(thinned(rows)))


def test_nothing_is_deleted_while_suspect() -> None:
    rows = [row(10 * n, float(n)) for n in range(1, 31)]
    frozen = Health("suspect", window=200, frozen=True)
    assert Retention(1, 0).kept(rows, frozen) == set(paths(rows))


def test_pinned_rows_stay_for_good() -> None:
    rows = [row(10 * n, float(n)) for n in range(1, 31)]
    held = Health("healthy", window=290, pinned=("70", "80", "gone"), pre_collapse="90")
    kept = Retention(1, 0).kept(rows, held)
    assert {"70", "80", "90"} <= kept and "gone" not in kept


def test_without_a_monitor_the_rule_is_what_it_was() -> None:
    rows = [row(10 * n, float(n), None) for n in range(1, 31)]
    assert Retention(2, 3).kept(rows) == {"10", "20", "30", "290", "300"}
    assert Retention(2, 3).kept(rows, None) == Retention(2, 3).kept(rows)


def test_best_few_are_pinned_at_an_alarm_and_not_before() -> None:
    rows: Any = [row(10, 5.0), row(20, 3.0), row(30, 4.0), row(40, 6.0)]
    keep = Retention(keep_best=2)
    quiet = protecting(Health("healthy"), rows, keep)
    assert quiet.pre_collapse == "20" and quiet.pinned == ()
    fallen = protecting(Health("collapsed", "full", 40, 60, first_onset=40), rows, keep)
    assert fallen.pre_collapse == "20" and fallen.pinned == ("20", "30")
    later = protecting(Health("warmup", segment=20, pinned=fallen.pinned), rows[:2], keep)
    assert later.pinned == ("20",)


def test_history_gets_coarser_with_age_and_stays_so() -> None:
    rows: list[dict[str, Any]] = []
    for moment in range(STEP, 20_000, STEP):
        rows = thinned([*rows, row(moment)])  # type: ignore[assignment]
        ages = [moment - one["images_seen"] for one in reversed(rows)]
        assert ages[0] == 0 and ages[-1] * 2 >= moment - STEP
        # Of any age there is a row that is at most five times as old.
        for younger, older in zip(ages[1:], ages[2:], strict=False):
            assert older <= 5 * younger
    assert 8 <= len(rows) <= 12


def test_of_old_rows_those_within_noise_that_no_later_one_equals_stay() -> None:
    """Three that are lower than the later one of 50 were beaten at 40; 52 is the newest of old."""
    old = [row(10, 10.1), row(20, 10.2), row(30, 10.3), row(40, 10.0), row(50, 10.4), row(52, 30.0)]
    rows = [*old, row(900, 40.0), row(1000, 40.0)]
    health, keep = Health("healthy", window=800), Retention()
    assert {"40", "50", "52"} <= keep.kept(rows, health)
    fallen = Health("collapsed", "full", 850, 1000, first_onset=850, window=800)
    chosen = pre_collapse(rows, fallen, keep)
    assert chosen is not None and chosen["path"] == "50"
