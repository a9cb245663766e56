"""Run by the fixture ``two_ranks`` in two gloo processes at once: everything that needs two.

Starting two interpreters with Lightning costs more than all cases together, so they start once.
Each rank writes what it saw to ``<out>/rank<k>.pt``.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from pytorch_lightning import Trainer

import gan_modules.base  # noqa: F401  (registers the strategy)
from callbacks.evaluation import Evaluation
from gan_modules.language.values import ValueBaseline
from tests import two_ranks_callbacks, two_ranks_collapse, two_ranks_reduction
from tests.small.sizes import WIDTH, WORDS
from tests.small_variants import SmallImages, build, kind_of, loader, names, sgd

ROUNDS = 10
LOCAL_BATCH = 4
QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
    "log_every_n_steps": 5,
}


def with_values() -> dict[str, Any]:
    """A baseline that is learned, the same weights at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(6)
        return {"baseline": ValueBaseline(WORDS, WIDTH, WIDTH)}


def equal_case(name: str, rank: int, world: int, **options: Any) -> dict[str, Any]:
    """Ten rounds of a BN-free float64 module under SGD; the weights after them."""
    torch.manual_seed(11)
    module = build(name, ema_half_life_images=40.0, **options).double()
    module.optimizer = sgd()
    strategy = "gan_ddp" if world > 1 else "auto"
    trainer = Trainer(
        max_epochs=1, limit_train_batches=ROUNDS, devices=world, strategy=strategy, **QUIET
    )
    batch = LOCAL_BATCH * 2 // world
    trainer.fit(module, loader(batch, rank, world, torch.float64, kind_of(name)))
    return {
        "weights": {k: v.clone() for k, v in module.state_dict().items()},
        "statistics": {k: v for k, v in module.last_statistics.items() if k.startswith("train")},
        "axes": module.axes(),
    }


def bytes_case(rank: int, strategy: str) -> dict[str, Any]:
    """Bytes that one round reduces over ranks, counted where they leave."""
    module = build("WGANGP", discriminator_steps=1)
    counted = {"bytes": 0}
    reduce = dist.all_reduce

    def counting(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        counted["bytes"] += tensor.numel() * tensor.element_size()
        return reduce(tensor, *args, **kwargs)

    trainer = Trainer(
        max_steps=3, devices=2, strategy=strategy, **{**QUIET, "log_every_n_steps": 99}
    )
    dist.all_reduce = counting
    try:
        trainer.fit(module, loader(LOCAL_BATCH, rank, 2))
    finally:
        dist.all_reduce = reduce
    size = sum(p.numel() * p.element_size() for p in module.parameters())
    own = getattr(trainer.strategy, "bytes_reduced", None)
    return {"ratio": counted["bytes"] / 3 / size, "own": own and own / 3 / size}


def buffers_case(rank: int) -> dict[str, Any]:
    """BatchNorm's statistics of each rank before and after they are made equal."""
    module = build("GAN", normalization="batch")
    trainer = Trainer(max_steps=3, devices=2, strategy="gan_ddp", **QUIET)
    trainer.fit(module, loader(LOCAL_BATCH, rank, 2))
    before = {k: v.clone() for k, v in module.named_buffers()}
    module.trainer = trainer
    module.sync_buffers()
    return {"before": before, "after": {k: v.clone() for k, v in module.named_buffers()}}


def non_finite_case(rank: int) -> dict[str, Any]:
    """A NaN in the data of rank 1 alone stops both ranks, in the same step, unharmed."""
    module = build("GAN")
    bad = loader(LOCAL_BATCH, rank, 2)
    if rank == 1:
        bad.dataset.images[[i for i, _ in list(bad.sampler)[LOCAL_BATCH : 2 * LOCAL_BATCH]]] = (
            float("nan")
        )
        bad.sampler.set_epoch(0)
    trainer = Trainer(max_steps=5, devices=2, strategy="gan_ddp", **QUIET)
    try:
        trainer.fit(module, bad)
        message = ""
    except RuntimeError as error:
        message = f"{type(error).__name__}: {error}"
    finite = all(bool(p.isfinite().all()) for p in module.parameters())
    return {"message": message, "finite": finite, "rounds": module.rounds}


def scores_case(folder: Path, world: int) -> dict[str, float | None]:
    """The scores of an untrained generator; two ranks do not divide the number of samples."""
    os.environ["GANAGERIE_CACHE"] = str(folder / f"cache{world}")
    module = build("GAN")
    evaluation = Evaluation(every_n_images=None, samples=101, space="rand_vgg")
    strategy = "gan_ddp" if world > 1 else "auto"
    trainer = Trainer(
        max_steps=1,
        devices=world,
        strategy=strategy,
        default_root_dir=folder / f"world{world}",
        callbacks=[evaluation],
        **QUIET,
    )
    module.generator_lr = module.discriminator_lr = 0.0
    trainer.fit(module, datamodule=SmallImages(batch_size=4))
    return dict(evaluation.last_scores)


def main(out: Path) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    first = Trainer(max_steps=1, devices=2, strategy="gan_ddp", **QUIET)
    first.strategy.setup_environment()
    rank = first.global_rank
    seen: dict[str, Any] = {f"equal/{name}": equal_case(name, rank, 2) for name in names()}
    seen["equal/clipped"] = equal_case(
        "WGANGP", rank, 2, generator_clip_norm=0.05, discriminator_clip_norm=0.05
    )
    seen["equal/values"] = equal_case("SeqGAN", rank, 2, **with_values())
    seen["bytes/gan_ddp"] = bytes_case(rank, "gan_ddp")
    seen["buffers"] = buffers_case(rank)
    seen["non_finite"] = non_finite_case(rank)
    seen["scores"] = scores_case(out / "scores", 2)
    seen["reduction"] = two_ranks_reduction.cases(rank, 2)
    torch.save(seen, out / f"rank{rank}.pt")
    of_callbacks = out / "callbacks"
    of_callbacks.mkdir(exist_ok=True)
    torch.save(two_ranks_callbacks.cases(of_callbacks, rank), of_callbacks / f"rank{rank}.pt")
    of_collapse = out / "collapse"
    of_collapse.mkdir(exist_ok=True)
    torch.save(two_ranks_collapse.cases(of_collapse), of_collapse / f"rank{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
