"""Run by ``tests/callbacks/test_two_ranks_callbacks.py`` in two gloo processes at once.

Each rank writes what it saw to ``<out>/rank<k>.pt``; the run folders lie in ``<out>`` too.
"""

import os
import shutil
import signal
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback
from torch import Tensor

import gan_modules.base  # noqa: F401  (registers the strategy)
from callbacks.checkpointing import Checkpointing
from callbacks.collapse.prober_choice import prober_for
from callbacks.memorization_probe import MemorizationProbe, MemorizationSettings
from callbacks.metrics.scoring import ScoreSettings
from callbacks.metrics.spaces import choose_space
from callbacks.preemption import Preemption
from callbacks.rng import RngState, reseed
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger
from callbacks.sample_grid import SampleGrid
from callbacks.subjects import subject_for
from datamodules.loading import RankedSampler, ResumableLoader
from tests.callbacks.metrics.helpers_memorization import BlobData, Replay, Small, fresh
from tests.helpers_callbacks import BATCH, LENGTH, Points, ToyGan, make_trainer
from tests.helpers_checkpoints import StandIn
from tests.helpers_sentences import Corpus, Speaker, language, one_of


class Usage(NamedTuple):
    free: int


class Recorder(ToyGan):
    """Draws from the global generator of its rank in each batch, and remembers what it drew."""

    def __init__(self, image_shape: tuple[int, ...] = (2,)) -> None:
        super().__init__(image_shape)
        self.drawn: list[tuple[int, float]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        super().training_step(batch, batch_idx)
        self.drawn.append((self.images_seen, torch.rand(1).item()))


class On(Callback):
    """Does something on one rank at one moment."""

    def __init__(self, rank: int, images_seen: int, act: Any) -> None:
        self.rank, self.images_seen, self.act = rank, images_seen, act

    def on_train_batch_end(self, trainer: Any, module: Any, *args: Any) -> None:
        if trainer.global_rank == self.rank and module.images_seen == self.images_seen:
            self.act()


def fit(
    folder: Path, rank: int, *callbacks: Callback, ckpt_path: Any = None, **options: Any
) -> Any:
    reseed(0, rank, 0)
    module = Recorder(options.pop("image_shape", (2,)))
    options = {"max_steps": 8, "logger": RunFolderLogger(folder), **options}
    trainer = make_trainer(
        folder,
        callbacks,
        strategy="gan_ddp",
        use_distributed_sampler=False,
        **{**options, "devices": 2},
    )
    sampler = RankedSampler(LENGTH, BATCH, rank, 2, seed=3)
    trainer.fit(module, ResumableLoader(Points(), sampler), ckpt_path=ckpt_path)
    return module


def rng_case(out: Path, rank: int) -> dict[str, Any]:
    """What each rank draws in a whole run, and in one that goes on from its middle."""
    folder = out / "rng"
    whole = fit(folder, rank, RngState(), Checkpointing(every_n_images=32))
    run = RunFolder(folder)
    middle = run.file_of(run.resolve("images=32"))
    dist.barrier()
    if rank == 0:
        run.rewind(32)
    dist.barrier()
    rest = fit(folder, rank, RngState(), Checkpointing(None), ckpt_path=middle)
    return {"whole": whole.drawn, "rest": rest.drawn}


def preemption_case(out: Path, rank: int, target: int) -> dict[str, Any]:
    """SIGTERM to one rank only."""
    preemption = Preemption()
    kill = On(target, 16, lambda: os.kill(os.getpid(), signal.SIGTERM))
    folder = out / f"preempt{target}"
    module = fit(folder, rank, kill, preemption, Checkpointing(None), max_steps=40)
    return {"images_seen": module.images_seen, "preempted": preemption.preempted}


def disk_case(out: Path, rank: int) -> str:
    """The disk of rank 0 fills up."""
    usage = shutil.disk_usage
    fill = On(0, 16, lambda: setattr(shutil, "disk_usage", lambda folder: Usage(free=5)))
    try:
        fit(out / "disk", rank, fill, Checkpointing(every_n_images=8))
    except ValueError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        shutil.disk_usage = usage
    return ""


def poison_case(out: Path, rank: int) -> str:
    """The weights of rank 1 are not finite."""
    model: list[Any] = []

    class Keep(Callback):
        def on_train_start(self, trainer: Any, module: Any) -> None:
            model.append(module)

    def poison() -> None:
        model[0].discriminator.weight.data.fill_(float("inf"))

    try:
        fit(out / "poison", rank, Keep(), On(1, 16, poison), Checkpointing(every_n_images=8))
    except ValueError as error:
        return str(error)
    return ""


def grid_case(out: Path, rank: int) -> None:
    """The first picture of two ranks."""
    torch.manual_seed(0)
    fit(out / "grid", rank, SampleGrid(None), Checkpointing(None), image_shape=(1, 4, 4))


def watched_case(out: Path, rank: int) -> list[dict[str, Any]]:
    """A monitor that sees a collapse at 48 images, dated back to 32; what each rank is given."""
    monitor = StandIn(8, {"40": "suspect", "48": "collapsed"}, onset=32)
    fit(out / "watched", rank, monitor, Checkpointing(None, keep_last=1))
    return [health.to_dict() for health in monitor.given]


def memorization_case() -> dict[str, Any]:
    """Verdict and pairs on samples that are shared out; half of them are mirrored copies."""
    data = BlobData(train=300, held_out=201)
    images = torch.cat([data.reference("train").images[:100].flip(-1), fresh(100)])
    probe = MemorizationProbe(data, Small(), settings=MemorizationSettings(301))
    finding = probe.judge(Replay(images))
    return {
        "verdict": finding.verdict.to_dict(),
        "images": [pairs.images for pairs in finding.pairs],
        "matches": [pairs.matches for pairs in finding.pairs],
        "changes": [pairs.changes for pairs in finding.pairs],
    }


def sentences_case(cache: Path) -> dict[str, Any]:
    """Scores and signals of sentences that are shared out."""
    os.environ["GANAGERIE_CACHE"] = str(cache)
    data: Any = Corpus()
    speaker = Speaker(one_of(language(400, seed=5)))
    space = choose_space(data)
    subject = subject_for(speaker, data, space, 75, "train", ScoreSettings())
    prober = prober_for(speaker, data, space, 33)
    banks = {name: part.finish() for name, part in prober.describe(speaker, 0, 1).items()}
    return {
        "scores": subject.scores(speaker, 0),
        "floor": dict(subject.floor),
        "signals": prober.signals(banks, 1)["all"],
    }


def cases(out: Path, rank: int) -> dict[str, Any]:
    """All cases, in a process group that is there already."""
    grid_case(out, rank)
    return {
        "rng": rng_case(out, rank),
        "preempt0": preemption_case(out, rank, 0),
        "preempt1": preemption_case(out, rank, 1),
        "disk": disk_case(out, rank),
        "poison": poison_case(out, rank),
        "memorization": memorization_case(),
        "sentences": sentences_case(out / "cache"),
        "watched": watched_case(out, rank),
    }
