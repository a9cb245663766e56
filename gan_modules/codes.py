"""What models without encoder and prior share: codes by gradients, and a normal law fitted to them.

See :mod:`gan_modules.autoencoding.glo` and :mod:`gan_modules.autoencoding.gradient_origin`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gan_modules.engine.latent_game import LatentGame
from gan_modules.engine.reduction import mean_over_ranks
from gan_modules.engine.sampling import evaluating


def require_unconditional(owner: LatentGame) -> None:
    """A code is searched by the image alone.

    Raises:
        ValueError: if the generator has classes.
    """
    if owner.num_classes:
        raise ValueError(
            f"{type(owner).__name__}: generator must be unconditional, got num_classes "
            f"{owner.num_classes}; codes are found without labels, set num_classes: 0"
        )


@contextmanager
def differentiating(network: nn.Module) -> Iterator[nn.Module]:
    """``network`` in eval mode, with gradients, whatever the caller has switched off.

    Inside, clone what comes from outside: tensors of an inference mode cannot be differentiated.
    """
    with torch.inference_mode(False), torch.enable_grad(), evaluating(network):
        yield network


def normal_law(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``(D,)`` and root of the covariance ``(D, D)`` of codes ``(N, D)``, divisor N."""
    codes = codes.detach()
    mean = codes.mean(dim=0)
    centred = codes - mean
    return mean, symmetric_root(centred.mT @ centred / len(codes))


def symmetric_root(covariance: Tensor) -> Tensor:
    """The one symmetric root without negative eigenvalues, of a matrix that may be singular.

    Unlike eigenvectors it does not depend on arbitrary signs, so all ranks agree on it.
    """
    values, vectors = torch.linalg.eigh(covariance.double().cpu())
    root = vectors * values.clamp_min(0.0).sqrt() @ vectors.mT
    return root.to(covariance)


@torch.no_grad()
def project(codes: Tensor) -> None:
    """Codes ``(N, D)`` outside the unit ball go to its surface, in place; others stay as they are.

    By a hair inside it, so that rounding never makes a code move when its image was not seen.
    """
    norms = codes.norm(dim=1, keepdim=True)
    surface = 1.0 - 8.0 * torch.finfo(codes.dtype).eps
    codes.mul_(torch.where(norms > 1.0, surface / norms, 1.0))


class Remembered:
    """The value of a function of a tensor, computed anew only when the tensor has changed.

    Args:
        function: of one tensor.
    """

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        self.function = function
        self._key: tuple[Any, ...] = ()
        self._value: Any = None

    def __call__(self, tensor: Tensor) -> Any:
        """Its value at ``tensor``; changes in place are noticed."""
        key = (tensor.data_ptr(), tensor._version, tensor.dtype, tensor.device)
        if key != self._key:
            self._key, self._value = key, self.function(tensor)
        return self._value


class RunningGaussian(nn.Module):
    """Mean and covariance of recent codes of all ranks, in buffers; standard normal before any.

    Args:
        dim: of a code.
        half_life_images: after so many images a code counts half.
    """

    mean: Tensor
    covariance: Tensor
    weight: Tensor

    def __init__(self, dim: int, half_life_images: float) -> None:
        super().__init__()
        self.half_life_images = half_life_images
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("covariance", torch.eye(dim))
        self.register_buffer("weight", torch.zeros(()))
        self._root = Remembered(symmetric_root)

    @torch.no_grad()
    def update(self, codes: Tensor) -> None:
        """Take in codes ``(N, D)`` of this rank; all ranks call it together, with as many each."""
        parallel = dist.is_available() and dist.is_initialized()
        images = len(codes) * (dist.get_world_size() if parallel else 1)
        beta = 0.5 ** (images / self.half_life_images)
        # The sum of all shares so far: the very first codes replace the standard normal law.
        self.weight.mul_(beta).add_(1.0 - beta)
        share = (1.0 - beta) / self.weight
        # Around the mean so far, the same on all ranks, both moments need one reduction.
        centred = codes.to(self.mean) - self.mean
        first = centred.mean(dim=0, keepdim=True)
        second = centred.mT @ centred / len(codes)
        first, second = mean_over_ranks(torch.cat([first, second])).tensor_split([1])
        shift = share * first
        self.covariance.lerp_(second, share).sub_(shift.mT @ shift)
        self.mean.add_(shift[0])

    def draw(self, noise: Tensor) -> Tensor:
        """Codes of standard normal noise ``(N, D)``."""
        return self.mean + noise @ self._root(self.covariance)
