"""Layers of a normalizing flow: bijections whose Jacobian determinants are cheap.

Dinh, Sohl-Dickstein, Bengio, 2016, arXiv:1605.08803 (affine coupling, squeezing, multi-scale), and
Kingma, Dhariwal, 2018, arXiv:1807.03039 (activation normalisation, invertible 1x1 convolutions,
learned priors). Each layer has two ways: ``encode(x)`` towards the latents returns maps and the log
determinants ``(N,)`` of its Jacobian, ``decode(y)`` towards the images returns the maps alone.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine.reduction import mean_over_ranks

Mixing = Literal["convolution", "shuffle", "reverse"]
MIXINGS: tuple[Mixing, ...] = ("convolution", "shuffle", "reverse")


class ActNorm(nn.Module):
    """A gain and a bias per channel, set once so that the first batch leaves with mean 0, var 1.

    The first batch is that of all ranks together, so that two ranks begin as one process does.

    Args:
        channels: of the maps.

    Attributes:
        fitting: whether the next :meth:`encode` sets gain and bias by what it sees.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))
        self.log_gain = nn.Parameter(torch.zeros(channels, 1, 1))
        self.fitting = False

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(x + bias) * gain``, and ``H W sum(log gain)``."""
        if self.fitting:
            self._fit(x.detach())
        log_det = self.log_gain.sum() * (x.shape[2] * x.shape[3])
        return (x + self.bias) * self.log_gain.exp(), log_det.expand(len(x))

    def decode(self, y: Tensor) -> Tensor:
        """``y / gain - bias``."""
        return y * (-self.log_gain).exp() - self.bias

    @torch.no_grad()
    def _fit(self, x: Tensor) -> None:
        mean = mean_over_ranks(x.mean(dim=(0, 2, 3), keepdim=True))
        variance = mean_over_ranks((x - mean).square().mean(dim=(0, 2, 3), keepdim=True))
        self.bias.copy_(-mean[0])
        # A channel that is constant so far must not be blown up.
        self.log_gain.copy_(-variance[0].sqrt().clamp_min(1e-6).log())


class InvertibleConv(nn.Module):
    """A 1x1 convolution that mixes all channels: a learned permutation, at first a rotation.

    Args:
        channels: that come in and go out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.orthogonal_(torch.empty(channels, channels)))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``W x`` at every pixel, and ``H W log|det W|``."""
        log_det = torch.linalg.slogdet(self.weight).logabsdet * (x.shape[2] * x.shape[3])
        return F.conv2d(x, self.weight[:, :, None, None]), log_det.expand(len(x))

    def decode(self, y: Tensor) -> Tensor:
        """``W^-1 y`` at every pixel."""
        return F.conv2d(y, torch.linalg.inv(self.weight)[:, :, None, None])


class Permutation(nn.Module):
    """Channels in another order, without anything to learn.

    Args:
        channels: that come in and go out.
        mixing: ``"reverse"``, or ``"shuffle"``: an order drawn at construction, kept in a buffer.
    """

    order: Tensor

    def __init__(self, channels: int, mixing: Literal["shuffle", "reverse"]) -> None:
        super().__init__()
        order = torch.arange(channels - 1, -1, -1)
        self.register_buffer("order", order if mixing == "reverse" else torch.randperm(channels))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The maps in their new order, and zeros."""
        return x[:, self.order], x.new_zeros(len(x))

    def decode(self, y: Tensor) -> Tensor:
        """The maps in their old order."""
        return y[:, self.order.argsort()]


def mixing_layer(mixing: Mixing, channels: int) -> InvertibleConv | Permutation:
    """What moves channels between the halves of two couplings: table 1 of arXiv:1807.03039."""
    if mixing == "convolution":
        return InvertibleConv(channels)
    return Permutation(channels, mixing)


class AffineCoupling(nn.Module):
    """One half of the channels is scaled and shifted by what a network reads from the other.

    ``b <- (b + shift(a)) * sigmoid(scale(a) + 2)``, as in the authors' code of arXiv:1807.03039.
    The network's last convolution is zero at first, so that the layer begins linear.

    Args:
        channels: of the maps, even.
        width: hidden maps of the network.
        least_scale: the sigmoid is squeezed to [least_scale, 1]. The way back divides by it.
    """

    def __init__(self, channels: int, width: int, least_scale: float = 0.0) -> None:
        super().__init__()
        self.least_scale = least_scale
        self.network = nn.Sequential(
            _he(nn.Conv2d(channels // 2, width, 3, padding=1)),
            nn.ReLU(inplace=True),
            _he(nn.Conv2d(width, width, 1)),
            nn.ReLU(inplace=True),
            zero_convolution(width, channels),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of the same shape, and the sum of the log scales."""
        a, b = x.chunk(2, dim=1)
        shift, log_scale = self._of(a)
        return torch.cat([a, (b + shift) * log_scale.exp()], dim=1), log_scale.sum(dim=(1, 2, 3))

    def decode(self, y: Tensor) -> Tensor:
        """The inverse: the network is read in the same direction as in :meth:`encode`."""
        a, b = y.chunk(2, dim=1)
        shift, log_scale = self._of(a)
        return torch.cat([a, b * (-log_scale).exp() - shift], dim=1)

    def _of(self, a: Tensor) -> tuple[Tensor, Tensor]:
        shift, scale = self.network(a).chunk(2, dim=1)
        log_scale = F.logsigmoid(scale + 2.0)
        if self.least_scale:
            log_scale = (self.least_scale + (1.0 - self.least_scale) * log_scale.exp()).log()
        return shift, log_scale


class SplitPrior(nn.Module):
    """Half of the maps leave as standard normal latents; the other half says of which normal law.

    ``e = (x - mean(kept)) / std(kept)``. Mean and std begin as 0 and 1.

    Args:
        channels: of the maps, even.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.network = zero_convolution(channels // 2, channels)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The half that stays, the latents of the other, and minus the sum of its log stds."""
        kept, leaving = x.chunk(2, dim=1)
        mean, log_std = self.network(kept).chunk(2, dim=1)
        return kept, (leaving - mean) * (-log_std).exp(), -log_std.sum(dim=(1, 2, 3))

    def decode(self, kept: Tensor, e: Tensor) -> Tensor:
        """All maps, of the half that stayed and the latents of the other."""
        mean, log_std = self.network(kept).chunk(2, dim=1)
        return torch.cat([kept, mean + e * log_std.exp()], dim=1)


class Chain(nn.ModuleList):
    """Layers one after the other: first to last towards the latents, last to first back."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maps, and the sum of all log determinants."""
        log_det = x.new_zeros(len(x))
        for layer in cast("list[Any]", self):
            x, more = layer.encode(x)
            log_det = log_det + more
        return x, log_det

    def decode(self, y: Tensor) -> Tensor:
        """Maps towards the images."""
        for layer in cast("list[Any]", self)[::-1]:
            y = layer.decode(y)
        return y


def zero_convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that gives zeros until it has learned something."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.get_parameter("bias"))
    return layer


def _he(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.get_parameter("bias"))
    return layer
