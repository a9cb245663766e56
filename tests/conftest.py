"""What all tests share: one thread, one seed, no progress bars, and a server of commands."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("WANDB_MODE", "disabled")

import pytest
import torch

from benchmarks.ranks import run_two
from tests.command_server import CommandServer

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seed() -> Iterator[None]:
    torch.manual_seed(0)
    yield
    # A command that is parsed in this process leaves its seed there, for the data of those behind.
    os.environ.pop("PL_GLOBAL_SEED", None)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    """Starts when the first test asks for it: importing the library costs seconds."""
    with CommandServer(tmp_path_factory.mktemp("commands")) as server:
        # Tests take times, which must not hold the imports of the first command.
        server.run("list")
        yield server


@pytest.fixture(scope="session")
def two_ranks(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The folder in which two gloo ranks, started once for the whole suite, left what they saw.

    Where processes share the suite, the first that asks starts the ranks and the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        shared = shared.parent
    out, done = shared / "two_ranks", shared / "two_ranks.done"
    with open(shared / "two_ranks.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            out.mkdir()
            # Less than a test's own limit, under which the others wait.
            run_two(["-m", "tests.two_ranks", out], timeout=500)
            done.touch()
    assert done.exists(), "the two ranks failed; the test that started them says why"
    return out
