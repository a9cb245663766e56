"""A fire drill: make a healthy run collapse on purpose, to see what the monitor does about it."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from callbacks.collapse.changes import players_of
from callbacks.run_folder import RunFolder


class CollapseDrill(Callback):
    """From a moment on, the generator learns far too fast and its opponents far too slowly.

    That is what turns most healthy games into a collapse within a few probes. It is played once: a
    run that goes back to before the moment, by a rollback or as a fork, is spared.

    Args:
        at_images: images_seen at which it begins.
        generator_factor: on the rate of the primary player.
        opponent_factor: on the rates of all others.
        drop_regularizers: take the penalties of the discriminator away as well.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        at_images: int,
        generator_factor: float = 20.0,
        opponent_factor: float = 0.05,
        drop_regularizers: bool = True,
    ) -> None:
        factors = {"generator_factor": generator_factor, "opponent_factor": opponent_factor}
        for name, value in {"at_images": at_images, **factors}.items():
            if not value > 0:
                raise ValueError(
                    f"CollapseDrill: {name} must be above 0, got {value}; leave it out"
                )
        self.at_images = at_images
        self.generator_factor, self.opponent_factor = generator_factor, opponent_factor
        self.drop_regularizers = drop_regularizers
        self.stage = "waiting"
        self._dropped: list[Any] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Regularizers are no state: a run that is resumed in the middle loses them again."""
        run = RunFolder.of(trainer)
        if self.stage == "waiting" and run.record_path.exists() and run.read_run()["parent"]:
            self.stage = "over"
        if self.stage == "on":
            self._drop(pl_module)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Begin when it is time, once in the life of a run; end where the run has gone back."""
        early = pl_module.images_seen < self.at_images
        if self.stage == "on" and early:
            self.stage = "over"
            if self._dropped:
                pl_module.regularizers, self._dropped = self._dropped, []
        if self.stage != "waiting" or early:
            return
        self.stage = "on"
        for name, player in players_of(pl_module).items():
            primary = name == pl_module.primary_player
            factor = self.generator_factor if primary else self.opponent_factor
            for group in player.optimizer.param_groups:
                group["lr"] *= factor
        self._drop(pl_module)

    def _drop(self, module: Any) -> None:
        if self.drop_regularizers and hasattr(module, "regularizers"):
            module.regularizers, self._dropped = [], module.regularizers

    def state_dict(self) -> dict[str, Any]:
        """Whether it waits, is on, or is over."""
        return {"stage": self.stage}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self.stage = state_dict["stage"]
