"""A rewriter that may copy the word it looks at, instead of choosing one of its own.

See, Liu, Manning, "Get To The Point: Summarization with Pointer-Generator Networks", 2017,
arXiv:1704.04368, section 2.2; without words from outside of the vocabulary, and its coverage is a
loss alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.language.sentences import one_hot
from gan_modules.networks.rewriter import GRURewriter, Memory

#: A probability of zero has a logarithm, and no word is out of reach.
_LEAST = 1e-9


class PointerRewriter(GRURewriter):
    """``p(w) = p_gen softmax(head)(w) + (1 - p_gen) sum of the attention to places with w``.

    Its logits are the logarithms of these probabilities.

    Args:
        vocabulary_size: V of both domains, special tokens included.
        length: T of the sentences that it writes.
        copying: probability of copying, 1 - p_gen, before anything is learned.
        **kwargs: see :class:`GRURewriter`.

    Raises:
        ValueError: if a count is not positive, or the probability not in (0, 1).
    """

    def __init__(
        self, vocabulary_size: int, length: int, copying: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(vocabulary_size, length, **kwargs)
        if not 0.0 < copying < 1.0:
            raise ValueError(
                f"PointerRewriter: copying must lie in (0, 1), got {copying}; 0.5 is neither way"
            )
        self.switch = nn.Linear(self.width, 1)
        nn.init.constant_(self.switch.bias, float(torch.logit(torch.tensor(1.0 - copying))))

    def _answer(self, said: Tensor, looks: Tensor, memory: Memory) -> Tensor:
        mixed, symbols = self._mixed(said, looks, memory), memory.symbols
        if not symbols.is_floating_point():
            symbols = one_hot(symbols, self.vocabulary_size, mixed.dtype)
        # A style in front of the sentence is looked at, and is no word.
        words = looks[..., looks.shape[2] - symbols.shape[1] :]
        own = torch.sigmoid(self.switch(mixed))
        chosen = own * torch.softmax(self.head(mixed), 2) + (1.0 - own) * (words @ symbols)
        return torch.log(chosen + _LEAST)
