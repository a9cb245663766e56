"""Cost of the framework: a round under Lightning and our engine over a raw PyTorch loop.

``python -m benchmarks.engine [--device cuda] [--variant all]``. Both train the same networks on the
same data, in alternating stretches of rounds within one process and one training run; the framework
with the loggers of ``fit`` (run folder and W&B, offline), a flush of statistics in every stretch,
and the progress bar; EMA off in both. Time is CPU time of the process (on CUDA wall time between
synchronisations); the ratio is that of the smallest stretches, its median beside it. Memory is the
peak of resident (or device) memory of each side, in a process of its own. With ``--variant``
and ``--config`` see :mod:`benchmarks.engine_variants`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

import gan_modules
from callbacks.progress import GanProgressBar
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger
from callbacks.wandb_logging import GuardedWandbLogger
from experiments.cli import quiet_lightning
from experiments.errors import is_user_error, report
from gan_modules.base import AdversarialModule
from gan_modules.engine.game import Game
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.resnet import ResNetDiscriminator, ResNetGenerator
from gan_modules.objectives import Hinge, NonSaturating, Objective

LR, BETAS = 2e-4, (0.5, 0.999)


class Case:
    """One pair of networks with its objective."""

    def __init__(
        self, build: Callable[[], tuple[nn.Module, nn.Module]], objective: Objective, size: int
    ) -> None:
        self.build, self.objective, self.size = build, objective, size


CASES = {
    "dcgan32": Case(lambda: (DCGANGenerator(32), DCGANDiscriminator(32)), NonSaturating(), 32),
    "sn_resnet32": Case(
        lambda: (ResNetGenerator(32, width=64), ResNetDiscriminator(32, width=64)), Hinge(), 32
    ),
    "dcgan64": Case(lambda: (DCGANGenerator(64), DCGANDiscriminator(64)), NonSaturating(), 64),
}


def images(case: Case, batch: int) -> Tensor:
    """A few batches of noise: the networks do not care, and no loader is timed."""
    own = torch.Generator().manual_seed(0)
    return torch.rand(4, batch, 3, case.size, case.size, generator=own) * 2 - 1


def raw_loop(case: Case, batch: int, device: str, bf16: bool) -> Callable[[int], None]:
    """The loop that a careful researcher writes by hand; returns ``run(rounds)``."""
    generator, discriminator = (network.to(device) for network in case.build())
    latent_dim = int(generator.latent_dim)  # type: ignore[arg-type]
    of_g = torch.optim.Adam(generator.parameters(), LR, BETAS)
    of_d = torch.optim.Adam(discriminator.parameters(), LR, BETAS)
    data = images(case, batch).to(device)

    def run(rounds: int) -> None:
        for number in range(rounds):
            real = data[number % 4]
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                with torch.no_grad():
                    fake = generator(torch.randn(batch, latent_dim, device=device))
                loss = case.objective.discriminator_loss(discriminator(real), discriminator(fake))
            of_d.zero_grad()
            loss.backward()
            of_d.step()
            discriminator.requires_grad_(False)
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                fake = generator(torch.randn(batch, latent_dim, device=device))
                loss = case.objective.generator_loss(discriminator(fake))
            of_g.zero_grad()
            loss.backward()
            of_g.step()
            discriminator.requires_grad_(True)

    return run


class Rounds(torch.utils.data.Dataset[dict[str, Tensor]]):
    """Batches that are there already, in the place of a data set of ``length`` images."""

    def __init__(self, batches: Sequence[dict[str, Tensor]], length: int) -> None:
        self.batches, self.length = batches, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.batches[index % len(self.batches)]


class Stopwatch(pl.Callback):
    """Times the rounds alone, not the start of the trainer."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock, self.began, self.seconds = clock, 0.0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """First round."""
        self.began = self.clock()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the last."""
        self.seconds = self.clock() - self.began


