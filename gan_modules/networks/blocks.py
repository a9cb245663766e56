"""Parts that several networks share: normalisation, spectral normalisation, initialisation."""

from __future__ import annotations

from typing import Literal, TypeVar

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_modules.networks.checks import require_choice

Normalization = Literal["batch", "layer", "instance", "none"]
NORMALIZATIONS: tuple[Normalization, ...] = ("batch", "layer", "instance", "none")

_Module = TypeVar("_Module", bound=nn.Module)
_Affine = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d)
_Weighted = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def normalization_layer(name: Normalization, channels: int) -> nn.Module:
    """A normalisation with a gain and a bias per channel, on maps ``(N, channels, H, W)``.

    Args:
        name: ``"batch"`` over the batch and space; ``"layer"`` over channels and space of one
            sample (a group norm with one group); ``"instance"`` over space; ``"none"``.
        channels: of the maps.

    Raises:
        ValueError: if ``name`` is none of these.
    """
    require_choice("normalization_layer", "name", name, NORMALIZATIONS)
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "layer":
        return nn.GroupNorm(1, channels)
    if name == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.Identity()


def spectral(layer: _Module) -> _Module:
    """Divide a layer's weight by its largest singular value, in place.

    Miyato et al., arXiv:1802.05957, algorithm 1: the weight as a matrix ``(out, rest)``, one power
    iteration at each forward in training mode, none in eval mode. 15 iterations at construction
    take the place of the paper's first steps, so call it after the weights are initialised.

    Args:
        layer: linear, convolution or transposed convolution.
    """
    spectral_norm(layer, n_power_iterations=1, eps=1e-12)
    return layer


def initialize_normal(network: nn.Module) -> None:
    """The initialisation of DCGAN (arXiv:1511.06434, section 4 and the authors' code).

    Weights are N(0, 0.02), gains of normalisation layers N(1, 0.02), biases 0.
    """
    for layer in network.modules():
        if isinstance(layer, _Weighted):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, _Affine):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def initialize_xavier(layer: _Module, gain: float = 1.0) -> _Module:
    """Xavier uniform weights and zero biases of one linear or convolution layer, in place.

    Args:
        layer: has ``weight`` and perhaps ``bias``.
        gain: sqrt(2) before a ReLU keeps the variance of the signal.
    """
    nn.init.xavier_uniform_(layer.get_parameter("weight"), gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.get_parameter("bias"))
    return layer
