"""The order of the data, and a loader that resumes exactly where a run stopped.

The order is a pure function of (seed, epoch), and it is cut into global batches before it is cut
into ranks, so that any number of ranks together see what one process with the joined batch sees.
The loader counts the batches that it handed out, not those that workers have prefetched.
"""

import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, default_collate
from torch.utils.data.distributed import DistributedSampler

from datamodules import draws


class RankedSampler(DistributedSampler[tuple[int, ...]]):
    """Rows of one rank, in the order f(seed, epoch), as (index, epoch) pairs.

    Global batch k holds the rows k*B*W to (k+1)*B*W of the epoch's permutation, and rank r takes
    the r-th run of B among them. The epoch travels with the index, so that an augmentation may be
    f(seed, epoch, index) in a worker that was started an epoch ago. A subclass may have another
    order: see :meth:`order`.

    A ``DistributedSampler`` by type alone: the mark by which Lightning knows that a sampler already
    shares out the data and must not be replaced.

    Args:
        length: number of samples in the data set.
        batch_size: samples per batch and rank (B).
        rank: of this process, 0 to ``world_size`` - 1.
        world_size: number of ranks (W).
        seed: of the order, at least 0.
        drop_last: leave out the samples of an epoch that fill no global batch.

    Raises:
        ValueError: when an argument is out of range, when one global batch is larger than the data,
            or when ``drop_last`` is off and the ranks would get batches of unlike sizes.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        seed: int = 0,
        drop_last: bool = True,
    ) -> None:
        own = type(self).__name__
        if batch_size < 1:
            raise ValueError(
                f"{own}: batch_size must be at least 1, got {batch_size}; set batch_size: 1"
            )
        if not 0 <= rank < world_size:
            raise ValueError(
                f"{own}: rank must lie in 0..{world_size - 1}, got {rank}; "
                "give the rank and the number of ranks of this job"
            )
        if not 0 <= seed < 2**63:
            raise ValueError(
                f"{own}: seed must lie in 0..2**63-1, got {seed}; give a seed of 0 or more"
            )
        if batch_size * world_size > length:
            raise ValueError(
                f"{own}: batch_size must be at most {length // world_size} for {length} "
                f"training images on {world_size} rank(s), got {batch_size}; lower batch_size or "
                "add data"
            )
        if not drop_last and world_size > 1 and length % (batch_size * world_size):
            raise ValueError(
                f"{own}: drop_last must be true where {length} images are no multiple of "
                f"the global batch, got {batch_size} x {world_size} ranks; set drop_last: true"
            )
        self.length = length
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0
        #: Global images that the next iteration leaves out; forgotten once it has begun.
        self.skip_images = 0

    @property
    def global_batch(self) -> int:
        """Images in a batch of all ranks together."""
        return self.batch_size * self.world_size

    @property
    def images_per_epoch(self) -> int:
        """Images that all ranks together see in an epoch."""
        return self.length - self.length % self.global_batch if self.drop_last else self.length

    @property
    def lengths(self) -> dict[str, int]:
        """Sizes of the data that a position within an epoch holds for."""
        return {"length": self.length}

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Lay out an epoch of all ranks together.

        Args:
            epoch: number of the epoch, from 0.

        Returns:
            ``(M, 2)`` rows (index, epoch), M at least :attr:`images_per_epoch`.
        """
        rows = draws.permutation(self.seed, epoch, self.length)
        return np.stack([rows, np.full_like(rows, epoch)], 1)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration; Lightning calls it at the start of an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Rows of this rank in a whole epoch."""
        return self.images_per_epoch // self.world_size

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Yield this rank's rows of the order, beginning after ``skip_images``."""
        skip, self.skip_images = self.skip_images, 0
        order, mine = self.order(self.epoch), self.rank * self.batch_size
        for first in range(skip, self.images_per_epoch, self.global_batch):
            rows = order[first + mine : min(first + mine + self.batch_size, self.images_per_epoch)]
            yield from map(tuple, rows.tolist())