class Alternation(pl.Callback):
    """After each stretch of rounds, the same number of rounds of the raw loop; both timed.

    Args:
        raw: runs that many rounds by hand.
        rounds: of a stretch.
        clock: seconds.
    """

    def __init__(self, raw: Callable[[int], None], rounds: int, clock: Callable[[], float]) -> None:
        self.raw, self.rounds, self.clock = raw, rounds, clock
        self.pairs: list[tuple[float, float]] = []
        self._count, self._began = 0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The first stretch begins."""
        self._began = self.clock()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any
    ) -> None:
        """Close a stretch of ours, run one of the raw loop, begin the next."""
        self._count += 1
        if self._count % self.rounds == 0:
            middle = self.clock()
            self.raw(self.rounds)
            end = self.clock()
            self.pairs.append((end - middle, middle - self._began))
            self._began = self.clock()


def framework(
    case: Case, options: argparse.Namespace, rounds: int, callbacks: list[pl.Callback]
) -> None:
    """Train the same game under the engine, with loggers and progress bar."""
    module = AdversarialModule(
        *case.build(),
        case.objective,
        generator_lr=LR,
        discriminator_lr=LR,
        betas=BETAS,
        compile=options.compile,
    )
    data = images(case, options.batch).to(options.device)
    under_lightning(module, [{"image": batch} for batch in data], options, rounds, callbacks)


def under_lightning(
    module: Game,
    batches: Sequence[dict[str, Tensor]],
    options: argparse.Namespace,
    rounds: int,
    callbacks: list[pl.Callback],
    length: int = 100_000,
) -> None:
    """Train some rounds with what ``fit`` has around them, but for evaluation and checkpoints.

    Args:
        module: any variant.
        batches: used in turn.
        options: device, precision, and rounds between two flushes of statistics.
        rounds: how many.
        callbacks: beside the progress bar.
        length: of the data set that the batches stand for; some modules ask for it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        RunFolder.create(path, name="bench", variant=type(module).__name__, data="noise")
        dashboard = GuardedWandbLogger(path, {}, "offline")
        _ = dashboard.experiment  # Its service starts now, not in a stretch that is timed.
        trainer = pl.Trainer(
            accelerator="gpu" if options.device == "cuda" else "cpu",
            devices=1,
            precision="bf16-mixed" if options.bf16 else "32-true",
            max_steps=-1,
            max_epochs=1,
            limit_train_batches=rounds,
            logger=[RunFolderLogger(path), dashboard],
            log_every_n_steps=options.rounds,
            callbacks=[*callbacks, GanProgressBar()],
            enable_checkpointing=False,
            enable_model_summary=False,
            default_root_dir=path,
        )
        trainer.fit(
            module,
            torch.utils.data.DataLoader(Rounds(batches, max(length, rounds)), batch_size=None),
        )


def clock_of(device: str) -> Callable[[], float]:
    """CPU time of this process; on CUDA wall time once the device is done."""
    if device == "cpu":
        return time.process_time

    def now() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return now


