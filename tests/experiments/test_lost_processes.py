from __future__ import annotations

import os
from multiprocessing import Pipe
from multiprocessing.connection import Client, Listener
from pathlib import Path
from tempfile import mkdtemp

import pytest

from experiments.errors import is_user_error
from experiments.lost_processes import LostRankError, LostWorkerError, lost_process

RUN = Path("runs/one")


def raised(act: object, *kinds: type[BaseException]) -> BaseException:
    with pytest.raises(kinds) as caught:
        act()  # type: ignore[operator]
    return caught.value


def end_of_a_pipe() -> None:
    here, there = Pipe()
    there.close()
    here.recv()


def reset_socket() -> None:
    # As a worker that is killed between the request for a tensor's file and the answer.
    with Listener(os.path.join(mkdtemp(), "socket"), family="AF_UNIX") as listener:
        client = Client(listener.address)
        server = listener.accept()
        client.send("unread")
        server.close()
        client.recv()


def socket_that_is_gone() -> None:
    Client(os.path.join(mkdtemp(), "socket"), family="AF_UNIX")


@pytest.mark.parametrize("act", [end_of_a_pipe, reset_socket, socket_that_is_gone])
def test_a_line_that_went_dead_is_a_lost_worker(act: object) -> None:
    lost = lost_process(raised(act, OSError, EOFError), RUN)
    assert isinstance(lost, LostWorkerError) and is_user_error(lost)
    assert "data loading worker was killed" in str(lost)
    assert str(lost).endswith("ganagerie resume runs/one")


@pytest.mark.parametrize(
    "text",
    [
        "DataLoader worker (pid(s) 7) exited unexpectedly",
        "DataLoader worker (pid 7) is killed by signal: Killed.",
    ],
)
def test_what_the_loader_says_itself_is_a_lost_worker(text: str) -> None:
    assert isinstance(lost_process(RuntimeError(text), RUN), LostWorkerError)


def test_a_dead_line_of_the_process_group_is_a_lost_rank() -> None:
    lost = lost_process(RuntimeError("gloo/tcp/pair.cc: Connection closed by peer [::1]:1"), RUN)
    assert isinstance(lost, LostRankError) and "ganagerie resume runs/one" in str(lost)


def own_file_is_missing() -> None:
    open("no such file")  # noqa: SIM115


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes differ"),
        RuntimeError("Connection reset by peer"),  # a download's, not the group's
        raised(own_file_is_missing, OSError),
        EOFError("a truncated file"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_stay_what_they_are(error: BaseException) -> None:
    assert lost_process(error, RUN) is None
