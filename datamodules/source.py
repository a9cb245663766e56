"""What all data modules share: their options, the batches of a rank, and one form of errors."""

import os
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import Dataset

from datamodules.loading import RankedSampler, ResumableLoader


class DataSource(pl.LightningDataModule):
    """Whatever is trained on, with a part held out: :class:`datamodules.base.DataModule` is one.

    Args:
        batch_size: images per batch and rank.
        num_workers: processes that prepare batches; the images are ready in memory, so 0, the main
            process, is seldom the slower choice.
        seed: of the order and the augmentation, not of the split; None takes the run's own
            (``seed_everything``), or 0 where none was set.
        held_out_share: part of the images that is never trained on, 0 to below 1; drawn class by
            class where there are classes, the same for every run.
        mirror: flip half of the images left to right, drawn anew in every epoch.
        dequantize: train on x / 128 - 1 + U(0, 1/128) of the level x, as the public code of WGAN-GP
            (arXiv:1704.00028) and SNGAN (arXiv:1802.05957) does, drawn anew in every epoch.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        seed: int | None = None,
        held_out_share: float = 0.1,
        mirror: bool = False,
        dequantize: bool = False,
    ) -> None:
        super().__init__()
        if seed is None:
            seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("num_workers", num_workers, 0),
            ("seed", seed, 0),
        ):
            if value < least:
                raise self._refusal(name, f"be at least {least}", value, f"set {name}: {least}")
        if not 0.0 <= held_out_share < 1.0:
            raise self._refusal(
                "held_out_share", "lie in [0, 1)", held_out_share, "set held_out_share: 0.1"
            )
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.held_out_share = held_out_share
        self.mirror = mirror
        self.dequantize = dequantize

    @property
    def name(self) -> str:  # type: ignore[override]  # Lightning declares a plain attribute.
        """Short name for files and tables, such as mnist5k-32."""
        return self.slug()

    def slug(self) -> str:
        """Say what the set is called: the one name of a data set and its size."""
        raise NotImplementedError

    @property
    def attribution(self) -> str:
        """Source and licence, to be shown beside published images; "" where we know of none."""
        return ""

    def setup(self, stage: str | None = None) -> None:
        """Open and split the data, and refuse what could not be trained on.

        Raises:
            ValueError: when a global batch is larger than the training part; see the class.
        """
        self._sampler()

    def train_dataloader(self) -> ResumableLoader:
        """Return this rank's batches."""
        strategy = getattr(self.trainer, "strategy", None)
        on_gpu = strategy is not None and strategy.root_device.type == "cuda"
        return ResumableLoader(
            self._training_set(), self._sampler(), self.num_workers, pin_memory=on_gpu
        )

    def _training_set(self) -> Dataset[Any]:
        """Return the training part; its items are asked for by the rows of :meth:`_sampler`."""
        raise NotImplementedError

    def _sampler(self) -> RankedSampler:
        """Return the order of the training part, for this rank."""
        own = type(self).__name__
        raise self._refusal("class", "be a data set", own, "choose one that has its own images")

    def _rank_and_world_size(self) -> tuple[int, int]:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        if self.trainer is not None:
            return self.trainer.global_rank, self.trainer.world_size
        return 0, 1

    def _refusal(self, argument: str, rule: str, value: object, remedy: str) -> ValueError:
        """Put an error into the library's one form."""
        return refusal(type(self).__name__, argument, rule, value, remedy)


def refusal(owner: str, argument: str, rule: str, value: object, remedy: str) -> ValueError:
    """Put an error into the library's one form.

    Args:
        owner: name of the class that refuses.
        argument: what is wrong.
        rule: what it must do or be, without the "must".
        value: what it is.
        remedy: what to do.
    """
    return ValueError(f"{owner}: {argument} must {rule}, got {value!r}; {remedy}")
