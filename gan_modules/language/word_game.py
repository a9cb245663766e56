"""Parts of the game over word vectors: dropped inputs, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.networks.word_map import WordMap


def dropped(vectors: Tensor, share: float, noise: Noise) -> Tensor:
    """Vectors with a share of their entries set to 0 and the others scaled up: the mean stays.

    Args:
        vectors: ``(N, d)``.
        share: of the entries, below 1.
        noise: of the training step, so that ranks drop what one process would.
    """
    draws = noise.uniform(*vectors.shape, device=vectors.device, dtype=vectors.dtype)
    return vectors * (draws >= share) / (1 - share)


def require_map(generator: nn.Module) -> None:
    """The generator is one matrix, which can be kept orthogonal.

    Raises:
        ValueError: otherwise.
    """
    if not isinstance(generator, WordMap):
        raise ValueError(
            f"WordAlignment: generator must be a WordMap, got {type(generator).__name__}; give "
            "gan_modules.networks.word_map.WordMap with the dim of the vectors"
        )


def require_below(end: float, **numbers: float) -> None:
    """Numbers from 0, which switches something off, to below ``end``.

    Raises:
        ValueError: naming the argument and the value.
    """
    for name, value in numbers.items():
        if not 0 <= value < end:
            raise ValueError(
                f"WordAlignment: {name} must be at least 0 and below {end:g}, got {value}; the "
                "authors' code has smoothing 0.1, orthogonality 0.001 and input_dropout 0.1"
            )


def require_counts(**numbers: int) -> None:
    """Whole numbers from 1.

    Raises:
        ValueError: naming the argument and the value.
    """
    for name, value in numbers.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"WordAlignment: {name} must be a whole number of at least 1, got {value}; the "
                "paper has discriminator_steps 5 and epoch_steps 31250"
            )


def require_one_plan(epoch_decay: float, lr_decay: tuple[int, int] | None) -> None:
    """W's rate falls from epoch to epoch or along a line.

    Raises:
        ValueError: for both, or a factor that is no share.
    """
    if not 0 < epoch_decay <= 1:
        raise ValueError(
            f"WordAlignment: epoch_decay must be above 0 and at most 1, got {epoch_decay}; the "
            "paper's is 0.98, and 1 keeps the rate"
        )
    if lr_decay is not None and epoch_decay != 1:
        raise ValueError(
            f"WordAlignment: epoch_decay must be 1 beside lr_decay, got {epoch_decay}; rates "
            "follow one plan"
        )


def check_vectors(batch: Mapping[str, Tensor], dim: int) -> None:
    """Vectors of both languages, as long as those of the map.

    Args:
        batch: the first of a run.
        dim: of the map.

    Raises:
        ValueError: otherwise.
    """
    for key in ("a", "b"):
        if key not in batch:
            raise ValueError(
                f"WordAlignment: batch must have the key {key}, got {sorted(batch)}; choose data "
                "of word vectors, RotatedWords or VectorFiles"
            )
        vectors = batch[key]
        if vectors.dim() != 2 or not vectors.is_floating_point():
            raise ValueError(
                f"WordAlignment: {key} must be floats (N, d), got {vectors.dtype} of shape "
                f"{list(vectors.shape)}; choose data of word vectors, RotatedWords or VectorFiles"
            )
        if vectors.shape[1] != dim:
            raise ValueError(
                f"WordAlignment: vectors of {key} have {vectors.shape[1]} numbers but the map "
                f"takes {dim}; set dim of the generator and in_shape of the discriminator to the "
                "length of the data's vectors"
            )
        if not torch.isfinite(vectors).all():
            raise ValueError(
                f"WordAlignment: vectors of {key} must be finite, got NaN or infinity; clean them"
            )
