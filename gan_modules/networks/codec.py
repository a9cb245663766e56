"""Encoders and decoders of several domains around one space of codes, with layers in common.

Liu, Breuel, Kautz, "Unsupervised Image-to-Image Translation Networks" (UNIT), 2017,
arXiv:1703.00848, section 3: the layers next to the code are the same for both domains. The authors'
code shares none.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from gan_modules.networks.unit import UNITDecoder, UNITEncoder, share_head, share_tail


class DomainCodec(nn.Module):
    """Images of each domain to codes, and codes to images of each domain.

    Shared blocks are one and the same module object in all branches: one parameter, whose gradient
    is the sum over the domains. A ``state_dict`` lists it under each name.

    Args:
        encoders: one for each domain, images to codes; a single one for ``share: full``.
        decoders: the same, codes to images.
        share: residual blocks that all encoders have in common at their end, and all decoders at
            their beginning; 0 shares none. ``"full"``: one encoder and one decoder serve all
            domains, and are told which, as ``UNITEncoder(num_domains=2)``.
        domains: their names, in the order of the networks.

    Raises:
        ValueError: if there are not as many networks as ``share`` needs, if networks that share
            blocks have none, and in the forward for another domain.
    """

    def __init__(
        self,
        encoders: list[nn.Module],
        decoders: list[nn.Module],
        share: int | Literal["full"] = 1,
        domains: tuple[str, ...] = ("a", "b"),
    ) -> None:
        super().__init__()
        self.domains, self.full = tuple(domains), share == "full"
        wanted = 1 if self.full else len(self.domains)
        if not len(encoders) == len(decoders) == wanted:
            raise ValueError(
                f"DomainCodec: encoders and decoders must be {wanted} each at share {share}, got "
                f"{len(encoders)} and {len(decoders)}; give one of each for every domain, or one "
                "of each with num_domains and share: full"
            )
        if self.full:
            self._require_told(encoders[0], decoders[0])
        elif share:
            _share(encoders, decoders, int(share))
        self.encoders, self.decoders = nn.ModuleList(encoders), nn.ModuleList(decoders)

    def encode(self, images: Tensor, domain: str) -> Tensor:
        """Images ``(N, C, H, W)`` in [-1, 1] of a domain to codes ``(N, K, h, w)``."""
        return self._told(self.encoders, images, domain)

    def decode(self, codes: Tensor, domain: str) -> Tensor:
        """Codes ``(N, K, h, w)`` to images ``(N, C, H, W)`` in [-1, 1] of a domain."""
        return self._told(self.decoders, codes, domain)

    def forward(self, images: Tensor, source: str, target: str) -> Tensor:
        """Images of one domain as images of another."""
        return self.decode(self.encode(images, source), target)

    def _told(self, networks: nn.ModuleList, x: Tensor, domain: str) -> Tensor:
        if domain not in self.domains:
            raise ValueError(
                f"DomainCodec: domain must be one of {', '.join(self.domains)}, got {domain}; "
                "name it in domains"
            )
        number = self.domains.index(domain)
        if self.full:
            numbers = torch.full((len(x),), number, device=x.device, dtype=torch.int64)
            found: Tensor = networks[0](x, numbers)
            return found
        found = networks[number](x)
        return found

    def _require_told(self, *networks: nn.Module) -> None:
        for network in networks:
            known = getattr(network, "num_domains", 0)
            if known != len(self.domains):
                raise ValueError(
                    f"DomainCodec: {type(network).__name__} must know {len(self.domains)} domains "
                    f"at share full, got num_domains {known}; set num_domains: {len(self.domains)}"
                )


def _share(encoders: list[nn.Module], decoders: list[nn.Module], blocks: int) -> None:
    for networks, kind in ((encoders, UNITEncoder), (decoders, UNITDecoder)):
        for network in networks:
            if not isinstance(network, kind):
                raise ValueError(
                    f"DomainCodec: share must be 0 for networks without blocks, got {blocks} for "
                    f"{type(network).__name__}; take {kind.__name__}, or set share: 0"
                )
    for encoder, decoder in zip(encoders[1:], decoders[1:], strict=True):
        share_tail(encoders[0], encoder, blocks)  # type: ignore[arg-type]
        share_head(decoders[0], decoder, blocks)  # type: ignore[arg-type]
