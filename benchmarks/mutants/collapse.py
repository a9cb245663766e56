"""Wrong versions of the rules that notice a collapse, date it, and choose what to go back to."""

from benchmarks.mutants.mutant import mutants_of

_C = "callbacks/collapse/"
_T = "tests/callbacks/collapse/"
_DETECTOR = (_T + "test_detector.py",)

COLLAPSE = (
    *mutants_of(
        _C + "score.py",
        (_T + "test_signals.py", *_DETECTOR),
        ("score=min([part.score for part in wholes]", "score=max([part.score for part in wholes]"),
        ("coverage=min(part.coverage for part in wholes)", "coverage=wholes[0].coverage"),
    ),
    *mutants_of(
        _C + "memory.py",
        _DETECTOR,
        ("level = median(self.scores[-3:])", "level = self.scores[-1]"),
        ("max(self.peak, level)\n", "min(self.peak, level)\n"),
        ("return max(sd, least * level)", "return min(sd, least * level)"),
        ("end = len(values) - lag if len(values) >= window + lag", "end = len(values) if lag"),
        ("self.fell_from = min(self.peak, median(before))", "self.fell_from = max(self.peak, 1.0)"),
    ),
    *mutants_of(
        _C + "falls.py",
        _DETECTOR,
        ("return 1.0 - score / cast", "return score / cast"),
        ("drop >= settings.sudden_drop and both", "drop >= settings.sudden_drop"),
        (
            "certain = self._sinks(2, settings.full_z) and memory.down_by(2,",
            "certain = memory.down_by(1,",
        ),
        ("if suspected and low >= settings.slow_probes", "if low >= settings.slow_probes"),
        (
            "(1.0 - settings.step_margin) * min(before)",
            "(1.0 - settings.step_margin) * max(before)",
        ),
        ("fallen = drop >= settings.suspect_drop and", "fallen ="),
        ("all(-drop / sd <= z", "all(drop / sd <= z"),
        ("all(drop >= least for drop, least in pairs)", "all(drop >= 0 for drop, least in pairs)"),
        ("falls = falls and latest == sorted(latest)", "falls = falls and bool(latest)"),
        ("(memory.junk and trend.is_above_best(memory))", "memory.junk"),
        ("low or (memory.junk and", "low or (True and"),
        ("self._beyond(2, settings.ramp_z)", "self._beyond(0, settings.ramp_z)"),
    ),
    *mutants_of(
        _C + "onset.py",
        (_T + "test_onset.py", *_DETECTOR),
        ("self.value + fall - kappa)", "self.value + fall + kappa)"),
        ("math.log(level / score)", "math.log(score / level)"),
        ("chosen = min(dated, summed)", "chosen = max(dated, summed)"),
        ("earliest = max(first, last - settings.onset_back)", "earliest = first"),
    ),
    *mutants_of(
        _C + "partial.py",
        _DETECTOR,
        ("now[cell] <= left * count", "now[cell] >= left * count"),
        ("rows[: max(len(rows) - window + 1, 0)]", "rows[:]"),
        ("course[-1] >= 0.5", "course[-1] < 0.5"),
    ),
    *mutants_of(
        _C + "arming.py",
        (_T + "test_arming.py",),
        ("self.above + 1 if self._is_good(parts, doubts) else 0", "self.above + 1"),
        ("else min(memory.lucky, _DOUBLED)", "else memory.lucky"),
        ('_DOUBLED if before == "never_learned" else ', ""),
        ("        if not doubts:\n            return good\n", ""),
        ("and memory.to_beat is None", ""),
        ("parts.covered >= settings", "parts.coverage >= settings"),
        ("alive = memory.lucky or median", "alive = median"),
        ("memory.scores[-trend.LATELY :])", "memory.scores[: trend.LATELY])"),
        ("return had_time and ended", "return ended"),
        ("and found in LOST and before not in LOST", "and found in LOST"),
        ("fell == [True, False] and self.falls.of_junk()", "fell == [True, False]"),
    ),
    *mutants_of(
        _C + "trend.py",
        (_T + "test_arming.py", *_DETECTOR),
        (
            "len(since) >= _LUCKY and min(since) > min(before)",
            "min(since, default=0) > min(before)",
        ),
        ("return min(since) if in_vain", "return min(before) if in_vain"),
        ("median(slopes) > 0 and", "median(slopes) < 0 and"),
        ("return best > (1.0 - settings.never_gain) * least", "return best > least"),
        ("return coverage - base <= settings", "return base - coverage <= settings"),
        ("distance <= median(distances)", "distance > median(distances)"),
        ("or memory.fell_from is not None", ""),
        ("distances[-1] > _NOT_BETTER * min", "distances[-1] > _NOT_BETTER * max"),
    ),
    *mutants_of(
        _C + "detector.py",
        (*_DETECTOR, _T + "test_arming.py"),
        (
            "if second and again and (parts is None or again.score > parts.score):",
            "if second and again:",
        ),
        (
            "if before.state in LOST:\n            return self._recover",
            "if not before:\n            return self._recover",
        ),
        ("self.memory.disarmed())", "Memory())"),
        ('if counts["calm"] >= settings.recover_probes', 'if counts["calm"] >= 1'),
        ("lost = rubbish and diverse and not", "lost = rubbish and not"),
        ("lost = rubbish and diverse and not self._falls.of_junk()", "lost = rubbish and diverse"),
        ("return lasts and not self._falls.of_junk()", "return lasts"),
        (
            "memory.best_distance = distance if best is None else min(best, distance)",
            "memory.best_distance = distance",
        ),
    ),
    *mutants_of(
        _C + "candidates.py",
        (_T + "test_candidates.py",),
        (
            'health.onset is not None and row["images_seen"] >= health.onset:',
            'health.onset is not None and row["images_seen"] > health.onset:',
        ),
        (
            'if not found or row["images_seen"] > found[-1]',
            'if not found or row["images_seen"] < found[-1]',
        ),
        ("most - share <= _ERRORS * math.hypot(error, own)", "most - share <= 0"),
        ("most - share <= _ERRORS * math", "most - share <= math"),
        ("<= _ERRORS * math.hypot(*errors)", "<= _ERRORS * sum(errors)"),
        ("[: retention.top]\n    level", "\n    level"),
    ),
    *mutants_of(
        _C + "health.py",
        (
            "tests/callbacks/test_retention_health.py",
            "tests/callbacks/test_checkpoint_health.py",
            _T + "test_health_record.py",
        ),
        ("first = min(first, self.onset)", "first = self.onset"),
        ('frozen=verdict.state == "suspect",', "frozen=False,"),
        ("return probes[-1 - back] if", "return probes[-1] if"),
    ),
    *mutants_of(
        "callbacks/retention.py",
        ("tests/callbacks/test_retention_health.py",),
        ('if row["images_seen"] >= health.window}', 'if row["images_seen"] > health.window}'),
        ("if health is not None and health.frozen:", "if health is None:"),
        ("yield from unbeaten(alike, self)[: self.top]", "yield from unbeaten(alike, self)[:1]"),
    ),
)
