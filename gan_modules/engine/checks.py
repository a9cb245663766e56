"""What a module refuses at construction, with the remedy; for batches see ``batch_checks.py``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from pytorch_lightning.utilities import rank_zero_warn
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from gan_modules.augmentations import Augmentation
from gan_modules.networks.equalized import Equalized
from gan_modules.networks.spectral import OperatorSpectralNorm
from gan_modules.objectives import Objective, Wasserstein
from gan_modules.regularizers import R1, R2, Regularizer, WeightClipping


def check_networks(owner: nn.Module, **networks: nn.Module) -> None:
    """All are networks, and no two are the same one.

    Args:
        owner: named in errors.
        **networks: by argument name.

    Raises:
        ValueError: naming the argument and what it is.
    """
    for name, network in networks.items():
        if not isinstance(network, nn.Module):
            raise ValueError(
                f"{_name(owner)}: {name} must be a torch.nn.Module, got {type(network).__name__}; "
                "in YAML give class_path and init_args"
            )
    for one, other in combinations(networks, 2):
        if networks[one] is networks[other]:
            raise ValueError(
                f"{_name(owner)}: {one} and {other} must be two networks, got the same "
                f"network ({type(networks[one]).__name__}) for both; build each on its own"
            )


def require_same_size(
    owner: str, attribute: str, size: str, generator: nn.Module, discriminator: nn.Module
) -> int:
    """The size of the conditions that both networks are told.

    Args:
        owner: class name that opens the message.
        attribute: of both networks, which holds the size.
        size: what it must be set to.
        generator: has the attribute.
        discriminator: has the attribute.

    Raises:
        ValueError: otherwise, or if it is 0.
    """
    one, other = (int(getattr(n, attribute, 0) or 0) for n in (generator, discriminator))
    if not one or one != other:
        raise ValueError(
            f"{owner}: generator and discriminator must have the same {attribute} above 0, got "
            f"{one} ({type(generator).__name__}) and {other} "
            f"({type(discriminator).__name__}); set both to {size}"
        )
    return one


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


def check_parts(
    owner: nn.Module,
    discriminator: nn.Module,
    objective: Objective,
    regularizers: Sequence[Regularizer],
    augmentation: Augmentation | None = None,
) -> None:
    """Pieces that do not go together, or only with care.

    Warns where weight clipping meets spectral normalisation or momentum, and where R1 or R2 meets a
    Wasserstein objective.

    Raises:
        ValueError: BatchNorm under a per-sample penalty; a Wasserstein objective with nothing
            that bounds the discriminator; two regularizers of one name; an adaptive augmentation
            under an objective whose scores have no zero; equalised and spectrally normalised
            layers in one network.
    """
    names = [(regularizer.player, regularizer.name) for regularizer in regularizers]
    if twice := {name for player, name in names if names.count((player, name)) > 1}:
        raise ValueError(
            f"{_name(owner)}: regularizers must differ, got {sorted(twice)} twice for one player; "
            "leave one out"
        )
    for regularizer in regularizers:
        if regularizer.per_sample:
            refuse_batch_norm(owner, discriminator, type(regularizer).__name__)
    spectral = has_spectral_norm(discriminator)
    if isinstance(objective, Wasserstein) and not (
        spectral or any(regularizer.bounds_slope for regularizer in regularizers)
    ):
        raise ValueError(
            f"{_name(owner)}: the Wasserstein objective needs a bound on the discriminator's "
            "slope, got none; add GradientPenalty or WeightClipping, or a spectral normalization"
        )
    if augmentation is not None and augmentation.adaptive and not objective.undecided_at_zero:
        raise ValueError(
            f"{_name(owner)}: an adaptive augmentation needs scores whose 0 means undecided, got "
            f"{type(objective).__name__}; use NonSaturating, Minimax or Hinge, or DiffAugment"
        )
    if spectral and any(isinstance(layer, Equalized) for layer in discriminator.modules()):
        raise ValueError(
            f"{_name(owner)}: discriminator must not be both equalised and spectrally normalised, "
            f"got both in {type(discriminator).__name__}; the one undoes the other's scale, choose"
        )
    _warn_of_odd_pairs(owner, spectral, objective, regularizers)


def _warn_of_odd_pairs(
    owner: nn.Module, spectral: bool, objective: Objective, regularizers: Sequence[Regularizer]
) -> None:
    clips = any(isinstance(regularizer, WeightClipping) for regularizer in regularizers)
    if clips and spectral:
        rank_zero_warn(
            f"{_name(owner)}: weight clipping fights spectral normalisation, which rescales what "
            "was clipped; leave one of them out"
        )
    if isinstance(objective, Wasserstein) and any(isinstance(r, (R1, R2)) for r in regularizers):
        rank_zero_warn(
            f"{_name(owner)}: R1 and R2 were tuned for the cross entropy; under a Wasserstein "
            "objective choose gamma anew, or take GradientPenalty"
        )


def warn_of_momentum(
    owner: nn.Module, regularizers: Sequence[Regularizer], optimizer: Optimizer
) -> None:
    """Weight clipping under a momentum optimizer, which arXiv:1701.07875 advises against."""
    beta1 = max(group.get("betas", (0.0,))[0] for group in optimizer.param_groups)
    if beta1 > 0 and any(isinstance(regularizer, WeightClipping) for regularizer in regularizers):
        rank_zero_warn(
            f"{_name(owner)}: weight clipping is unstable with momentum, got beta1 {beta1}; set "
            "betas: [0, 0.9], or use WGAN, which takes RMSprop"
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
    """Whether any layer is spectrally normalised, as a matrix or as an operator."""
    return any(
        isinstance(module, OperatorSpectralNorm) or "_SpectralNorm" in type(module).__name__
        for module in network.modules()
    )


def require_spectral_norm(owner: nn.Module, discriminator: nn.Module) -> None:
    """What keeps these papers' discriminators smooth is in their layers.

    Raises:
        ValueError: if no layer is spectrally normalised.
    """
    if not has_spectral_norm(discriminator):
        raise ValueError(
            f"{_name(owner)}: discriminator must be spectrally normalised, "
            f"{type(discriminator).__name__} has no such layer; give it normalization: spectral"
        )


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


def check_not_negative(owner: nn.Module, **numbers: float) -> None:
    """Each number is 0, which switches something off, or positive.

    Raises:
        ValueError: naming the argument and the value.
    """
    for name, value in numbers.items():
        if not value >= 0:
            raise ValueError(
                f"{_name(owner)}: {name} must not be negative, got {value}; 0 switches it off"
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


def refuse_latents(owner: nn.Module, **translators: nn.Module) -> None:
    """What is led from domain to domain is an image, not a latent.

    Raises:
        ValueError: naming the network.
    """
    for name, network in translators.items():
        if hasattr(network, "latent_dim"):
            raise ValueError(
                f"{_name(owner)}: {name} must lead images to images, got "
                f"{type(network).__name__}, which takes latents; choose a translator, such as "
                "ResnetTranslator or UNet"
            )


def refuse_micro_batches(owner: nn.Module, micro_batches: int) -> None:
    """Fakes that all players share are made of a whole batch.

    Raises:
        ValueError: unless there is one part.
    """
    if micro_batches != 1:
        raise ValueError(
            f"{_name(owner)}: micro_batches must be 1, got {micro_batches}: all players share the "
            "fakes of a whole batch; set data.init_args.batch_size lower"
        )


def _name(owner: nn.Module) -> str:
    return type(owner).__name__
