import logging
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from callbacks.checkpoint_io import AtomicCheckpointIO
from callbacks.rng import KEY, RngState, capture, reseed, restore
from tests.helpers_callbacks import ToyGan

CPU = torch.device("cpu")


def draws() -> list[float]:
    """Numbers from every global generator, normals first because they keep a spare one."""
    return [
        random.gauss(0, 1),
        float(np.random.randn()),
        torch.randn(1).item(),
        random.random(),
        float(np.random.rand()),
        torch.rand(1).item(),
    ]


class Strategy:
    root_device = CPU


class Trainer:
    """As much of a trainer as the callback asks for."""

    strategy = Strategy()
    is_global_zero = True

    def __init__(self, world_size: int = 1, global_rank: int = 0) -> None:
        self.world_size, self.global_rank = world_size, global_rank


def resume(checkpoint: dict[str, Any], trainer: Trainer, images_seen: int = 0) -> None:
    callback: Any = RngState(seed=7)
    module = ToyGan()
    module.images_seen = images_seen
    callback.on_load_checkpoint(trainer, module, checkpoint)
    callback.on_train_start(trainer, module)


def begin(trainer: Trainer) -> None:
    callback: Any = RngState(seed=7)
    # To build a module would draw from the generators.
    callback.on_train_start(trainer, None)


def test_ranks_of_a_new_run_differ_although_the_trainer_seeds_them_alike() -> None:
    drawn = []
    for rank in (0, 1, 2):
        reseed(7, 0, 0)
        begin(Trainer(3, rank))
        drawn.append(draws())
    assert all(a != b for a, b in zip(drawn[0] + drawn[1], drawn[1] + drawn[2], strict=True))
    reseed(7, 0, 0)
    assert draws() == drawn[0], "the first rank is that of a run of one process"


def test_states_survive_a_checkpoint_file_without_pickled_code(tmp_path: Path) -> None:
    draws()
    checkpoint: dict[str, Any] = {"state_dict": {}}
    callback: Any = RngState()
    callback.on_save_checkpoint(Trainer(), ToyGan(), checkpoint)
    expected = draws()
    AtomicCheckpointIO().save_checkpoint(checkpoint, tmp_path / "a.ckpt")
    reseed(1, 2, 3)
    assert draws() != expected
    resume(AtomicCheckpointIO().load_checkpoint(tmp_path / "a.ckpt"), Trainer())
    assert draws() == expected


def test_each_rank_takes_its_own_state() -> None:
    states, expected = [], []
    for rank in range(2):
        reseed(0, rank, 0)
        states.append(capture(CPU))
        expected.append(draws())
    assert expected[0] != expected[1]
    for rank in range(2):
        resume({KEY: states}, Trainer(world_size=2, global_rank=rank))
        assert draws() == expected[rank]


def test_other_number_of_ranks_reseeds_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = {KEY: [capture(CPU)]}
    seen = {}
    for rank, images_seen in ((0, 100), (1, 100), (0, 200)):
        with caplog.at_level(logging.WARNING):
            resume(checkpoint, Trainer(world_size=2, global_rank=rank), images_seen)
        seen[rank, images_seen] = draws()
    assert "random states for 1 ranks and this run has 2; drawing anew from seed 7" in caplog.text
    assert len({tuple(value) for value in seen.values()}) == 3
    resume(checkpoint, Trainer(world_size=2, global_rank=1), 100)
    assert draws() == seen[1, 100]


def test_checkpoint_without_states_reseeds(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        resume({}, Trainer())
    assert "random states for 0 ranks" in caplog.text


def test_fresh_run_keeps_its_states() -> None:
    module, state = ToyGan(), capture(CPU)
    expected = draws()
    restore(state, CPU)
    callback: Any = RngState()
    callback.on_train_start(Trainer(), module)
    assert draws() == expected


def test_seeds_of_rank_and_moment_do_not_collide() -> None:
    firsts = set()
    for seed, rank, images_seen in ((0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1), (0, 0, 3)):
        reseed(seed, rank, images_seen)
        firsts.add(tuple(draws()))
    assert len(firsts) == 5
