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
