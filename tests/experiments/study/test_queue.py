"""Who does which run: nothing twice, nothing lost, final runs after the search."""

import math
import os
import subprocess
import sys
from typing import Any

import pytest

from experiments.errors import CommandError
from experiments.study.identity import known_dead, this_process
from experiments.study.outcomes import best_draw, outcomes
from experiments.study.plan import FINAL
from experiments.study.queue import Queue, create
from experiments.study.status import status_text
from experiments.study.storage import open_storage, shown, storage_url
from experiments.study.trials import OUTCOME, RUN, WORKER, key_of
from tests.experiments.study.conftest import made, plan_of


def done(queue: Queue, trial: Any, chosen: float | None, outcome: str = "finished") -> None:
    values = {"chosen": chosen, "reported": chosen, "seconds": 2.0, "images_seen": 1000}
    queue.finish(trial, {**values, OUTCOME: outcome}, math.inf if chosen is None else chosen,
                 "FAIL" if outcome == "failed" else "COMPLETE")  # fmt: skip


def test_each_run_is_claimed_once_in_order_and_its_parameters_are_shown(queue: Queue) -> None:
    keys = []
    while (trial := queue.claim()) is not None:
        keys.append(key_of(trial))
        assert trial.params["variant"] == trial.user_attrs[RUN]["variant"]
        assert 1e-5 <= trial.params["model.init_args.generator_lr"] <= 1e-2
    assert keys == [run.key for run in queue.runs if run.stage != FINAL]
    assert queue.claim() is None and len(queue.unfinished()) == len(queue.runs)


def test_final_runs_wait_for_the_search_of_their_variant(queue: Queue) -> None:
    claimed = [queue.claim() for _ in range(12)]
    for trial in claimed:
        if trial.user_attrs[RUN]["variant"] == "a":
            done(queue, trial, float(trial.number))
    first, second = queue.claim(), queue.claim()
    assert [key_of(first), key_of(second)] == ["a-final-seed0", "a-final-seed1"]
    assert queue.claim() is None


def test_the_best_setting_has_the_fewest_failures_and_then_the_best_mean(queue: Queue) -> None:
    scores = {"a-000": (1.0, None), "a-001": (3.0, 5.0), "a-002": (4.0, 3.5)}
    for _ in range(12):
        trial = queue.claim()
        draw, seed = key_of(trial).rsplit("-seed", 1)
        done(queue, trial, scores.get(draw, (None, None))[int(seed)])
    rows = outcomes(queue)
    assert best_draw(rows, "a", "min") == 2
    assert best_draw(rows, "a", "max") == 1
    assert best_draw(rows, "b", "min") is None
    assert [row.failed for row in rows if row.variant == "b"] == [True] * 6


def test_a_failed_run_is_a_result_and_is_not_repeated(queue: Queue) -> None:
    trial = queue.claim()
    done(queue, trial, None, "failed")
    assert key_of(trial) not in queue.unfinished()
    assert [row.outcome for row in outcomes(queue)] == ["failed"]
    nothing = queue.claim()
    queue.finish(nothing, {OUTCOME: "failed", "images_seen": None, "early": None}, math.inf, "FAIL")
    assert (outcomes(queue)[1].images_seen, outcomes(queue)[1].early) == (0, "")
    assert key_of(queue.claim()) != key_of(trial)


def test_a_run_that_is_put_back_is_taken_again(queue: Queue) -> None:
    trial = queue.claim()
    for _ in range(queue.plan["design"]["retries"] + 2):
        queue.put_back(trial)
        keys = set()
        while (other := queue.claim()) is not None:
            keys.add(key_of(other))
            if key_of(other) == key_of(trial):
                trial = other
        assert key_of(trial) in keys or key_of(trial) == key_of(other or trial)


