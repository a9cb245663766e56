"""What autoencoders minimise: likelihoods of samples, and how far codes are from the prior.

All are sums over the dimensions of one sample, ``(N,)``, in nats; the caller takes the mean over
the batch. Half-precision inputs are raised to float32 first.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

LikelihoodName = Literal["bernoulli", "gaussian", "laplace"]
LIKELIHOODS: tuple[LikelihoodName, ...] = ("bernoulli", "gaussian", "laplace")

#: Probabilities are squeezed by it, not clamped: a pixel that is wrong for certain still learns.
_EPSILON = 1e-6


class Likelihood(nn.Module):
    """``-log p(x | z)`` of samples, given the decoder's output for their codes.

    Args:
        name: ``"bernoulli"``: images alone; output and target in [-1, 1] are mapped to [0, 1], grey
            values of the target count as probabilities. ``"gaussian"`` and ``"laplace"``: the
            output is the mean, all dimensions have one width.
        scale: that width, sigma of the Gaussian or b of the Laplace law, in the units of the
            samples ([-1, 1] for images). None: it is learned, from 1 on.

    Raises:
        ValueError: for another name, a width that is not positive, or a width of the Bernoulli
            law, which has none.
    """

    def __init__(self, name: LikelihoodName, scale: float | None = None) -> None:
        super().__init__()
        if name not in LIKELIHOODS:
            raise ValueError(
                f"Likelihood: name must be one of {', '.join(LIKELIHOODS)}, got {name}; choose "
                "from these"
            )
        if scale is not None and (name == "bernoulli" or not 0 < scale < math.inf):
            raise ValueError(
                f"Likelihood: scale must be null for bernoulli and positive otherwise, got {scale} "
                f"for {name}; null learns it"
            )
        self.name = name
        self.log_scale: nn.Parameter | float | None = None
        if name != "bernoulli":
            learned = nn.Parameter(torch.zeros(()))
            self.log_scale = learned if scale is None else math.log(scale)

    @property
    def scale(self) -> Tensor | None:
        """The width, without a graph; None for the Bernoulli law."""
        return None if self.log_scale is None else torch.as_tensor(self.log_scale).detach().exp()

    def forward(self, output: Tensor, samples: Tensor) -> Tensor:
        """``-log p`` in nats, ``(N,)``.

        Args:
            output: of the decoder, ``(N, ...)``.
            samples: of the same shape, constants.
        """
        output, samples = _raised(output).flatten(1), _raised(samples).flatten(1)
        if self.log_scale is None:
            on = 0.5 + (0.5 - _EPSILON) * output
            target = (samples + 1.0) / 2.0
            return -(target * on.log() + (1.0 - target) * (1.0 - on).log()).sum(1)
        log_scale = torch.as_tensor(self.log_scale, dtype=output.dtype, device=output.device)
        away = (samples - output) * (-log_scale).exp()
        if self.name == "gaussian":
            each = 0.5 * away.square() + log_scale + 0.5 * math.log(2.0 * math.pi)
        else:
            each = away.abs() + log_scale + math.log(2.0)
        return each.sum(1)


def divergence_from_prior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``KL(N(mean, variance) || N(0, I))`` in nats, ``(N,)``: arXiv:1312.6114, appendix B.

    Args:
        mean: ``(N, D)``.
        log_variance: ``(N, D)``.
    """
    mean, log_variance = _raised(mean), _raised(log_variance)
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(1)


def gaussian_code(outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A code drawn so that gradients reach mean and variance: ``mean + sigma * noise``.

    Args:
        outputs: of an encoder, ``(N, 2 D)``: means and log-variances side by side.
        noise: standard normal ``(N, D)``.

    Returns:
        code, mean and log-variance, each ``(N, D)``.
    """
    mean, log_variance = outputs.chunk(2, dim=1)
    return mean + (0.5 * _raised(log_variance)).exp() * noise, mean, log_variance


def feature_error(discriminator: Any, images: Tensor, samples: Tensor) -> Tensor:
    """``|D_l(images) - D_l(samples)|^2 / 2``: sum over features, mean over the batch; scalar.

    ``-log p`` of unit Gaussians around what a discriminator sees (arXiv:1512.09300, section 2.2).

    Args:
        discriminator: has ``features(images)``, the D_l; a fixed map if its weights are frozen.
        images: ``(N, ...)``, decoded.
        samples: of the same shape, constants.
    """
    with torch.no_grad():
        wanted = _raised(discriminator.features(samples))
    away = _raised(discriminator.features(images)) - wanted
    return 0.5 * away.square().flatten(1).sum(1).mean()


def _raised(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
