"""The distances as torchmetrics classes, for use outside this library's callbacks.

They take features and leave the network to the caller. Their states merge over ranks by
themselves; for a whole evaluation use the bank, which also keeps the order of the samples.
"""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from callbacks.metrics.frechet import Moments, frechet_distance
from callbacks.metrics.kernel import kernel_distance
from callbacks.metrics.manifold import Neighbours, manifold_scores
from callbacks.metrics.scores import check_features


class FrechetDistance(Metric):
    """Frechet distance of features, with sums as its only state.

    Args:
        dim: width d of the features.
        shift: ``(d,)``, about the mean of the real features, the same on all ranks; None for 0.
            Sums of squares around it keep their digits when the mean is large.
        **kwargs: see :class:`torchmetrics.Metric`.

    Raises:
        ValueError: for a shift of another width.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    def __init__(self, dim: int, shift: Tensor | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        around = torch.zeros(dim) if shift is None else shift
        if around.shape != (dim,):
            raise ValueError(
                f"FrechetDistance: shift must have shape ({dim},), got {tuple(around.shape)}; "
                "give the mean of the real features"
            )
        # No buffer: those lose their float64 when the module that holds the metric is cast.
        self._shift = around.detach().to(torch.float64)
        for side in ("real", "fake"):
            for name, shape in (("n", ()), ("sum", (dim,)), ("outer", (dim, dim))):
                zeros = torch.zeros(shape, dtype=torch.float64)
                self.add_state(f"{side}_{name}", zeros, dist_reduce_fx="sum")

    def update(self, features: Tensor, real: bool) -> None:
        """Add samples.

        Args:
            features: ``(N, d)``.
            real: which side they belong to.

        Raises:
            ValueError: for another shape.
        """
        side = "real" if real else "fake"
        check_features("FrechetDistance", 1, features=features, shift=self._shift[None])
        deviations = features.detach().to(torch.float64) - self._shift.to(features.device)
        for name, value in (
            ("n", torch.tensor(len(features), dtype=torch.float64, device=features.device)),
            ("sum", deviations.sum(dim=0)),
            ("outer", deviations.T @ deviations),
        ):
            setattr(self, f"{side}_{name}", getattr(self, f"{side}_{name}") + value)

    def compute(self) -> Tensor:
        """Return the distance, float64 scalar; nan where a feature was not finite.

        Raises:
            ValueError: for fewer than two samples on a side.
        """
        real, fake = (self._moments(side) for side in ("real", "fake"))
        return torch.tensor(frechet_distance(real, fake).value, dtype=torch.float64)

    def _moments(self, side: str) -> Moments:
        n, total, outer = (getattr(self, f"{side}_{name}") for name in ("n", "sum", "outer"))
        mean = total / n.clamp_min(1.0)
        shift = self._shift.to(mean.device)
        return Moments(int(n), shift + mean, outer - torch.outer(mean, mean) * n)


class _WholeFeatures(Metric):
    """Keeps the features of both sides; ranks are joined one after the other."""

    is_differentiable = False
    full_state_update = False
    real: list[Tensor]
    fake: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("real", [], dist_reduce_fx="cat")
        self.add_state("fake", [], dist_reduce_fx="cat")

    def update(self, features: Tensor, real: bool) -> None:
        """Add samples.

        Args:
            features: ``(N, d)``.
            real: which side they belong to.

        Raises:
            ValueError: for another shape.
        """
        check_features(type(self).__name__, 1, features=features)
        (self.real if real else self.fake).append(features.detach().float())

    def _sides(self) -> tuple[Tensor, Tensor]:
        return dim_zero_cat(self.real), dim_zero_cat(self.fake)


class KernelDistance(_WholeFeatures):
    """Kernel distance of features; keeps all of them.

    Args:
        subsets: number of subsets.
        subset_size: samples of either side in one subset, at most.
        seed: of the private draws.
        **kwargs: see :class:`torchmetrics.Metric`.
    """

    higher_is_better = False

    def __init__(
        self, subsets: int = 100, subset_size: int = 1000, seed: int = 2020, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.subsets, self.subset_size, self.seed = subsets, subset_size, seed

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard error, float64 scalars.

        Raises:
            ValueError: for fewer than two samples on a side.
        """
        real, fake = self._sides()
        score = kernel_distance(real, fake, self.subsets, self.subset_size, self.seed)
        return tuple(torch.tensor(value, dtype=torch.float64) for value in score[:2])  # type: ignore[return-value]


class ManifoldScores(_WholeFeatures):
    """Precision, recall, density and coverage of features; keeps all of them.

    Args:
        k: the neighbour that a ball reaches to.
        inclusive: whether the rim belongs to the ball.
        **kwargs: see :class:`torchmetrics.Metric`.

    Raises:
        ValueError: for a k below 1.
    """

    higher_is_better = True

    def __init__(self, k: int = 5, inclusive: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.neighbours = Neighbours(k, inclusive)

    def compute(self) -> dict[str, Tensor]:
        """Return the four scores by name, float64 scalars.

        Raises:
            ValueError: for sides with too few samples for k.
        """
        found = manifold_scores(*self._sides(), self.neighbours)._asdict()
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in found.items()}
