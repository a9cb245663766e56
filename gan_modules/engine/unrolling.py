"""Gradient steps that can be differentiated: what a network will be, as a function of its loss.

Metz, Poole, Pfau, Sohl-Dickstein, arXiv:1611.02163, section 2: the loss after K steps of
the opponent depends on one's own parameters through each of these steps as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from gan_modules.engine.reduction import mean_over_ranks

Parameters = dict[str, Tensor]


class InnerOptimizer(Protocol):
    """Parameters and gradients to new parameters, differentiably; nothing is changed in place."""

    def step(self, parameters: Parameters, gradients: Parameters) -> Parameters:
        """One step downhill."""


class InnerSGD:
    """``phi - lr * gradient``.

    Args:
        lr: the paper's eta.
    """

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def step(self, parameters: Parameters, gradients: Parameters) -> Parameters:
        """One step downhill."""
        return {name: value - self.lr * gradients[name] for name, value in parameters.items()}


class InnerAdam:
    """Adam's arithmetic, from the moments of a real optimizer on; those stay what they are.

    Args:
        lr: the rate.
        betas: decay of the two moments.
        state: of ``torch.optim.Adam`` by parameter name; what it lacks starts at zero.
        epsilon: beside the root.
    """

    def __init__(
        self,
        lr: float,
        betas: tuple[float, float],
        state: Mapping[str, Mapping[str, Tensor]],
        epsilon: float = 1e-8,
    ) -> None:
        self.lr, self.betas, self.epsilon = lr, betas, epsilon
        self.means = {name: of["exp_avg"].clone() for name, of in state.items() if "exp_avg" in of}
        self.squares = {name: state[name]["exp_avg_sq"].clone() for name in self.means}
        # Small powers of numbers near 1, and torch counts in float32.
        self.steps = {name: state[name]["step"].double() for name in self.means}

    def step(self, parameters: Parameters, gradients: Parameters) -> Parameters:
        """One step downhill; the moments go on with it."""
        beta1, beta2 = self.betas
        stepped = {}
        for name, value in parameters.items():
            slope = gradients[name]
            zero = torch.zeros_like(slope)
            mean = torch.lerp(slope, self.means.get(name, zero), beta1)
            square = torch.lerp(slope.square(), self.squares.get(name, zero), beta2)
            steps = self.steps.get(name, torch.zeros((), dtype=torch.float64)) + 1
            self.means[name], self.squares[name], self.steps[name] = mean, square, steps
            # The root of an exact 0, as under a dead unit, has no finite derivative.
            alive = square > 0
            root = torch.where(alive, square, 1.0).sqrt() * alive
            root = root / (1 - beta2**steps).sqrt().to(root.dtype)
            rate = self.lr / (1 - beta1**steps)
            stepped[name] = value - rate.to(value.dtype) * mean / (root + self.epsilon)
        return stepped


def unroll(
    loss: Callable[[Parameters], Tensor],
    parameters: Parameters,
    steps: int,
    optimizer: InnerOptimizer,
) -> Parameters:
    """The parameters after ``steps`` steps down ``loss``, as a differentiable function.

    Gradients are those of the joined batch of all ranks, which must call this together.

    Args:
        loss: of the parameters by name, and of whatever else it closes over.
        parameters: where it starts; they require gradients and are left alone.
        steps: the paper's K; 0 returns the start.
        optimizer: the rule of a step.
    """
    for _ in range(steps):
        found = torch.autograd.grad(
            loss(parameters),
            list(parameters.values()),
            create_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        # In one vector, so that all ranks reduce in one order, also in the backward pass.
        joined = mean_over_ranks(torch.cat([slope.reshape(-1) for slope in found]))
        parts = joined.split([slope.numel() for slope in found])
        gradients = {
            name: part.view_as(slope)
            for name, part, slope in zip(parameters, parts, found, strict=True)
        }
        parameters = optimizer.step(parameters, gradients)
    return parameters
