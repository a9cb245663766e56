"""The loader under Lightning's own loops: what a run saw, and what its continuation sees."""

import logging
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import Dataset

from datamodules.loading import RankedSampler, ResumableLoader

LENGTH, BATCH, EPOCHS = 26, 4, 3
BATCHES = LENGTH // BATCH


class Rows(Dataset[dict[str, Tensor]]):
    def __getitem__(self, item: tuple[int, int]) -> dict[str, Tensor]:
        return {"index": torch.tensor(item[0]), "epoch": torch.tensor(item[1])}


class Recorder(pl.LightningModule):
    """Two optimizer steps a batch, as a GAN; remembers which rows came."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.layers = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)])
        self.seen: list[tuple[int, int, list[int], list[int]]] = []

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in self.layers]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        rows = (batch["epoch"].tolist(), batch["index"].tolist())
        self.seen.append((self.trainer.current_epoch, batch_idx, *rows))
        for layer, optimizer in zip(self.layers, self.optimizers(), strict=True):
            optimizer.zero_grad()
            self.manual_backward(layer(batch["index"].float()[:, None]).mean())
            optimizer.step()


def fit(folder: Path, workers: int, limit: int | None, **options: Any) -> Recorder:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    every = options.pop("save", None)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        logger=False,
        callbacks=[ModelCheckpoint(folder, save_top_k=-1, **every)] if every else [],
        enable_checkpointing=bool(every),
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        limit_train_batches=limit,
    )
    module = Recorder()
    loader = ResumableLoader(Rows(), RankedSampler(LENGTH, BATCH, seed=3), num_workers=workers)
    trainer.fit(module, loader, weights_only=True, **options)
    return module


@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning")
@pytest.mark.filterwarnings("ignore:.*before the epoch ended:UserWarning")
@pytest.mark.filterwarnings("ignore:.*pre-optimization state:UserWarning")
@pytest.mark.filterwarnings("ignore:.*callbacks used to create the checkpoint:UserWarning")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("limit", [None, 4], ids=["whole_epochs", "epochs_cut_short"])
@pytest.mark.parametrize(
    "save", [{"every_n_train_steps": 2}, {"every_n_epochs": 1}], ids=["every_batch", "epoch_end"]
)
def test_run_resumed_from_any_checkpoint_sees_the_rest_of_the_rows(
    tmp_path: Path, workers: int, limit: int | None, save: dict[str, int]
) -> None:
    whole = fit(tmp_path, workers, limit, save=save)
    batches = limit or BATCHES
    assert [row[:2] for row in whole.seen] == [
        (epoch, batch) for epoch in range(EPOCHS) for batch in range(batches)
    ]
    assert all(set(epochs) == {epoch} for epoch, _, epochs, _ in whole.seen)
    checkpoints = sorted(tmp_path.glob("*.ckpt"))
    assert len(checkpoints) == (EPOCHS * batches if "every_n_train_steps" in save else EPOCHS)
    for path in checkpoints:
        done = torch.load(path, weights_only=True)["global_step"] // 2
        if workers and done % batches not in (0, 1):
            continue
        resumed = fit(tmp_path / "resumed", workers, limit, ckpt_path=path)
        assert resumed.seen == whole.seen[done:], f"after batch {done}"
