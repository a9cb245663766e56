"""Bytes that leave a rank per round, divided by the bytes of the acting players' parameters.

``python -m benchmarks.ddp``: two gloo processes, WGAN-GP on DCGAN-32 networks without BatchNorm,
one and five D steps a G step, under ``gan_ddp`` and under Lightning's own
``ddp_find_unused_parameters_true``. Every collective is counted where it is launched: for our
strategy by wrapping ``torch.distributed.all_reduce``, for DistributedDataParallel by a
communication hook, which sees its gradient buckets.
"""

# No postponed annotations here: DistributedDataParallel checks those of a communication hook.
import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from benchmarks.ranks import run_two
from experiments.cli import quiet_lightning
from gan_modules import WGANGP
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator

STRATEGIES = ("gan_ddp", "ddp_find_unused_parameters_true")


class Counter(pl.Callback):
    """Counts the bytes of gradients that one rank hands to a reduction."""

    def __init__(self) -> None:
        self.bytes, self.began, self.seconds = 0, 0.0, 0.0
        self._reduce = dist.all_reduce

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Watch the way that the strategy takes."""
        model = trainer.strategy.model
        if isinstance(model, DistributedDataParallel):
            model.register_comm_hook(None, self._bucket)
        else:
            dist.all_reduce = self._counted
        self.began = time.perf_counter()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop watching."""
        self.seconds = time.perf_counter() - self.began
        dist.all_reduce = self._reduce

    def _counted(self, tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        self.bytes += tensor.numel() * tensor.element_size()
        return self._reduce(tensor, *args, **kwargs)

    def _bucket(self, state: Any, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
        tensor = bucket.buffer()
        self.bytes += tensor.numel() * tensor.element_size()
        tensor.div_(dist.get_world_size())
        work = self._reduce(tensor, async_op=True)
        future: torch.futures.Future[Tensor] = work.get_future().then(lambda f: f.value()[0])
        return future


def case(strategy: str, discriminator_steps: int, rounds: int, batch: int) -> dict[str, float]:
    """One short training on this rank."""
    torch.manual_seed(0)
    module = WGANGP(
        DCGANGenerator(32, normalization="none"),
        DCGANDiscriminator(32, normalization="none"),
        discriminator_steps=discriminator_steps,
    )
    counter = Counter()
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=2,
        strategy=strategy,
        max_epochs=1,
        logger=False,
        callbacks=[counter],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        log_every_n_steps=10**6,
    )
    data = [{"image": torch.rand(batch, 3, 32, 32) * 2 - 1}] * rounds
    loader: Any = torch.utils.data.DataLoader(data, batch_size=None)  # type: ignore[arg-type]
    trainer.fit(module, loader)
    sizes = {
        name: sum(p.numel() * p.element_size() for p in network.parameters())
        for name, network in (("d", module.discriminator), ("g", module.generator))
    }
    acting = module.steps["discriminator"] * sizes["d"] + module.steps["generator"] * sizes["g"]
    # What is not gradients: the statistics, a few doubles at the very end.
    return {
        "ratio": counter.bytes / acting,
        "mb_per_round": counter.bytes / rounds / 1e6,
        "ms_per_round": counter.seconds / rounds * 1e3,
    }


def work(out: Path, options: argparse.Namespace) -> None:
    """One rank: every case, rank 0 writes."""
    warnings.simplefilter("ignore")
    quiet_lightning()
    torch.set_num_threads(1)
    seen = {
        f"{strategy}/n{steps}": case(strategy, steps, options.rounds, options.batch)
        for steps in (1, 5)
        for strategy in STRATEGIES
    }
    if dist.get_rank() == 0:
        out.write_text(json.dumps(seen))
    dist.destroy_process_group()


def main() -> None:
    """Start two ranks on loopback and print what rank 0 counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options)
        return
    with TemporaryDirectory() as folder:
        out = Path(folder) / "seen.json"
        sizes = ["--rounds", options.rounds, "--batch", options.batch]
        run_two(["-m", "benchmarks.ddp", "--work", out, *sizes])
        seen = json.loads(out.read_text())
    rounded = {name: {k: round(v, 4) for k, v in row.items()} for name, row in seen.items()}
    for name, row in rounded.items():
        print(f"{name}: {row}", file=sys.stderr)
    ratios = {strategy: rounded[f"{strategy}/n1"]["ratio"] for strategy in STRATEGIES}
    print(json.dumps({"benchmark": "ddp", "ratio": ratios, "cases": rounded}))


if __name__ == "__main__":
    main()
