"""The few samples that lie closest to the training set, kept while many are looked at."""

import torch
import torch.distributed as dist
from torch import Tensor

from callbacks.metrics.distributed import rank_and_world


class Closest:
    """Holds the images of this rank's closest samples, then brings those of all ranks together.

    Args:
        most: how many to keep.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._distances = torch.empty(0).double()
        self._numbers = torch.empty(0).long()
        self._images: Tensor | None = None

    def add(self, distances: Tensor, numbers: Tensor, images: Tensor) -> None:
        """Look at the next samples of this rank, in rising order of their global index.

        Args:
            distances: ``(n,)`` to the training set; nan counts as far.
            numbers: int64 ``(n,)``, global index of each sample.
            images: ``(n, ...)``.
        """
        images = images.detach().cpu()
        if self._images is not None:
            images = torch.cat([self._images, images])
        all_distances = torch.cat([self._distances, distances.double().cpu()])
        all_numbers = torch.cat([self._numbers, numbers])
        kept = smallest(all_distances, self.most)
        self._distances, self._numbers = all_distances[kept], all_numbers[kept]
        self._images = images[kept]

    def collect(self, wanted: Tensor, sample: Tensor) -> Tensor:
        """Bring the images of some samples together; every rank must call it.

        Args:
            wanted: int64 ``(n,)``, global indices among the ``most`` closest of all ranks.
            sample: any image or point: a rank that drew none takes shape and type from it.

        Returns:
            ``(n, ...)`` on the CPU, the same on every rank.
        """
        found = torch.zeros(len(wanted), *sample.shape, dtype=sample.dtype)
        for place, number in enumerate(wanted.tolist()):
            rows = (self._numbers == number).nonzero().flatten()
            if len(rows) and self._images is not None:
                found[place] = self._images[rows[0]]
        if rank_and_world()[1] == 1:
            return found
        carrier = found.cuda() if dist.get_backend() == "nccl" else found
        # Each image is held by one rank; all others add zeros.
        dist.all_reduce(carrier)
        return carrier.cpu()


def smallest(distances: Tensor, most: int) -> Tensor:
    """Indices of the smallest values, the first of equal ones first; nan last.

    Args:
        distances: ``(N,)``.
        most: how many at most.
    """
    return torch.argsort(distances, stable=True)[:most]
