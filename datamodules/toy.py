"""Two-dimensional mixtures of Gaussians, on which a collapse to few modes can be counted.

Constructions and counting as in PacGAN (arXiv:1712.04086) and VEEGAN (arXiv:1705.07761).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.base import DataModule
from datamodules.cache import LabelledImages, content_hash

_DRAW_SEED = 20171212
_HIGH_QUALITY_STDS = 3.0


class GaussianMixture(DataModule):
    """Points of equally likely, equally wide Gaussians; :class:`Ring` and :class:`Grid` are two.

    Args:
        centres: ``(K, 2)`` means, after scaling.
        std: standard deviation along each axis, after scaling.
        length: how many points there are; a fixed set, drawn once and the same for every run.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when ``std`` is not positive, or there are fewer points than modes.
    """

    def __init__(
        self, centres: NDArray[np.float64], std: float, length: int = 100_000, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not std > 0.0:
            raise self._refusal("std x scale", "be above 0", std, "set std: 0.01 and scale: 1")
        if length < len(centres):
            raise self._refusal(
                "length", f"be at least the {len(centres)} modes", length, "set length: 100000"
            )
        for name in ("mirror", "dequantize"):
            if getattr(self, name):
                raise self._refusal(name, "be false for points", True, f"set {name}: false")
        self.centres = torch.from_numpy(centres.astype(np.float32))
        self.std = std
        self.length = length

    def load(self) -> LabelledImages:
        """Draw the points; see :class:`DataModule`."""
        generator = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        labels = generator.integers(len(self.centres), size=self.length)
        noise = generator.standard_normal((self.length, 2))
        points = (self.centres.numpy()[labels] + self.std * noise).astype(np.float32)
        names = tuple(str(mode) for mode in range(len(self.centres)))
        return LabelledImages(points, labels, names, None, None, content_hash(points, labels))


class Ring(GaussianMixture):
    """Modes on a circle; the defaults are PacGAN's ring of 8.

    WGAN's toy has ``radius: 2, std: 0.02, scale: 0.70721`` (1 / 1.414), the paper of unrolled GANs
    (arXiv:1611.02163) ``radius: 2, std: 0.02``.

    Args:
        modes: number of modes. The angles leave out the end of the circle: with it, as in a public
            notebook, two modes would fall together.
        radius: of the circle, before scaling.
        std: standard deviation of a mode along each axis, before scaling.
        scale: factor on everything.
        **kwargs: see :class:`GaussianMixture`.

    Raises:
        ValueError: when there is no mode, or a length is not positive.
    """

    def __init__(
        self,
        modes: int = 8,
        radius: float = 1.0,
        std: float = 0.01,
        scale: float = 1.0,
        **kwargs: Any,
    ) -> None:
        if modes < 1:
            raise ValueError(f"Ring: modes must be at least 1, got {modes}; set modes: 8")
        if not radius > 0.0:
            raise ValueError(f"Ring: radius must be above 0, got {radius}; set radius: 1")
        angles = np.linspace(0.0, 2.0 * np.pi, modes, endpoint=False)
        unit = np.stack([np.cos(angles), np.sin(angles)], 1)
        super().__init__(unit * radius * scale, std * scale, **kwargs)

    def slug(self) -> str:
        """ring-<number of modes>."""
        return f"ring-{len(self.centres)}"


class Grid(GaussianMixture):
    """Modes on a square grid around the origin; the defaults are PacGAN's grid of 25.

    WGAN's toy has ``scale: 0.35361`` (1 / 2.828).

    Args:
        side: modes along each axis.
        spacing: between neighbours, before scaling.
        std: standard deviation of a mode along each axis, before scaling.
        scale: factor on everything.
        **kwargs: see :class:`GaussianMixture`.

    Raises:
        ValueError: when there is no mode, or a length is not positive.
    """

    def __init__(
        self,
        side: int = 5,
        spacing: float = 2.0,
        std: float = 0.05,
        scale: float = 1.0,
        **kwargs: Any,
    ) -> None:
        if side < 1:
            raise ValueError(f"Grid: side must be at least 1, got {side}; set side: 5")
        if not spacing > 0.0:
            raise ValueError(f"Grid: spacing must be above 0, got {spacing}; set spacing: 2")
        axis = (np.arange(side) - (side - 1) / 2.0) * spacing
        mesh = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
        super().__init__(mesh * scale, std * scale, **kwargs)

    def slug(self) -> str:
        """grid-<number of modes>."""
        return f"grid-{len(self.centres)}"


@dataclass(frozen=True)
class ModeCount:
    """How much of a mixture a sample covers.

    Attributes:
        modes: with at least one sample of high quality.
        high_quality: share of samples within 3 standard deviations of their nearest mode, 0 to 1. A
            perfect sampler reaches 0.98889 in two dimensions, and a too narrow one exceeds that.
        reverse_kl: KL(p || uniform) in nats, p the shares of the modes among the samples of high
            quality; log K, as for a single mode, where there is none of those.
    """

    modes: int
    high_quality: float
    reverse_kl: float


def count_modes(samples: Tensor, centres: Tensor, std: float) -> ModeCount:
    """Count the modes that a sample covers; papers draw 2,500.

    Args:
        samples: ``(N, 2)``, N at least 1.
        centres: ``(K, 2)`` means of the modes.
        std: standard deviation of every mode along each axis.

    Returns:
        The counts.

    Raises:
        ValueError: when there is no sample, or a sample is not finite.
    """
    if not len(samples):
        raise ValueError("count_modes: samples must not be empty, got 0; draw 2500")
    points, means = samples.detach().double(), centres.double().to(samples.device)
    if not torch.isfinite(points).all():
        raise ValueError(
            "count_modes: samples must be finite, got NaN or infinity; the generator diverged"
        )
    distance, nearest = torch.cdist(points, means, compute_mode="donot_use_mm_for_euclid_dist").min(
        1
    )
    good = distance < _HIGH_QUALITY_STDS * std
    counts = torch.bincount(nearest[good], minlength=len(means)).double()
    shares = counts / counts.sum().clamp(min=1.0)
    divergence = torch.special.xlogy(shares, shares * len(means)).sum().item()
    return ModeCount(
        modes=int((counts > 0).sum()),
        high_quality=float(good.double().mean()),
        reverse_kl=divergence if counts.any() else float(np.log(len(means))),
    )
