from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, RandomSampler

from datamodules.loading import RankedSampler, ResumableLoader


class Rows(Dataset[dict[str, Tensor]]):
    def __getitem__(self, item: tuple[int, int]) -> dict[str, Tensor]:
        return {"row": torch.tensor(item)}


class BatchedRows(Rows):
    def __getitems__(self, items: list[tuple[int, int]]) -> dict[str, Tensor]:
        return {"row": torch.tensor(items)}


def batches(loader: ResumableLoader) -> list[list[list[int]]]:
    return [batch["row"].tolist() for batch in loader]


def loader(workers: int = 0, rows: Any = None, **sampler: Any) -> ResumableLoader:
    given = {"length": 26, "batch_size": 4, "seed": 3, **sampler}
    return ResumableLoader(rows or Rows(), RankedSampler(**given), num_workers=workers)


def test_epoch_shows_every_sample_once_but_for_the_last_incomplete_batch() -> None:
    rows = list(RankedSampler(26, 4, seed=1))
    assert len(rows) == len({index for index, _ in rows}) == 24
    assert {epoch for _, epoch in rows} == {0}
    kept = list(RankedSampler(26, 4, seed=1, drop_last=False))
    assert sorted(index for index, _ in kept) == list(range(26)) and kept[:24] == rows


def test_order_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = RankedSampler(26, 4, seed=seed)
        sampler.set_epoch(epoch)
        return [index for index, _ in sampler]

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


@pytest.mark.parametrize("world_size", [1, 2, 3, 6])
def test_ranks_together_see_what_one_process_sees_in_the_same_order(world_size: int) -> None:
    one = batches(loader(batch_size=12, length=80))
    ranks = [
        batches(loader(batch_size=12 // world_size, rank=rank, world_size=world_size, length=80))
        for rank in range(world_size)
    ]
    joined = [[row for part in parts for row in part] for parts in zip(*ranks, strict=True)]
    assert joined == one and len(one) == 6


@pytest.mark.parametrize("workers", [0, 2])
def test_epochs_follow_each_other_and_workers_change_nothing(workers: int) -> None:
    subject, reference = loader(workers), loader()
    for epoch in range(3):
        seen = batches(subject)
        assert seen == batches(reference) and len(seen) == len(subject) == 6
        assert all(row[1] == epoch for batch in seen for row in batch)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [0, 1, 5, 6, 7, 12])
def test_resumed_loader_goes_on_with_the_next_batch(workers: int, stop: int) -> None:
    whole = loader()
    expected = batches(whole) + batches(whole) + batches(whole)
    interrupted, seen = loader(workers), 0
    state = interrupted.state_dict()
    while seen < stop:
        for _ in interrupted:
            seen += 1
            state = interrupted.state_dict()
            if seen == stop:
                break
    assert state["images"] % 4 == 0 and state["epoch"] * 24 + state["images"] == 4 * stop
    resumed = loader(workers)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    rest: list[list[list[int]]] = []
    while len(rest) < len(expected) - stop:
        rest.extend(batches(resumed))
    assert rest == expected[stop:]


def test_epoch_that_the_trainer_ended_early_is_not_gone_on_with() -> None:
    subject = loader()
    for count, _ in enumerate(subject, 1):
        if count == 4:
            break
    resumed = loader()
    resumed.load_state_dict(subject.state_dict())
    resumed.ranked.set_epoch(1)
    reference = loader()
    reference.ranked.set_epoch(1)
    assert batches(resumed) == batches(reference)


def test_run_resumes_on_another_number_of_ranks() -> None:
    whole = batches(loader(batch_size=4))
    state = {"epoch": 0, "images": 8, "length": 26}
    halves = []
    for rank in (0, 1):
        half = loader(batch_size=2, rank=rank, world_size=2)
        half.load_state_dict(state)
        halves.append(batches(half))
    assert [one + other for one, other in zip(*halves, strict=True)] == whole[2:]


def test_global_random_numbers_are_left_alone() -> None:
    subject = loader()
    before = torch.get_rng_state()
    batches(subject)
    assert torch.equal(torch.get_rng_state(), before)


def test_data_set_may_collate_by_itself() -> None:
    assert batches(loader(rows=BatchedRows())) == batches(loader())


def test_state_is_plain_data() -> None:
    state = loader().state_dict()
    assert state == {"epoch": 0, "images": 0, "length": 26}
    assert all(type(value) is int for value in state.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 27}, "batch_size must be at most 26 for 26 training images on 1 rank.*27"),
        ({"batch_size": 14, "world_size": 2}, "batch_size must be at most 13 .*2 rank.*got 14"),
        ({"rank": 2, "world_size": 2}, r"rank must lie in 0\.\.1, got 2"),
        ({"seed": -1}, "seed must lie in .*got -1"),
        ({"world_size": 2, "drop_last": False}, "drop_last must be true .*got 4 x 2 ranks"),
    ],
)
def test_sampler_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^RankedSampler: {message}.*; "):
        RankedSampler(**{"length": 26, "batch_size": 4, **change})


def test_batch_as_large_as_the_data_is_accepted() -> None:
    assert len(batches(loader(batch_size=13, world_size=2))) == 1


def test_loader_refuses_a_sampler_that_lightning_put_in_and_negative_workers() -> None:
    with pytest.raises(ValueError, match="RankedSampler, got RandomSampler; .*use_distributed"):
        ResumableLoader(Rows(), RandomSampler(range(4)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_workers must be at least 0, got -1"):
        loader(workers=-1)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"epoch": 0, "images": 8, "length": 30}, "have the 30 training images .*got 26"),
        ({"epoch": 0, "images": 6, "length": 26}, "must divide the 6 images .*got 4 x 1"),
    ],
)
def test_position_that_cannot_be_taken_up_is_refused(state: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^ResumableLoader: .*{message}.*; resume with"):
        loader().load_state_dict(state)


def test_other_data_may_follow_where_an_epoch_ended() -> None:
    subject = loader()
    subject.load_state_dict({"epoch": 2, "images": 0, "length": 99})
    assert np.array(batches(subject))[..., 1].max() == 2
