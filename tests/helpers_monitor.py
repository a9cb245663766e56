"""A ring that is learned in a second and collapses on command, with all callbacks around it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from callbacks.checkpointing import Checkpointing
from callbacks.collapse.drill import CollapseDrill
from callbacks.collapse.monitor import CollapseMonitor
from callbacks.collapse.settings import DetectorSettings
from callbacks.evaluation import Evaluation
from callbacks.rng import RngState
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger
from datamodules.toy import Ring
from gan_modules import GAN
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.regularizers import R1

BATCH = 64
EVERY = 1_280
DRILL_AT = 12_800
STEPS = 340


def ring_game(**options: Any) -> GAN:
    """The same weights at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = (
            MLPGenerator(latent_dim=8, out_shape=[2], hidden=48, layers=2),
            MLPDiscriminator(in_shape=[2], hidden=48, layers=2),
        )
        settings: dict[str, Any] = {
            "generator_lr": 2e-3,
            "discriminator_lr": 2e-3,
            "betas": (0.0, 0.99),
            "regularizers": [R1(0.05)],
        }
        return GAN(*networks, **{**settings, **options})


def ring_data(batch: int = BATCH) -> Ring:
    return Ring(length=20_000, std=0.08, batch_size=batch, seed=0)


def monitor(**options: Any) -> CollapseMonitor:
    # Two hundred steps leave most points between the modes; here that is good enough to be lost.
    young = DetectorSettings(least_quality=0.01)
    every: dict[str, Any] = {"every_n_images": EVERY, "max_share": None, "thresholds": young}
    return CollapseMonitor(**{**every, **options})


def watch(
    folder: Path,
    watching: CollapseMonitor | None,
    more: Sequence[Callback] = (),
    *,
    drill: int | None = DRILL_AT,
    steps: int = STEPS,
    game: GAN | None = None,
    ckpt_path: Path | None = None,
    world: int = 1,
    evaluate: int | None = 3_840,
    **options: Any,
) -> tuple[pl.Trainer, GAN]:
    """Train the ring with everything that a run has around it."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    run = RunFolder(folder)
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    if rank == 0 and not run.record_path.exists():
        RunFolder.create(folder, name="ring", variant="GAN", data="Ring")
    game = game or ring_game()
    torch.manual_seed(1)
    callbacks: list[Callback] = [
        *([CollapseDrill(drill)] if drill else []),
        Evaluation(evaluate, samples=200, max_share=None),
        *([watching] if watching else []),
        Checkpointing(None),
        RngState(),
        *more,
    ]
    trainer = pl.Trainer(
        max_steps=steps,
        accelerator="cpu",
        devices=world,
        strategy="gan_ddp" if world > 1 else "auto",
        logger=RunFolderLogger(folder),
        callbacks=callbacks,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        **options,
    )
    trainer.fit(game, datamodule=ring_data(BATCH // world), ckpt_path=ckpt_path)
    return trainer, game


def states_of(folder: Path) -> list[tuple[int, str]]:
    """(images_seen, state) of every probe in the folder."""
    rows = RunFolder(folder).read_probes()
    return [(row["images_seen"], row["verdict"]["state"]) for row in rows]
