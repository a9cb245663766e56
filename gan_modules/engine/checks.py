"""What a module refuses, with the remedy: at construction and with its first batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_modules.objectives import Objective, Wasserstein
from gan_modules.regularizers import Regularizer


def check_networks(owner: nn.Module, generator: nn.Module, discriminator: nn.Module) -> None:
    """Both are networks, and not the same one.

    Raises:
        ValueError: naming the argument and what it is.
    """
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, nn.Module):
            raise ValueError(
                f"{_name(owner)}: {name} must be a torch.nn.Module, got {type(network).__name__}; "
                "in YAML give class_path and init_args"
            )
    if generator is discriminator:
        raise ValueError(
            f"{_name(owner)}: generator and discriminator must be two networks, got the same "
            f"network ({type(generator).__name__}) for both; build each on its own"
        )


def latent_dim(owner: nn.Module, generator: nn.Module) -> int:
    """The generator's ``latent_dim``.

    Raises:
        ValueError: if it has none.
    """
    dim = getattr(generator, "latent_dim", None)
    if not isinstance(dim, int) or dim < 1:
        raise ValueError(
            f"{_name(owner)}: generator must have a positive integer attribute latent_dim, got "
            f"{type(generator).__name__}, which has {dim!r}; choose a generator, or set it in "
            "__init__"
        )
    return dim


def check_regularizers(
    owner: nn.Module,
    discriminator: nn.Module,
    objective: Objective,
    regularizers: Sequence[Regularizer],
) -> None:
    """Pieces that do not go together.

    Raises:
        ValueError: BatchNorm under a per-sample penalty; a Wasserstein objective with nothing
            that bounds the discriminator; two regularizers of one name.
    """
    names = [regularizer.name for regularizer in regularizers]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(
            f"{_name(owner)}: regularizers must differ, got {sorted(twice)} twice; leave one out"
        )
    for regularizer in regularizers:
        if regularizer.per_sample:
            refuse_batch_norm(owner, discriminator, type(regularizer).__name__)
    if isinstance(objective, Wasserstein) and not (
        any(regularizer.bounds_slope for regularizer in regularizers)
        or has_spectral_norm(discriminator)
    ):
        raise ValueError(
            f"{_name(owner)}: the Wasserstein objective needs a bound on the discriminator's "
            "slope, got none; add GradientPenalty or WeightClipping, or a spectral normalization"
        )


def refuse_batch_norm(owner: nn.Module, discriminator: nn.Module, penalty: str) -> None:
    """A per-sample penalty is undefined where samples are mixed.

    Raises:
        ValueError: naming the layer.
    """
    for name, layer in discriminator.named_modules():
        if isinstance(layer, _BatchNorm):
            raise ValueError(
                f"{_name(owner)}: discriminator.{name} is {type(layer).__name__}, which mixes "
                f"samples and voids the per-sample {penalty}; use normalization: layer, "
                "instance or none"
            )


def has_spectral_norm(network: nn.Module) -> bool:
    """Whether any layer is spectrally normalised by ``torch.nn.utils.parametrizations``."""
    return any("_SpectralNorm" in type(module).__name__ for module in network.modules())


def check_positive(owner: nn.Module, **numbers: float | None) -> None:
    """Each number is None or positive.

    Raises:
        ValueError: naming the argument and the value.
    """
    for name, value in numbers.items():
        if value is not None and not value > 0:
            raise ValueError(
                f"{_name(owner)}: {name} must be positive, got {value}; give a number above 0"
            )


def check_decay(owner: nn.Module, steps: tuple[int, int] | None) -> None:
    """Start before end.

    Raises:
        ValueError: otherwise.
    """
    if steps is not None and not 0 <= steps[0] < steps[1]:
        raise ValueError(
            f"{_name(owner)}: lr_decay must be two rising generator steps, got {list(steps)}; "
            "give the first and the last step of the decay, or null for constant rates"
        )


def check_images(owner: nn.Module, batch: Mapping[str, Tensor], fake: Tensor) -> None:
    """The image contract at its boundary: one look at the first batch of a run.

    Args:
        owner: named in errors.
        batch: with the key ``image``.
        fake: what the generator makes, whose shape the data must have.

    Raises:
        ValueError: on a missing key, integers, NaN, values outside [-1, 1] (images only) or
            another shape than the generator's.
    """
    if "image" not in batch:
        raise ValueError(f"{_name(owner)}: batch must have the key image, got {sorted(batch)}")
    real = batch["image"]
    if not real.is_floating_point():
        raise ValueError(
            f"{_name(owner)}: images must be float in [-1, 1], got {real.dtype}; "
            "use datamodules.batches.from_uint8"
        )
    if not torch.isfinite(real).all():
        raise ValueError(f"{_name(owner)}: the first batch holds NaN or infinite values; clean it")
    if real.shape[1:] != fake.shape[1:]:
        raise ValueError(
            f"{_name(owner)}: data have the shape {list(real.shape[1:])} but the generator makes "
            f"{list(fake.shape[1:])}; set size and channels of the networks to those of the data"
        )
    if real.ndim == 4 and real.abs().max() > 1.0 + 1e-4:
        raise ValueError(
            f"{_name(owner)}: images must lie in [-1, 1], got "
            f"[{real.min():.3g}, {real.max():.3g}]; "
            "scale them, from_uint8 does it for 0..255"
        )


def _name(owner: nn.Module) -> str:
    return type(owner).__name__
