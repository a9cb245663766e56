"""Path lengths: how far an image moves when its style moves.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2019, arXiv:1912.04958,
section 3.2. With J the Jacobian of the synthesis at w and y a random image, ``|J^T y|`` is the
length; where it is equal everywhere and in all directions, a step in w has the same effect
everywhere, which makes images easy to find again and, the paper observes, better.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Share of a new mean in the mean of all lengths so far.
MEAN_DECAY = 0.01
#: Keeps the gradient of the root finite where an image does not depend on its style.
_EPSILON = 1e-12


def path_lengths(images: Tensor, ws: Tensor, y: Tensor) -> Tensor:
    """Lengths ``(N,)``, differentiable in the generator.

    Args:
        images: ``(N, C, H, W)``, made of ``ws`` with a graph.
        ws: styles ``(N, num_layers, w_dim)``.
        y: standard normal noise ``(N, C, H, W)``.

    Returns:
        The root of the mean over layers of the squared norms of ``J^T y / sqrt(H W)``; by the
        division the size of images does not matter.
    """
    pixels = images.shape[2] * images.shape[3]
    total = (images * y).sum() / math.sqrt(pixels)
    # The sum's gradient is each sample's own: a generator treats samples one by one.
    (gradients,) = torch.autograd.grad(total, ws, create_graph=True)
    return (gradients.square().sum(2).mean(1) + _EPSILON).sqrt()
