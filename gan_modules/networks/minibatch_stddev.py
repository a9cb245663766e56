"""Minibatch standard deviation: D is told how much the samples of a group differ.

Karras et al., "Progressive Growing of GANs", 2017, arXiv:1710.10196, section 3: the statistic of
minibatch discrimination (arXiv:1606.03498) that has nothing to learn. A generator whose samples
look alike is found out by it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive

_EPSILON = 1e-8


class MinibatchStddev(nn.Module):
    """Adds channels that hold the mean standard deviation within a group of samples.

    Groups are formed inside the batch of one rank (of one micro-batch, where there are some): with
    N samples and M = N / ``group`` groups, sample n belongs to group n mod M. They therefore depend
    on how a global batch is shared out, and so do the scores.

    Args:
        group: samples of a group, the paper's whole batch, 4 in the authors' code. A group of one
            sees no difference: the channel is then constant.
        features: channels to add; the channels of the maps are cut into so many runs.

    Raises:
        ValueError: if a number is not positive; later, for maps whose channels ``features`` does
            not divide, and for a batch that ``group`` does not divide.
    """

    def __init__(self, group: int = 4, features: int = 1) -> None:
        super().__init__()
        require_positive("MinibatchStddev", group=group, features=features)
        self.group, self.features = group, features

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, C, H, W)`` to ``(N, C + features, H, W)``.

        While gradients are recorded, ``group`` must divide N. Where D is only asked for scores, a
        last incomplete group is filled up with the first samples.
        """
        n, channels, height, width = x.shape
        if channels % self.features:
            raise ValueError(
                f"MinibatchStddev: features must divide the channels, got {self.features} for "
                f"{channels}; take 1"
            )
        members = self._filled(x)
        # The sum of squares of half precision numbers overflows, and epsilon is 0 there.
        members = members if x.dtype == torch.float64 else members.float()
        members = members.unflatten(0, (self.group, -1)).unflatten(2, (self.features, -1))
        variance = members.var(0, correction=0)
        spread = (variance + _EPSILON).sqrt().mean((2, 3, 4)).to(x.dtype)
        of_each = spread.repeat(self.group, 1)[:n, :, None, None]
        return torch.cat([x, of_each.expand(-1, -1, height, width)], 1)

    def _filled(self, x: Tensor) -> Tensor:
        n = len(x)
        missing = -n % self.group
        if not missing:
            return x
        if torch.is_grad_enabled():
            raise ValueError(
                f"MinibatchStddev: group must divide the batch of one rank, got {self.group} for "
                f"{n} samples; change batch_size (or micro_batches), or the group"
            )
        return x[torch.arange(n + missing, device=x.device) % n]
