"""What a module refuses of the first batch of a run, with the remedy."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def check_labels(owner: nn.Module, batch: Mapping[str, Tensor], num_classes: int) -> None:
    """Class-conditional networks need labels that they know.

    Args:
        owner: named in errors.
        batch: the first of a run.
        num_classes: of the generator; 0 needs none.

    Raises:
        ValueError: if there are no labels, or one is out of range.
    """
    if not num_classes:
        return
    if "label" not in batch:
        raise ValueError(
            f"{_name(owner)}: the generator has {num_classes} classes, so batches must have the "
            f"key label, got {sorted(batch)}; use data with classes, or num_classes: 0"
        )
    if not 0 <= int(batch["label"].min()) <= int(batch["label"].max()) < num_classes:
        raise ValueError(
            f"{_name(owner)}: labels must lie in 0..{num_classes - 1}, got "
            f"{int(batch['label'].min())}..{int(batch['label'].max())}; set num_classes of both "
            "networks to the number of classes in the data"
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
    real = _floats(owner, batch, "image")
    if real.shape[1:] != fake.shape[1:]:
        raise ValueError(
            f"{_name(owner)}: data have the shape {list(real.shape[1:])} but the generator makes "
            f"{list(fake.shape[1:])}; set size and channels of the networks to those of the data"
        )
    if real.ndim == 4:
        _in_range(owner, real)


def refuse_unpaired(owner: nn.Module, batch: Mapping[str, Tensor]) -> None:
    """Rows of a batch that belong together have one place in the data.

    Raises:
        ValueError: if each domain has places of its own.
    """
    if "index_a" in batch or "index_b" in batch:
        raise ValueError(
            f"{_name(owner)}: batch must be of pairs, got the keys {sorted(batch)} of domains "
            "without pairs; choose PairedFolders or another data module of pairs, or CycleGAN"
        )


def check_domain(owner: nn.Module, batch: Mapping[str, Tensor], domain: str) -> None:
    """The image contract for one domain of a translation's first batch.

    Raises:
        ValueError: on a missing key, another rank than ``(N, C, H, W)``, integers, NaN, or values
            outside [-1, 1].
    """
    real = _floats(owner, batch, domain)
    if real.ndim != 4:
        raise ValueError(
            f"{_name(owner)}: images of domain {domain} must have the shape (N, C, H, W), got "
            f"{list(real.shape)}; choose a data module of images"
        )
    _in_range(owner, real)


def check_translation(
    owner: nn.Module, real: Tensor, wanted: Tensor, made: Tensor, source: str, target: str
) -> None:
    """A translation of ``real`` must look like an image of ``wanted``.

    Raises:
        ValueError: naming the direction and the two shapes.
    """
    if made.shape[1:] != wanted.shape[1:]:
        raise ValueError(
            f"{_name(owner)}: domain {target} has the shape {list(wanted.shape[1:])} but its "
            f"translator makes {list(made.shape[1:])} of {list(real.shape[1:])} of domain "
            f"{source}; set channels and size of the networks to those of the data"
        )


def check_identity(owner: nn.Module, batch: Mapping[str, Tensor], identity_weight: float) -> None:
    """An image can stay as it is only where both domains have equally many channels.

    Raises:
        ValueError: otherwise, unless the weight is 0.
    """
    a, b = batch["a"].shape[1], batch["b"].shape[1]
    if identity_weight and a != b:
        raise ValueError(
            f"{_name(owner)}: identity_weight must be 0 where the domains differ in "
            f"channels, got {identity_weight} for {a} and {b}; set identity_weight: 0"
        )


def _floats(owner: nn.Module, batch: Mapping[str, Tensor], key: str) -> Tensor:
    if key not in batch:
        raise ValueError(
            f"{_name(owner)}: batch must have the key {key}, got {sorted(batch)}; choose a data "
            "module that gives it, 'ganagerie list' names what each variant takes"
        )
    real = batch[key]
    if not real.is_floating_point():
        raise ValueError(
            f"{_name(owner)}: images must be float in [-1, 1], got {real.dtype}; "
            "use datamodules.batches.from_uint8"
        )
    if not torch.isfinite(real).all():
        raise ValueError(f"{_name(owner)}: the first batch holds NaN or infinite values; clean it")
    return real


def _in_range(owner: nn.Module, real: Tensor) -> None:
    if real.abs().max() > 1.0 + 1e-4:
        raise ValueError(
            f"{_name(owner)}: images must lie in [-1, 1], got "
            f"[{real.min():.3g}, {real.max():.3g}]; "
            "scale them, from_uint8 does it for 0..255"
        )


def _name(owner: nn.Module) -> str:
    return type(owner).__name__
