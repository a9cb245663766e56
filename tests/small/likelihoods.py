"""Models with a likelihood, or with codes that gradients find."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.elu import ELUGenerator
from gan_modules.networks.flow import FlowGenerator
from tests.small.sizes import LATENT, SIZE, WIDTH


def flow_by_likelihood(normalization: Any) -> dict[str, Any]:
    flow = FlowGenerator(SIZE, 1, levels=2, steps=1, width=WIDTH)
    return {"generator": flow, "warmup_steps": 1}


def glo(normalization: Any) -> dict[str, Any]:
    # FixedImages has 160; with DCGAN's small weights their codes would hardly move.
    return {"generator": ELUGenerator(SIZE, 1, LATENT, WIDTH, normalization), "codes": 160}


def gradient_origin(normalization: Any) -> dict[str, Any]:
    return {"generator": ELUGenerator(SIZE, 1, LATENT, WIDTH, normalization)}


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "NormalizingFlow": flow_by_likelihood,
    "GLO": glo,
    "GON": gradient_origin,
}
