"""What ends a run of a study before its budget: its state, or its time."""

from __future__ import annotations

from multiprocessing import Pipe
from types import SimpleNamespace
from typing import Any

import pytest

from callbacks.collapse.monitor import CollapseMonitor
from callbacks.collapse.records import Verdict
from experiments.study import children
from experiments.study.children import Children
from experiments.study.stopping import StopEarly


class Told(CollapseMonitor):
    """A monitor that has said one thing."""

    verdict: Any = None

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict


def stopped(states: tuple[str, ...], verdict: Verdict) -> tuple[bool, str]:
    early = StopEarly(states)
    trainer: Any = SimpleNamespace(callbacks=[early, Told(verdict)], should_stop=False)
    early.on_train_batch_end(trainer, None, None, None, 0)  # type: ignore[arg-type]
    return trainer.should_stop, early.stopped


def test_only_the_states_asked_for_end_a_run_and_a_partial_collapse_does_not() -> None:
    full = Verdict("collapsed", severity="full")
    assert stopped(("collapsed",), full) == (True, "collapsed")
    assert stopped((), full) == (False, "")
    assert stopped(("never_learned",), full) == (False, "")
    assert stopped(("collapsed",), Verdict("collapsed", severity="partial")) == (False, "")
    assert stopped(("never_learned",), Verdict("never_learned")) == (True, "never_learned")
    assert stopped(("collapsed", "never_learned"), Verdict("healthy")) == (False, "")


class Running:
    """A process that ends when it is asked to, or only when it is killed."""

    def __init__(self, stubborn: bool = False) -> None:
        self.exitcode: int | None = None
        self.stubborn, self.calls = stubborn, list[str]()

    def terminate(self) -> None:
        self.calls.append("terminate")
        self.exitcode = None if self.stubborn else -15

    def kill(self) -> None:
        self.calls.append("kill")
        self.exitcode = -9


def waited(process: Running, limit_s: float | None, stopping: bool = False) -> Any:
    one = Children.__new__(Children)
    one.process = process
    here, _there = Pipe()
    return one._wait(here, limit_s, lambda: stopping)


def test_a_run_is_asked_to_stop_at_its_limit_and_killed_when_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "GRACE", 0.2)
    polite, stubborn = Running(), Running(stubborn=True)
    ended = waited(polite, 0.15)
    assert ended.timed_out and ended.signal == 15 and polite.calls == ["terminate"]
    ended = waited(stubborn, 0.15)
    assert ended.timed_out and ended.signal == 9 and stubborn.calls == ["terminate", "kill"]
    asked = Running()
    assert not waited(asked, None, stopping=True).timed_out and asked.calls == ["terminate"]
