"""One run: train a set-up under the library's engine, draw samples, count."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from benchmarks.modes import points, stacked
from benchmarks.modes.setups import Setup, Size
from experiments.cli import quiet_lightning
from gan_modules.engine.latent_game import LatentGame
from gan_modules.engine.referee import NonFiniteError

#: By data set: its variants.
VARIANTS = {"ring": points.VARIANTS, "grid": points.VARIANTS, "stacked-mnist": stacked.VARIANTS}
_CHUNK = 500


@dataclass(frozen=True)
class Task:
    """What a run is known by.

    Attributes:
        data: ring, grid or stacked-mnist.
        variant: a row of the table.
        seed: of weights, latents and order.
        size: of networks and budget.
        steps: generator steps; None takes those of the set-up.
    """

    data: str
    variant: str
    seed: int
    size: Size = "reduced"
    steps: int | None = None

    def setup(self) -> Setup:
        """Its set-up."""
        return VARIANTS[self.data][self.variant](self.data, self.size)

    def key(self) -> dict[str, Any]:
        """What a result must agree in to be this task's: settings that changed make it anew."""
        setup = self.setup()
        steps = self.steps or setup.steps
        settings = "; ".join((setup.name, f"batch {setup.batch}", *setup.changes))
        return {**asdict(self), "steps": steps, "settings": settings}


class _Clock(pl.Callback):
    """CPU seconds of the rounds alone: what one core needs, also if it is shared."""

    began = seconds = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """First round."""
        self.began = time.process_time()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the last."""
        self.seconds = time.process_time() - self.began


def play(task: Task) -> dict[str, Any]:
    """Train, draw and count.

    Returns:
        The task's key, its counts, CPU seconds of training, and whether it diverged.
    """
    quiet_lightning()
    setup, steps = task.setup(), task.key()["steps"]
    torch.manual_seed(task.seed)
    game = setup.build(steps)
    assert isinstance(game, LatentGame)
    # The same arithmetic in one kernel: a third of a step of small networks.
    game.optimizer = _fused_adam(game.betas)  # type: ignore[method-assign]
    data, clock = setup.data(setup.batch, task.seed), _Clock()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=steps,
        max_epochs=-1,
        logger=False,
        callbacks=[clock],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        # Collected statistics are thrown away; rarely, since nobody reads them.
        log_every_n_steps=500,
        use_distributed_sampler=False,
    )
    try:
        trainer.fit(game, datamodule=data)
        diverged = False
    except NonFiniteError:
        diverged = True
    counts = setup.count(drawn(game, setup.samples, task.seed), data)
    return {**task.key(), **counts, "cpu_s": round(clock.seconds, 2), "diverged": diverged}


def _fused_adam(betas: tuple[float, float]) -> Callable[..., Optimizer]:
    return lambda parameters, lr: Adam(parameters, lr, betas, fused=True)


def drawn(game: LatentGame, count: int, seed: int) -> Tensor:
    """``count`` samples in eval mode, by a generator of their own."""
    own = torch.Generator().manual_seed(seed)
    sizes = [min(_CHUNK, count - start) for start in range(0, count, _CHUNK)]
    return torch.cat([game.sample(size, generator=own) for size in sizes])
