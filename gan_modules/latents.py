"""Ways between latents."""

from __future__ import annotations

import torch
from torch import Tensor


def lerp(start: Tensor, end: Tensor, t: Tensor | float) -> Tensor:
    """The straight line ``(1 - t) * start + t * end``.

    Between two draws of N(0, I) its middle is shorter than either by a factor of about 0.71, a
    length that the generator has hardly seen.

    Args:
        start: ``(..., D)``.
        end: ``(..., D)``.
        t: in [0, 1], a number or of a shape that broadcasts against ``(..., 1)``.
    """
    return torch.as_tensor(1.0 - t) * start + t * end


def slerp(start: Tensor, end: Tensor, t: Tensor | float) -> Tensor:
    """The great circle between two directions (White, arXiv:1609.04468).

    ``sin((1-t) w) / sin w * start + sin(t w) / sin w * end``, w the angle between them. Where the
    directions are equal or opposite the circle is not defined, and the line is taken.

    Args:
        start: ``(..., D)``.
        end: ``(..., D)``.
        t: in [0, 1], a number or of a shape that broadcasts against ``(..., 1)``.
    """
    # In float32 opposite directions are told from nearly opposite ones by rounding alone.
    a, b = start.double(), end.double()
    t = torch.as_tensor(t, dtype=torch.float64, device=start.device)
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1, eps=1e-12)
    angle = cosine.clamp(-1.0, 1.0).arccos().unsqueeze(-1)
    sine = angle.sin()
    safe = sine > 1e-6
    bottom = torch.where(safe, sine, torch.ones_like(sine))
    arc = ((1.0 - t) * angle).sin() / bottom * a + (t * angle).sin() / bottom * b
    return torch.where(safe, arc, lerp(a, b, t)).to(start.dtype)


def truncated_normal(
    n: int, dim: int, psi: float, generator: torch.Generator | None = None
) -> Tensor:
    """Latents ``(n, dim)`` of the normal law truncated to [-psi, psi]: BigGAN's truncation trick.

    arXiv:1809.11096, section 3.1: coordinates that lie outside are drawn again, those inside stay
    as :func:`torch.randn` gives them. The new draws come out of the truncated law at once, so that
    a small psi costs no more than a large one. Below 1 images are better and less varied; 0 gives
    zeros, infinity changes nothing.

    Args:
        n: how many.
        dim: coordinates of each.
        psi: at least 0, in standard deviations.
        generator: a CPU generator.

    Raises:
        ValueError: for a negative or undefined psi.
    """
    z = torch.randn(n, dim, generator=generator)
    again = squeezed(torch.randn(n, dim, generator=generator), psi)
    return torch.where(z.abs() > psi, again, z)


def squeezed(z: Tensor, psi: float) -> Tensor:
    """Standard normal latents moved to the normal law truncated to [-psi, psi], rank by rank.

    Each coordinate keeps its quantile, so the result has exactly the law of redrawing what lies
    outside (the truncation trick of BigGAN, arXiv:1809.11096, section 3.1), and follows ``psi``
    continuously: 0 gives zeros, infinity gives ``z`` itself.

    Args:
        z: standard normal, any shape.
        psi: at least 0, in standard deviations.

    Raises:
        ValueError: for a negative or undefined psi.
    """
    if not psi >= 0:
        raise ValueError(f"truncation must be at least 0, got {psi}; 0 gives one image, inf all")
    if psi == 0:
        return torch.zeros_like(z)
    values = z.double()
    share = torch.special.ndtr(torch.tensor(float(psi), dtype=torch.float64))
    # By symmetry on the lower half, where the distribution function has all its digits.
    lower = torch.special.ndtr(-values.abs())
    quantile = (1.0 - share) + lower * (2.0 * share - 1.0)
    moved = -torch.special.ndtri(quantile) * values.sign()
    return (moved if psi < 30 else values).to(z.dtype)