class ResumableLoader(DataLoader[Any]):
    """A DataLoader that goes on, after a restart, with the batch that would have come next.

    Lightning finds ``state_dict`` and ``load_state_dict`` by itself and keeps the state in every
    checkpoint. The state counts images of all ranks, so a run may go on with another number of
    ranks. Data sets with ``__getitems__`` may return a whole batch, already collated.

    Args:
        dataset: map-style; its items are asked for by the sampler's rows, such as (index, epoch).
        sampler: gives the order and the size of batches.
        num_workers: processes that prepare batches; 0 means this process. They live as long as the
            loader, and since the samples carry their own randomness, their number changes nothing.
        pin_memory: copy batches to page-locked memory, for a faster way to a GPU.

    Raises:
        ValueError: when the sampler is of another kind, or ``num_workers`` is negative.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        sampler: RankedSampler,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        if not isinstance(sampler, RankedSampler):
            raise ValueError(
                f"ResumableLoader: sampler must be a RankedSampler, got {type(sampler).__name__}; "
                "set the trainer's use_distributed_sampler: false and overfit_batches: 0"
            )
        if num_workers < 0:
            raise ValueError(
                f"ResumableLoader: num_workers must be at least 0, got {num_workers}; "
                "set num_workers: 0 to load in the main process"
            )
        super().__init__(
            dataset,
            batch_size=sampler.batch_size,
            sampler=sampler,
            num_workers=num_workers,
            collate_fn=_collate,
            pin_memory=pin_memory,
            drop_last=sampler.drop_last,
            persistent_workers=num_workers > 0,
            worker_init_fn=_leave_signals_to_the_parent,
            # An iterator draws a seed for its workers; from the global generator that draw would
            # shift the noise of a resumed run (measured: 1.1e-1 in the parameters).
            generator=torch.Generator().manual_seed(sampler.seed),
        )
        self.ranked = sampler
        self._epoch = 0
        self._images = 0
        self._pending: tuple[int, int] | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the batches that are left of the sampler's epoch, then advance the epoch.

        A generator, because Lightning makes the iterator before it sets the epoch.
        """
        sampler = self.ranked
        epoch, images = self._pending or (sampler.epoch, 0)
        self._pending = None
        # The state names an epoch: where the trainer has gone on to the next one (it may end an
        # epoch early: limit_train_batches), nothing is left to skip.
        self._epoch, self._images = sampler.epoch, images if epoch == sampler.epoch else 0
        sampler.skip_images = self._images
        for batch in super().__iter__():
            self._images = min(self._images + sampler.global_batch, sampler.images_per_epoch)
            yield batch
        sampler.set_epoch(self._epoch + 1)

    def state_dict(self) -> dict[str, int]:
        """Return the position: epoch, images of all ranks handed out in it, lengths of the data."""
        epoch, images = self._pending or (self._epoch, self._images)
        if images >= self.ranked.images_per_epoch:
            epoch, images = epoch + 1, 0
        return {"epoch": epoch, "images": images, **self.ranked.lengths}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a position in which :meth:`state_dict` was taken.

        Args:
            state: from a loader over the same data, with any number of ranks and workers.

        Raises:
            ValueError: in the middle of an epoch, when the data have another length, or when the
                global batch does not divide the images that were already taken.
        """
        epoch, images = state["epoch"], state["images"]
        sampler = self.ranked
        lengths = {name: value for name, value in state.items() if name not in ("epoch", "images")}
        if images and lengths != sampler.lengths:
            raise ValueError(
                f"ResumableLoader: data must have the {_told(lengths)} training images of the "
                f"checkpoint, which lies within an epoch, got {_told(sampler.lengths)}; resume "
                "with the same data and the same split"
            )
        if images % sampler.global_batch:
            raise ValueError(
                f"ResumableLoader: batch_size x ranks must divide the {images} images already "
                f"taken from epoch {epoch}, got {sampler.batch_size} x {sampler.world_size}; "
                "resume with the global batch of the checkpoint"
            )
        if images >= sampler.images_per_epoch:
            epoch, images = epoch + 1, 0
        self._pending = (epoch, images)
        sampler.set_epoch(epoch)


def _told(lengths: Mapping[str, int]) -> str:
    return " and ".join(str(length) for length in lengths.values())


def _leave_signals_to_the_parent(worker: int) -> None:
    """A scheduler signals all processes; the run still needs batches until it has saved."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _collate(samples: Sequence[Any] | dict[str, Any]) -> Any:
    """Leave a batch that the data set has put together as it is."""
    return samples if isinstance(samples, dict) else default_collate(samples)  # type: ignore[arg-type]
