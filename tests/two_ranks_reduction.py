"""Played by ``tests/two_ranks.py`` in two gloo processes: terms that are not means over samples.

Each function is also called in one process on the joined batch; what it returns must be equal.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.engine.reduction import mean_over_ranks
from gan_modules.features import feature_distance
from gan_modules.networks.minibatch_discrimination import MinibatchDiscrimination
from gan_modules.networks.mlp import MLPDiscriminator
from gan_modules.regularizers import Dragan

BATCH = 8


def part(rank: int, world: int, *shape: int, seed: int = 0) -> Tensor:
    """This rank's rows of one global batch."""
    own = torch.Generator().manual_seed(seed)
    rows = torch.randn(BATCH, *shape, generator=own, dtype=torch.float64)
    size = BATCH // world
    return rows[rank * size : (rank + 1) * size]


def averaged(tensors: list[Tensor]) -> list[Tensor]:
    """As the engine averages parameter gradients after the backward."""
    for tensor in tensors:
        if dist.is_initialized():
            dist.all_reduce(tensor)
            tensor /= dist.get_world_size()
    return tensors


def curved(rank: int, world: int) -> dict[str, Tensor]:
    """A function of a mean: its value, its gradient, and the gradient of its gradient's square."""
    weight = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64, requires_grad=True)
    mean = mean_over_ranks((part(rank, world, 3) * weight).tanh().mean(0))
    value = (mean.square() * torch.tensor([1.0, 2.0, 3.0])).sum()
    (gradient,) = torch.autograd.grad(value, weight, create_graph=True)
    # What each rank holds of the gradient is a part: their mean is the whole.
    whole = mean_over_ranks(gradient)
    (second,) = torch.autograd.grad(whole.square().sum(), weight)
    (second,) = averaged([second])
    return {"value": value.detach(), "gradient": whole.detach(), "second": second}


def unequal_losses(rank: int, world: int) -> dict[str, Tensor]:
    """Ranks that use the mean in losses of their own: the step follows the mean of these."""
    weight = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64, requires_grad=True)
    rows = part(rank, world, 3) * weight
    loss = (rows - mean_over_ranks(rows.mean(0))).square().mean()
    return {"gradient": averaged(list(torch.autograd.grad(loss, [weight])))[0]}


def features(rank: int, world: int) -> dict[str, Tensor]:
    """Feature matching of both kinds, and what a step would follow."""
    weight = torch.full((4,), 1.3, dtype=torch.float64, requires_grad=True)
    real, fake = part(rank, world, 4, seed=1), part(rank, world, 4, seed=2)
    seen = {}
    for distance in ("squared", "absolute"):
        value = feature_distance(real, (fake * weight).exp(), distance)  # type: ignore[arg-type]
        seen[f"{distance} value"] = value.detach()
        seen[f"{distance} gradient"] = averaged(list(torch.autograd.grad(value, [weight])))[0]
    return seen


def dragan(rank: int, world: int) -> dict[str, Tensor]:
    """DRAGAN's penalty, whose noise is as wide as the joined batch."""
    torch.manual_seed(5)
    network = MLPDiscriminator([4], hidden=6, layers=2, activation="tanh").double()
    real, seen = part(rank, world, 4, seed=3), {}
    for symmetric in (False, True):
        value = Dragan(symmetric=symmetric).penalty(network, real, real, Noise(2, rank))
        gradients = torch.autograd.grad(value, list(network.parameters()), allow_unused=True)
        reduced = averaged([g.flatten() for g in gradients if g is not None])
        seen[f"{symmetric} gradient"] = torch.cat(reduced)
        seen[f"{symmetric} value"] = averaged([value.detach().clone()])[0]
    return seen


def local(rank: int, world: int) -> Tensor:
    """Minibatch discrimination, which stays inside a rank, on purpose."""
    torch.manual_seed(6)
    layer = MinibatchDiscrimination(4, kernels=2, dims=3).double()
    return layer(part(rank, world, 4)).detach()


CASES = {"curved": curved, "unequal": unequal_losses, "features": features, "dragan": dragan}


def cases(rank: int, world: int) -> dict[str, Any]:
    """All that a rank sees."""
    seen: dict[str, Any] = {name: case(rank, world) for name, case in CASES.items()}
    return {**seen, "local": local(rank, world)}
