"""How a generator of sentences is led, token by token: drawn, judged, relaxed.

A speaker is a network with

- ``vocabulary_size``, ``length`` and ``special_tokens``;
- ``initial(n) -> state``, and ``step(embedded, state) -> (logits (N, V), state)``, where a state is
  a tuple of tensors ``(N, ...)``, a row for each sentence, in nothing but which rows differ;
- ``embed(symbols)``: token ids ``(N,)``, or weights of the tokens ``(N, V)``, to vectors;
- ``logits(tokens (N, T)) -> (N, T, V)``: of each next token, where the ones before are given.

A drawn sentence is a function of one uniform number for each of its tokens, so everything that
draws latents elsewhere draws sentences too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from datamodules.batches import PAD
from gan_modules.language.relaxations import Relaxation
from gan_modules.language.sentences import ends, first_token, sentence_mask

#: Widths of the blocks that a long row of weights is summed in.
_BLOCKS = range(40, 129)


def choose(logits: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
    """Tokens by inverse CDF: several times faster than ``torch.multinomial`` on a CPU.

    Args:
        logits: ``(N, V)``.
        uniforms: ``(N,)`` in [0, 1), or ``(N, R)`` for R draws of each row.
        temperature: the logits are divided by it.

    Returns:
        int64, as many as uniforms; a token of probability zero is never among them.
    """
    whole = torch.promote_types(logits.dtype, torch.float32)
    scaled = logits.to(whole) if temperature == 1.0 else logits.to(whole) / temperature
    weights = torch.softmax(scaled, 1)
    chances = (uniforms[:, None] if uniforms.dim() == 1 else uniforms).to(whole).contiguous()
    if weights.shape[1] <= _BLOCKS.stop:
        cdf = weights.cumsum(1)
        return _found(cdf, chances * cdf[:, -1:]).view(uniforms.shape)
    # A running sum waits for itself at every word: of blocks, and then within one, it is short.
    width = _width(weights.shape[1])
    padded = nn.functional.pad(weights, (0, -weights.shape[1] % width))
    blocks = padded.unflatten(1, (-1, width))
    reached = blocks.sum(2).cumsum(1)
    places = chances * reached[:, -1:]
    block = _found(reached, places)
    left = places - nn.functional.pad(reached, (1, 0)).gather(1, block)
    row = torch.arange(len(block), device=block.device)[:, None] * blocks.shape[1] + block
    within = blocks.flatten(0, 1).index_select(0, row.flatten()).cumsum(1)
    return (block * width + _found(within, left.view(-1, 1)).view_as(block)).view(uniforms.shape)


def _found(cdf: Tensor, places: Tensor) -> Tensor:
    """The first of ``(N, V)`` running sums above each of ``(N, R)`` places."""
    total = cdf[:, -1:]
    # Rounding must not lead to the total itself, behind the last token.
    below = places.minimum(torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(cdf, below, right=True)


def _width(count: int) -> int:
    """Of blocks: one that needs no filling, where there is such a number."""
    return next((width for width in _BLOCKS if count % width == 0), 64)


@torch.no_grad()
def drawn(
    speaker: Any,
    uniforms: Tensor,
    temperature: float = 1.0,
) -> Tensor:
    """Sentences of uniform numbers; behind an end there is ``PAD``.

    Args:
        speaker: see the top of this file.
        uniforms: ``(N, T)`` in [0, 1).
        temperature: below 1 is more certain.

    Returns:
        int64 ``(N, T)``.
    """
    n, length = uniforms.shape
    return _led(
        speaker,
        n,
        length,
        lambda logits, place: choose(logits, uniforms[:, place], temperature),
    )


@torch.no_grad()
def greedy(speaker: Any, n: int) -> Tensor:
    """The most likely token each time, ``(n, T)``: rows differ by what else the speaker is told."""
    return _led(speaker, n, speaker.length, lambda logits, place: logits.argmax(1))


def _led(
    speaker: Any,
    n: int,
    length: int,
    pick: Callable[[Tensor, int], Tensor],
) -> Tensor:
    special = bool(speaker.special_tokens)
    said, state = [], speaker.initial(n)
    device = next(speaker.parameters()).device
    token = torch.full((n,), first_token(special), device=device)
    over = torch.zeros(n, dtype=torch.bool, device=device)
    for place in range(length):
        logits, state = speaker.step(speaker.embed(token), state)
        token = pick(logits, place).masked_fill(over, PAD)
        over = over | ends(token, special)
        said.append(token)
    return torch.stack(said, 1)


class Likelihoods(NamedTuple):
    """What a speaker thinks of sentences.

    Attributes:
        log_probability: ``(N, T)`` of each token after those before it, 0 behind the end.
        entropy: ``(N, T)`` of the choice there, in nats, 0 behind the end.
        mask: bool ``(N, T)``: what counts.
    """

    log_probability: Tensor
    entropy: Tensor
    mask: Tensor


def likelihoods(speaker: Any, tokens: Tensor) -> Likelihoods:
    """Log-probabilities of given sentences, with their graph to the speaker.

    Args:
        speaker: see the top of this file.
        tokens: int64 ``(N, T)``.
    """
    mask = sentence_mask(tokens, bool(speaker.special_tokens))
    log_softmax = torch.log_softmax(speaker.logits(tokens), 2)
    told = log_softmax.gather(2, tokens[..., None])[..., 0]
    entropy = -(log_softmax.exp() * log_softmax).sum(2)
    return Likelihoods(told * mask, entropy * mask, mask)


def relaxed(speaker: Any, uniforms: Tensor, relaxation: Relaxation, sharpness: float) -> Tensor:
    """Sentences as weights of all tokens, with a graph to the speaker; it hears its own weights.

    Args:
        speaker: see the top of this file.
        uniforms: ``(N, T, V)`` in (0, 1), of the noise.
        relaxation: logits to weights.
        sharpness: the inverse temperature, beta.

    Returns:
        ``(N, T, V)``, each ``(V,)`` sums to 1. Ends are symbols like others: nothing is cut off.
    """
    said, state = [], speaker.initial(len(uniforms))
    start = torch.full((len(uniforms),), first_token(bool(speaker.special_tokens)))
    heard = speaker.embed(start.to(uniforms.device))
    for place in range(uniforms.shape[1]):
        logits, state = speaker.step(heard, state)
        weights = relaxation(logits, uniforms[:, place], sharpness)
        heard = speaker.embed(weights)
        said.append(weights)
    return torch.stack(said, 1)
