"""When a generator has something to lose, and when that only looked so."""

import json

import pytest

from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.settings import DetectorSettings
from tests.helpers_collapse import band, feed

DISTANCE = "fd_x@2k"


def states(verdicts):
    return [verdict.state for verdict in verdicts]


def junk(*scores):
    return [{"score": score, "quality": 0.3} for score in scores]


def shown(detector, *streams_and_distances):
    """States after each stream of scores, and after the distance of an evaluation behind it."""
    found = []
    for stream, distance in streams_and_distances:
        feed(stream, detector)
        found.append(detector.verdict.state)
        if distance is not None:
            detector.evaluated(100 * detector.probes, {DISTANCE: distance})
            found.append(detector.verdict.state)
    return found


def test_what_is_lost_as_soon_as_it_was_there_was_luck():
    verdicts = feed([0.05, 0.5, 0.5, 0.02])
    assert states(verdicts) == ["warmup", "warmup", "healthy", "warmup"]
    assert "lost again" in verdicts[-1].reason and verdicts[-1].peak is None
    assert not any(verdict.alarm for verdict in verdicts)
    # A probe later it was there.
    assert states(feed([0.05, 0.5, 0.5, 0.5, 0.02]))[-1] == "collapsed"
    longer = DetectorSettings(hold_probes=3)
    assert states(feed([0.5, 0.5, 0.5, 0.5, 0.02], settings=longer))[-1] == "warmup"
    copies = {"score": 0.5, "duplicates": 0.6}
    assert states(feed([0.5, 0.5, copies]))[-1] == "warmup"


@pytest.mark.parametrize(("lucky", "asked"), [(0, 2), (1, 4), (2, 8), (3, 8)])
def test_after_luck_twice_as_many_good_probes_are_asked_for(lucky, asked):
    detector = CollapseDetector(band())
    for times in range(lucky):
        feed([*[0.5] * (2, 4, 8)[times], 0.02], detector)
    assert states(feed([0.5] * asked, detector)) == [*["warmup"] * (asked - 1), "healthy"]


def test_of_junk_half_of_the_score_that_comes_and_goes_is_luck():
    verdicts = feed(junk(0.6, 0.6, 0.6, 0.2, 0.5))
    assert states(verdicts)[1:] == ["healthy", "healthy", "healthy", "warmup"]
    assert "comes and goes" in verdicts[-1].reason
    # By less than half, without coming back, or of samples like real ones it is not.
    assert states(feed(junk(0.6, 0.6, 0.6, 0.35, 0.5)))[-1] == "healthy"
    assert states(feed(junk(0.6, 0.6, 0.6, 0.2, 0.2)))[-1] == "healthy"
    assert "warmup" not in states(feed([0.6, 0.6, 0.6, 0.2, 0.5]))[1:]


def test_of_junk_two_evaluations_must_be_better_than_before_it_was_armed():
    level = junk(0.5, 0.5, 0.5)

    def after(*distances):
        return shown(CollapseDetector(band()), *((level, distance) for distance in distances))

    # The first falls on the probe before it is armed ...
    begun = [([0.05], 10.0), (level, 11.0)]
    detector = CollapseDetector(band())
    assert shown(detector, *begun) == ["warmup", "warmup", "healthy", "healthy"]
    assert shown(detector, (level, 10.5)) == ["healthy", "warmup"]
    assert "no evaluation" in detector.verdict.reason and not detector.armed
    # ... and where one is as good, it was learned.
    for distance in (10.0, 9.0):
        detector = CollapseDetector(band())
        assert shown(detector, *begun, (level, distance), (level, 12.0))[-3:] == ["healthy"] * 3
    # Nothing is said without one before, and of samples like real ones.
    assert set(after(10.0, 11.0, 12.0)) == {"healthy"}
    detector = CollapseDetector(band())
    good = [0.5, 0.5, 0.5]
    assert shown(detector, ([0.05], 10.0), (good, 11.0), (good, 10.5))[-1] == "healthy"


def test_evaluations_before_luck_count_when_it_is_armed_again():
    detector, level = CollapseDetector(band()), junk(*[0.5] * 4)
    shown(detector, ([0.05], 10.0), (level, 11.0), (level, 12.0))
    assert detector.verdict.state == "warmup"
    # Better than the evaluations since it was first armed, but not than the one before that.
    after = shown(detector, (level, 10.5), (level, 10.2), (level, 10.1))
    assert after == ["healthy"] * 5 + ["warmup"]


def test_after_luck_a_run_has_twenty_probes_before_it_never_learned():
    stream = [*[0.02] * 30, 0.5, 0.5, *[0.02] * 25]
    detector = CollapseDetector(band(), planned_probes=60)
    seen = states(feed(stream[:30], detector))
    assert seen[-1] == "never_learned"
    seen = states(feed(stream[30:], detector))
    assert seen[:3] == ["never_learned", "healthy", "warmup"]
    assert seen.index("never_learned", 2) == 2 + 20
    assert detector.verdict.reason == "no score of 0.2 that stayed in 57 probes"


def test_luck_travels_as_json_and_older_states_are_read():
    stream = [0.05, 0.5, 0.5, 0.02, 0.5, 0.5, 0.5, 0.5, 0.5, 0.02]
    whole = feed(stream)
    assert states(whole)[-3:] == ["healthy", "healthy", "collapsed"]
    for cut in range(1, len(stream)):
        first, second = CollapseDetector(band()), CollapseDetector(band())
        feed(stream[:cut], first)
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert feed(stream[cut:], second) == whole[cut:], cut
    first, second = CollapseDetector(band()), CollapseDetector(band())
    feed([0.05, 0.5, 0.5], first)
    old = first.state_dict()
    del old["counts"]["warm"], old["memory"]["armed_at"], old["memory"]["lucky"]
    second.load_state_dict(old)
    # Not known when it was armed: a fall is believed.
    assert states(feed([0.02], second)) == ["collapsed"]
