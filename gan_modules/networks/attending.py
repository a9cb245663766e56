"""Layers of a small Transformer for sentences, whose decoder may go on token by token.

Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, normalised before each part,
and without dropout.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive

#: Keys and values of one layer, each ``(N, H, S, W / H)``.
KeysValues = tuple[Tensor, Tensor]


def require_heads(owner: str, width: int, heads: int, layers: int) -> None:
    """Sizes of a Transformer.

    Raises:
        ValueError: if one is not positive, or the heads do not divide the width.
    """
    require_positive(owner, width=width, heads=heads, layers=layers)
    if width % heads:
        raise ValueError(
            f"{owner}: width must be a multiple of heads, got {width} and {heads}; set width to "
            f"{heads * max(1, round(width / heads))}"
        )


class Attention(nn.Module):
    """Several heads that look for what fits.

    Args:
        width: of the vectors.
        heads: which divide it.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.offered = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def offers(self, vectors: Tensor) -> KeysValues:
        """Keys and values of vectors ``(N, S, W)``."""
        keys, values = self.offered(vectors).chunk(2, 2)
        return self._split(keys), self._split(values)

    def forward(self, vectors: Tensor, offered: KeysValues, mask: Tensor | None) -> Tensor:
        """What vectors ``(N, L, W)`` find.

        Args:
            vectors: who looks.
            offered: from :meth:`offers`.
            mask: bool, broadcast to ``(N, H, L, S)``: what may be seen; None: everything.
        """
        keys, values = offered
        found = nn.functional.scaled_dot_product_attention(
            self._split(self.query(vectors)), keys, values, attn_mask=mask
        )
        joined: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return joined

    def _split(self, vectors: Tensor) -> Tensor:
        return vectors.unflatten(2, (self.heads, -1)).transpose(1, 2)


class AttendingBlock(nn.Module):
    """Attention to the sentence itself, to another one if there is one, and a layer for each token.

    Args:
        width: of the vectors.
        heads: which divide it.
        crosses: whether there is another sentence.
    """

    def __init__(self, width: int, heads: int, crosses: bool = False) -> None:
        super().__init__()
        self.own_norm, self.own = nn.LayerNorm(width), Attention(width, heads)
        self.cross_norm = nn.LayerNorm(width) if crosses else None
        self.cross = Attention(width, heads) if crosses else None
        self.last = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )

    def forward(
        self,
        vectors: Tensor,
        mask: Tensor | None,
        before: KeysValues | None = None,
        other: KeysValues | None = None,
        other_mask: Tensor | None = None,
    ) -> tuple[Tensor, KeysValues]:
        """Vectors ``(N, L, W)`` once more, and the keys and values of all that came up to them.

        Args:
            vectors: ``(N, L, W)``.
            mask: what of the sentence may be seen, see :class:`Attention`.
            before: keys and values of what came before these vectors.
            other: those of the other sentence, from ``cross.offers``.
            other_mask: what of it may be seen.
        """
        normed = self.own_norm(vectors)
        offered = self.own.offers(normed)
        if before is not None:
            keys, values = (torch.cat(pair, 2) for pair in zip(before, offered, strict=True))
            offered = keys, values
        vectors = vectors + self.own(normed, offered, mask)
        if self.cross is not None and self.cross_norm is not None and other is not None:
            vectors = vectors + self.cross(self.cross_norm(vectors), other, other_mask)
        return vectors + self.last(vectors), offered
