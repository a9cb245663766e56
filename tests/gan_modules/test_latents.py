import math

import pytest
import torch

from gan_modules.latents import lerp, slerp, squeezed


def test_slerp_ends_where_it_should_kat_37() -> None:
    a, b = torch.randn(5, 7, dtype=torch.float64), torch.randn(5, 7, dtype=torch.float64)
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_slerp_of_unit_vectors_stays_on_the_sphere_kat_37(t: float) -> None:
    a, b = torch.nn.functional.normalize(torch.randn(2, 4, 16, dtype=torch.float64), dim=-1)
    norms = slerp(a, b, t).norm(dim=-1)
    torch.testing.assert_close(norms, torch.ones_like(norms))


def test_slerp_turns_by_equal_angles_kat_37() -> None:
    a, b = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
    third = math.pi / 6
    expected = torch.tensor([math.cos(third), math.sin(third)]).double()
    torch.testing.assert_close(slerp(a, b, 1 / 3), expected)
    torch.testing.assert_close(slerp(a, b, 0.5), slerp(b, a, 0.5))


def test_slerp_of_equal_or_opposite_directions_is_the_line_kat_37() -> None:
    a = torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(slerp(a, 2 * a, 0.25), lerp(a, 2 * a, 0.25))
    opposite = slerp(a, -a, torch.tensor([[0.25], [0.5]]))
    assert torch.isfinite(opposite).all()
    torch.testing.assert_close(opposite[0], 0.5 * a)


def test_the_line_between_normal_draws_is_shorter_in_the_middle_by_the_root_of_two() -> None:
    a, b = torch.randn(2, 2000, 128)
    ratio = lerp(a, b, 0.5).norm(dim=1).mean() / a.norm(dim=1).mean()
    assert abs(float(ratio) - math.sqrt(0.5)) < 0.01


@pytest.mark.parametrize(("psi", "std"), [(0.5, 0.283882), (1.0, 0.539560), (2.0, 0.879626)])
def test_squeezed_latents_have_the_truncated_law_kat_36(psi: float, std: float) -> None:
    z = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    moved = squeezed(z, psi)
    assert moved.abs().max() <= psi
    assert float(moved.std()) == pytest.approx(std, rel=0.01)
    assert (moved.sign() == z.sign()).all()
    # Ranks are kept: the same latents, closer together.
    assert (moved[z.argsort()].diff() >= 0).all()


def test_squeezed_at_its_ends() -> None:
    z = torch.randn(1000, generator=torch.Generator().manual_seed(1))
    assert not squeezed(z, 0.0).any()
    torch.testing.assert_close(squeezed(z, float("inf")), z)
    torch.testing.assert_close(squeezed(z, 8.0), z, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="truncation must be at least 0, got -1"):
        squeezed(z, -1.0)
