import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import Dataset

from datamodules.loading import ResumableLoader
from datamodules.unpaired import UnpairedSampler
from datamodules.unpaired_order import side_seed

LENGTHS = [(26, 40), (40, 26), (30, 30), (13, 64)]


class Rows(Dataset[dict[str, Tensor]]):
    def __getitem__(self, item: tuple[int, ...]) -> dict[str, Tensor]:
        return {"row": torch.tensor(item)}


def sampler(a: int, b: int, batch: int = 12, **options: Any) -> UnpairedSampler:
    return UnpairedSampler(a, b, batch, **{"seed": 3, **options})


def ranks_of(a: int, b: int, world: int, epoch: int = 0, **options: Any) -> list[list[Any]]:
    found = []
    for rank in range(world):
        one = sampler(a, b, 12 // world, rank=rank, world_size=world, **options)
        one.set_epoch(epoch)
        found.append(list(one))
    return found


def loader(workers: int = 0, **options: Any) -> ResumableLoader:
    return ResumableLoader(Rows(), sampler(26, 40, 4, **options), num_workers=workers)


def batches(subject: ResumableLoader) -> list[list[list[int]]]:
    return [batch["row"].tolist() for batch in subject]


@pytest.mark.parametrize("length", ["max", "min", 100])
@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize(("a", "b"), LENGTHS)
def test_ranks_together_show_every_image_floor_or_ceil_times_k50(
    a: int, b: int, world: int, length: Any
) -> None:
    ranks = ranks_of(a, b, world, length=length)
    assert len({len(rows) for rows in ranks}) == 1
    joined = [row for rows in ranks for row in rows]
    asked = {"max": max(a, b), "min": min(a, b)}.get(length, length)
    assert len(joined) == -(-asked // 12) * 12
    for column, count in ((0, a), (2, b)):
        shown = Counter(row[column] for row in joined)
        floor, rest = divmod(len(joined), count)
        times = Counter(shown[index] for index in range(count))
        assert set(shown) <= set(range(count))
        assert times == Counter({floor: count - rest, floor + 1: rest} if rest else {floor: count})


@pytest.mark.parametrize("world", [2, 3, 6])
@pytest.mark.parametrize(("a", "b"), LENGTHS)
def test_ranks_together_see_what_one_process_sees_in_the_same_order_k50(
    a: int, b: int, world: int
) -> None:
    for epoch in (0, 1):
        size = 12 // world
        ranks = ranks_of(a, b, world, epoch)
        steps = range(0, len(ranks[0]), size)
        joined = [row for step in steps for rows in ranks for row in rows[step : step + size]]
        assert [joined] == ranks_of(a, b, 1, epoch)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize(("a", "b"), LENGTHS)
def test_two_ranks_never_show_an_image_in_the_same_pass_k50(a: int, b: int, world: int) -> None:
    ranks = ranks_of(a, b, world)
    for column in (0, 2):
        shown = [Counter((row[column], row[column + 1]) for row in rows) for rows in ranks]
        assert max(sum(shown, Counter()).values()) == 1


def test_epochs_pair_anew_and_are_a_function_of_the_seed_k50() -> None:
    def pairs(epoch: int, seed: int = 3) -> set[tuple[int, int]]:
        (rows,) = ranks_of(60, 60, 1, epoch, seed=seed)
        return {(row[0], row[2]) for row in rows}

    assert pairs(0) == pairs(0)
    for other in (pairs(1), pairs(2), pairs(0, seed=4)):
        assert len(pairs(0) & other) < 7  # expected: 1 of 60


def test_equal_sets_are_not_paired_index_with_index() -> None:
    (rows,) = ranks_of(60, 60, 1)
    assert sum(row[0] == row[2] for row in rows) < 7  # expected: 1
    assert len({side_seed(3, "a"), side_seed(3, "b"), side_seed(4, "a"), side_seed(4, "b")}) == 4


def test_no_pass_of_a_run_has_the_number_of_another() -> None:
    seen: Counter[tuple[int, int]] = Counter()
    for epoch in range(3):
        (rows,) = ranks_of(13, 64, 1, epoch)
        seen.update((row[0], row[1]) for row in rows)
    assert max(seen.values()) == 1


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [0, 1, 5, 10, 11, 20])
def test_resumed_loader_goes_on_with_the_next_batch(workers: int, stop: int) -> None:
    whole = loader()
    expected = batches(whole) + batches(whole) + batches(whole)
    assert len(expected) == 30
    interrupted, seen = loader(workers), 0
    state = interrupted.state_dict()
    while seen < stop:
        for _ in interrupted:
            seen += 1
            state = interrupted.state_dict()
            if seen == stop:
                break
    resumed = loader(workers)
    resumed.load_state_dict(state)
    rest: list[list[list[int]]] = []
    while len(rest) < len(expected) - stop:
        rest.extend(batches(resumed))
    assert rest == expected[stop:]


def test_run_resumes_on_another_number_of_ranks() -> None:
    whole = batches(loader())
    state = {"epoch": 0, "images": 8, **sampler(26, 40, 4).lengths}
    halves = []
    for rank in (0, 1):
        half = ResumableLoader(Rows(), sampler(26, 40, 2, rank=rank, world_size=2))
        half.load_state_dict(state)
        halves.append(batches(half))
    assert [one + other for one, other in zip(*halves, strict=True)] == whole[2:]


def test_other_data_are_refused_in_the_middle_of_an_epoch() -> None:
    state = {"epoch": 0, "images": 8, **sampler(27, 40, 4).lengths}
    with pytest.raises(ValueError, match="have the 40 and 27 and 40 .*got 40 and 26 and 40; resum"):
        loader().load_state_dict(state)
    loader().load_state_dict({**state, "images": 0})


class Recorder(pl.LightningModule):
    """One optimizer step a batch; remembers which rows came."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.seen: list[tuple[int, list[list[int]]]] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        self.seen.append((self.trainer.current_epoch, batch["row"].tolist()))
        return self.layer(batch["row"].float()[:, :1]).mean()


def fit(folder: Path, **options: Any) -> Recorder:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        callbacks=[ModelCheckpoint(folder, save_top_k=-1, every_n_train_steps=4)],
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    module = Recorder()
    trainer.fit(module, loader(), weights_only=True, **options)
    return module


@pytest.mark.filterwarnings("ignore:.*before the epoch ended:UserWarning")
@pytest.mark.filterwarnings("ignore:The dirpath has changed:UserWarning")
def test_trainer_gives_every_epoch_its_own_pairs_and_resumes_exactly_k50(tmp_path: Path) -> None:
    whole = fit(tmp_path)
    assert [epoch for epoch, _ in whole.seen] == [epoch for epoch in range(3) for _ in range(10)]
    epochs = [
        {(row[0], row[2]) for at, rows in whole.seen if at == epoch for row in rows}
        for epoch in range(3)
    ]
    assert len(epochs[0] & epochs[1]) < 7 and len(epochs[1] & epochs[2]) < 7
    checkpoints = sorted(tmp_path.glob("*.ckpt"))
    assert len(checkpoints) == 7
    for path in checkpoints:
        done = torch.load(path, weights_only=True)["global_step"]
        resumed = fit(tmp_path / f"resumed{done}", ckpt_path=path)
        assert resumed.seen == whole.seen[done:], f"after batch {done}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 14}, "at most 13 for the 13 training images of a on 1 rank.*got 14"),
        ({"batch_size": 7, "world_size": 2}, "at most 6 for the 13 training images of a on 2"),
        ({"length_a": 50, "batch_size": 41}, "at most 40 for the 40 training images of b"),
        ({"length": "mean"}, "length must be max, min or a number of samples, got 'mean'"),
        ({"length": 0}, "length must be max, min or a number of samples, got 0"),
        ({"length": True}, "length must be max, min or a number of samples, got True"),
        ({"rank": 1}, r"rank must lie in 0\.\.0, got 1"),
        ({"seed": -1}, "seed must lie in .*got -1"),
    ],
)
def test_sampler_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^UnpairedSampler: .*{message}.*; "):
        UnpairedSampler(**{"length_a": 13, "length_b": 40, "batch_size": 4, **options})


def test_batch_as_large_as_the_smaller_set_is_accepted() -> None:
    rows = np.array(list(sampler(13, 40, 13)))
    assert rows.shape == (52, 4)
