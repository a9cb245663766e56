"""The truncation trick on normal latents (known answer 36)."""

import math
import time

import pytest
import torch

from gan_modules.latents import truncated_normal
from tests.small_variants import build


def own(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("psi", "std"), [(0.5, 0.283882), (1.0, 0.539560), (2.0, 0.879626)])
def test_spread_is_that_of_the_truncated_law_and_nothing_lies_outside_kat_36(
    psi: float, std: float
) -> None:
    z = truncated_normal(1000, 100, psi, own())
    assert z.abs().max() <= psi and z.abs().max() > 0.99 * psi
    assert z.std().item() == pytest.approx(std, rel=0.01)
    # Redrawn and not clamped: no pile at the edge.
    density = (1 / math.sqrt(2 * math.pi)) * math.exp(-psi * psi / 2) / math.erf(psi / 2**0.5)
    near = (z.abs() > 0.98 * psi).float().mean().item()
    assert near == pytest.approx(2 * 0.02 * psi * density, rel=0.1)


def test_infinity_changes_nothing_and_what_lies_inside_stays_kat_36() -> None:
    plain = torch.randn(50, 20, generator=own())
    assert torch.equal(truncated_normal(50, 20, math.inf, own()), plain)
    cut = truncated_normal(50, 20, 1.5, own())
    inside = plain.abs() <= 1.5
    assert torch.equal(cut[inside], plain[inside]) and not torch.equal(cut[~inside], plain[~inside])


def test_zero_gives_zeros_and_tiny_truncations_cost_no_more() -> None:
    assert torch.equal(truncated_normal(3, 4, 0.0, own()), torch.zeros(3, 4))
    begin = time.perf_counter()
    tiny = truncated_normal(1000, 100, 1e-6, own())
    assert time.perf_counter() - begin < 5
    assert tiny.abs().max() <= 1e-6
    assert tiny.std().item() == pytest.approx(1e-6 / math.sqrt(3), rel=0.01)


def test_one_seed_gives_one_draw_at_every_truncation() -> None:
    for psi in (0.3, 1.0, math.inf):
        assert torch.equal(truncated_normal(4, 5, psi, own(1)), truncated_normal(4, 5, psi, own(1)))
        left, again = own(1), own(1)
        truncated_normal(4, 5, psi, left)
        truncated_normal(4, 5, 2.0, again)
        # The next draw does not depend on how much was redrawn.
        assert torch.equal(torch.randn(3, generator=left), torch.randn(3, generator=again))


@pytest.mark.parametrize("psi", [-0.1, math.nan])
def test_truncations_below_zero_are_refused(psi: float) -> None:
    with pytest.raises(ValueError, match="truncation must be at least 0, got"):
        truncated_normal(2, 2, psi)
    with pytest.raises(ValueError, match="truncation must be at least 0, got"):
        build("GAN").draw_latents(2, truncation=psi)


def test_truncation_zero_is_one_image_and_infinity_the_whole_distribution() -> None:
    module = build("BigGAN", ema_half_life_images=None).eval()
    labels = torch.zeros(16, dtype=torch.long)

    def images(psi: float | None) -> torch.Tensor:
        return module.decode(module.draw_latents(16, generator=own(), truncation=psi), labels)

    one, some, most = images(0.0), images(0.5), images(math.inf)
    torch.testing.assert_close(one, one[:1].expand_as(one))
    assert torch.equal(most, images(None))
    assert 0 < some.std(dim=0).mean() < most.std(dim=0).mean()


def test_uniform_latents_are_not_truncated() -> None:
    module = build("GAN", latent="uniform")
    assert module.draw_latents(3).abs().max() <= 1
    with pytest.raises(ValueError, match="GAN: truncation must be None for uniform latents, got 1"):
        module.draw_latents(3, truncation=1.0)


def test_latents_have_the_modules_dtype_and_shape() -> None:
    module = build("GAN").double()
    z = module.draw_latents(5, generator=own(), truncation=0.7)
    assert z.dtype == torch.float64 and z.shape == (5, module.latent_dim)
