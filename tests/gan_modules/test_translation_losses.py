"""Gradient difference, total variation and gradient reversal against closed forms."""

import pytest
import torch

from gan_modules.gradient_difference import gradient_difference
from gan_modules.gradient_reversal import reverse_gradient
from gan_modules.total_variation import total_variation

EDGE = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]], dtype=torch.float64)


def test_gradient_difference_of_equal_and_of_brighter_images_is_zero_k40() -> None:
    y = torch.rand(2, 3, 5, 6, dtype=torch.float64)
    assert gradient_difference(y, y).item() == 0
    assert gradient_difference(y, y + 0.7).item() == pytest.approx(0, abs=1e-14)
    assert gradient_difference(y, 1 - y).item() == pytest.approx(0, abs=1e-14)
    assert gradient_difference(y, y.flip(3)).item() > 0.1


def test_gradient_difference_of_an_edge_and_nothing_is_one_k40() -> None:
    zero = torch.zeros_like(EDGE)
    assert gradient_difference(EDGE, zero).item() == 1.0
    assert gradient_difference(zero, EDGE).item() == 1.0
    assert gradient_difference(EDGE.mT, zero).item() == 1.0
    assert gradient_difference(EDGE + EDGE.mT, zero).item() == 2.0
    assert gradient_difference(3 * EDGE, zero, power=2).item() == 9.0
    assert gradient_difference(3 * EDGE, EDGE, power=2).item() == 4.0


def test_gradient_difference_sharpens_what_is_too_soft() -> None:
    soft = (0.5 * EDGE).requires_grad_(True)
    gradient_difference(soft, EDGE).backward()
    assert (
        soft.grad is not None and (-soft.grad[..., 1] > 0).all() and (soft.grad[..., 0] > 0).all()
    )


def test_total_variation_is_the_sum_of_the_gradient_s_lengths() -> None:
    rows = torch.arange(4.0, dtype=torch.float64).view(1, 1, 4, 1)
    ramp = (3 * rows + 4 * rows.mT).expand(2, 3, -1, -1)
    assert total_variation(ramp).item() == pytest.approx(3 * 9 * 5)
    assert total_variation(ramp, power=2).item() == pytest.approx(3 * 9 * 25)
    assert total_variation(-ramp + 9).item() == pytest.approx(3 * 9 * 5)
    two = torch.cat([ramp[:1], 0 * ramp[:1]])
    assert total_variation(two).item() == pytest.approx(3 * 9 * 5 / 2)


def test_total_variation_of_a_flat_image_is_zero_with_a_finite_gradient() -> None:
    flat = torch.full((1, 1, 4, 4), 0.3, requires_grad=True)
    value = total_variation(flat)
    value.backward()
    assert value.item() == 0 and flat.grad is not None and not flat.grad.any()


@pytest.mark.parametrize("weight", [1.0, 0.3, 0.0])
def test_reversed_gradient_is_minus_weight_times_the_ordinary_one_k31(weight: float) -> None:
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    layer = torch.randn(4, dtype=torch.float64, requires_grad=True)
    ordinary = torch.autograd.grad((x @ layer).tanh().sum(), (x, layer))
    same = reverse_gradient(x, weight)
    assert torch.equal(same, x) and same is not x
    found = torch.autograd.grad((same @ layer).tanh().sum(), (x, layer))
    torch.testing.assert_close(found[0], -weight * ordinary[0], rtol=0, atol=0)
    # What lies behind the reversal learns as ever.
    assert torch.equal(found[1], ordinary[1])


def test_reversal_is_differentiable_twice() -> None:
    x = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(reverse_gradient(x, 2.0).pow(3), x, create_graph=True)
    assert slope.item() == pytest.approx(-2 * 3 * 0.25)
    (curvature,) = torch.autograd.grad(slope, x)
    # The slope -2 * 3 y^2, y = x reversed: -2 * 6 y, whose own way back is reversed again.
    assert curvature.item() == pytest.approx(4 * 6 * 0.5)


def test_shapes_and_powers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 2x2 px, got \(1, 1, 2, 2\) and \(1, 1, 2, 3\)"):
        gradient_difference(EDGE, torch.zeros(1, 1, 2, 3))
    with pytest.raises(ValueError, match=r"got \(2, 2\) and \(2, 2\); match them"):
        gradient_difference(EDGE[0, 0], EDGE[0, 0])
    with pytest.raises(
        ValueError, match="power must be at least 1, got 0.5; the paper's are 1 and"
    ):
        gradient_difference(EDGE, EDGE, 0.5)
    with pytest.raises(
        ValueError, match=r"of at least 2x2 px, got \(1, 1, 1, 4\); points and rows"
    ):
        total_variation(torch.zeros(1, 1, 1, 4))
    with pytest.raises(ValueError, match="power must be at least 1, got 0; the paper's is 1"):
        total_variation(EDGE, 0)
