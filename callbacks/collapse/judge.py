"""From one look at a generator to a verdict and a line in the records; every rank takes part."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import pytorch_lightning as pl

from callbacks.collapse import pictures
from callbacks.collapse.actions import say_trouble
from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.discriminator import discriminator_auc, largest_singular_values
from callbacks.collapse.leading import LeadingSigns
from callbacks.collapse.logbook import note_probe, note_verdict
from callbacks.collapse.looking import decided, look
from callbacks.collapse.probes import Prober, ProbeSignals
from callbacks.collapse.records import Verdict
from callbacks.run_folder import RunFolder

_STRIDE = 1_000_003
_SECOND = 7_777_777


class Judge:
    """Rank 0 decides with the detector; all ranks draw, and all of them get the verdict.

    Args:
        prober: of the kind of generator.
        detector: whose memory it is.
        signs: what never alarms.
        seed: of the samples.

    Attributes:
        told: what the user has been warned of already.
    """

    def __init__(
        self, prober: Prober, detector: CollapseDetector, signs: LeadingSigns, seed: int
    ) -> None:
        self.prober, self.detector, self.signs, self.seed = prober, detector, signs, seed
        self.told: set[str] = set()

    def probe(self, trainer: pl.Trainer, module: Any, share: float) -> Verdict:
        """Draw, twice where the first draw is extreme, and judge.

        Args:
            trainer: of the run.
            module: the game.
            share: of the time so far that probes have taken.

        Raises:
            BlindError: some rank failed; on all ranks.
        """
        began, detector = time.perf_counter(), self.detector
        module.sync_buffers()
        number = int(trainer.strategy.broadcast(detector.probes))
        seed = self.seed * _STRIDE + number
        first = look(trainer, module, self.prober, number, seed) or {}
        again = decided(trainer, lambda: detector.wants_second_look(first))
        second = look(trainer, module, self.prober, number, seed + _SECOND) if again else None

        def judge() -> Verdict:
            moment = int(module.images_seen)
            warnings = self._warnings(module)
            verdict = detector.update(moment, first, second=second)
            seconds = time.perf_counter() - began
            self._note(trainer, module, first, second, warnings, seconds, share)
            pictures.keep(RunFolder.of(trainer), self.prober, moment)
            for line in (*warnings, *verdict.findings):
                say_trouble(trainer, line, self.told)
            return verdict

        return cast(Verdict, decided(trainer, judge))

    def non_finite(self, trainer: pl.Trainer, module: Any, why: str, share: float) -> Verdict:
        """A loss or gradient was not finite: nothing has to be drawn to know what that is.

        Raises:
            BlindError: rank 0 failed; on all ranks.
        """
        return cast(Verdict, decided(trainer, lambda: self.alone(trainer, module, why, share)))

    def alone(self, trainer: pl.Trainer, module: Any, why: str, share: float) -> Verdict:
        """The same, on rank 0 only."""
        verdict = self.detector.update(int(module.images_seen), {}, finite=False)
        self._note(trainer, module, {}, None, [why], 0.0, share, finite=False)
        return verdict

    def evaluation(
        self, trainer: pl.Trainer, module: Any, scores: Mapping[str, float | None]
    ) -> Verdict | None:
        """What the scores of an evaluation change; None where they change nothing.

        Raises:
            BlindError: rank 0 failed; on all ranks.
        """

        def judge() -> Verdict | None:
            for line in self.signs.spectra(largest_singular_values(module)):
                say_trouble(trainer, line, self.told)
            new = self.detector.evaluated(int(module.images_seen), scores)
            if new is not None:
                note_verdict(trainer, self.detector, int(module.images_seen))
            return new

        return cast("Verdict | None", decided(trainer, judge))

    def _warnings(self, module: Any) -> list[str]:
        values = {
            name.removeprefix("train/"): value
            for name, value in module.last_statistics.items()
            if name.endswith("/grad_norm")
        }
        auc = discriminator_auc(module, self.prober)
        if auc is not None:
            values["discriminator_auc"] = auc
        return self.signs.update(values, self.prober.samples)

    def _note(
        self,
        trainer: pl.Trainer,
        module: Any,
        signals: ProbeSignals,
        second: ProbeSignals | None,
        warnings: list[str],
        seconds: float,
        share: float,
        finite: bool = True,
    ) -> None:
        note_probe(
            trainer,
            module,
            self.detector,
            self.prober,
            signals=signals,
            second=second,
            finite=finite,
            warnings=warnings,
            seconds=seconds,
            share=share,
            seed=self.seed,
        )
