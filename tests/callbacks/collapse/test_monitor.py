"""The monitor on a ring that collapses on command, on one process; see also the two-rank cases."""

import json
import logging
import shutil

import pytest
import torch
from pytorch_lightning.callbacks import Callback

from callbacks.collapse.changes import RATE_FACTOR
from callbacks.collapse.health import Health
from callbacks.collapse.leading import LeadingSigns
from callbacks.collapse.monitor import CollapseMonitor
from callbacks.collapse.settings import DetectorSettings
from callbacks.run_folder import RunFolder
from gan_modules.engine.referee import NonFiniteError
from gan_modules.regularizers import R1
from tests.helpers_monitor import BATCH, DRILL_AT, EVERY, monitor, ring_game, states_of, watch


@pytest.fixture(scope="module")
def alerted(tmp_path_factory):
    """A run that collapses and is only told of; the log lines of it."""
    folder = tmp_path_factory.mktemp("alert") / "run"
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = logging.getLogger("callbacks.collapse.actions")
    logger.addHandler(handler)
    watching = monitor()
    trainer, game = watch(folder, watching)
    logger.removeHandler(handler)
    return folder, watching, trainer, game, lines


def test_alarm_comes_within_two_probes_of_the_drill(alerted):
    folder, *_ = alerted
    seen = states_of(folder)
    assert {state for images, state in seen if 2_560 < images <= DRILL_AT} == {"healthy"}
    first = next(images for images, state in seen if state == "collapsed")
    assert DRILL_AT < first <= DRILL_AT + 2 * EVERY + EVERY


def test_replay_of_the_file_gives_the_logged_verdicts_exactly(alerted):
    rows = RunFolder(alerted[0]).read_history()
    logged = [row["verdict"] for row in rows if row.get("kind") == "probe"]
    replayed = [verdict.to_dict() for _, verdict in CollapseMonitor.replay(rows)]
    assert json.loads(json.dumps(replayed)) == logged
    assert len(logged) > 12


def test_other_thresholds_give_other_verdicts_on_the_same_file(alerted):
    rows = RunFolder(alerted[0]).read_history()
    never = DetectorSettings(arm_score=1.0, arm_coverage=1.0)
    assert {v.state for _, v in CollapseMonitor.replay(rows, never)} <= {
        "warmup",
        "never_learned",
    }


def test_one_line_says_onset_evidence_checkpoint_and_command(alerted):
    folder, _, _, _, lines = alerted
    (line,) = [line for line in lines if "collapsed" in line]
    row = next(r for r in RunFolder(folder).read_probes() if r["verdict"]["alarm"])
    chosen = RunFolder(folder).read_health().pre_collapse
    assert f"began at {row['verdict']['onset']:,}" in line
    assert f"ganagerie resume {folder} --from pre-collapse" in line
    assert chosen in line and "of real data" in line and "\n" not in line
    report = json.loads((folder / "collapse_report.json").read_text())
    assert report["verdict"] == row["verdict"]
    assert report["pre_collapse"]["path"] == chosen


def test_chosen_checkpoint_is_the_best_healthy_one_before_the_onset(alerted):
    run = RunFolder(alerted[0])
    health = run.read_health()
    rows = run.read_index()["checkpoints"]
    onset = next(r["verdict"]["onset"] for r in run.read_probes() if r["verdict"]["alarm"])
    assert health.onset == onset
    before = [r for r in rows if r["images_seen"] < onset and r["state"]["state"] == "healthy"]
    scored = [r for r in before if r["scores"]]
    # For points in the plane the coverage ranks.
    name = next(name for name in scored[0]["scores"] if name.startswith("coverage_"))
    best = max(row["scores"][name] for row in scored)
    chosen = next(row for row in scored if row["path"] == health.pre_collapse)
    # The latest of those within noise of the best.
    assert chosen["scores"][name] >= 0.92 * best
    later = [row for row in scored if row["images_seen"] > chosen["images_seen"]]
    assert all(row["scores"][name] < 0.92 * best for row in later)
    after = [r for r in rows if r["images_seen"] > onset]
    assert after and {r["state"]["state"] for r in after} == {"collapsed"}
    # An evaluation fell into the collapse: it is not forgotten when it is over.
    told = Health.of_history(run.read_history())
    assert health.evaluated and told is not None and told.evaluated


