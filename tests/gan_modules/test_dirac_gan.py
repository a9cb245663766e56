"""The smallest game that shows who converges (arXiv:1801.04406, section 2; known answer 15).

Data sit at 0, the generator at theta, and ``D(x) = psi x``.
"""

import pytest
import torch
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.objectives import Minimax, NonSaturating, Objective
from gan_modules.regularizers import R1


def field(state: Tensor, gamma: float, objective: Objective) -> Tensor:
    """Minus the gradients of both players at ``(theta, psi)``, differentiable in the state."""
    theta, psi = state
    real, fake = torch.zeros(1, 1, dtype=torch.float64), theta.view(1, 1)

    def score(x: Tensor) -> Tensor:
        return psi * x.squeeze(1)

    generator = objective.generator_loss(score(fake))
    discriminator = objective.discriminator_loss(score(real), score(fake))
    if gamma:
        discriminator = discriminator + R1(gamma).penalty(score, real, fake, Noise())
    (to_theta,) = torch.autograd.grad(generator, theta, create_graph=True)
    (to_psi,) = torch.autograd.grad(discriminator, psi, create_graph=True)
    return -torch.stack([to_theta, to_psi])


def simulate(gamma: float, objective: Objective, steps: int = 500, length: float = 0.1) -> float:
    """Distance from the equilibrium after simultaneous Euler steps.

    The paper writes ``f(psi theta)`` where we score fakes low: its start (1, 1) is (1, -1) here.
    """
    state = torch.tensor([1.0, -1.0], dtype=torch.float64)
    for _ in range(steps):
        state = state.detach().requires_grad_(True)
        state = state + length * field(state, gamma, objective)
    return state.detach().norm().item()


@pytest.mark.parametrize("objective", [NonSaturating(), Minimax()], ids=["ns", "minimax"])
@pytest.mark.parametrize(
    ("gamma", "expected"),
    [
        (0.0, (0.5j, -0.5j)),
        (0.3, (-0.15 + 0.476970j, -0.15 - 0.476970j)),
        (1.0, (-0.5, -0.5)),
        (2.0, (-0.1339746, -1.8660254)),
    ],
)
def test_r1_moves_the_eigenvalues_of_the_equilibrium_off_the_imaginary_axis_kat_15(
    gamma: float, expected: tuple[complex, complex], objective: Objective
) -> None:
    origin = torch.zeros(2, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(
        lambda state: field(state, gamma, objective), origin
    )
    found = sorted(torch.linalg.eigvals(jacobian).tolist(), key=lambda x: (-x.real, -x.imag))
    for value, known in zip(found, expected, strict=True):
        assert abs(value - known) < 1e-6


def test_the_zero_sum_game_spirals_out_and_r1_makes_it_converge_kat_15() -> None:
    assert simulate(0.0, Minimax()) == pytest.approx(2.2535786527, abs=1e-8)
    assert simulate(1.0, Minimax()) == pytest.approx(2.2829436e-10, rel=1e-6, abs=0)


def test_the_non_saturating_game_creeps_inwards_and_r1_makes_it_converge_kat_15() -> None:
    # Its field has an inward part of third order at the equilibrium, so the rate is not linear.
    assert simulate(0.0, NonSaturating()) == pytest.approx(0.5211083313, abs=1e-8)
    assert simulate(1.0, NonSaturating()) == pytest.approx(8.3004863e-12, rel=1e-6, abs=0)
