"""The part of ``ganagerie probe`` for translations through codes: do these tell their domain?"""

from __future__ import annotations

from typing import Any

import torch

from callbacks.metrics.latent_probe import LatentProbe, latent_probe
from callbacks.probe_images import ProbeImages
from experiments.opening import OpenedRun
from gan_modules.engine.sampling import evaluating
from gan_modules.networks.codec import DomainCodec

_CHUNK = 64


def codec_of(module: Any) -> DomainCodec | None:
    """The averaged encoders and decoders; None where a translation goes through no codes."""
    return next((one for one in module.sampler().modules() if isinstance(one, DomainCodec)), None)


@torch.no_grad()
def look_at_codes(opened: OpenedRun, samples: int, seed: int) -> LatentProbe | None:
    """How well a fresh linear classifier tells the domains of codes; None where there are none.

    Args:
        opened: the run.
        samples: images of each domain, at most.
        seed: of the classifier's halves.
    """
    codec = codec_of(opened.module)
    if codec is None:
        return None
    images = ProbeImages.read(opened.data(), codec.domains, samples)
    codes, owners = [], []
    with evaluating(codec):
        for number, domain in enumerate(codec.domains):
            for part in images.of(domain).split(_CHUNK):
                codes.append(codec.encode(part.to(opened.module.device), domain).cpu())
                owners += [number] * len(part)
    return latent_probe(torch.cat(codes), torch.tensor(owners), seed)
