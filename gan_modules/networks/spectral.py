"""Spectral normalisation by the norm of a layer as an operator on maps, beside the usual one.

``spectral`` of ``blocks.py`` (Miyato et al., arXiv:1802.05957) reads a kernel as a matrix
``(out, rest)`` and divides by that matrix's norm. What a convolution does to whole maps is another,
much larger matrix, whose norm is up to ``sqrt(kernel height * kernel width)`` times that; power
iteration finds it without building it, through the convolution and its transpose (Gouk et al.,
"Regularisation of Neural Networks by Enforcing Lipschitz Continuity", 2018, arXiv:1804.04368).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input
from torch.nn.utils.parametrize import register_parametrization

from gan_modules.engine.sampling import evaluating
from gan_modules.networks.blocks import spectral
from gan_modules.networks.checks import require_choice

SpectralNormalization = Literal["spectral", "operator_spectral"]
SPECTRAL_NORMALIZATIONS: tuple[SpectralNormalization, ...] = ("spectral", "operator_spectral")

_Module = TypeVar("_Module", bound=nn.Module)
_EPSILON = 1e-12
#: Power iterations at construction, as many as ``torch``'s own spectral norm makes.
_FIRST_ITERATIONS = 15


class OperatorSpectralNorm(nn.Module):
    """A parametrization: the weight divided by the norm of the map that the layer makes of it.

    One power iteration at each forward in training mode, none in eval mode. The singular vectors
    are constants of the gradient, which flows through the weight in ``sigma = <u, A(weight) v>``.

    Args:
        layer: linear, convolution or transposed convolution; its weight must not be zero.
        input_size: height and width of the maps that come in; of no meaning for a linear layer.
    """

    _u: Tensor
    _v: Tensor

    def __init__(self, layer: nn.Module, input_size: tuple[int, int] | None) -> None:
        super().__init__()
        _check_layer(layer, input_size)
        self.transposed = isinstance(layer, nn.ConvTranspose2d)
        self.is_linear = isinstance(layer, nn.Linear)
        if isinstance(layer, nn.Linear):
            shape: tuple[int, ...] = (1, layer.in_features)
        else:
            assert isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and input_size is not None
            assert not isinstance(layer.padding, str)
            shape = (1, layer.in_channels, *input_size)
            self.geometry = (layer.stride, layer.padding, layer.dilation, layer.groups)
            self.output_padding = layer.output_padding
        weight = layer.get_parameter("weight").detach()
        with torch.no_grad():
            v = _unit(torch.randn(shape).to(weight))
            self.register_buffer("_v", v)
            self.register_buffer("_u", torch.zeros_like(self._map(weight, v)))
            self._iterate(weight, _FIRST_ITERATIONS)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight at which the layer's map has norm 1."""
        # In bf16 the power iteration would not settle, and sigma would be off by a percent.
        with torch.autocast(weight.device.type, enabled=False):
            if self.training:
                self._iterate(weight, 1)
            # Clones, so that a second forward before the backward does not change this graph.
            u, v = self._u.clone(), self._v.clone()
            return weight / (u * self._map(weight, v)).sum()

    def right_inverse(self, value: Tensor) -> Tensor:
        """A weight that is assigned is taken as it is, and normalised from then on."""
        return value

    @torch.no_grad()
    def _iterate(self, weight: Tensor, iterations: int) -> None:
        for _ in range(iterations):
            self._u.copy_(_unit(self._map(weight, self._v)))
            self._v.copy_(_unit(self._transpose(weight, self._u)))

    def _map(self, weight: Tensor, maps: Tensor) -> Tensor:
        if self.is_linear:
            return F.linear(maps, weight)
        stride, padding, dilation, groups = self.geometry
        if self.transposed:
            return F.conv_transpose2d(
                maps, weight, None, stride, padding, self.output_padding, groups, dilation
            )
        return F.conv2d(maps, weight, None, stride, padding, dilation, groups)

    def _transpose(self, weight: Tensor, maps: Tensor) -> Tensor:
        if self.is_linear:
            return F.linear(maps, weight.T)
        if self.transposed:
            return F.conv2d(maps, weight, None, *self.geometry)
        return conv2d_input(self._v.shape, weight, maps, *self.geometry)


def operator_spectral(layer: _Module, input_size: tuple[int, int] | None = None) -> _Module:
    """Divide a layer's weight by the largest singular value of the layer's linear map, in place.

    Unlike ``spectral`` this bounds the layer's Lipschitz constant by 1 at the given size, with its
    stride and zero padding. Call it after the weights are initialised.

    Args:
        layer: linear, convolution or transposed convolution.
        input_size: height and width of the maps that come in, for convolutions.

    Raises:
        ValueError: for other layers and paddings, a zero weight, or a convolution of unknown size.
    """
    register_parametrization(layer, "weight", OperatorSpectralNorm(layer, input_size))
    return layer


def normalize_layers(
    network: nn.Module, normalization: SpectralNormalization, *example: Tensor
) -> None:
    """Normalise every linear layer, convolution and embedding of a network, in place.

    Args:
        network: initialised.
        normalization: ``"spectral"``: the weight as a matrix; ``"operator_spectral"``: the layer as
            a map, at the size that its input has. An embedding is a matrix in both.
        *example: what the network is called with once to see these sizes, in eval mode.

    Raises:
        ValueError: if a layer is not reached by that call.
    """
    require_choice("normalize_layers", "normalization", normalization, SPECTRAL_NORMALIZATIONS)
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    maps = {name: layer for name, layer in network.named_modules() if isinstance(layer, kinds)}
    matrices: list[nn.Module] = [m for m in network.modules() if isinstance(m, nn.Embedding)]
    if normalization == "spectral":
        matrices += maps.values()
    else:
        sizes = _input_sizes(network, maps.values(), *example)
        if missed := [name for name, layer in maps.items() if layer not in sizes]:
            raise ValueError(
                f"normalize_layers: example must run through every layer, got none in {missed[0]}; "
                "give what the network is called with"
            )
        for layer in maps.values():
            operator_spectral(layer, sizes[layer])
    for matrix in matrices:
        spectral(matrix)


def _input_sizes(
    network: nn.Module, layers: Iterable[nn.Module], *example: Tensor
) -> dict[nn.Module, tuple[int, int] | None]:
    """Height and width of the maps that each layer is given; a linear layer has none."""
    sizes: dict[nn.Module, tuple[int, int] | None] = {}

    def note(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        maps = given[0]
        sizes[layer] = (maps.shape[2], maps.shape[3]) if maps.dim() == 4 else None

    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        with torch.no_grad(), evaluating(network):
            network(*example)
    finally:
        for handle in handles:
            handle.remove()
    return sizes


def _unit(maps: Tensor) -> Tensor:
    return maps / maps.norm().clamp_min(_EPSILON)


def _check_layer(layer: nn.Module, input_size: tuple[int, int] | None) -> None:
    if not isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        raise ValueError(
            "operator_spectral: layer must be Linear, Conv2d or ConvTranspose2d, got "
            f"{type(layer).__name__}; use spectral for other matrices"
        )
    if not layer.weight.any():
        raise ValueError(
            "operator_spectral: weight must not be zero, got zeros; initialise the layer first"
        )
    if isinstance(layer, nn.Linear):
        return
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        raise ValueError(
            "operator_spectral: padding must be a number of zeros, got "
            f"{layer.padding} ({layer.padding_mode}); give the layer a number, or use spectral"
        )
    if input_size is None:
        raise ValueError(
            "operator_spectral: input_size must be height and width of a convolution's input, "
            "got None; give both in pixels"
        )
