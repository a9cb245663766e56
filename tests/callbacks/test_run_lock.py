import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from callbacks.run_lock import sole_writer

ROOT = Path(__file__).parents[2]


def test_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    with sole_writer(tmp_path):
        with pytest.raises(ValueError, match="one process at a time, got .*; wait for it"):
            with sole_writer(tmp_path):
                raise AssertionError("two writers")
        # The refusal has not given away the first one's lock.
        with pytest.raises(ValueError, match="one process at a time"), sole_writer(tmp_path):
            raise AssertionError("two writers")
    with sole_writer(tmp_path):
        assert list(tmp_path.iterdir()) == []


DYING_WRITER = """
import os, sys, time
from pathlib import Path
from callbacks.run_lock import sole_writer

with sole_writer(Path(sys.argv[1])):
    heard, alive = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(1)
        # What happens in a fork has happened: a slow machine may let the parent go on first.
        os.write(alive, b"1")
        time.sleep(60)
        os._exit(0)
    os.read(heard, 1)
    print(worker, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""


def test_worker_does_not_keep_the_lock_of_a_killed_run(tmp_path: Path) -> None:
    words = [sys.executable, "-c", DYING_WRITER, str(tmp_path)]
    pipe = subprocess.PIPE
    writer = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
    assert writer.stdin is not None and writer.stdout is not None
    with writer.stdout:
        worker = int(writer.stdout.readline())
    try:
        with pytest.raises(ValueError, match="one process at a time"), sole_writer(tmp_path):
            raise AssertionError("two writers")
        writer.stdin.close()
        assert writer.wait(30) == -signal.SIGKILL
        with sole_writer(tmp_path):
            os.kill(worker, 0)
    finally:
        os.kill(worker, signal.SIGKILL)
