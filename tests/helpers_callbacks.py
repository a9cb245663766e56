"""A GAN of a dozen weights that draws from every global generator, and a trainer around it."""

import io
import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import Callback, Checkpoint
from torch import Tensor, nn
from torch.utils.data import Dataset

from callbacks.checkpoint_index import CheckpointEntry
from callbacks.run_folder import EvaluationRow, RunFolder
from datamodules.loading import RankedSampler, ResumableLoader

BATCH, LENGTH = 4, 24
BATCHES = LENGTH // BATCH


class Points(Dataset[dict[str, Tensor]]):
    """Real points ``(2,)``, jittered by the global generator of the process that loads them."""

    def __len__(self) -> int:
        return LENGTH

    def __getitem__(self, item: tuple[int, int] | int) -> dict[str, Tensor]:
        index = item[0] if isinstance(item, tuple) else item
        angle = torch.tensor(float(index))
        return {"image": torch.stack([angle.cos(), angle.sin()])}


class Data(pl.LightningDataModule):
    """Batches of 4 of 24 points, in an order that resumes."""

    def train_dataloader(self) -> ResumableLoader:
        return ResumableLoader(Points(), RankedSampler(LENGTH, BATCH, seed=3))

    def reference(self, split: str) -> Points:
        return Points()


class ToyGan(pl.LightningModule):
    """Linear networks; one D and one G step a round; only G steps count as global steps.

    Args:
        image_shape: of a sample; the batches are always points, which the images are scaled by.
    """

    def __init__(self, image_shape: tuple[int, ...] = (2,)) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.latent_dim = 3
        self.image_shape = image_shape
        self.generator = nn.Sequential(
            nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.2), nn.Linear(2, 2)
        )
        self.discriminator = nn.Linear(2, 1)
        self.images_seen = self.rounds = 0
        self.steps = {"discriminator": 0, "generator": 0}
        self.last_statistics: dict[str, float] = {}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        players = (self.discriminator, self.generator)
        return [torch.optim.Adam(player.parameters(), lr=0.01) for player in players]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        optimizers: Any = self.optimizers()
        discriminator, generator = optimizers
        real = batch["image"] + random.gauss(0, 0.01) + np.random.randn() * 0.01
        fake = self.generator(torch.randn(len(real), 3))
        discriminator.zero_grad()
        loss = self.discriminator(fake.detach()).mean() - self.discriminator(real).mean()
        self.manual_backward(loss)
        self.trainer.strategy.optimizer_step(discriminator.optimizer, lambda: None)
        generator.zero_grad()
        self.manual_backward(-self.discriminator(fake).mean())
        generator.step()
        self.images_seen += len(real) * self.trainer.world_size
        self.rounds += 1
        self.steps = {name: count + 1 for name, count in self.steps.items()}
        for logger in self.loggers:
            axes = {"images_seen": self.images_seen, "generator_steps": self.steps["generator"]}
            logger.log_metrics({**axes, "train/discriminator/adversarial": loss.item()})

    def draw_latents(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        return torch.randn(n, 3, generator=generator)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        points = self.generator(z)
        if self.image_shape == (2,):
            return points
        return points.mean(dim=1).tanh().view(-1, 1, 1, 1).expand(-1, *self.image_shape)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["toy"] = [self.images_seen, self.rounds, dict(self.steps)]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.images_seen, self.rounds, self.steps = checkpoint["toy"]


def make_trainer(folder: Path, callbacks: Sequence[Callback] = (), **options: Any) -> pl.Trainer:
    """A quiet trainer on the CPU that works in ``folder``."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    defaults: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "max_epochs": -1,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "enable_checkpointing": any(isinstance(part, Checkpoint) for part in callbacks),
        "log_every_n_steps": 1,
        "num_sanity_val_steps": 0,
    }
    return pl.Trainer(**{**defaults, **options}, callbacks=list(callbacks), default_root_dir=folder)


def parameters(module: nn.Module) -> dict[str, Tensor]:
    """All weights and buffers, copied."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def read_image(file: Path) -> Any:
    """An image that keeps no file open."""
    return Image.open(io.BytesIO(file.read_bytes()))


def add_file(
    run: RunFolder,
    images_seen: int,
    score: float | None = None,
    content: bytes = b"weights",
    **changes: Any,
) -> CheckpointEntry:
    """Put a file that stands for a checkpoint into a run folder, and enter it in the index."""
    run.repair()
    file = run.checkpoint_path(images_seen, images_seen // 10)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    entry = entry_of(run, images_seen, score, **changes)
    run.add_checkpoint(entry)
    return entry


def entry_of(
    run: RunFolder, images_seen: int, score: float | None = None, **changes: Any
) -> CheckpointEntry:
    """An index row for a file that is there."""
    entry: Any = {
        "images_seen": images_seen,
        "generator_step": images_seen // 10,
        "round": images_seen // 10,
        "epoch": 0,
        "reasons": ["evaluation" if score is not None else "interval"],
        "scores": None if score is None else {"fd_rand@2k": score},
        "protocol": None if score is None else {"samples": 2000},
        "state": None,
        **run.describe(run.checkpoint_path(images_seen, images_seen // 10)),
    }
    entry.update(changes)
    return entry


def evaluation(images_seen: int, score: float = 1.0) -> EvaluationRow:
    """A row of evaluations.jsonl."""
    return {
        "images_seen": images_seen,
        "generator_steps": images_seen // 10,
        "discriminator_steps": images_seen // 10,
        "round": images_seen // 10,
        "seconds": 1.0,
        "scores": {"fd_rand@2k": score},
        "floor": {"fd_rand@2k": 0.5},
        "protocol": {"samples": 2000},
        "generator": "raw",
        "seed": 0,
    }