def time_case(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds a round of both, and their ratio, from alternating stretches."""
    case = CASES[name]
    raw = raw_loop(case, options.batch, options.device, options.bf16)
    alternation = Alternation(raw, options.rounds, clock_of(options.device))
    # The first stretch of each pays for allocations and the choice of kernels.
    framework(case, options, options.rounds * (options.repetitions + 1), [alternation])
    return compared(alternation, options)


def compared(alternation: Alternation, options: argparse.Namespace) -> dict[str, float]:
    """The figures of a run under an :class:`Alternation`, its first stretch left out."""
    pairs = [(a / options.rounds, b / options.rounds) for a, b in alternation.pairs[1:]]
    of_raw, of_ours = (min(times) for times in zip(*pairs, strict=True))
    ratios = sorted(ours / raw for raw, ours in pairs)
    return {
        "raw_ms": round(of_raw * 1e3, 3),
        "ours_ms": round(of_ours * 1e3, 3),
        "ratio": round(of_ours / of_raw, 4),
        "ratio_median": round(ratios[len(ratios) // 2], 4),
        "raw_images_per_s": round(options.batch / of_raw, 1),
        "ours_images_per_s": round(options.batch / of_ours, 1),
    }


def peaks(chosen: Sequence[str], options: argparse.Namespace) -> dict[str, float]:
    """Peak memory of both sides in MiB, each in a process of its own, and their ratio.

    Args:
        chosen: words that say what is trained: ``--case`` or ``--variant``.
        options: device, precision and batch.
    """
    raw, ours = (peak_mib(chosen, side, options) for side in ("raw", "ours"))
    return {
        "memory_ratio": round(ours / raw, 4),
        "raw_peak_mib": round(raw),
        "ours_peak_mib": round(ours),
    }


def peak_mib(chosen: Sequence[str], side: str, options: argparse.Namespace) -> float:
    """Peak memory of one side, in a process of its own."""
    words = [
        sys.executable,
        "-m",
        "benchmarks.engine",
        "--peak-of",
        side,
        *chosen,
        "--device",
        options.device,
        "--batch",
        str(options.batch),
        *(["--bf16"] if options.bf16 else []),
    ]
    output = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return float(output.splitlines()[-1])


def measure_peak(options: argparse.Namespace) -> float:
    """What a process that only trains reaches, in MiB."""
    if options.variant or options.config:
        from benchmarks.engine_variants import play

        play(options, 6)
    elif options.peak_of == "raw":
        case = CASES[options.case[0]]
        raw_loop(case, options.batch, options.device, options.bf16)(6)
    else:
        framework(CASES[options.case[0]], options, 6, [])
    if options.device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    # Not ru_maxrss: a child process begins with its parent's.
    status = Path("/proc/self/status").read_text()
    return float(status.split("VmHWM:")[1].split()[0]) / 1024


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of a benchmark that has ``--device``, refused where there is no such device."""
    options = parser.parse_args(argv)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda needs a GPU that torch sees, got none; see ganagerie doctor")
    return options


def variant_named(text: str) -> str:
    """A name of the catalogue, however it is written: ``text_cyclegan`` is TextCycleGAN."""
    plain = text.lower().replace("_", "").replace("-", "")
    names = {row.name.lower(): row.name for row in gan_modules.CATALOGUE}
    return names.get(plain, text)


def main() -> None:
    """Print a line a case, then all of it as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--case", nargs="+", choices=tuple(CASES), default=["dcgan32", "sn_resnet32"]
    )
    parser.add_argument(
        "--variant",
        nargs="+",
        type=variant_named,
        choices=("all", *(row.name for row in gan_modules.CATALOGUE)),
        default=[],
        metavar="VARIANT",
        help="names of ganagerie list, or all: see engine_variants",
    )
    parser.add_argument(
        "--config", nargs="+", type=Path, default=[], help="YAML files, as variants with --variant"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="settings of the variants' YAML to change, such as data.init_args.size=128",
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--repetitions", type=int, default=8)
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast in both")
    parser.add_argument("--compile", choices=("off", "G", "GD"), default="off")
    parser.add_argument("--memory", action="store_true", help="the peaks of variants as well")
    parser.add_argument("--peak-of", choices=("raw", "ours"), help=argparse.SUPPRESS)
    options = parse(parser)
    warnings.simplefilter("ignore")
    quiet_lightning()
    if options.device == "cpu":
        torch.set_num_threads(1)
    if options.peak_of:
        print(measure_peak(options))
        return
    results: dict[str, Any] = {
        "benchmark": "engine",
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu, 1 thread",
        "batch": options.batch,
        "bf16": options.bf16,
        "compile": options.compile,
    }
    if options.variant or options.config:
        from benchmarks.engine_variants import measure

        try:
            rows = measure(options)
        except Exception as error:  # A file or a setting of the user's is one line.
            sys.exit(report(error, debug=not is_user_error(error)))
        print(json.dumps({**results, "benchmark": "engine variants", **rows}))
        return
    for name in options.case:
        results[name] = row = time_case(name, options) | peaks(["--case", name], options)
        print(f"{name}: {row}", file=sys.stderr)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
