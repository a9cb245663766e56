"""The random states of all ranks travel in the checkpoint, so that a resumed run is the same run.

Lightning stores none, and only rank 0 writes the file. The states are therefore gathered while the
checkpoint is put together, which happens on every rank, and given back after the loaders have made
their iterators and before the first batch is fetched.
"""

import logging
import random
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from gan_modules.engine.reduction import gathered

KEY = "random_states"

log = logging.getLogger(__name__)


class RngState(Callback):
    """Save the random states of torch, CUDA, NumPy and Python per rank, and restore them.

    Args:
        seed: a new run's ranks but the first draw from (seed, rank), since the trainer has seeded
            them all alike. With another number of ranks than the checkpoint has states for, each
            draws anew from (seed, rank, images_seen): the run goes on, but is not bit-equal any
            more.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._restored: list[dict[str, Any]] | None = None
        self._resumed = False

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Gather the states of all ranks into the checkpoint; every rank takes part."""
        checkpoint[KEY] = gathered(capture(trainer.strategy.root_device))

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Remember the states until training starts."""
        self._restored = checkpoint.get(KEY)
        self._resumed = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the states back, or reseed where there are none for this rank."""
        states, resumed = self._restored, self._resumed
        self._restored, self._resumed = None, False
        if not resumed:
            if trainer.global_rank:
                reseed(self.seed, trainer.global_rank, images_seen=0)
            return
        if states is not None and len(states) == trainer.world_size:
            restore(states[trainer.global_rank], trainer.strategy.root_device)
            return
        images_seen = int(getattr(pl_module, "images_seen", 0))
        reseed(self.seed, trainer.global_rank, images_seen)
        if trainer.is_global_zero:
            log.warning(
                "RngState: the checkpoint has random states for %d ranks and this run has %d; "
                "drawing anew from seed %d, so the run is not bit-equal to the one it goes on from",
                len(states or ()),
                trainer.world_size,
                self.seed,
            )


def capture(device: torch.device) -> dict[str, Any]:
    """Read the random states of this process.

    Args:
        device: the rank's device; its generator is read when it is a GPU.

    Returns:
        Tensors and plain data only, so that a checkpoint with them loads with ``weights_only``.
    """
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "python": [version, list(words), gauss],
        "numpy": [str(name), np.asarray(keys).tolist(), int(position), int(has_gauss), cached],
    }


def restore(state: dict[str, Any], device: torch.device) -> None:
    """Put back what :func:`capture` read.

    Args:
        state: of this rank.
        device: the rank's device; its generator is left alone when the state was taken on a CPU.
    """
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))


def reseed(seed: int, rank: int, images_seen: int) -> None:
    """Seed all generators of this process from three numbers.

    Args:
        seed: of the run, 0 or more.
        rank: of this process, so that ranks differ.
        images_seen: so that a run that goes on does not repeat its first draws.
    """
    words = np.random.SeedSequence([seed, rank, images_seen]).generate_state(3)
    torch.manual_seed(int(words[0]))
    np.random.seed(int(words[1]))
    random.seed(int(words[2]))
