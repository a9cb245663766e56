"""The detector: numbers in, states out.

A generator of an untrained network scores like a collapsed one, and a healthy score rises for most
of a run. So nothing can collapse before it was armed, and a fall is measured from a robust peak.
No torch, no files, no clock: the same object judges a run while it trains, replays it from
``evaluations.jsonl``, and is measured by ``python -m benchmarks.collapse``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, cast

from callbacks.collapse import trend
from callbacks.collapse.arming import Arming, Plan
from callbacks.collapse.evidence import evidence
from callbacks.collapse.falls import Falls
from callbacks.collapse.findings import condition_ignored, findings, look_at_classes
from callbacks.collapse.memory import QUALITY, Memory
from callbacks.collapse.onset import FallSum, date_onset
from callbacks.collapse.partial import LostCells
from callbacks.collapse.records import LOST, WHOLE, Band, Severity, Signals, State, Verdict
from callbacks.collapse.score import Parts, is_class, parts_of
from callbacks.collapse.sentence_rules import alike, fewer_differ, listen, repeats
from callbacks.collapse.settings import DetectorSettings
from callbacks.metrics.names import coverage_of

_Finding = tuple[State, Severity | None, str]


class CollapseDetector:
    """A state machine over light probes and heavy evaluations.

    Args:
        band: what each signal is for real samples.
        settings: the thresholds.
        plan: of the run, for the report that a generator never learned.

    Attributes:
        verdict: the last one.
        probes: light probes so far.
    """

    def __init__(
        self,
        band: Band,
        settings: DetectorSettings | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.band, self.settings = band, settings or DetectorSettings()
        self.plan = plan or Plan()
        self.verdict = Verdict("warmup")
        self.probes = 0
        self._worse = False
        self._begin(Memory())

    @property
    def armed(self) -> bool:
        """Whether there is something to lose: the generator has reached ``arm_score``."""
        return self.memory.peak is not None

    @property
    def _now(self) -> int:
        return self.probes - 1

    def wants_second_look(self, signals: Signals, finite: bool = True) -> bool:
        """Whether a probe is so extreme that it should be drawn again before it is believed."""
        parts = self._parts(signals, finite)
        if parts is None or not self.armed or self.verdict.state in LOST:
            return False
        fallen = self._falls.drop(parts.score) >= self.settings.suspect_drop
        return fallen or bool(self._repeated(signals))

    def update(
        self,
        images_seen: int,
        signals: Signals,
        *,
        second: Signals | None = None,
        finite: bool = True,
    ) -> Verdict:
        """Judge one light probe.

        Args:
            images_seen: the moment.
            signals: by group and name.
            second: of another draw at the same moment; the better one of the two is believed.
            finite: whether samples, weights and losses are finite on all ranks.

        Returns:
            The verdict, also kept as :attr:`verdict`.
        """
        parts = self._parts(signals, finite)
        again = self._parts(second, finite) if second else None
        if second and again and (parts is None or again.score > parts.score):
            signals, parts = second, again
        self.probes += 1
        self.memory.see(images_seen, parts)
        listen(signals, self.band, self.memory)
        if parts is None:
            found: _Finding = ("diverged", None, "samples, weights or losses are not finite")
        else:
            found = self._judge(signals, parts)
        self._enter(found, parts)
        quiet = self.verdict.state not in ("healthy", "recovered")
        self.verdict = replace(
            self.verdict,
            score=parts.score if parts else None,
            drop=self._falls.drop(parts.score) if parts and self.armed else None,
            evidence=evidence(parts, signals, self.memory) if quiet and self.armed else (),
            findings=tuple(findings(signals, self.band, self.memory, quiet)),
        )
        return self.verdict

    def _parts(self, signals: Signals, finite: bool) -> Parts | None:
        if condition_ignored(signals):
            signals = {name: row for name, row in signals.items() if not is_class(name)}
        return parts_of(signals, self.band) if finite else None

    def _judge(self, signals: Signals, parts: Parts) -> _Finding:
        ignored = condition_ignored(signals)
        # Classes look dead to a generator that does not know which one was asked for.
        dead = 0.0 if ignored else look_at_classes(signals, self.band, self.memory, self.settings)
        if not self.armed:
            state, why = self._arming.warm_up(self._now, parts, self.plan, self.verdict.state)
            return state, None, why
        found = self._watch(signals, parts, dead)
        if luck := self._arming.was_luck(self._now, found[0], self.verdict.state):
            self._begin(self.memory.disarmed())
            return "warmup", None, luck
        return found

    def _watch(self, signals: Signals, parts: Parts, dead: float) -> _Finding:
        """What a probe is of a generator that is armed."""
        before = self.verdict
        drop = self._falls.follow(self._now, parts.score)
        if self._diverges(parts):
            return "diverged", None, "the samples are diverse, but none of them is like real ones"
        if before.state in LOST:
            return self._recover(signals, parts.score)
        if reason := self._repeated(signals) or alike(self.memory, self.settings, 2):
            return "collapsed", "full", reason
        note = ""
        if self._falls.of_junk():
            if reason := self._falls.junk_is_gone(drop):
                return "suspect", None, f"{reason}, but most samples were like nothing real before"
            note = "most samples are like nothing real: falls are no collapse"
        elif found := self._has_fallen(parts, drop, dead):
            return found
        if before.state == "recovered" and self._counts["since"] < self.settings.settle_probes:
            return "recovered", None, "a collapse is over"
        return "healthy", None, note

    def _has_fallen(self, parts: Parts, drop: float, dead: float) -> _Finding | None:
        """What a probe is of a generator that has something to lose, if it is not healthy."""
        before, settings = self.verdict, self.settings
        if reason := self._falls.collapse(parts, drop):
            return "collapsed", "full", reason
        if dead > settings.dead_collapsed:
            return "collapsed", "full", f"{dead:.0%} of the classes are dead"
        suspected = before.state == "suspect" and before.severity is None
        reason, lost = self._falls.steep(drop), 0.0
        if not reason and fewer_differ(self.memory, settings):
            reason, lost = self._emptied()
        reason = reason or self._falls.lasting(drop, suspected)
        if reason:
            # Beyond doubt, but not by half: most modes may be there still.
            full = max(drop, lost) >= settings.lasting_drop
            return "collapsed", "full" if full else "partial", reason
        in_part = before.state == "suspect" and before.severity == "partial"
        if in_part and (reason := self._cells.certainty(self._counts["since"])):
            return "collapsed", "partial", reason
        if reason := self._falls.suspicion(parts.score, drop, suspected):
            return "suspect", None, reason
        few = sum(is_class(name) for name in self.band) <= 5
        if dead > settings.dead_suspect or (few and dead > 0):
            return "suspect", None, f"{dead:.0%} of the classes are dead"
        if reason := alike(self.memory, settings, 1):
            return "suspect", None, reason
        if reason := self._cells.suspicion():
            return "suspect", "partial", reason
        return None

    def _emptied(self) -> tuple[str, float]:
        """Why cells that are empty at once are a collapse, as the score agrees, and their share."""
        found = self._cells.sudden() if self._falls.is_part() else ("", 0.0)
        if not found[0] and self._falls.is_step(self.settings.step_part):
            return self._cells.stepped()
        return found

    def _repeated(self, signals: Signals) -> str:
        """Why this probe alone shows copies of one another; empty where it does not."""
        share = signals.get(WHOLE, {}).get("duplicates")
        if share is not None and share > self.settings.duplicates:
            return f"{share:.0%} of the samples are copies of each other"
        return repeats(signals, self.band, self.memory, self.settings)

    # -- divergence and recovery -------------------------------------------------------------------

    def _diverges(self, parts: Parts) -> bool:
        settings, counts = self.settings, self._counts
        if not self.memory.healthy_parts:
            return False
        base = self.memory.level(QUALITY, settings.baseline)
        rubbish = parts.quality <= (1.0 - settings.diverged_drop) * base
        self._worse = parts.quality <= (1.0 - settings.suspect_drop) * base
        diverse = parts.diversity >= settings.diverged_diversity
        lost = rubbish and diverse and not self._falls.of_junk()
        counts["rubbish"] = counts["rubbish"] + 1 if lost else 0
        return counts["rubbish"] >= 2

    def _recover(self, signals: Signals, score: float) -> _Finding:
        settings, counts, before = self.settings, self._counts, self.verdict
        # A run may have settled below its peak, as where likelier samples are fewer.
        level = self.memory.fell_from or cast(float, self.memory.peak)
        back = 1.0 - score / level <= settings.healthy_drop
        back = back and not (self._repeated(signals) or alike(self.memory, settings, 1))
        if before.severity == "partial":
            back = self._cells.is_over() if self._cells.fallen else back
            if min(self.memory.drops[-2:]) >= settings.full_drop:
                fell = f"the score fell by {self.memory.drops[-1]:.0%}, after a partial collapse"
                return "collapsed", "full", fell
        counts["calm"] = counts["calm"] + 1 if back else 0
        if counts["calm"] >= settings.recover_probes:
            return "recovered", None, "a collapse is over"
        return before.state, before.severity, before.reason

    # -- heavy evaluations -------------------------------------------------------------------------

    def evaluated(self, images_seen: int, scores: Mapping[str, float | None]) -> Verdict | None:
        """Take the scores of a heavy evaluation at, or just after, the latest probe.

        Args:
            images_seen: the moment; the latest probe is the one that counts.
            scores: by name; the first Frechet distance and the first coverage are looked at.

        Returns:
            The new verdict where the state changes by it.
        """
        memory, counts, before = self.memory, self._counts, self.verdict
        distance, coverage = trend.distance_of(scores), coverage_of(scores)
        if distance is None or not self.probes:
            return None
        memory.evaluate(self._now, distance, coverage)
        if not self.armed:
            return None
        calm = before.state in ("healthy", "recovered")
        if calm and (in_vain := trend.best_in_vain(memory)) is not None:
            self._begin(memory.disarmed(in_vain))
            reason = "no evaluation since it was armed is better than before"
            self.verdict = Verdict("warmup", reason=reason)
            return self.verdict
        best = memory.best_distance
        far = best is not None and distance > self.settings.diverged_ratio * best and self._worse
        counts["far"] = counts["far"] + 1 if far else 0
        if calm:
            memory.best_distance = distance if best is None else min(best, distance)
        found: _Finding | None = None
        if counts["far"] >= 2 and before.state not in LOST:
            times = distance / cast(float, best)
            found = ("diverged", None, f"the Frechet distance is {times:.1f} times its best")
        elif self._has_lasted() and trend.rises(memory):
            found = ("collapsed", "full", f"{before.reason}, and the Frechet distance rises")
        elif before.state == "suspect" and before.severity and self._confirms():
            found = ("collapsed", "partial", f"{before.reason}, as a larger sample confirms")
        if found is None:
            return None
        self._enter(found, None)
        return self.verdict

    def _has_lasted(self) -> bool:
        """Whether the score has been suspicious for long enough that a distance can confirm it."""
        suspected = self.verdict.state == "suspect" and self.verdict.severity is None
        lasts = suspected and self._counts["since"] >= self.settings.rise_probes
        return lasts and not self._falls.of_junk()

    def _confirms(self) -> bool:
        """Whether a larger sample covers clearly less than in healthy times."""
        if self._counts["since"] < self.settings.partial_confirm_probes:
            return False
        began = self.verdict.onset_probe
        before = self._now if began is None else began
        return trend.coverage_falls(self.memory, self.settings, before)

    def rebaseline(self, reason: str, band: Band | None = None) -> None:
        """Begin anew after a planned shock: a new resolution, rate, discriminator or data set.

        Args:
            reason: stands in the verdict until the generator is armed again.
            band: of the new real samples; None keeps the old one.
        """
        self.band = band or self.band
        self._begin(Memory())
        self.plan = replace(self.plan, probes=self.plan.probes + self.probes)
        self.verdict = Verdict("warmup", reason=reason)

    def _begin(self, memory: Memory) -> None:
        """Count anew, from what a memory holds."""
        self.memory = memory
        self._falls = Falls(memory, self.settings, self.band)
        self._cells = LostCells(memory, self.settings)
        self._arming = Arming(memory, self.settings, self._falls)
        self._counts = dict.fromkeys(("calm", "since", "rubbish", "far"), 0)

    # -- the verdict -------------------------------------------------------------------------------

    def _enter(self, found: _Finding, parts: Parts | None) -> None:
        """Make the state that was found the present one, date its onset, and learn from it."""
        state, severity, reason = found
        before, memory, counts = self.verdict, self.memory, self._counts
        changed = (state, severity) != (before.state, before.severity)
        counts["since"] = 1 if changed else counts["since"] + (parts is not None)
        # A partial collapse that becomes a full one is an alarm of its own.
        alarm = changed and state in LOST and (before.state not in LOST or severity == "full")
        onset: int | None = None
        moment: int | None = None
        if state in ("suspect", *LOST):
            onset, moment = before.onset_probe, before.onset
            if alarm or onset is None:
                onset = self._date(severity)
                moment = memory.moment(onset, self._now)
                if alarm:
                    memory.alarm(onset, self._now, self.settings.onset_baseline)
        if state in ("healthy", "recovered") and parts is not None:
            self._cells.fallen = []
            memory.settle(parts)
            self._falls.look_at_quality()
        if state == "recovered" and changed:
            counts["calm"] = 0
            self._falls.forget()
        self.verdict = replace(
            before,
            state=state,
            severity=severity,
            peak=memory.peak,
            lost_share=self._cells.lost_share() if severity == "partial" else None,
            onset=moment,
            onset_probe=onset,
            alarm=alarm,
            reason=reason,
        )

    def _date(self, severity: Severity | None) -> int:
        """The probe at which the present fall began."""
        values, summed = self.memory.scores, self._falls.sum.start
        course = self._cells.course()
        if course and (severity == "partial" or summed is None):
            values, summed = course, None
        return date_onset(values, self._now - len(values) + 1, summed, self.settings)

    def state_dict(self) -> dict[str, Any]:
        """Return plain data: band, memory, sums, counts and the last verdict."""
        return {
            "band": {
                group: {k: dict(v) for k, v in row.items()} for group, row in self.band.items()
            },
            "plan": asdict(self.plan),
            "memory": self.memory.to_dict(),
            "verdict": self.verdict.to_dict(),
            "probes": self.probes,
            "fall": asdict(self._falls.sum),
            "cells": self._cells.to_dict(),
            "counts": {**self._counts, "above": self._arming.above},
            "worse": self._worse,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken; the settings stay those of this object."""
        self.band = state["band"]
        # Older states know no end, and count more.
        self.plan = Plan(**state["plan"]) if "plan" in state else Plan(state["planned_probes"])
        self._begin(Memory.from_dict(state["memory"]))
        self.verdict, self.probes = Verdict.from_dict(state["verdict"]), state["probes"]
        self._falls.sum = FallSum(**state["fall"])
        self._cells = LostCells.from_dict(self.memory, self.settings, state["cells"])
        self._arming.above = state["counts"]["above"]
        self._counts = {name: state["counts"][name] for name in self._counts}
        self._worse = state["worse"]
