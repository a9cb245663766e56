"""Every threshold of the detector, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

#: Settings that are no shares.
_UNBOUNDED = ("onset_kappa", "steep_sum", "diverged_ratio", "least_entropy")


@dataclass(frozen=True)
class DetectorSettings:
    """When the detector changes its mind. Counts are light probes; drops are shares of the peak.

    The defaults were chosen on the calibration seeds of ``python -m benchmarks.collapse`` and
    checked on others.

    Attributes:
        arm_score: the score from which a generator can collapse at all: an untrained one looks
            exactly like a collapsed one.
        arm_coverage: the coverage that it needs as well, without recall: noise that is spread over
            everything is diverse, lacks nothing, and has nothing to lose.
        arm_probes: successive probes that must reach both; each time that this turned out to be
            luck twice as many, up to four times, and ``least_quality`` as well; so much also of one
            that was said to have never learned.
        hold_probes: so many probes after that, a collapse means that it was luck.
        least_quality: median precision of the healthy baseline, as a share of that of real samples,
            below which most samples are like nothing real, and wander: falls make no more than a
            suspicion there, that of ``full_probes``, beyond ``full_z``, or one that gets deeper in
            three, by ``suspect_drop``, ``lasting_drop`` and ``sudden_drop``, beyond ``steep_z`` as
            ``full_z`` is counted; it is over once the precision reaches this while the Frechet
            distance is near its best.
        suspect_drop: a fall of the score that makes a suspicion, where it is also significant.
        suspect_z: how many standard deviations of its noise the score must have fallen by, below 0.
        full_drop: a fall that is a collapse when two successive probes show it, both at least
            ``full_z`` below, or, in a run that is all noise, ``full_probes``.
        full_z: the same in standard deviations of what the score moves by from probe to probe.
        full_probes: see ``full_drop``.
        steep_sum: a smaller fall is a collapse too when two successive probes show
            ``suspect_drop``, both beyond ``steep_z``, and the sum that dates the onset, of falls of
            the log score beyond ``onset_kappa``, has come to this.
        steep_z: see ``steep_sum``.
        step_drop: a still smaller fall is one when ``step_probes`` successive probes show it, each
            at least ``step_z`` below as ``full_z`` is counted, and all of them by ``step_margin``
            below each score of the healthy baseline.
        step_part: the same where ``step_cells`` of the samples of healthy times had their cells
            where these probes have none.
        step_cells: see ``step_part``.
        step_probes: see ``step_drop``.
        step_z: see ``step_drop``.
        step_margin: see ``step_drop``; a share of the least of these scores.
        ramp_start: a fall on its way is one too when three successive probes show this,
            ``ramp_drop`` and ``suspect_drop``, each at least ``ramp_z`` below as ``full_z`` is
            counted, and the last two beyond noise as well and by ``ramp_margin`` below all healthy
            scores of the baseline.
        ramp_drop: see ``ramp_start``.
        ramp_z: see ``ramp_start``.
        ramp_margin: see ``ramp_start``; a share of the least of these scores.
        lasting_drop: a collapse found by ``steep_sum``, ``step_drop``, ``ramp_start`` or
            ``slow_probes`` is a full one from this fall on, and partial below.
        sudden_drop: a fall that is a collapse at once, where both diversity and coverage fell by
            ``sudden_part``, it is beyond ``full_z`` too, and a second draw confirms it.
        sudden_part: see ``sudden_drop``.
        duplicates: share of samples that are copies of each other from which it is a collapse.
        unique_drop: fall of the share of different sentences from the best so far that is a
            collapse, where a second draw confirms it.
        least_entropy: nats of choice in a word below which it is one too, unless the language is as
            small as that: below ``unique_drop`` of what its sentences alone would give.
        alike: self-BLEU-4 above that of real sentences that is one at two successive probes.
        slow_probes: of the last ``slow_window`` probes, how many with ``suspect_drop`` are one.
        slow_window: see ``slow_probes``.
        cell_left: share of its samples of healthy times up to which a cell of the reals is empty.
        part_drop: share of the samples of healthy times whose cells are empty in two successive
            probes that is a collapse, where the score of both agrees: down by ``part_score`` or
            more, and ``part_z``.
        most_drop: the same of cells of which up to ``most_left`` is left.
        most_left: see ``most_drop``.
        part_score: see ``part_drop``; of sentences, so much fewer must differ as well.
        part_z: see ``part_drop``; counted as ``full_z`` is.
        rise_probes: probes that a suspicion must have lasted before a heavy evaluation whose
            Frechet distance rises makes it a collapse.
        partial_drop: the share of ``part_drop`` over ``partial_window`` probes that makes a
            suspicion of a partial collapse.
        partial_certain: the same over twice as many that is one, where the suspicion has lasted.
        partial_window: see ``partial_drop``.
        partial_after: healthy probes before which nothing is known of the cells.
        partial_confirm_z: fall of the coverage of a heavy evaluation, in standard deviations of its
            noise or of its own wandering, that makes a suspicion of a partial collapse a collapse
        partial_confirm_probes: where it has lasted so many probes.
        healthy_drop: a suspicion ends when the drop is back at or below this.
        recover_probes: successive probes at or below ``healthy_drop`` after which a collapse is
            over.
        settle_probes: further ones after which the generator is healthy again.
        diverged_drop: fall of the precision that is a divergence, where diversity stays: rubbish of
            many kinds.
        diverged_diversity: see ``diverged_drop``; share of the real diversity.
        diverged_ratio: a Frechet distance this many times the best one, twice, is a divergence
            where the precision is down by ``suspect_drop`` as well.
        never_probes: probes after which a generator that never armed is reported, or
        never_share: after this share of the planned probes, whichever is later.
        never_gain: unless its Frechet distance still fell by this share lately,
        never_score: or its median score lately is this much. With such a sign of life, or where it
            was good for a while, it is reported at the end of the run only.
        baseline: how many of the latest healthy probes make the baseline and its noise; of fewer,
            the noise is taken with that of a usual run.
        baseline_lag: of the healthy probes the very latest may be of a fall that has just begun: so
            many are left out of the baseline, as soon as there are enough.
        onset_kappa: slack of the cumulative sum that dates the onset, in log score.
        onset_baseline: healthy probes whose median is the level of that sum.
        onset_fit: probes that the refinement of the onset looks back over.
        onset_back: most probes between onset and alarm.
        class_drop: a class is dead where its coverage is below this share of a real class, beyond
            doubt, or
        class_diversity: where its diversity is below this share, in two successive probes.
        dead_suspect: share of dead classes that makes a suspicion.
        dead_collapsed: share of dead classes that is a collapse.

    Raises:
        ValueError: a value is out of range.
    """

    arm_score: float = 0.20
    arm_coverage: float = 0.20
    arm_probes: int = 2
    hold_probes: int = 1
    least_quality: float = 0.33
    suspect_drop: float = 0.25
    suspect_z: float = -4.0
    full_drop: float = 0.50
    full_z: float = -3.0
    full_probes: int = 4
    steep_sum: float = 0.6
    steep_z: float = -6.0
    step_drop: float = 0.18
    step_part: float = 0.15
    step_cells: float = 0.12
    step_probes: int = 3
    step_z: float = -5.0
    step_margin: float = 0.05
    ramp_start: float = 0.10
    ramp_drop: float = 0.20
    ramp_z: float = -4.0
    ramp_margin: float = 0.10
    lasting_drop: float = 0.40
    sudden_drop: float = 0.75
    sudden_part: float = 0.30
    duplicates: float = 0.5
    unique_drop: float = 0.5
    least_entropy: float = 0.1
    alike: float = 0.2
    slow_probes: int = 5
    slow_window: int = 6
    cell_left: float = 0.15
    part_drop: float = 0.30
    most_drop: float = 0.45
    most_left: float = 0.30
    part_score: float = 0.15
    part_z: float = -2.5
    rise_probes: int = 2
    partial_drop: float = 0.05
    partial_certain: float = 0.12
    partial_window: int = 5
    partial_after: int = 8
    partial_confirm_z: float = -4.0
    partial_confirm_probes: int = 3
    healthy_drop: float = 0.20
    recover_probes: int = 3
    settle_probes: int = 5
    diverged_drop: float = 0.75
    diverged_diversity: float = 0.5
    diverged_ratio: float = 5.0
    never_probes: int = 20
    never_share: float = 0.5
    never_gain: float = 0.05
    never_score: float = 0.05
    baseline: int = 12
    baseline_lag: int = 2
    onset_kappa: float = 0.15
    onset_baseline: int = 8
    onset_fit: int = 24
    onset_back: int = 12
    class_drop: float = 0.5
    class_diversity: float = 0.3
    dead_suspect: float = 0.2
    dead_collapsed: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges."""
        for field in fields(self):
            value, count = getattr(self, field.name), field.type == "int"
            if isinstance(value, bool) or not isinstance(value, int if count else (int, float)):
                kind = "a whole number" if count else "a number"
                raise self._refusal(field.name, f"be {kind}", value)
            if field.name.endswith("_z"):
                if not value < 0:
                    raise self._refusal(field.name, "lie below 0", value)
            elif count and value < 1:
                raise self._refusal(field.name, "be at least 1", value)
            elif not count and not value > 0:
                raise self._refusal(field.name, "lie above 0", value)
            elif field.name not in _UNBOUNDED and not count and value > 1:
                raise self._refusal(field.name, "be at most 1", value)
        for small, large in (
            ("healthy_drop", "suspect_drop"),
            ("ramp_start", "ramp_drop"),
            ("suspect_drop", "full_drop"),
            ("full_drop", "sudden_drop"),
            ("step_part", "step_drop"),
            ("slow_probes", "slow_window"),
            ("cell_left", "most_left"),
            ("part_drop", "most_drop"),
            ("partial_drop", "partial_certain"),
            ("dead_suspect", "dead_collapsed"),
        ):
            if getattr(self, small) > getattr(self, large):
                raise self._refusal(
                    small, f"be at most {large} ({getattr(self, large)})", getattr(self, small)
                )

    def _refusal(self, name: str, rule: str, value: object) -> ValueError:
        default = next(field.default for field in fields(self) if field.name == name)
        return ValueError(
            f"DetectorSettings: {name} must {rule}, got {value!r}; the default is {default}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DetectorSettings:
        """Return the settings that :meth:`to_dict` wrote.

        Raises:
            ValueError: an entry is unknown, or a value is out of range.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(
                f"DetectorSettings: settings must be of {', '.join(sorted(known))}, got "
                f"{unknown[0]!r}; leave it out"
            )
        return cls(**values)
