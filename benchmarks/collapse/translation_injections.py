"""Ways to spoil a translation: it forgets its input, or gives the same output for all of them."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.collapse.injections import Injection, View, with_noise

SAME_OUTPUT = "same_output"
IGNORE_INPUT = "ignore_input"


def spoilt(view: View, name: str, inputs: Tensor, target: str, since: int) -> Tensor:
    """Translate with an injection, or without one.

    Args:
        view: the translators at a probe.
        name: of the injection; empty for none.
        inputs: uint8 images of the other domain.
        target: domain of the outputs.
        since: probes since it began.

    Returns:
        uint8 images of the target.
    """
    outputs = view.stream.translated(view.probe, inputs, target, view.average)
    own = torch.Generator().manual_seed(view.probe + 1)
    if name == SAME_OUTPUT:
        return with_noise(outputs[:1].expand_as(outputs), 0.01, view.probe)
    if name == IGNORE_INPUT:
        # Good outputs of other inputs.
        return outputs[torch.randperm(len(outputs), generator=own)]
    return outputs


def _no_samples(*_: object) -> Tensor:
    raise NotImplementedError("a translation is spoilt by spoilt()")


TRANSLATION_INJECTIONS = (
    Injection(SAME_OUTPUT, "full", _no_samples, kinds=("inverted",)),
    Injection(IGNORE_INPUT, "input", _no_samples, kinds=("inverted",)),
)
