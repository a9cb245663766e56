"""Run by ``test_two_processes.py``: what one of two ranks, or one alone, makes of one data set."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

from callbacks.metrics.bank import BankBuilder
from callbacks.metrics.distributed import gather_by_index, on_rank_zero, shard
from callbacks.metrics.frechet import Moments
from callbacks.metrics.rand_vgg import RandVGGSpace
from callbacks.metrics.real_statistics import real_statistics
from callbacks.metrics.scoring import score_bank
from tests.callbacks.metrics.helpers_data import StripeData

TOTAL = 81


def fail() -> None:
    raise ValueError("only rank 0 saw this")


def work() -> dict:
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    torch.manual_seed(rank)
    data, space = StripeData(), RandVGGSpace()
    real = real_statistics(data, space, n_fake=TOTAL)
    builder = BankBuilder(space, TOTAL)
    images = data.reference("held_out").images
    for part in images[list(builder.indices)].split(10):
        builder.add(part)
    bank = builder.finish()
    own = bank.features[list(builder.indices)]
    shares = [Moments.of(own)]
    if world > 1:
        shares = [Moments.of(bank.features[list(shard(TOTAL, r, world))]) for r in range(world)]
    moments = Moments.empty(64)
    for share in shares:
        moments = moments.merge(share)
    failure = ""
    try:
        on_rank_zero(fail)
    except ValueError as error:
        failure = str(error)
    numbers = torch.arange(5)[list(shard(5))]
    return {
        "scores": score_bank(real, bank),
        "floor": real.floor,
        "features": bank.features,
        "n": moments.n,
        "mean": moments.mean,
        "covariance": moments.covariance(),
        "real": real.moments.scatter,
        "failure": failure,
        "agreed": on_rank_zero(lambda: f"from {rank}"),
        "gathered": gather_by_index(numbers, 5),
        "added": len(own),
        "random": torch.rand(3),
    }


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world
        )
    torch.save(work(), folder / f"{world}-{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
