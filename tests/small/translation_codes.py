"""Translators with codes, attention, contrast or several scales: 32 px, grey, a few maps wide."""

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from gan_modules.networks.codec import DomainCodec
from gan_modules.networks.latent_discriminator import LatentDiscriminator
from gan_modules.networks.multiscale import MultiScaleDiscriminator, MultiScalePatchDiscriminator
from gan_modules.networks.ugatit import UGATITDiscriminator, UGATITGenerator
from gan_modules.networks.unit import UNITDecoder, UNITEncoder
from gan_modules.objectives import LeastSquares
from tests.small.sizes import WIDTH
from tests.small.translation import judge, translator

Network = TypeVar("Network", bound=nn.Module)
#: Of each term of the losses: the default weights would make rounding grow tenfold in each round.
SMALL = 0.002


def steadied(network: Network) -> Network:
    """For tests that compare runs to the last digits under plain gradient descent.

    An instance normalisation makes gradients the larger the smaller the weights before it, and
    takes their biases out again, whose gradient is rounding alone. So weights are large here,
    biases are not 0, and all terms of the losses are small.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.out_channels > 1:
            nn.init.normal_(module.weight, std=0.5)
        if isinstance(module, (nn.Conv2d, nn.GroupNorm)) and module.bias is not None:
            nn.init.normal_(module.bias, std=0.1)
    return network


def codec(share: Any = 1) -> DomainCodec:
    domains = {"num_domains": 2} if share == "full" else {}
    count = 1 if share == "full" else 2
    encoders: list[nn.Module] = [UNITEncoder(1, WIDTH, 2, 1, **domains) for _ in range(count)]
    decoders: list[nn.Module] = [UNITDecoder(1, WIDTH, 2, 1, **domains) for _ in range(count)]
    return steadied(DomainCodec(encoders, decoders, share))


def unit(normalization: Any) -> dict[str, Any]:
    return {
        "generator": codec(),
        "discriminator_a": MultiScaleDiscriminator(1, WIDTH, layers=2, scales=2),
        "discriminator_b": MultiScaleDiscriminator(1, WIDTH, layers=2, scales=2),
        "objective": LeastSquares(scale=SMALL),
        "self_weight": SMALL,
        "cycle_weight": SMALL,
    }


def latent_domain(normalization: Any) -> dict[str, Any]:
    return {
        "generator": codec(),
        "discriminator_a": judge(normalization),
        "discriminator_b": judge(normalization),
        "latent_discriminator": LatentDiscriminator(4 * WIDTH, width=WIDTH, dropout=0.0),
        "objective": LeastSquares(scale=SMALL),
        "fool_weight": SMALL,
        "fool_ramp_steps": 4,
        "self_weight": SMALL,
        "cycle_weight": SMALL,
        "semantic_weight": SMALL,
        "pool_size": 0,
    }


def ugatit(normalization: Any) -> dict[str, Any]:
    judges = {
        f"{reach}_{domain}": UGATITDiscriminator(1, WIDTH, layers)
        for reach, layers in (("local", 4), ("global", 5))
        for domain in "ab"
    }
    translators = {
        f"generator_{way}": steadied(UGATITGenerator(1, 1, WIDTH, 1)) for way in ("ab", "ba")
    }
    weights = {f"{term}_weight": SMALL for term in ("cycle", "identity", "cam")}
    return {**translators, **judges, **weights, "objective": LeastSquares(scale=SMALL)}


def cut(normalization: Any) -> dict[str, Any]:
    return {
        "generator": translator(normalization),
        "discriminator": judge(normalization),
        "layers": (0, 1, 3),
        "patches": 32,
        "patch_dim": 8,
        "flip_probability": 0.5,
    }


def pix2pix_hd(normalization: Any) -> dict[str, Any]:
    return {
        "generator": translator(normalization),
        "discriminator": MultiScalePatchDiscriminator(2, WIDTH, 2, 2, normalization),
    }


#: By class name, as in ``plain.py``; dropout and pools, which are each rank's own, are off.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "UNIT": unit,
    "LatentDomainGAN": latent_domain,
    "UGATIT": ugatit,
    "CUT": cut,
    "Pix2PixHD": pix2pix_hd,
}
