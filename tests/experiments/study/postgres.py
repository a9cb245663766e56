"""A PostgreSQL server of its own in a temporary folder, ended by its own process id."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.ranks import free_port


def program(name: str) -> str:
    """Where a program of the server is; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        homes = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        found = str(homes[-1]) if homes else None
    if found is None:
        pytest.skip(f"PostgreSQL is not installed here: no program {name}")
    return found


@contextmanager
def server() -> Iterator[str]:
    """Start a server on loopback and give its address; it must not run as root."""
    initdb, postgres = program("initdb"), program("postgres")
    pytest.importorskip("psycopg2", reason="the driver psycopg2 is not installed here")
    user: dict[str, object] = {}
    # Not below pytest's folders, which are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="ganagerie-postgres-"))
    if os.geteuid() == 0:
        names = [entry.pw_name for entry in pwd.getpwall()]
        name = "postgres" if "postgres" in names else "nobody"
        entry = pwd.getpwnam(name)
        user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    data, port = folder / "data", free_port()
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder)}
    try:
        words = [initdb, "-D", str(data), "-U", "study", "-A", "trust", "--no-sync"]
        subprocess.run(words, check=True, capture_output=True, env=env, cwd=folder, **user)  # type: ignore[call-overload]
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                [postgres, "-D", str(data), *options],
                stdout=log, stderr=log, env=env, cwd=folder, **user,  # type: ignore[call-overload]
            )  # fmt: skip
        try:
            await_it(port, process, folder / "log")
            yield f"postgresql://study@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def await_it(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return as soon as the server answers."""
    import psycopg2

    end = time.monotonic() + 60
    while True:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="study", dbname="postgres").close()
            return
        except psycopg2.OperationalError:
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