def test_pictures_of_the_probes_and_of_the_alarm_are_there(alerted):
    run = RunFolder(alerted[0])
    assert len(run.media_files("health")) == len(run.read_probes())
    assert run.media_files("collapse/health") and run.media_files("collapse/grids")


def test_numbers_reach_the_loggers(alerted):
    rows = [r for r in RunFolder(alerted[0]).read_metrics() if "health/state" in r]
    assert {1.0, 3.0} <= {r["health/state"] for r in rows}
    assert all(0 < r["health/score"] < 1.3 for r in rows)
    assert all("health/overhead_pct" in r for r in rows)


def test_training_is_bit_identical_without_probes(alerted, tmp_path):
    watched = alerted[3].state_dict()
    _, blind = watch(tmp_path / "blind", None, evaluate=None)
    _, off = watch(tmp_path / "off", monitor(watch=False), evaluate=None)
    for other in (blind.state_dict(), off.state_dict()):
        assert all(torch.equal(watched[key], other[key]) for key in watched)
    assert not RunFolder(tmp_path / "off").read_probes()


def test_stop_ends_the_run_at_the_alarm(tmp_path):
    watching = monitor(on_collapse="stop")
    _, game = watch(tmp_path / "run", watching, steps=600)
    assert watching.verdict.state == "collapsed"
    assert game.images_seen < DRILL_AT + 4 * EVERY
    index = RunFolder(tmp_path / "run").read_index()
    assert index["checkpoints"][-1]["reasons"][-1] == "end"


@pytest.fixture(scope="module")
def rolled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rollback") / "run"
    watching = monitor(on_collapse="rollback")
    trainer, game = watch(folder, watching)
    return folder, watching, trainer, game


def test_rollback_goes_back_and_ends_healthy(rolled):
    folder, watching, trainer, game = rolled
    run = RunFolder(folder)
    (row,) = [r for r in run.read_monitor() if r["event"] == "rollback"]
    assert row["images_seen"] < DRILL_AT < row["left"]
    assert watching.verdict.state == "healthy"
    # The steps of the branch that was left do not count.
    assert (game.steps["generator"], game.images_seen) == (340, 340 * BATCH)
    group = trainer.optimizers[0].param_groups[0]
    assert group["lr"] == pytest.approx(1e-3) and group[RATE_FACTOR] == 0.5
    assert row["changes"]["generator_lr"] == pytest.approx(1e-3)
    assert row["note"].startswith("rollback 1 from")


def test_rollback_keeps_what_it_left_and_the_living_files_are_of_one_branch(rolled):
    run = RunFolder(rolled[0])
    (row,) = [r for r in run.read_monitor() if r["event"] == "rollback"]
    assert (run.path / "left" / "1" / "metrics.csv").exists()
    seen = [r["images_seen"] for r in run.read_metrics()]
    assert seen == sorted(seen)
    moments = [r["images_seen"] for r in run.read_evaluations()]
    assert moments == sorted(set(moments))
    # The history keeps the collapse itself.
    assert max(r["images_seen"] for r in run.read_probes() if r["verdict"]["alarm"]) == row["left"]
    named = {r["path"] for r in run.read_index()["checkpoints"]}
    assert {p.relative_to(run.path).as_posix() for p in run.checkpoint_files()} == named


def test_replay_of_a_run_with_a_rollback_is_exact(rolled):
    rows = RunFolder(rolled[0]).read_history()
    logged = [row["verdict"] for row in rows if row.get("kind") == "probe"]
    replayed = [verdict.to_dict() for _, verdict in CollapseMonitor.replay(rows)]
    assert json.loads(json.dumps(replayed)) == logged


def test_run_with_a_rollback_resumes_and_ends_with_the_same_weights(rolled, tmp_path):
    folder, _, _, whole = rolled
    first = monitor(on_collapse="rollback")
    stop_at = 280
    watch(tmp_path / "run", first, steps=stop_at)
    run = RunFolder(tmp_path / "run")
    last = run.resolve("last")
    assert last["generator_step"] == stop_at
    run.rewind(last["images_seen"])
    second = monitor(on_collapse="rollback")
    _, resumed = watch(tmp_path / "run", second, ckpt_path=run.file_of(last))
    assert second.rollback.done == 1
    wanted = whole.state_dict()
    assert all(torch.equal(wanted[key], value) for key, value in resumed.state_dict().items())
    assert states_of(tmp_path / "run")[-3:] == states_of(folder)[-3:]


