"""Workers in processes of their own on one storage, one of them killed in the middle of a run."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.study.outcomes import outcomes
from experiments.study.queue import Queue
from tests.command_server import ROOT
from tests.experiments.study.conftest import made
from tests.experiments.study.postgres import server as postgres_server

STUB = Path(__file__).parent / "stub_worker.py"


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/study.db"
        return
    with postgres_server() as url:
        yield url


def worker(url: str, folder: Path, seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(STUB), url, "tiny", str(folder), str(seconds)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )


def lines(folder: Path) -> list[list[str]]:
    file = folder / "played.txt"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def test_no_run_twice_and_none_lost_when_one_of_three_workers_is_killed(
    storage: str, tmp_path: Path
) -> None:
    queue = made(storage, draws=6)
    keys = [run.key for run in queue.runs]
    assert len(keys) == 28
    workers = [worker(storage, tmp_path, 0.15) for _ in range(3)]
    victim = workers[1]
    end = time.monotonic() + 60
    # In the middle of a run of its own, when all are at work.
    while True:
        played = lines(tmp_path)
        busy = {pid for what, _, pid in played if what == "began"}
        mine = [what for what, _, pid in played if pid == str(victim.pid)]
        if len(busy) == 3 and len(mine) >= 3 and mine[-1] == "began":
            break
        assert time.monotonic() < end and victim.poll() is None, victim.communicate()[0]
        time.sleep(0.005)
    victim.send_signal(signal.SIGKILL)
    outputs = [one.communicate(timeout=120)[0] for one in workers]
    assert [one.returncode for one in workers] == [0, -9, 0], print(*outputs)
    played = lines(tmp_path)
    ended = Counter(key for what, key, _ in played if what == "ended")
    began = Counter(key for what, key, _ in played if what == "began")
    # The kill may fall between a run's end and the moment in which it is told.
    (again,) = [key for key, n in began.items() if n > 1] or [""]
    assert began.keys() == set(keys) == ended.keys()
    assert all(n == 1 for key, n in began.items() if key != again)
    assert all(n == 1 for key, n in ended.items() if key != again)
    assert "is gone: run" in "".join(outputs)
    rows = outcomes(Queue(queue.storage, "tiny"))
    assert [row.key for row in rows] == keys and not any(row.failed for row in rows)
    assert max(row.attempts for row in rows) == 2


def test_a_worker_that_is_asked_to_stop_gives_its_run_back(storage: str, tmp_path: Path) -> None:
    queue = made(storage)
    one = worker(storage, tmp_path, 0.3)
    while not lines(tmp_path):
        time.sleep(0.02)
    one.terminate()
    output = one.communicate(timeout=60)[0]
    assert one.returncode == 143 and "stopping" in output
    states = queue.optuna.trial.TrialState
    assert not [trial for trial in queue.trials if trial.state == states.RUNNING]
    assert len(queue.unfinished()) == len(queue.runs) - 1