def ended_process() -> dict[str, Any]:
    code = (
        "import json; from experiments.study.identity import this_process; "
        "print(json.dumps(this_process()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    import json

    return dict(json.loads(done.stdout))


def test_what_a_dead_process_of_this_host_had_is_taken_up_at_once(
    queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = ended_process()
    assert known_dead(dead, this_process()) and not known_dead(this_process(), this_process())
    assert not known_dead({**dead, "host": "elsewhere"}, this_process())
    trial = queue.claim()
    queue.storage.set_trial_user_attr(trial._trial_id, WORKER, dead)
    assert "is gone, the next worker takes it up again" in status_text(queue)
    assert queue.recover() == [key_of(trial)]
    assert f"worker {dead['pid']} on {dead['host']} is gone" in capsys.readouterr().err
    again = [queue.claim() for _ in range(12)]
    assert [key_of(one) for one in again].count(key_of(trial)) == 1
    # The same setting and seed, so that it goes on in the same folder.
    same = next(one for one in again if key_of(one) == key_of(trial))
    assert same.user_attrs[RUN] == trial.user_attrs[RUN] and same.params == trial.params


def test_a_run_that_kills_its_worker_again_and_again_is_a_failure(url: str) -> None:
    queue, dead = made(url, retries=1), ended_process()
    key = queue.runs[0].key
    for _ in range(2):
        while (trial := queue.claim()) is not None and key_of(trial) != key:
            pass
        assert trial is not None
        queue.storage.set_trial_user_attr(trial._trial_id, WORKER, dead)
        queue.recover()
    assert key not in queue.unfinished()
    (row,) = outcomes(queue)
    assert (row.key, row.outcome, row.attempts) == (key, "failed", 2)
    assert "lost 2 times" in row.error


def test_a_worker_that_dies_between_failing_and_queueing_loses_nothing(queue: Queue) -> None:
    trial = queue.claim()
    states = queue.optuna.trial.TrialState
    queue.storage.set_trial_state_values(trial._trial_id, states.FAIL)
    keys = [key_of(one) for one in iter(queue.claim, None)]
    assert key_of(trial) in keys and len(keys) == len(set(keys)) == 12


def test_two_that_queue_the_same_run_at_once_do_not_run_it_twice(queue: Queue) -> None:
    run = queue.runs[0]
    queue._add(run)
    keys = [key_of(one) for one in iter(queue.claim, None)]
    assert keys.count(run.key) == 1


def test_the_same_study_is_found_again_and_another_of_its_name_is_refused(
    queue: Queue, url: str
) -> None:
    trial = queue.claim()
    done(queue, trial, 1.0)
    again = made(url)
    assert len(again.trials) == len(queue.runs) and len(outcomes(again)) == 1
    with pytest.raises(CommandError, match="'tiny', which is taken by a study of other settings"):
        made(url, draws=4)
    with pytest.raises(CommandError, match="no such one; there is tiny"):
        Queue(open_storage(url), "other")


def test_a_finished_study_may_be_given_more_final_runs_and_not_fewer(
    queue: Queue, url: str
) -> None:
    for trial in iter(queue.claim, None):
        done(queue, trial, 1.0)
    assert not queue.unfinished()
    grown = made(url, final_seeds=4)
    new = [f"{label}-final-seed{seed}" for seed in (2, 3) for label in "ab"]
    assert grown.unfinished() == new and len(outcomes(grown)) == len(queue.runs)
    taken = [key_of(trial) for trial in iter(grown.claim, None)]
    assert taken == new
    assert Queue(open_storage(url), "tiny").unfinished() == new
    with pytest.raises(CommandError, match="must not fall below the 4 that are planned, got 3"):
        made(url, final_seeds=3)


def test_a_study_whose_making_was_killed_is_made(url: str, study_design: Any) -> None:
    storage = open_storage(url)
    import optuna

    optuna.create_study(storage=storage, study_name="tiny", direction="minimize")
    queue = create(storage, study_design, plan_of(study_design))
    assert len(queue.trials) == len(queue.runs)


def test_addresses_are_checked_and_shown_without_their_password(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage_url(None, tmp_path) == f"sqlite:///{tmp_path}/study.db"
    monkeypatch.setenv("GANAGERIE_STORAGE", "postgresql://me:secret@host/db")
    assert storage_url(None, tmp_path) == os.environ["GANAGERIE_STORAGE"]
    assert shown("postgresql://me:secret@host/db") == "postgresql://me@host/db"
    for wrong in ("mysql://host/db", "study.db", "sqlite:///"):
        with pytest.raises(CommandError, match="storage must be sqlite:///FILE or postgresql"):
            storage_url(wrong, tmp_path)
