"""``python -m benchmarks.domains`` as a command: what it hands to its processes."""

import pickle
import runpy
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.trained import command, measuring


class OneProcess:
    """A pool that looks whether a fresh process could take the first thing it is given."""

    def __init__(self, workers: int, mp_context: Any) -> None:
        self.workers = workers

    def __enter__(self) -> "OneProcess":
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""

    def submit(self, function: Any, *given: Any) -> None:
        read = "import pickle, sys; print(pickle.load(sys.stdin.buffer)[0].__name__)"
        whole = pickle.dumps((function, given))
        done = subprocess.run([sys.executable, "-c", read], input=whole, capture_output=True)
        raise SystemExit(done.stdout.decode().strip() or done.stderr.decode())


def test_another_process_can_take_its_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(command, "ProcessPoolExecutor", OneProcess)
    monkeypatch.setattr(sys, "argv", ["domains", "--task", "video", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="^one$"):
        runpy.run_module("benchmarks.domains", run_name="__main__", alter_sys=True)
    assert measuring.one.__module__ == "benchmarks.trained.measuring"
