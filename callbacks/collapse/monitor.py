"""The collapse monitor: probes a generator while it trains, and acts when it is lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal, cast

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from callbacks.collapse.actions import Action, announce, say_trouble, show_curve
from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.health import Health
from callbacks.collapse.judge import Judge
from callbacks.collapse.keeper import HealthKeeper
from callbacks.collapse.leading import LeadingSigns
from callbacks.collapse.logbook import note_event
from callbacks.collapse.looking import BlindError
from callbacks.collapse.pace import Pace, planned_images
from callbacks.collapse.prober_choice import prober_for
from callbacks.collapse.probes import Prober, TooFewRealsError
from callbacks.collapse.records import Verdict
from callbacks.collapse.replaying import replay
from callbacks.collapse.rollback import Rollback
from callbacks.collapse.settings import DetectorSettings
from callbacks.collapse.stages import generator_plays, shocks
from callbacks.metrics.spaces import choose_space
from callbacks.offers import draws, translates
from callbacks.preemption import preempted
from callbacks.run_folder import RunFolder
from gan_modules.engine.referee import NonFiniteError

#: Failures in a row after which a run without eyes is stopped.
_MOST_ERRORS = 3


class CollapseMonitor(Callback):
    """Notices a collapse within two probes of its onset, and keeps the generator from before it.

    A probe draws a few hundred samples from the trained weights (not from their average), passes
    them through a frozen network, and holds them against real ones. The detector turns that into a
    state; every probe is a line of ``evaluations.jsonl``, from which ``ganagerie health RUN
    --replay`` gives the same states again. Training is bit-identical with and without it.

    Args:
        every_n_images: real images between two probes; None takes a hundredth of the planned run,
            and at least 50 generator steps.
        samples: generated samples of a probe; None takes 256 on a CPU and 512 on a GPU.
        space: feature space: auto, identity, rand_vgg, efflite0, cls, ppmi64.
        max_share: most of the training time that probes may take; the interval stretches itself,
            but a run has at least ten. None probes at every line of the grid.
        watch: false switches it off.
        on_collapse: alert tells; stop ends the run; rollback goes back to the best checkpoint
            before the onset with changed settings and goes on. A partial collapse only ever alerts.
        on_diverged: the same for weights, losses or samples that are not finite, or rubbish.
        max_rollbacks: rollbacks after which the run is stopped instead.
        thresholds: of the detector.
        seed: of the samples.

    Attributes:
        verdict: of the last probe, the same on all ranks.
        pace: when probes are due, and what they cost.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        every_n_images: int | None = None,
        samples: int | None = None,
        space: str = "auto",
        max_share: float | None = 0.02,
        watch: bool = True,
        on_collapse: Literal["alert", "stop", "rollback"] = "alert",
        on_diverged: Literal["alert", "stop", "rollback"] = "stop",
        max_rollbacks: int = 2,
        thresholds: DetectorSettings | None = None,
        seed: int = 0,
    ) -> None:
        for name, value, least in (
            ("every_n_images", every_n_images, 1),
            ("samples", samples, 16),
            ("max_rollbacks", max_rollbacks, 0),
            ("seed", seed, 0),
        ):
            if value is not None and value < least:
                raise ValueError(
                    f"CollapseMonitor: {name} must be at least {least}, got {value}; leave it out "
                    "for its default"
                )
        if max_share is not None and not 0 < max_share <= 1:
            raise ValueError(
                f"CollapseMonitor: max_share must lie in (0, 1], got {max_share}; null sets no "
                "limit"
            )
        self.pace = Pace(every_n_images, max_share)
        self.samples, self.space_name = samples, space
        self.watch, self.on_collapse, self.on_diverged = watch, on_collapse, on_diverged
        self.thresholds = thresholds or DetectorSettings()
        self.seed = seed
        self.verdict = Verdict("warmup")
        self.keeper = HealthKeeper(self.thresholds.onset_back)
        self.detector: CollapseDetector | None = None
        self.judge: Judge | None = None
        self.signs = LeadingSigns()
        self.rollback = Rollback(max_rollbacks)
        self._prober: Prober | None = None
        self._restored: dict[str, Any] | None = None
        self._probed: int | None = None
        self._errors = 0
        self._given_up = False
        self._excuse = ""
        self._alarm: Verdict | None = None
        self._stage: tuple[str, ...] = ()
        self._non_finite: NonFiniteError | None = None

    replay = staticmethod(replay)

    @property
    def health(self) -> Health | None:
        """Of the run, as the checkpoint index has it."""
        return self.keeper.health

    # -- before training ---------------------------------------------------------------------------

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Choose the feature space and describe the real samples before training starts.

        Raises:
            ValueError: the space does not suit the data.
        """
        if stage != "fit" or not self.watch or self._prober is not None:
            return
        if not (draws(pl_module) or translates(pl_module)):
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        device = trainer.strategy.root_device
        space = choose_space(data, None, self.space_name).to(device)
        samples = self.samples or (256 if device.type == "cpu" else 512)
        try:
            self._prober = prober_for(pl_module, data, space, samples)
        except TooFewRealsError as error:
            # It is on by default, and must not keep anyone from training on a handful of images.
            self._excuse = f"{error}; this run is not watched"

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Take the place on the grid; go on with the states of the checkpoint, if there is one."""
        if self._prober is None:
            return
        self._stage = shocks(pl_module)
        self.pace.start(pl_module.images_seen, *planned_images(trainer, pl_module))
        detector = CollapseDetector(self._prober.band, self.thresholds, self.pace.plan)
        self.detector = detector
        self.judge = Judge(self._prober, detector, self.signs, self.seed)
        if self._restored is not None:
            self._load(self._restored)
        self._probed = None
        if self.on_diverged == "rollback":
            pl_module.non_finite_handler = lambda error: self._survive(trainer, error)
        self.rollback.resume(trainer, pl_module)
        if trainer.is_global_zero and not RunFolder.of(trainer).read_monitor():
            note_event(trainer, self.detector, "begin", pl_module.images_seen, "the monitor begins")

    # -- while training ----------------------------------------------------------------------------

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Probe when it is due."""
        if self._excuse:
            # Not before: whatever else is wrong with the run is said in one line of its own.
            say_trouble(trainer, self._excuse, set())
            self._excuse = ""
        if self._prober is None:
            return
        stage = shocks(pl_module)
        # A rollback may also lead back behind a shock; it begins a segment of its own.
        if len(stage) > len(self._stage):
            self.rebaseline(trainer, pl_module, f"stage {stage[-1]} begins")
        self._stage = stage
        due = self.pace.due(pl_module.images_seen, trainer.strategy)
        if (due and generator_plays(pl_module)) or self._non_finite is not None:
            self.probe(trainer, pl_module)
        # Not before: the evaluation of this moment is still of the generator that was judged.
        if self._alarm is not None:
            self._act(trainer, pl_module)

    def before_evaluation(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """A checkpoint with scores also has a state of its very moment."""
        if self._prober is not None and generator_plays(pl_module):
            self.probe(trainer, pl_module)

    def after_evaluation(
        self, trainer: pl.Trainer, pl_module: Any, scores: Mapping[str, float | None]
    ) -> None:
        """Heavy evaluations upgrade or confirm a suspicion, and see a divergence."""
        if self.judge is None:
            return
        self.keeper.evaluated(trainer)
        try:
            new = self.judge.evaluation(trainer, pl_module, scores)
        except BlindError as error:
            self._fail(trainer, int(pl_module.images_seen), error)
            return
        if new is not None:
            self._follow(trainer, pl_module, new)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Judge the trained generator, unless a signal asks to leave quickly."""
        if self._prober is not None and not preempted(trainer):
            self.probe(trainer, pl_module)
            if self._alarm is not None:
                alarm, self._alarm = self._alarm, None
                announce(trainer, alarm, int(pl_module.images_seen), "end", self.rollback.done)
            elif any(isinstance(x, WandbLogger | TensorBoardLogger) for x in trainer.loggers):
                # The run folder draws its own in the report.
                show_curve(trainer, int(pl_module.images_seen))

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        """A run that ends in NaN ends as diverged, in its folder too."""
        if self.judge is None or not isinstance(exception, NonFiniteError):
            return
        if trainer.is_global_zero:
            # Alone: where the other ranks are now, nobody knows.
            moment = int(pl_module.images_seen)
            verdict = self.judge.alone(trainer, pl_module, str(exception), self.pace.share)
            self.keeper.follow_alone(trainer, verdict, moment)
            announce(trainer, verdict, moment, "fail", self.rollback.done)

    def probe(self, trainer: pl.Trainer, pl_module: Any) -> Verdict:
        """Judge the generator of this moment, once. Every rank calls it.

        Returns:
            The verdict, the same on all ranks; the last one where no new one could be had.
        """
        moment = int(pl_module.images_seen)
        if self._probed == moment and self._non_finite is None:
            return self.verdict
        assert self.judge is not None
        began, share = time.perf_counter(), self.pace.share
        self._probed = moment
        try:
            if self._non_finite is None:
                verdict = self.judge.probe(trainer, pl_module, share)
            else:
                why = str(self._non_finite)
                verdict = self.judge.non_finite(trainer, pl_module, why, share)
        except BlindError as error:
            self._fail(trainer, moment, error)
            return self.verdict
        finally:
            self.pace.took(time.perf_counter() - began)
        self._errors = 0
        self._follow(trainer, pl_module, verdict)
        return verdict

    def _fail(self, trainer: pl.Trainer, moment: int, error: BlindError) -> None:
        """A monitor that cannot see neither stops nor hangs a run; one that stays blind does."""
        self._errors += 1
        note = " ".join(str(error).split())[:300]
        if trainer.is_global_zero and self.detector is not None:
            note_event(trainer, self.detector, "evaluation_error", moment, note)
        say_trouble(trainer, f"a probe failed ({note})", set())
        if self._errors >= _MOST_ERRORS:
            trainer.should_stop = True
            say_trouble(trainer, f"{_MOST_ERRORS} probes in a row failed; stopping", set())

    # -- what follows ------------------------------------------------------------------------------

    def _follow(self, trainer: pl.Trainer, module: Any, verdict: Verdict) -> None:
        """On all ranks: the health of the run, a checkpoint where there is none, and the action."""
        moment = int(module.images_seen)
        self.verdict = verdict
        self.keeper.follow(trainer, verdict, moment)
        if verdict.alarm:
            self._alarm = verdict
        elif verdict.state == "never_learned" and not self._given_up:
            self._given_up = True
            announce(trainer, verdict, moment, "alert", self.rollback.done)

    def _act(self, trainer: pl.Trainer, module: Any) -> None:
        """On all ranks, after everything else of this batch."""
        verdict, self._alarm = cast(Verdict, self._alarm), None
        action, target = self._action(verdict), None
        if action == "rollback":
            target = self.rollback.target(trainer)
            action = action if target else "stop"
        announce(trainer, verdict, int(module.images_seen), action, self.rollback.done)
        if action == "stop":
            trainer.should_stop = True
        elif target:
            self._roll_back(trainer, module, target)

    def _action(self, verdict: Verdict) -> Action:
        if verdict.severity == "partial":
            return "alert"
        return self.on_diverged if verdict.state == "diverged" else self.on_collapse

    def _roll_back(self, trainer: pl.Trainer, module: Any, target: str) -> None:
        assert self.detector is not None
        left = int(module.images_seen)
        state, changes = self.rollback.go_back(trainer, module, target)
        # The counts of rollbacks and of branches do not go back: they tell them apart.
        kept = {
            "rollback": self.rollback.state_dict(),
            "keeper": {**state[self.state_key]["keeper"], "health": self._plain_health()},
        }
        self._load({**state[self.state_key], **kept})
        self._non_finite, self._probed = None, int(module.images_seen)
        self.keeper.begin_segment(trainer, self.verdict.state, self._probed)
        if trainer.is_global_zero:
            note = f"rollback {self.rollback.done} from {left:,} images"
            note_event(
                trainer, self.detector, "rollback", self._probed, note, left=left, changes=changes
            )

    def _plain_health(self) -> dict[str, Any] | None:
        return self.health.to_dict() if self.health else None

    def _survive(self, trainer: pl.Trainer, error: NonFiniteError) -> bool:
        """Take a NaN for a verdict, as long as there is something to go back to."""
        if self.rollback.target(trainer) is None:
            return False
        self._non_finite = error
        return True

    # -- planned shocks and state ------------------------------------------------------------------

    def rebaseline(self, trainer: pl.Trainer, pl_module: Any, reason: str) -> None:
        """Begin anew after a planned shock, such as a new resolution. Every rank calls it.

        Args:
            trainer: of the run.
            pl_module: the game.
            reason: stands in the records.
        """
        if self.detector is None:
            return
        self._prober = None
        self.setup(trainer, pl_module, "fit")
        assert self._prober is not None and self.judge is not None
        self.judge.prober = self._prober
        self.detector.rebaseline(reason, self._prober.band)
        self.keeper.begin_segment(trainer, "warmup", int(pl_module.images_seen))
        if trainer.is_global_zero:
            note_event(trainer, self.detector, "rebaseline", int(pl_module.images_seen), reason)

    def checkpoint_state(self) -> dict[str, Any] | None:
        """What a row of the checkpoint index says about the generator of its moment."""
        if self.detector is None:
            return None
        return {
            "state": self.verdict.state,
            "probe": self.detector.probes - 1,
            "score": self.verdict.score,
            "armed": self.verdict.peak is not None,
        }

    def state_dict(self) -> dict[str, Any]:
        """History, counts and sums: a run that goes on is judged as one that never stopped."""
        if self.detector is None:
            return {}
        return {
            "detector": self.detector.state_dict(),
            "keeper": self.keeper.state_dict(),
            "signs": self.signs.state_dict(),
            "rollback": self.rollback.state_dict(),
            "errors": self._errors,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`; put back once the detector is there."""
        self._restored = state_dict or None

    def _load(self, state: dict[str, Any]) -> None:
        assert self.detector is not None
        if not state:
            return
        self.detector.load_state_dict(state["detector"])
        self.verdict = self.detector.verdict
        self.keeper.load_state_dict(state["keeper"])
        self.signs.load_state_dict(state["signs"])
        self._errors = state["errors"]
        self.rollback.load_state_dict(state["rollback"])
