"""Processes for the runs of a study: forked from one that has imported the library, no more.

The parent that waits for a run needs neither torch nor Lightning. A run whose parent is gone, even
by SIGKILL, sees the end of its line, saves and stops, so that no run is without somebody to tell.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

#: Seconds that a run has to save itself after SIGTERM.
GRACE = 30.0


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        result: what the function returned; None where it did not come to that.
        error: type and one line of what it raised; empty.
        kind: ``"user"`` for what a user can mend, ``"internal"`` for the rest, empty without error.
        signal: number of the signal that killed it, 0 for none.
        timed_out: whether it was stopped at its time limit.
    """

    result: Any = None
    error: str = ""
    kind: str = ""
    signal: int = 0
    timed_out: bool = False


class Children:
    """Runs functions of the library in children, one at a time.

    Args:
        threads: of each child.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        os.environ["OMP_NUM_THREADS"] = str(threads)
        self._context: Any = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["experiments.study.preload"])
        self.process: Any = None

    def call(
        self,
        function: str,
        argument: Any,
        log: Path | None = None,
        limit_s: float | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Ended:
        """Call a function of this package in a child, and wait for its end.

        Args:
            function: ``module.name`` below ``experiments.study``.
            argument: its only one, plain data.
            log: file for what it prints; None lets it print here.
            limit_s: seconds after which it is asked to stop, then killed.
            stopping: asked several times a second whether to stop it.
        """
        answer, answering = self._context.Pipe(duplex=False)
        lifeline, held = self._context.Pipe(duplex=False)
        self.process = self._context.Process(
            target=_serve, args=(function, argument, str(log or ""), answering, lifeline)
        )
        self.process.start()
        answering.close()
        lifeline.close()
        try:
            return self._wait(answer, limit_s, stopping)
        finally:
            held.close()
            answer.close()
            self.process = None

    def _wait(
        self, answer: Connection, limit_s: float | None, stopping: Callable[[], bool]
    ) -> Ended:
        began, asked, timed_out, said = time.monotonic(), 0.0, False, None
        while True:
            if said is None and answer.poll(0.1):
                try:
                    said = answer.recv()
                except EOFError:
                    said = {}
            if said is not None:
                self.process.join(0.1)
            if self.process.exitcode is not None:
                break
            now = time.monotonic()
            late = limit_s is not None and now - began > limit_s
            if not asked and (late or stopping()):
                asked, timed_out = now, late
                self.process.terminate()
            elif asked and now - asked > GRACE:
                self.process.kill()
        if not said and answer.poll():
            said = _last(answer)
        code = int(self.process.exitcode)
        return Ended(**(said or {"signal": -min(code, 0)}), timed_out=timed_out)


def _last(answer: Connection) -> dict[str, Any]:
    try:
        return dict(answer.recv())
    except EOFError:
        return {}


def _serve(
    function: str, argument: Any, log: str, answering: Connection, lifeline: Connection
) -> None:
    """In the child: call, answer, leave."""
    from importlib import import_module

    from experiments.errors import is_user_error, memory_line

    threading.Thread(target=_leave_with_parent, args=(lifeline,), daemon=True).start()
    if log:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
    # Ctrl-C reaches the whole group; the parent decides what becomes of a run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    home, _, name = function.rpartition(".")
    try:
        work = getattr(import_module(f"experiments.study.{home}"), name)
        said = {"result": work(argument)}
    except BaseException as error:
        text = " ".join((memory_line(error) or str(error)).split()) or type(error).__name__
        kind = "user" if is_user_error(error) else "internal"
        if kind == "internal":
            traceback.print_exc()
            text = f"{type(error).__name__}: {text}"
        said = {"error": text[:1000], "kind": kind}
    # Nobody listens where the parent has died meanwhile.
    with contextlib.suppress(OSError):
        answering.send(said)
    sys.stdout.flush()
    sys.stderr.flush()
    # Without the clean-up of libraries whose threads the fork has not: the files are written.
    os._exit(0)


def _leave_with_parent(lifeline: Connection) -> None:
    """The other end is closed when the call is over, or when the parent has died."""
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
        # A run that is being scored has no handler that saves; one that saves is given its time.
        time.sleep(GRACE)
        os._exit(1)
