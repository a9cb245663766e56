"""When a generator has something to lose, and when that only looked so."""

import json

import pytest

from callbacks.collapse.arming import Plan
from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.settings import DetectorSettings
from tests.helpers_collapse import band, feed, signals

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


def test_noise_that_is_spread_over_everything_covers_too_little_to_be_armed():
    """With recall nothing is missing: the root of both is 0.41 where a fifth is asked for."""

    def said(covered: float) -> str:
        noise = signals(0.9)
        noise["all"]["coverage"] = covered * 0.97
        detector = CollapseDetector(band())
        verdicts = [detector.update(100 * (probe + 1), noise) for probe in range(5)]
        assert verdicts[-1].score > 0.5
        return verdicts[-1].state

    assert (said(0.19), said(0.21)) == ("warmup", "healthy")


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


def test_an_alarm_that_an_evaluation_raised_is_not_called_luck_later():
    detector = CollapseDetector(band(), DetectorSettings(hold_probes=20))
    found = shown(detector, ([0.5] * 12, 5.0), ([0.36, 0.36], 9.0), ([0.36], None))
    assert found == ["healthy", "healthy", "suspect", "collapsed", "collapsed"]


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


@pytest.mark.parametrize("quality", [0.3, 0.9])
def test_two_evaluations_must_be_better_than_before_it_was_armed(quality):
    level = [{"score": 0.5, "quality": quality}] * 3

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
    # Nothing is said without one before.
    assert set(after(10.0, 11.0, 12.0)) == {"healthy"}


def test_what_has_collapsed_had_been_there():
    detector = CollapseDetector(band())
    fallen = [*[0.5] * 8, 0.02, 0.02, *[0.5] * 10]
    found = shown(detector, ([0.05], 10.0), (fallen, 11.0), ([0.5], 12.0))
    assert found[2:] == ["healthy"] * 4


def test_after_evaluations_in_vain_it_is_believed_once_a_later_one_is_better_than_these():
    detector, level = CollapseDetector(band()), [0.5] * 4
    assert shown(detector, ([0.05], 10.0), (level, 11.0), (level, 12.0))[-1] == "warmup"
    # However many good probes there are; it need not be better than before the first of them.
    assert set(shown(detector, *[(level, 11.0)] * 3)) == {"warmup"}
    assert shown(detector, (level, 10.9)) == ["warmup", "warmup"]
    assert states(feed(level, detector)) == ["warmup"] * 3 + ["healthy"]
    # Evaluations before that count: these are in vain too, and the bar is where they left it.
    assert shown(detector, (level, 10.5), (level, 10.2))[-1] == "warmup"
    assert detector.memory.to_beat == 10.2
    assert shown(detector, (level, 10.1), ([0.5] * 8, None))[-1] == "healthy"


def test_after_luck_most_samples_must_be_like_real_ones():
    lucky = [0.5, 0.5, 0.02]
    detector = CollapseDetector(band())
    feed(lucky, detector)
    assert set(states(feed(junk(*[0.5] * 20), detector))) == {"warmup"}
    least = [{"score": 0.5, "quality": DetectorSettings().least_quality + 0.01}] * 4
    assert states(feed(least, detector)) == ["warmup"] * 3 + ["healthy"]
    # Before there was any luck they need not.
    assert states(feed(junk(0.5, 0.5))) == ["warmup", "healthy"]


def over(scores, probes=40, end=None, detector=None):
    """States of a run of ``probes``, 100 images apart, that ends with so many images."""
    plan = Plan(probes, 100 * probes if end is None else end)
    return states(feed(scores, detector or CollapseDetector(band(), plan=plan)))


def test_what_has_never_learned_is_doubted_until_most_of_its_samples_are_like_real_ones():
    detector = CollapseDetector(band(), plan=Plan(60))
    assert states(feed([0.02] * 30, detector))[-1] == "never_learned"
    assert set(states(feed(junk(*[0.5] * 20), detector))) == {"never_learned"}
    assert states(feed([0.5] * 8, detector)) == [*["never_learned"] * 7, "healthy"]


def test_with_signs_of_life_it_is_only_known_at_the_end_that_it_never_learned():
    never = DetectorSettings().never_score
    half = over([never - 0.01] * 40)
    assert half.index("never_learned") == 19 and set(half[19:]) == {"never_learned"}
    # Not one high score now and then, but a level.
    assert over([*[0.01] * 6, 0.19] * 6)[19] == "never_learned"
    # And lately: what was alive once is not any more.
    assert over([*[0.19] * 10, *[0.01] * 10])[19] == "never_learned"
    for signs in ([never] * 40, [0.5, 0.5, 0.02, *[0.01] * 37]):
        found = over(signs)
        assert "never_learned" not in found[:-1] and found[-1] == "never_learned"
    detector = CollapseDetector(band(), plan=Plan(40, 4000))
    feed([0.5, 0.5, 0.02, *[0.01] * 37], detector)
    assert detector.verdict.reason == "no score of 0.2 that stayed in 40 probes"


def test_a_run_is_over_within_a_hundredth_of_its_images_and_needs_time_to_learn():
    assert over([0.1] * 40, end=4040)[-1] == "never_learned"
    assert over([0.1] * 40, end=4050)[-1] == "warmup"
    # Without an end nobody can say.
    assert over([0.1] * 200, end=0)[-1] == "warmup"
    # What learns in the last moment has learned.
    assert over([*[0.1] * 38, 0.5, 0.5])[-2:] == ["warmup", "healthy"]
    assert over([0.1] * 19, probes=19)[-1] == "warmup"
    assert over([0.1] * 20, probes=20)[-1] == "never_learned"
    # The time begins anew with what is learned anew.
    detector = CollapseDetector(band(), plan=Plan(40, 4000))
    feed([0.5] * 25, detector)
    detector.rebaseline("a new resolution")
    assert over([0.1] * 15, detector=detector)[-1] == "warmup"


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
    old["planned_probes"], old["counts"]["warm"] = old.pop("plan")["probes"], 3
    for name in ("armed_at", "lucky", "to_beat"):
        del old["memory"][name]
    second.load_state_dict(json.loads(json.dumps(old)))
    assert second.plan == Plan(100)
    # Not known when it was armed: a fall is believed.
    assert states(feed([0.02], second)) == ["collapsed"]
    assert second.state_dict().keys() == first.state_dict().keys()