def test_rollbacks_are_bounded(tmp_path):
    class Again(Callback):
        """The drill is played anew in every branch."""

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            drill = trainer.callbacks[0]
            if drill.stage == "over":
                drill.stage = "waiting"

    watching = monitor(on_collapse="rollback", on_diverged="rollback", max_rollbacks=2)
    trainer, game = watch(tmp_path / "run", watching, [Again()], steps=600)
    events = [r for r in RunFolder(tmp_path / "run").read_monitor() if r["event"] == "rollback"]
    assert len(events) == watching.rollback.done == 2
    assert trainer.should_stop and watching.verdict.state in ("collapsed", "diverged")
    assert game.steps["generator"] < 600
    # The second one smooths the discriminator beside halving the rates once more.
    assert events[1]["changes"]["generator_lr"] == pytest.approx(5e-4)
    assert "r1" in events[1]["changes"]
    # An onset of an earlier branch says nothing of this one, though both began at one moment.
    health = RunFolder(tmp_path / "run").read_health()
    assert health.branch == 2
    assert health.first_onset == health.onset


def test_smoothing_is_built_up_again_on_resume():
    watching = monitor(on_collapse="rollback")
    watching.rollback.load_state_dict({"done": 2, "smoothed": 1})
    game = ring_game(regularizers=[R1(0.05)])

    class Local:
        is_global_zero = False
        strategy = type("S", (), {"broadcast": staticmethod(lambda value: value)})

    watching.rollback.resume(Local(), game)
    assert game.regularizers[0].gamma == pytest.approx(0.1)


