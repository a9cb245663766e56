"""What a default evaluation costs, as a share of the training time between two of them.

``python -m benchmarks.evaluation [--device cuda]``: a default DCGAN-32 on MNIST-5k and on OpenMoji,
with the default :class:`callbacks.evaluation.Evaluation` (2,000 samples every 50,000 images, the
feature space that ``auto`` chooses). Rounds and evaluations are timed in one process by CPU time
(wall time on CUDA); the share is evaluation / (rounds of 50,000 images).
"""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from benchmarks.engine import Stopwatch, clock_of, parse
from callbacks.evaluation import Evaluation
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger
from datamodules.base import DataModule
from datamodules.mnist import MNIST5k
from datamodules.openmoji import OpenMoji
from experiments.cli import quiet_lightning
from gan_modules import DCGAN
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator

CASES: dict[str, tuple[type[DataModule], int]] = {
    "mnist5k": (MNIST5k, 1),
    "openmoji": (OpenMoji, 3),
}


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds a round, seconds an evaluation, and the share at the default interval."""
    kind, channels = CASES[name]
    data = kind(size=32, batch_size=options.batch)
    module = DCGAN(DCGANGenerator(32, channels=channels), DCGANDiscriminator(32, channels=channels))
    clock = clock_of(options.device)
    evaluation, watch = Evaluation(), Stopwatch(clock)
    times: list[float] = []
    evaluate = evaluation.evaluate

    def timed(trainer: pl.Trainer, pl_module: Any) -> Any:
        began = clock()
        result = evaluate(trainer, pl_module)
        times.append(clock() - began)
        return result

    evaluation.evaluate = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        RunFolder.create(path, name="bench", variant="DCGAN", data=name)
        trainer = pl.Trainer(
            accelerator="gpu" if options.device == "cuda" else "cpu",
            devices=1,
            max_steps=options.rounds,
            logger=RunFolderLogger(path),
            callbacks=[watch, evaluation],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            default_root_dir=path,
        )
        trainer.fit(module, datamodule=data)
        for _ in range(2):
            evaluation.evaluate(trainer, module)
    round_seconds = watch.seconds / options.rounds
    interval = (evaluation.every_n_images or 0) / options.batch
    cost = min(times)
    return {
        "space": evaluation.space_id,
        "samples": evaluation.samples,
        "round_ms": round(round_seconds * 1e3, 1),
        "evaluation_s": round(cost, 3),
        "share": round(cost / (interval * round_seconds), 4),
        "limit": evaluation.max_share,
    }


def main() -> None:
    """Print a line a data set, then all of it as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=20)
    options = parse(parser)
    warnings.simplefilter("ignore")
    quiet_lightning()
    if options.device == "cpu":
        torch.set_num_threads(1)
    rows = {}
    for name in CASES:
        rows[name] = measure(name, options)
        print(f"{name}: {rows[name]}", file=sys.stderr)
    largest = max(row["share"] for row in rows.values())
    print(json.dumps({"benchmark": "evaluation", "share": largest, "cases": rows}))


if __name__ == "__main__":
    main()
