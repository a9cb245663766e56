"""States of a speaker that is told what to say, and of one that hears itself.

Lamb et al., "Professor Forcing: A New Algorithm for Training Recurrent Networks", 2016,
arXiv:1610.09038: a discriminator that cannot tell the two apart leaves no gap between training and
use. States behind the end of a sentence are 0 in both, so that fillings give nothing away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gan_modules.language.relaxations import Relaxation
from gan_modules.language.sentences import first_token
from gan_modules.networks.reading import Reading, kept_of


def require_states(owner: str, generator: Any, judges: Mapping[str, Any]) -> None:
    """States can be asked for, and the discriminators take them.

    Args:
        owner: named in errors.
        generator: the rewriter.
        judges: by domain.

    Raises:
        ValueError: naming what does not fit.
    """
    if not hasattr(generator, "states"):
        raise ValueError(
            f"{owner}: generator must have states(tokens, memory), got "
            f"{type(generator).__name__}; choose AlignedAutoencoder"
        )
    for domain, judge in judges.items():
        seen = getattr(judge, "vocabulary_size", generator.width)
        if seen != generator.width:
            raise ValueError(
                f"{owner}: vocabulary_size of discriminator_{domain} must be {generator.width}, "
                f"the width of the generator's states, got {seen}; set it so"
            )


def told_states(speaker: Reading, tokens: Tensor) -> Tensor:
    """States ``(N, T + 1, W)`` of given sentences: before the first token, and where each is said.

    Args:
        speaker: of a rewriter with ``states(tokens, memory)``.
        tokens: int64 ``(N, T)``.
    """
    states: Tensor = speaker.rewriter.states(tokens, speaker.memory)
    return _before_ends(states, tokens, speaker.special_tokens)


def own_states(
    speaker: Reading, uniforms: Tensor, relaxation: Relaxation, sharpness: float
) -> Tensor:
    """States ``(N, T + 1, W)`` of a speaker that hears the weights of what it says itself.

    Args:
        speaker: whose state is ``(1, N, W)``.
        uniforms: ``(N, T, V)`` in [0, 1), of the noise.
        relaxation: logits to weights.
        sharpness: the inverse temperature.
    """
    state: Any = speaker.initial(len(uniforms))
    states, said = [state[0]], []
    start = torch.full((len(uniforms),), first_token(speaker.special_tokens))
    heard = speaker.embed(start.to(uniforms.device))
    for place in range(uniforms.shape[1]):
        logits, state = speaker.step(heard, state)
        weights = relaxation(logits, uniforms[:, place], sharpness)
        heard = speaker.embed(weights)
        states.append(state[0])
        said.append(weights.detach())
    return _before_ends(torch.stack(states, 1), torch.stack(said, 1), speaker.special_tokens)


def _before_ends(states: Tensor, symbols: Tensor, special_tokens: bool) -> Tensor:
    kept = kept_of(symbols, special_tokens)
    counts = torch.cat([torch.ones_like(kept[:, :1]), kept], 1)
    return states * counts[..., None]
