"""The largest singular values of weights: what grows first when a large GAN is about to collapse.

Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
2018, arXiv:1809.11096, section 4: power iteration with several vectors that
Gram-Schmidt keeps apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

#: Power iterations at construction, as many as spectral normalisation makes.
_FIRST_ITERATIONS = 15


def top_singular_values(weight: Tensor, k: int = 3, iterations: int = 500) -> Tensor:
    """The ``k`` largest singular values of a weight as a matrix ``(out, rest)``, falling.

    Power iteration with ``k`` vectors that Gram-Schmidt keeps apart on both sides; distinct values
    come out to about 1e-3.

    Args:
        weight: two or more axes; swap the first two of a transposed convolution's.
        k: how many; at most as many as the matrix has are returned.
        iterations: from fixed starting vectors.
    """
    matrix = weight.detach().flatten(1)
    u = _starting_vectors(matrix, k)
    values = torch.zeros(len(u))
    for _ in range(iterations):
        u, values = _iterate_together(matrix, u)
    return values


class SingularValues(nn.Module):
    """Follows the largest singular values of a network's weights by one iteration a look.

    Weights change slowly, so vectors that are kept from look to look stay converged; a look costs
    a few products of a matrix and a vector for each weight, where an exact spectrum of a wide
    layer costs more than a training step. The vectors are buffers: a resumed run goes on.

    Args:
        network: looked at; not kept.
        k: values for each weight.
    """

    def __init__(self, network: nn.Module, k: int = 3) -> None:
        super().__init__()
        for index, (_, matrix) in enumerate(_matrices(network)):
            u = _starting_vectors(matrix, k)
            for _ in range(_FIRST_ITERATIONS):
                u, _values = _iterate_together(matrix, u)
            self.register_buffer(f"u{index}", u)

    @torch.no_grad()
    def look(self, network: nn.Module) -> dict[str, Tensor]:
        """One iteration on each weight; values ``(k,)``, falling, by name of the layer.

        A weight that is spectrally normalised is looked at before that.
        """
        found = {}
        for index, (name, matrix) in enumerate(_matrices(network)):
            kept = self.get_buffer(f"u{index}")
            with torch.autocast(matrix.device.type, enabled=False):
                u, found[name] = _iterate_together(matrix, kept)
            kept.copy_(u)
        return found


def _iterate_together(matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """One power iteration of the rows of ``u``, ``(k, out)``: the new rows and ``k`` values."""
    right: list[Tensor] = []
    left: list[Tensor] = []
    values = []
    for row in u:
        right.append(_direction(matrix.T @ row, right))
        image = matrix @ right[-1]
        direction = _direction(image, left)
        # Where the matrix has no image left, the old direction waits for one.
        left.append(torch.where(direction.any(), direction, row))
        values.append((left[-1] * image).sum())
    return torch.stack(left), torch.stack(values)


def _direction(vector: Tensor, others: list[Tensor]) -> Tensor:
    """Of unit length and orthogonal to ``others``; zero if nothing but rounding errors is left."""
    noise = 100 * torch.finfo(vector.dtype).eps * vector.norm()
    for other in others:
        vector = vector - (vector * other).sum() * other
    length = vector.norm()
    return torch.where(length > noise, vector / length, 0.0)


def _starting_vectors(matrix: Tensor, k: int) -> Tensor:
    own = torch.Generator().manual_seed(0)
    start = torch.randn(min(k, *matrix.shape), len(matrix), generator=own, dtype=torch.float64)
    return torch.linalg.qr(start.T).Q.T.to(matrix)


def _matrices(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Weights as matrices ``(out, rest)``, by name of the layer."""
    for path, module in network.named_modules():
        for name, weight in module.named_parameters(recurse=False):
            if weight.dim() < 2:
                continue
            # A parametrized weight lies two modules below its layer.
            path = path.removesuffix(".parametrizations.weight")
            swapped = isinstance(network.get_submodule(path), nn.ConvTranspose2d)
            matrix = weight.detach().transpose(0, 1) if swapped else weight.detach()
            yield path if name in ("weight", "original") else f"{path}.{name}", matrix.flatten(1)
