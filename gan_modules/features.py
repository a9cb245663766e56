"""What D sees beside its verdict: features, and how far two batches differ in them."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from gan_modules.engine.reduction import mean_over_ranks

FeatureDistance = Literal["squared", "absolute"]


def require_features(owner: nn.Module, generator: nn.Module, discriminator: nn.Module) -> None:
    """D has ``features`` and a ``head`` that turns them into scores, and knows no classes.

    Args:
        owner: named in errors.
        generator: whose ``num_classes`` says whether the game has classes.
        discriminator: to look at.

    Raises:
        ValueError: otherwise.
    """
    name = type(owner).__name__
    for part in ("features", "head"):
        if not callable(getattr(discriminator, part, None)):
            raise ValueError(
                f"{name}: discriminator must have {part}, {type(discriminator).__name__} has none; "
                "write forward(x) as head(features(x)), as gan_modules.networks.dcgan does"
            )
    if classes := int(getattr(generator, "num_classes", 0) or 0):
        raise ValueError(
            f"{name}: generator must take latents alone, got one with {classes} classes; the "
            "features of a discriminator that is told a label are not defined here"
        )


def features_and_scores(discriminator: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one forward.

    Args:
        discriminator: with ``features`` and ``head``.
        images: ``(N, C, H, W)``.

    Returns:
        Features ``(N, F)`` and raw scores ``(N,)``.
    """
    features: Tensor = discriminator.features(images)  # type: ignore[operator]
    scores: Tensor = discriminator.head(features)  # type: ignore[operator]
    return features, scores.squeeze(1)


def feature_distance(real: Tensor, fake: Tensor, distance: FeatureDistance = "squared") -> Tensor:
    """How far the mean features of generated samples are from those of real ones.

    Salimans et al., arXiv:1606.03498, section 3.1: ``|E f(x) - E f(G(z))|_2^2``. The means are over
    the batches of all ranks together, so that several ranks give what one process gives on the
    joined batch.

    Args:
        real: features ``(N, F)``.
        fake: features ``(N, F)``; the distance is differentiable in both.
        distance: ``"squared"``, the sum over features of the squares, as printed; ``"absolute"``,
            the mean over features of the absolute values, as in the authors' code.
    """
    means = [mean_over_ranks(features.flatten(1).mean(0)) for features in (real, fake)]
    gap = means[0] - means[1]
    return gap.square().sum() if distance == "squared" else gap.abs().mean()
