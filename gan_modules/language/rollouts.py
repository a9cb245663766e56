"""Roll-outs: what each beginning of a sentence may lead to, drawn to the end several times.

Yu et al., arXiv:1609.05473, section 3: for each of N roll-outs and each beginning, a policy hears
the tokens that are given, from the first one on, and draws the rest. Here one pass over a sentence
gives the state after each of its beginnings. All roll-outs go on from there together, and only
those whose sentence is not over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from datamodules.batches import PAD
from gan_modules.language.sentences import closed, ends, first_token, sentence_mask
from gan_modules.language.speaking import choose

#: Numbers of the logits that a CPU makes at once: two megabytes stay in its cache.
_CACHED = 2**19


@torch.no_grad()
def completed(speaker: Any, tokens: Tensor, uniforms: Tensor) -> Tensor:
    """Each beginning of each sentence, drawn to its end several times.

    Args:
        speaker: see ``language/speaking.py``.
        tokens: int64 ``(N, T)``.
        uniforms: ``(N, R, T - 1, T)`` in [0, 1): the last axis are the places of the sentence, of
            which those that are given are not read.

    Returns:
        int64 ``(R, T - 1, N, T)``: at ``[r, t]``, the first ``t + 1`` tokens are the given ones.
    """
    n, rollouts, beginnings, length = uniforms.shape
    shape, special = (rollouts, beginnings, n), bool(speaker.special_tokens)
    chances = uniforms.permute(3, 1, 2, 0).reshape(length, -1)
    whole = _begun(closed(tokens, special), rollouts)
    numbers = torch.arange(rollouts * beginnings * n, device=tokens.device).view(shape)
    open_at = sentence_mask(tokens, special)
    going = _Going(speaker, chances, whole)
    state = speaker.initial(n)
    heard = torch.full_like(tokens[:, 0], first_token(special))
    for place in range(length):
        going.step(place)
        logits, state = speaker.step(speaker.embed(heard), state)
        heard = tokens[:, place]
        if place:
            # What is over needs no roll-out; the others share the logits of their first draw.
            still = open_at[:, place].nonzero()[:, 0]
            going.enter(place, numbers[:, place - 1, still].T, logits[still], state, still)
    return whole.view(length, *shape).permute(1, 2, 3, 0).contiguous()


def _begun(tokens: Tensor, rollouts: int) -> Tensor:
    """Beginnings of ``(N, T)``, filled up with ``PAD``, place by place: ``(T, R (T - 1) N)``."""
    n, length = tokens.shape
    place = torch.arange(length, device=tokens.device)
    given = place[:, None] <= place[None, :-1]
    begun = tokens.T[:, None].where(given[..., None], PAD)
    return begun[:, None].expand(length, rollouts, length - 1, n).reshape(length, -1)


class _Going:
    """Sentences that are being drawn: their numbers and states, without those that are over.

    Args:
        speaker: who says them.
        chances: ``(T, M)`` in [0, 1), for all M sentences.
        whole: int64 ``(T, M)``, where what is drawn is written.
    """

    def __init__(self, speaker: Any, chances: Tensor, whole: Tensor) -> None:
        self.speaker, self.chances, self.whole = speaker, chances, whole
        self.numbers = torch.empty(0, dtype=torch.int64, device=whole.device)
        self.state: tuple[Tensor, ...] = ()

    def step(self, place: int) -> None:
        """Draw the next token of each; those that end leave."""
        for piece in self._pieces():
            rows = self.numbers[piece]
            heard = self.speaker.embed(self.whole[place - 1, rows])
            logits, state = self.speaker.step(heard, tuple(part[piece] for part in self.state))
            self.whole[place, rows] = choose(logits, self.chances[place, rows])
            for part, after in zip(self.state, state, strict=True):
                part[piece] = after
        if self.speaker.special_tokens:
            self._leave(ends(self.whole[place, self.numbers], True))

    def enter(
        self, place: int, numbers: Tensor, logits: Tensor, state: tuple[Tensor, ...], rows: Tensor
    ) -> None:
        """Sentences that begin to be drawn, whose first token is drawn at once.

        Args:
            place: of that token.
            numbers: int64 ``(E, R)``, R of each of E beginnings.
            logits: ``(E, V)``.
            state: after the beginnings, with others.
            rows: int64 ``(E,)``: where they are in it.
        """
        first = choose(logits, self.chances[place, numbers])
        self.whole[place, numbers] = first
        goes_on = ~ends(first, bool(self.speaker.special_tokens))
        start, count = len(self.numbers), int(goes_on.sum())
        if not self.state:
            capacity = self.whole.shape[1]
            self.state = tuple(part.new_empty(capacity, *part.shape[1:]) for part in state)
        origin = rows[:, None].expand_as(numbers)[goes_on]
        for part, begun in zip(self.state, state, strict=True):
            part[start : start + count] = begun.index_select(0, origin)
        self.numbers = torch.cat([self.numbers, numbers[goes_on]])

    def _leave(self, over: Tensor) -> None:
        stay = over.logical_not().nonzero()[:, 0]
        self.numbers = self.numbers[stay]
        for part in self.state:
            part[: len(stay)] = part.index_select(0, stay)

    def _pieces(self) -> Iterator[slice]:
        """Of the sentences: as many at a time as a CPU has room for; all of them elsewhere."""
        count = len(self.numbers)
        size = max(1, _CACHED // self.speaker.vocabulary_size)
        step = size if self.whole.device.type == "cpu" else max(1, count)
        return (slice(at, min(at + step, count)) for at in range(0, count, step))
