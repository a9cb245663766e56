"""What the probes of a default monitor cost, and that training does not notice them."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from benchmarks.collapse import tables
from callbacks.collapse.monitor import CollapseMonitor
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger
from datamodules.mnist import MNIST5k
from gan_modules import DCGAN
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator

#: Goal: most of the training time that probes may take.
LIMIT = 0.05
_ROUNDS, _SHORT_ROUNDS = 300, 60


class Watch(pl.Callback):
    """Wall time from the first round to the last."""

    def __init__(self) -> None:
        self.began, self.seconds = 0.0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """First round."""
        self.began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any
    ) -> None:
        """After each round, and after its probe."""
        self.seconds = time.perf_counter() - self.began


def train(width: int, rounds: int, monitor: CollapseMonitor | None) -> tuple[Watch, Any]:
    """A DCGAN at 32 px on MNIST-5k, from seed 0.

    Args:
        width: of both networks; the paper's is 64.
        rounds: training steps.
        monitor: None trains without.

    Returns:
        The watch and the module.
    """
    torch.manual_seed(0)
    data = MNIST5k(size=32, batch_size=64, seed=0)
    module = DCGAN(
        DCGANGenerator(32, channels=1, width=width), DCGANDiscriminator(32, channels=1, width=width)
    )
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        RunFolder.create(path, name="bench", variant="DCGAN", data="mnist5k-32")
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            max_steps=rounds,
            logger=RunFolderLogger(path),
            # The monitor comes first, so that the watch sees what it took.
            callbacks=[*([monitor] if monitor else []), watch],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            default_root_dir=path,
        )
        trainer.fit(module, datamodule=data)
    return watch, module


def cost(rounds: int = _ROUNDS) -> tuple[dict[str, Any], str]:
    """Measure both.

    Args:
        rounds: of the timed run, at the paper's width.

    Returns:
        Plain data with ``passed``, and a table.
    """
    torch.set_num_threads(1)
    monitor = CollapseMonitor()
    watch, _ = train(64, rounds, monitor)
    detector = monitor.detector
    probes = detector.probes if detector else 0
    share = monitor.pace.seconds / watch.seconds
    eager = CollapseMonitor(every_n_images=64 * 5, max_share=None)
    _, watched = train(16, _SHORT_ROUNDS, eager)
    _, alone = train(16, _SHORT_ROUNDS, None)
    same = identical(watched.state_dict(), alone.state_dict())
    looked = eager.detector.probes if eager.detector else 0
    rows = [
        ("rounds of DCGAN-32, batch 64", str(rounds)),
        ("a round", f"{1e3 * (watch.seconds - monitor.pace.seconds) / rounds:.0f} ms"),
        ("probes", f"{probes}, one every {monitor.pace.interval:,} images or more"),
        ("a probe", f"{monitor.pace.seconds / max(1, probes):.2f} s"),
        ("share of the training time", f"{share:.1%} (goal: at most {LIMIT:.0%})"),
        (
            f"weights after {_SHORT_ROUNDS} rounds with {looked} probes and without",
            "the same bits" if same else "DIFFERENT",
        ),
    ]
    result = {
        "share": share,
        "probes": probes,
        "interval": monitor.pace.interval,
        "identical": same,
        "passed": same and share <= LIMIT and probes > 0 and looked > 0,
    }
    return result, tables.table(("what", "measured"), rows)


def identical(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    """Whether two states are the same, bit by bit."""
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)
