import logging
from typing import Any

import pytest

from callbacks.logger_guard import attempt


class Dashboard:
    """Something that can be referred to weakly."""


def test_kind_is_given_up_after_three_failures_in_a_row(caplog: pytest.LogCaptureFixture) -> None:
    dashboard, calls = Dashboard(), []
    outcomes = iter([True, False, False, True, False, False, False, True])

    def act() -> None:
        calls.append(1)
        if not next(outcomes):
            raise OSError("gone")

    sent = [attempt(dashboard, "numbers", act) for _ in range(9)]
    assert sent == [True, False, False, True, False, False, False, False, False]
    assert len(calls) == 7
    assert len(caplog.records) == 1
    assert attempt(dashboard, "media", lambda: None)
    assert attempt(Dashboard(), "numbers", lambda: None)


def test_ctrl_c_is_not_swallowed() -> None:
    def act() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(Dashboard(), "numbers", act)


def test_report_is_one_short_line(caplog: pytest.LogCaptureFixture) -> None:
    def act() -> Any:
        raise RuntimeError("many\nlines " * 100)

    with caplog.at_level(logging.WARNING):
        attempt(Dashboard(), "numbers", act)
    message = caplog.records[0].getMessage()
    assert "\n" not in message and len(message) < 300
