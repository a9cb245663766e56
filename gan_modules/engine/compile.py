"""Optional ``torch.compile`` handles that leave the registered networks alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

CompileChoice = Literal["off", "G", "GD"]

#: Where convolutions are laid out channels last, the compiler foresees other strides of transposed
#: ones than CUDA gives them, and stops (pytorch issue 171622).
_OPTIONS: dict[str, Any] = {"layout_optimization": False}


class NetworkHandles:
    """What a module calls for plain forwards; a plain object, so nothing is registered twice.

    The compiled handle shares the network's parameters and adds no ``_orig_mod.`` to the keys of
    a checkpoint. Whatever is differentiated twice goes through the eager network: compiled
    graphs do not support double backward.

    Args:
        choice: ``"off"``, ``"G"`` (generator only) or ``"GD"`` (both).
        generator: the registered network.
        discriminator: the registered network.
    """

    def __init__(
        self, choice: CompileChoice, generator: nn.Module, discriminator: nn.Module
    ) -> None:
        if choice not in ("off", "G", "GD"):
            raise ValueError(f"compile must be one of off, G, GD, got {choice!r}")
        self.generator: Callable[..., Any] = generator
        self.discriminator: Callable[..., Tensor] = discriminator
        if "G" in choice:
            self.generator = compiled(generator)
        if "D" in choice:
            self.discriminator = compiled(discriminator)


def compiled(network: nn.Module) -> Callable[..., Any]:
    """The network compiled, also where it iterates on singular vectors.

    The graph keeps such a vector for the backward, and the next forward writes into it: each call
    gets copies of its own, and leaves their values in the network's buffers.

    There is a graph for each size and each number that is given: a number that the compiler takes
    for a variable, such as which domain an image is of, chooses no layer.
    """
    run: Callable[..., Any] = torch.compile(network, options=_OPTIONS, dynamic=False)
    vectors = [
        (module, name)
        for module in network.modules()
        for name, _ in module.named_buffers(recurse=False)
        if name in ("_u", "_v")
    ]
    if not vectors:
        return run

    def call(*args: Any, **kwargs: Any) -> Any:
        if not network.training:
            return run(*args, **kwargs)
        kept = [module.get_buffer(name) for module, name in vectors]
        own = [vector.clone() for vector in kept]
        try:
            for (module, name), vector in zip(vectors, own, strict=True):
                setattr(module, name, vector)
            result = run(*args, **kwargs)
        finally:
            for (module, name), vector in zip(vectors, kept, strict=True):
                setattr(module, name, vector)
        with torch.no_grad():
            torch._foreach_copy_(kept, own)
        return result

    return call
