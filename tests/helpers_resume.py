"""A run in two halves beside the same run in one piece."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer

from tests.small_variants import kind_of, loader
from tests.test_every_variant import QUIET


class SaveAt(Callback):
    """Saves once, in the middle of training, where checkpoints are taken."""

    def __init__(self, step: int, path: Path) -> None:
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step and not self.path.exists():
            trainer.save_checkpoint(self.path)


def fit(
    module: Any, steps: int, *callbacks: Callback, ckpt_path: Path | None = None, batch: int = 4
) -> None:
    torch.manual_seed(21)
    trainer = Trainer(max_steps=steps, callbacks=list(callbacks), **QUIET)
    with warnings.catch_warnings():
        # That the checkpoint was taken in the middle of an epoch is the point.
        warnings.filterwarnings("ignore", message=".*before the epoch ended.*")
        data = loader(batch, kind=kind_of(type(module).__name__))
        trainer.fit(module, data, ckpt_path=ckpt_path, weights_only=True)


def resumed_and_whole(build: Callable[[], Any], folder: Path, steps: int = 8) -> tuple[Any, Any]:
    """A module that goes on from the middle of a run, and the one that took all of its steps.

    The checkpoint is left as ``half.ckpt`` in ``folder``.
    """
    whole, resumed = build(), build()
    fit(whole, steps, SaveAt(steps // 2, folder / "half.ckpt"))
    for parameter in resumed.parameters():
        parameter.data.zero_()
    fit(resumed, steps, ckpt_path=folder / "half.ckpt")
    return resumed, whole


def assert_same_state(one: Any, other: Any) -> None:
    mine, theirs = one.state_dict(), other.state_dict()
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []
    assert one.axes() == other.axes()
