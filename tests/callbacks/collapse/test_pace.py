"""When a probe is due."""

import pytest

from callbacks.collapse import pace as pace_module
from callbacks.collapse.arming import Plan
from callbacks.collapse.pace import Pace


class Alone:
    """A strategy of one process."""

    @staticmethod
    def broadcast(value):
        return value


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(pace_module.time, "perf_counter", lambda: now[0])
    return now


def lines(pace, clock, images, seconds, cost):
    """Moments of the probes of a run of 64 images and ``seconds`` a batch."""
    taken = []
    for seen in range(64, images + 1, 64):
        clock[0] += seconds
        if pace.due(seen, Alone()):
            clock[0] += cost
            pace.took(cost)
            taken.append(seen)
    return taken


def test_a_hundredth_of_the_run_but_fifty_generator_steps():
    pace = Pace(None, None)
    pace.start(0, 1_000_000, 64)
    assert (pace.interval, pace.plan) == (10_000, Plan(100, 1_000_000))
    pace.start(0, 64_000, 64)
    assert (pace.interval, pace.plan) == (3_200, Plan(20, 64_000))
    pace.start(0, 64_000, 5 * 64)
    assert pace.interval == 16_000
    assert pace.plan == Plan(10, 64_000)
    pace.start(0, 0, 64)
    assert pace.plan == Plan(100, 0)


def test_without_limit_every_line_is_taken(clock):
    pace = Pace(640, None)
    pace.start(0, 64_000, 64)
    assert lines(pace, clock, 6_400, 0.01, 99.0) == list(range(640, 6_401, 640))


def test_interval_stretches_itself_to_the_share(clock):
    pace = Pace(640, 0.02)
    pace.start(0, 640_000, 64)
    # A line is a second of training; a probe of 0.1 s is 2 % of five seconds.
    taken = lines(pace, clock, 64_000 - 64, 0.1, 0.1)
    gaps = {b - a for a, b in zip(taken[1:], taken[2:], strict=False)}
    # The line that is just reached may be missed by the last digit.
    assert gaps <= {5 * 640, 6 * 640}
    assert 0.015 < pace.share <= 0.021


def test_a_run_has_ten_probes_whatever_they_cost(clock):
    pace = Pace(640, 0.02)
    pace.start(0, 64_000, 64)
    taken = lines(pace, clock, 64_000, 0.001, 50.0)
    assert len([seen for seen in taken if seen >= 6_400]) == 10


def test_going_back_makes_the_lines_due_again(clock):
    pace = Pace(640, None)
    pace.start(0, 64_000, 64)
    assert pace.due(640, Alone()) and pace.due(1_280, Alone())
    assert not pace.due(704, Alone())
    assert pace.due(1_280, Alone())
