"""Standard error of a Frechet distance over the generated samples, from one decomposition.

The distance is a smooth function of the mean and the covariance of the samples, so each sample has
an influence on it: the derivative along the step that one more copy of it would make. Their spread
over root N is the standard error (Hampel, "The Influence Curve and its Role in Robust Estimation",
1974). A jackknife over ten parts gives the same and takes eleven distances. The bias of few samples
is not in it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from callbacks.metrics.frechet import Moments, symmetric_root
from callbacks.metrics.scores import check_features, non_finite


def frechet_error(real: Moments, fake: Tensor, real_root: Tensor | None = None) -> float:
    """Standard error of the distance of samples to a reference that is known exactly.

    Args:
        real: moments of the reference.
        fake: ``(N, d)`` features of the generated samples, at least 2 rows, on any device.
        real_root: root of the real covariance, where it is kept.

    Returns:
        0 or more, in units of the distance; nan where an input is not finite.

    Raises:
        ValueError: for other shapes.
    """
    check_features("frechet_error", 2, fake=fake)
    moments = Moments.of(fake)
    covariance = moments.covariance()
    if non_finite(real=real.scatter, fake=covariance):
        return math.nan
    root = symmetric_root(real.covariance()) if real_root is None else real_root
    root, centre = root.to(fake.device), real.mean.to(fake.device)
    product = root @ covariance @ root
    values, vectors = torch.linalg.eigh((product + product.T) / 2)
    inverse = _inverse_root(values)
    # The optimal map between the two Gaussians; the covariance's part of the distance falls by it.
    transport = root @ ((vectors * inverse) @ vectors.T) @ root
    rows = fake.to(torch.float64) - moments.mean
    pulled = rows.square().sum(dim=1) - ((rows @ transport) * rows).sum(dim=1)
    return _spread(2.0 * rows @ (moments.mean - centre) + pulled)


def frechet_error_from_features(real: Tensor, fake: Tensor) -> float:
    """The same from two matrices that are both smaller than their width, without a ``(d, d)`` one.

    Args:
        real: ``(M, d)`` features of the reference, at least 2 rows.
        fake: ``(N, d)`` features of the generated samples, at least 2 rows.

    Returns:
        As :func:`frechet_error`.

    Raises:
        ValueError: for other shapes.
    """
    check_features("frechet_error", 2, real=real, fake=fake)
    if non_finite(real=real, fake=fake):
        return math.nan
    real, fake = real.to(torch.float64), fake.to(torch.float64)
    shift = fake.mean(dim=0) - real.mean(dim=0)
    rows, others = fake - fake.mean(dim=0), real - real.mean(dim=0)
    scale = math.sqrt((len(fake) - 1) * (len(real) - 1))
    # Of the map between the Gaussians only its values at the samples are needed.
    _, values, right = torch.linalg.svd(others @ rows.T / scale, full_matrices=False)
    carried = (right.square() * values[:, None]).sum(dim=0) * (len(fake) - 1)
    return _spread(2.0 * rows @ shift + rows.square().sum(dim=1) - carried)


def _inverse_root(values: Tensor) -> Tensor:
    noise = torch.finfo(torch.float64).eps * len(values) * values.abs().max()
    kept = values > noise
    return torch.where(kept, values.clamp_min(torch.finfo(torch.float64).tiny).rsqrt(), 0.0)


def _spread(influence: Tensor) -> float:
    return float(influence.std()) / math.sqrt(len(influence))
