"""Commands in processes of their own, without paying for the imports each time.

A server process imports the library once and never trains itself; each command is a fork of it,
with its own files for output, and can be killed like any process. The server's side is
``python -m tests.command_server``.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILE_LIMIT = "COMMAND_FILE_LIMIT"
"""Environment of a command: the bytes that one file may have, as under a quota."""


class Command:
    """A running command."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid, self.log = pid, log
        self.code: int | None = None
        self.ended = threading.Event()

    def wait(self, timeout: float = 120.0) -> int:
        """The exit code; negative is the number of the signal that killed it."""
        if not self.ended.wait(timeout):
            self.kill(signal.SIGKILL)
            raise TimeoutError(f"{timeout} s were not enough:\n{self.output}")
        assert self.code is not None
        return self.code

    def kill(self, number: int = signal.SIGKILL) -> None:
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")


class CommandServer:
    """Starts commands; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.commands = folder, {}
        self._started: dict[int, threading.Event] = {}
        self._count = 0
        env = os.environ | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.command_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=env,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> "CommandServer":
        return self

    def __exit__(self, *error: object) -> None:
        for command in self.commands.values():
            if not command.ended.is_set():
                command.kill()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)
        self._listener.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def start(self, *argv: object, env: dict[str, str] | None = None, cwd: Path = ROOT) -> Command:
        """Begin ``ganagerie ARGV``."""
        self._count += 1
        number = self._count
        log = self.folder / f"command{number}.log"
        self._started[number] = threading.Event()
        request = {
            "id": number,
            "argv": [str(word) for word in argv],
            "log": str(log),
            "env": env or {},
            "cwd": str(cwd),
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        assert self._started[number].wait(90), "the server did not start"
        return self.commands[number]

    def run(self, *argv: object, timeout: float = 120.0, **options: Any) -> tuple[int, str]:
        """``ganagerie ARGV`` to its end: exit code, and all that it printed."""
        command = self.start(*argv, **options)
        return command.wait(timeout), command.output

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            number = message["id"]
            if "pid" in message:
                log = self.folder / f"command{number}.log"
                self.commands[number] = Command(message["pid"], log)
                self._started[number].set()
            else:
                self.commands[number].code = message["code"]
                self.commands[number].ended.set()


def serve() -> None:
    """Fork a child per line of stdin; report its pid, then its exit code."""
    import torch

    torch.set_num_threads(1)
    import experiments.cli as cli
    import experiments.evaluate
    import experiments.fit
    import experiments.interpolate
    import experiments.report
    import experiments.resume
    import experiments.sample  # noqa: F401
    from experiments.errors import CommandError

    cli.import_parts()
    # The parser keeps what it has read of the classes' signatures; it refuses before it seeds.
    with contextlib.suppress(CommandError):
        cli.GanCLI(["--config", str(ROOT / "tests" / "toy.yaml"), "--no.such.setting", "1"])
    running: dict[int, int] = {}
    lock = threading.Lock()

    def say(message: dict[str, int]) -> None:
        with lock:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()

    def reap() -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                time.sleep(0.02)
                continue
            while pid not in running:
                time.sleep(0.005)
            say({"id": running.pop(pid), "code": os.waitstatus_to_exitcode(status)})

    threading.Thread(target=reap, daemon=True).start()
    for line in sys.stdin:
        request = json.loads(line)
        with lock:
            pid = os.fork()
        if pid == 0:
            _child(request)
        running[pid] = request["id"]
        say({"id": request["id"], "pid": pid})


def _child(request: dict[str, Any]) -> None:
    from experiments.__main__ import main

    code = 99
    try:
        with open(request["log"], "wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False, buffering=1)
        os.environ.update(request["env"])
        if limit := os.environ.get(FILE_LIMIT):
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
        os.chdir(request["cwd"])
        sys.argv = ["ganagerie", *request["argv"]]
        code = main(request["argv"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