def test_checkpoint_in_the_middle_of_a_suspicion_resumes_to_the_very_same_verdicts(tmp_path):
    anxious = DetectorSettings(
        least_quality=0.01,
        suspect_drop=0.02,
        healthy_drop=0.01,
        suspect_z=-0.1,
        slow_probes=60,
        slow_window=60,
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = {"drill": None, "steps": 200, "evaluate": 1_280}
    watch(whole, monitor(thresholds=anxious), **options)
    run = RunFolder(whole)
    rows = run.read_index()["checkpoints"]
    suspect = [row for row in rows if row["state"] and row["state"]["state"] == "suspect"]
    assert suspect, states_of(whole)
    middle = suspect[0]
    shutil.copytree(whole, parts)
    copy = RunFolder(parts)
    copy.rewind(middle["images_seen"])
    watch(parts, monitor(thresholds=anxious), ckpt_path=copy.file_of(middle), **options)
    keys = ("images_seen", "probe", "verdict", "signals")
    ours, wanted = (
        [{k: r[k] for k in keys} for r in RunFolder(f).read_probes()] for f in (parts, whole)
    )
    assert ours == wanted


def test_failing_detector_neither_stops_nor_changes_training_until_the_third_time(tmp_path):
    class Failing(LeadingSigns):
        """Asked once a probe, on rank 0."""

        def __init__(self, *numbers):
            super().__init__()
            self.numbers, self.asked = numbers, 0

        def update(self, values, samples):
            self.asked += 1
            if self.asked in self.numbers:
                raise ArithmeticError("no such number")
            return super().update(values, samples)

    once = monitor()
    once.signs = Failing(3)
    trainer, game = watch(tmp_path / "once", once, drill=None, steps=100, evaluate=None)
    assert game.steps["generator"] == 100 and not trainer.should_stop
    (row,) = [
        r for r in RunFolder(tmp_path / "once").read_monitor() if r["event"] == "evaluation_error"
    ]
    assert (row["images_seen"], row["note"]) == (EVERY * 3, "ArithmeticError: no such number")
    _, blind = watch(tmp_path / "blind", None, drill=None, steps=100, evaluate=None)
    weights = blind.state_dict()
    assert all(torch.equal(weights[key], value) for key, value in game.state_dict().items())

    thrice = monitor()
    thrice.signs = Failing(2, 3, 4)
    trainer, game = watch(tmp_path / "thrice", thrice, drill=None, steps=200, evaluate=None)
    assert trainer.should_stop and game.images_seen == EVERY * 4


class Poison(Callback):
    """NaN in the loss of one round."""

    def __init__(self, images_seen):
        self.images_seen = images_seen
        self.done = False

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if pl_module.images_seen == self.images_seen and not self.done:
            self.done = True
            batch["image"][0] = float("nan")


def test_nan_ends_the_run_as_diverged_in_its_folder_too(tmp_path):
    with pytest.raises(NonFiniteError):
        watch(tmp_path / "run", monitor(), [Poison(DRILL_AT)], drill=None)
    run = RunFolder(tmp_path / "run")
    last = run.read_probes()[-1]
    assert (last["verdict"]["state"], last["finite"]) == ("diverged", False)
    health = run.read_health()
    assert health.state == "diverged" and health.pre_collapse is not None
    rows = run.read_history()
    assert [v.state for _, v in CollapseMonitor.replay(rows)][-1] == "diverged"


def test_nan_is_rolled_back_when_asked_for(tmp_path):
    watching = monitor(on_diverged="rollback")
    _, game = watch(tmp_path / "run", watching, [Poison(DRILL_AT)], drill=None)
    assert game.steps["generator"] == 340
    assert watching.rollback.done == 1
    assert watching.verdict.state == "healthy"
    assert all(bool(p.isfinite().all()) for p in game.parameters())


def test_rebaseline_is_in_the_records_and_replays(tmp_path):
    class Shock(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if pl_module.images_seen == EVERY * 5:
                watching.rebaseline(trainer, pl_module, "new resolution")

    watching = monitor()
    watch(tmp_path / "run", watching, [Shock()], drill=None, steps=160, evaluate=None)
    run = RunFolder(tmp_path / "run")
    rows = run.read_history()
    (row,) = [r for r in rows if r.get("event") == "rebaseline"]
    assert (row["note"], row["images_seen"]) == ("new resolution", EVERY * 5)
    after = [s for i, s in states_of(tmp_path / "run") if i > EVERY * 5]
    assert after[0] == "warmup" and after[-1] == "healthy"
    logged = [r["verdict"] for r in rows if r.get("kind") == "probe"]
    replayed = [v.to_dict() for _, v in CollapseMonitor.replay(rows)]
    assert json.loads(json.dumps(replayed)) == logged


@pytest.mark.parametrize(
    ("steps", "options", "discriminator_steps"),
    [(200, {}, 1), (150, {}, 2), (-1, {"max_epochs": 1}, 1)],
)
def test_a_run_ends_where_the_detector_was_told_and_says_that_it_never_learned(
    tmp_path, steps, options, discriminator_steps
):
    folder, asked = tmp_path / "run", DetectorSettings(arm_score=0.999)
    watching = monitor(every_n_images=600, thresholds=asked)
    game = ring_game(discriminator_steps=discriminator_steps)
    watch(folder, watching, drill=None, steps=steps, game=game, evaluate=None, **options)
    assert watching.detector.plan.images == pytest.approx(game.images_seen, rel=0.005)
    states = [state for _, state in states_of(folder)]
    assert len(states) >= 20 and set(states[:-1]) == {"warmup"} and states[-1] == "never_learned"
    rows = RunFolder(folder).read_history()
    assert [v.state for _, v in CollapseMonitor.replay(rows)] == states
    report = json.loads((folder / "collapse_report.json").read_text())
    assert report["verdict"]["state"] == "never_learned"


def test_averaged_generator_is_not_what_is_judged(tmp_path):
    """An average over far more images than the run has would never show the collapse."""
    game = ring_game(ema_half_life_images=1e9, ema_rampup=None)
    watching = monitor(on_collapse="stop")
    watch(tmp_path / "run", watching, game=game, steps=600)
    assert watching.verdict.state == "collapsed"
    assert game.generator_ema is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every_n_images": 0}, "every_n_images must be at least 1, got 0"),
        ({"samples": 3}, "samples must be at least 16, got 3"),
        ({"max_share": 0.0}, r"max_share must lie in \(0, 1\], got 0.0"),
        ({"max_rollbacks": -1}, "max_rollbacks must be at least 0, got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=f"CollapseMonitor: {message}"):
        CollapseMonitor(**options)
