"""A training run through the real trainer, with the generator written down at every probe."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.collapse.games import Spoil, build, data_of
from benchmarks.collapse.plan import KINDS, Run, spoiling, steps_of
from callbacks.metrics.cache import cache_path, read_arrays, write_arrays
from experiments.cli import quiet_lightning
from gan_modules.engine.referee import NonFiniteError

_FORMAT = 2


def state_vector(network: nn.Module) -> NDArray[np.float32]:
    """All floating point weights and buffers of a network, one after another."""
    parts = [v.detach().flatten() for v in network.state_dict().values() if v.is_floating_point()]
    return torch.cat(parts).float().cpu().numpy()


def load_vector(network: nn.Module, vector: Tensor) -> None:
    """Inverse of :func:`state_vector`."""
    state, start = network.state_dict(), 0
    for value in state.values():
        if value.is_floating_point():
            value.copy_(vector[start : start + value.numel()].view_as(value))
            start += value.numel()


class Recorder(pl.Callback):
    """Writes down G, its average and the discriminator's statistics every few generator steps.

    Args:
        every: generator steps between two probes.
        heavy: probes between two evaluations, which use the averaged generator.
        all_averages: keep the averaged generator of every probe, and not of evaluations alone.
    """

    def __init__(self, every: int, heavy: int, all_averages: bool) -> None:
        self.every, self.heavy, self.all_averages = every, heavy, all_averages
        self.states: list[NDArray[np.float32]] = []
        self.averages: list[NDArray[np.float32]] = []
        self.average_probes: list[int] = []
        self.rows: list[dict[str, float]] = []
        self._last = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Let Adam move all weights in one kernel: networks as small are mostly overhead."""
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group["fused"] = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Probe when the next multiple of ``every`` is reached."""
        step = pl_module.steps["generator"]
        if step // self.every == self._last // self.every:
            return
        self._last = step
        probe = len(self.states)
        self.states.append(state_vector(pl_module.generator))
        if self.all_averages or probe % self.heavy == self.heavy - 1:
            self.averages.append(state_vector(average_of(pl_module)))
            self.average_probes.append(probe)
        pl_module.flush_statistics()
        known = pl_module.last_statistics
        losses = [
            value
            for name, value in known.items()
            if name.startswith("train/discriminator/")
            and name.rsplit("/", 1)[1] in ("adversarial", "a", "b")
        ]
        self.rows.append(
            {
                "images_seen": pl_module.images_seen,
                "steps": step,
                "d_loss": sum(losses),
                "d_real": known.get("train/discriminator/real_score", math.nan),
                "d_fake": known.get("train/discriminator/fake_score", math.nan),
            }
        )


def average_of(module: Any) -> nn.Module:
    """The averaged generator, or the generator where none is kept."""
    average: nn.Module | None = getattr(module, "generator_ema", None)
    generator: nn.Module = module.generator
    return generator if average is None else average


def recording_key(run: Run) -> dict[str, Any]:
    """All that decides about a recording, as JSON gives it back."""
    key = {
        "run": run.name,
        "seed": run.training_seed,
        "kind": asdict(KINDS[run.kind]),
        "recipe": asdict(run.recipe),
        "spoiling": asdict(found) if (found := spoiling(run)) else None,
        "steps": steps_of(run),
        "data": data_of(run.kind).fingerprint(),
        "recording": _FORMAT,
    }
    plain: dict[str, Any] = json.loads(json.dumps(key))
    return plain


def recorded(run: Run, folder: Path) -> dict[str, NDArray[Any]]:
    """The recording of a run, from the cache or by training it.

    Args:
        run: what to train.
        folder: of the cache.

    Returns:
        ``states`` and ``averages`` of the generator, ``(probes, weights)``, ``average_probes``, the
        statistics by probe, and ``broken``: whether training ended by a value that was not finite.
    """
    key = recording_key(run)
    path = cache_path("collapse-run", {"run": run.name, "key": str(key)}, folder)
    path = path.with_name(f"run-{run.name}-{path.stem[-16:]}.npz")
    arrays = read_arrays(path, key)
    if arrays is None:
        arrays = _train(run)
        write_arrays(path, key, arrays)
    return arrays


def _train(run: Run) -> dict[str, NDArray[Any]]:
    warnings.simplefilter("ignore")
    quiet_lightning()
    torch.set_num_threads(1)
    module, data = build(run)
    kind, turn = KINDS[run.kind], spoiling(run)
    averaged = run.ending == "healthy" and run.family == "r1"
    recorder = Recorder(kind.every, kind.heavy, averaged)
    trainer = pl.Trainer(
        max_steps=steps_of(run),
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        log_every_n_steps=10**9,
        callbacks=[recorder, *([Spoil(turn)] if turn else [])],
    )
    broken = False
    try:
        trainer.fit(module, datamodule=data)
    except NonFiniteError:
        broken = True
    columns = {name: np.array([row[name] for row in recorder.rows]) for name in _columns()}
    return {
        "states": np.stack(recorder.states),
        "averages": np.stack(recorder.averages),
        "average_probes": np.array(recorder.average_probes),
        "broken": np.array(broken),
        **columns,
    }


def _columns() -> tuple[str, ...]:
    return ("images_seen", "steps", "d_loss", "d_real", "d_fake")
