"""Constraints and penalties on the weights of a player's network, whatever it is fed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from gan_modules.engine.precision import fp32_island
from gan_modules.networks.checks import require_choice
from gan_modules.networks.checks import require_positive as require_count
from gan_modules.networks.equalized import Equalized
from gan_modules.regularizers.base import Regularizer, full_precision, require_positive

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class WeightClipping(Regularizer):
    """Puts every parameter of D back into ``[-bound, bound]`` after each of its steps.

    Arjovsky et al., arXiv:1701.07875, algorithm 1, line 7. Biases and the gains of normalisation
    layers are clipped too.

    Args:
        bound: the paper's c.

    Raises:
        ValueError: if ``bound`` is not positive and finite.
    """

    name = "weight_clipping"
    bounds_slope = True

    def __init__(self, bound: float = 0.01) -> None:
        super().__init__()
        self.bound = require_positive(self, "bound", bound)

    @torch.no_grad()
    def after_step(self, network: nn.Module) -> None:
        """Clamp in place."""
        for parameter in network.parameters():
            parameter.clamp_(-self.bound, self.bound)


class Orthogonal(Regularizer):
    """Keeps the rows of each weight, as a matrix ``W`` of ``(out, rest)``, at right angles.

    With ``S = W W^T``, one number for each pair of outputs, and the sum over all weights:

    - ``"off_diagonal"``: ``weight |S o (1 - I)|_F^2``; angles alone, lengths are free (Brock et
      al., BigGAN, arXiv:1809.11096). The gradient is ``4 weight (S o (1 - I)) W``; a well-known
      code adds half of it, so that 1e-4 here is 2e-4 there.
    - ``"soft"``: ``weight |S - I|_F^2``; lengths go to 1 as well (after Brock et al.,
      arXiv:1609.07093).
    - ``"spectral"``: ``weight sigma(S - I)``, the largest singular value, by power iteration
      (Bansal et al., arXiv:1810.09102).

    Every ``weight`` of two axes or more counts, but not those of ``nn.Embedding``. Equalised
    layers count at the scale at which they are used, spectrally normalised ones before it.

    Args:
        weight: factor of the sum: BigGAN's beta.
        kind: see above.
        player: whose network: ``"generator"``, as in BigGAN, or ``"discriminator"``.
        iterations: of the power method, for ``"spectral"``; they start at the same vector in every
            step and on every rank.
        interval: see :class:`Regularizer`.

    Raises:
        ValueError: if ``weight`` is not positive and finite, ``iterations`` is no positive
            integer, or ``kind`` or ``player`` is none of those.
    """

    name = "orthogonal"

    def __init__(
        self,
        weight: float = 1e-4,
        kind: Literal["off_diagonal", "soft", "spectral"] = "off_diagonal",
        player: Literal["generator", "discriminator"] = "generator",
        iterations: int = 8,
        interval: int = 1,
    ) -> None:
        super().__init__(interval)
        self.weight = require_positive(self, "weight", weight)
        require_choice("Orthogonal", "kind", kind, ("off_diagonal", "soft", "spectral"))
        require_choice("Orthogonal", "player", player, ("generator", "discriminator"))
        require_count("Orthogonal", iterations=iterations)
        self.kind, self.player, self.iterations = kind, player, iterations

    def weight_penalty(self, network: nn.Module) -> Tensor:
        """The weighted sum over the network's weights; 0 if it has none."""
        total = torch.zeros((), device=next(network.parameters()).device)
        with fp32_island(total.device.type):
            for matrix in matrices(network):
                total = total + self._of(full_precision(matrix))
            return self.weight * total

    def _of(self, matrix: Tensor) -> Tensor:
        if len(matrix) > matrix.shape[1] and self.kind != "spectral":
            return self._of_tall(matrix)
        gram = matrix @ matrix.T
        if self.kind == "off_diagonal":
            return (gram - gram.diagonal().diag()).square().sum()
        distance = gram - torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
        if self.kind == "soft":
            return distance.square().sum()
        return _spectral_norm(distance, self.iterations)

    def _of_tall(self, matrix: Tensor) -> Tensor:
        """The same sums through ``W^T W``: more rows than columns make a Gram matrix of gigabytes.

        Only here: such rows are never at right angles, so nothing is lost in the differences.
        """
        whole, lengths = (matrix.T @ matrix).square().sum(), matrix.square().sum(1)
        if self.kind == "off_diagonal":
            return whole - lengths.square().sum()
        return whole - 2.0 * lengths.sum() + len(matrix)


def matrices(network: nn.Module) -> Iterator[Tensor]:
    """The trainable weights as matrices ``(out, rest)``, embeddings left out."""
    for name, parameter in network.named_parameters():
        home, _, last = name.rpartition(".")
        if last == "original" and home.endswith("parametrizations.weight"):
            home, last = home.removesuffix("parametrizations.weight").rstrip("."), "weight"
        layer = network.get_submodule(home)
        if last != "weight" or parameter.dim() < 2 or isinstance(layer, nn.Embedding):
            continue
        weight = parameter.transpose(0, 1) if isinstance(layer, _TRANSPOSED) else parameter
        scale = layer.scale if isinstance(layer, Equalized) else 1.0
        yield weight.flatten(1) * scale


def _spectral_norm(matrix: Tensor, iterations: int) -> Tensor:
    """The largest singular value of a symmetric matrix, with a constant vector as in SNGAN."""
    with torch.no_grad():
        # Some vector, the same at every call and on every rank.
        vector = torch.arange(1, len(matrix) + 1, device=matrix.device).to(matrix.dtype).sin()
        for _ in range(iterations):
            vector = matrix @ (vector / vector.norm().clamp_min(1e-12))
        vector = vector / vector.norm().clamp_min(1e-12)
    # The length of the image and not v^T M v: eigenvalues of both signs may be the largest.
    return (matrix @ vector).norm()
