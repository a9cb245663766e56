"""How a generator of sentences is led, token by token: drawn, judged, completed, relaxed.

A speaker is a network with

- ``vocabulary_size``, ``length`` and ``special_tokens``;
- ``initial(n) -> state``, and ``step(embedded, state) -> (logits (N, V), state)``;
- ``embed(symbols)``: token ids ``(N,)``, or weights of the tokens ``(N, V)``, to vectors;
- ``logits(tokens (N, T)) -> (N, T, V)``: of each next token, where the ones before are given.

A drawn sentence is a function of one uniform number for each of its tokens, so everything that
draws latents elsewhere draws sentences too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_modules.language.relaxations import Relaxation
from gan_modules.language.sentences import ends, first_token, sentence_mask


def choose(logits: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
    """Tokens by inverse CDF: several times faster than ``torch.multinomial`` on a CPU.

    Args:
        logits: ``(N, V)``.
        uniforms: ``(N,)`` in [0, 1).
        temperature: the logits are divided by it.

    Returns:
        int64 ``(N,)``; a token of probability zero is never among them.
    """
    whole = torch.promote_types(logits.dtype, torch.float32)
    cdf = torch.softmax(logits.to(whole) / temperature, 1).cumsum(1)
    total = cdf[:, -1]
    # Rounding must not lead to the total itself, behind the last token.
    place = (uniforms.to(whole) * total).minimum(torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(cdf, place[:, None], right=True)[:, 0]


@torch.no_grad()
def drawn(
    speaker: Any,
    uniforms: Tensor,
    temperature: float = 1.0,
    given: Tensor | None = None,
    keep: Tensor | None = None,
) -> Tensor:
    """Sentences of uniform numbers; behind an end there is ``PAD``.

    Args:
        speaker: see the top of this file.
        uniforms: ``(N, T)`` in [0, 1).
        temperature: below 1 is more certain.
        given: int64 ``(N, T)`` beginnings that are not drawn.
        keep: int64 ``(N,)`` how many tokens of each row are given.

    Returns:
        int64 ``(N, T)``.
    """
    n, length = uniforms.shape
    return _led(
        speaker,
        n,
        length,
        lambda logits, place: choose(logits, uniforms[:, place], temperature),
        given,
        keep,
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
    given: Tensor | None = None,
    keep: Tensor | None = None,
) -> Tensor:
    special = bool(speaker.special_tokens)
    said, state = [], speaker.initial(n)
    device = next(speaker.parameters()).device
    token = torch.full((n,), first_token(special), device=device)
    over = torch.zeros(n, dtype=torch.bool, device=device)
    for place in range(length):
        logits, state = speaker.step(speaker.embed(token), state)
        token = pick(logits, place)
        if given is not None and keep is not None:
            token = given[:, place].where(place < keep, token)
        token = token.masked_fill(over, 0)
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


def completed(speaker: Any, tokens: Tensor, uniforms: Tensor) -> Tensor:
    """Each beginning of each sentence, drawn to its end several times, all in one batch.

    Args:
        speaker: see the top of this file.
        tokens: int64 ``(N, T)``.
        uniforms: ``(N, R, T - 1, T)`` in [0, 1).

    Returns:
        int64 ``(R, T - 1, N, T)``: at ``[r, t]``, the first ``t + 1`` tokens are the given ones.
    """
    n, rollouts, beginnings, length = uniforms.shape
    shape = (rollouts, beginnings, n)
    keep = torch.arange(1, length, device=tokens.device)[None, :, None].expand(shape)
    given = tokens.expand(*shape, length)
    rows = drawn(
        speaker,
        uniforms.permute(1, 2, 0, 3).reshape(-1, length),
        given=given.reshape(-1, length),
        keep=keep.reshape(-1),
    )
    return rows.view(*shape, length)


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
