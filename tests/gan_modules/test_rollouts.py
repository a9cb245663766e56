"""Roll-outs of sentences that end, pieces of a batch, and draws among many words."""

from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from datamodules.batches import BOS, EOS, PAD
from gan_modules.engine.noise import Noise
from gan_modules.language import rollouts
from gan_modules.language.rollouts import completed
from gan_modules.language.speaking import choose, drawn
from gan_modules.networks.lstm_speaker import LSTMSpeaker
from tests.helpers_bigram import Bigram

V, T, R, N = 6, 7, 3, 5


def uniforms(*shape: int, seed: int = 2) -> Tensor:
    own = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=own, dtype=torch.float64)


def one_after_the_other(speaker: Any, tokens: Tensor, chances: Tensor) -> Tensor:
    """Each sentence by itself, word by word, from its first one on."""
    n, rollouts_, beginnings, length = chances.shape
    whole = torch.full((rollouts_, beginnings, n, length), PAD)
    for index in torch.cartesian_prod(*(torch.arange(size) for size in whole.shape[:3])).tolist():
        rollout, last, row = index
        state, heard = speaker.initial(1), torch.tensor([BOS if speaker.special_tokens else 0])
        for place in range(length):
            logits, state = speaker.step(speaker.embed(heard), state)
            heard = tokens[row, place][None]
            if place > last:
                heard = choose(logits, chances[row, rollout, last, place][None])
            whole[rollout, last, row, place] = heard
            if speaker.special_tokens and int(heard) in (EOS, PAD):
                break
    return whole


def speakers() -> list[Any]:
    torch.manual_seed(5)
    return [LSTMSpeaker(V, T, 4, 4, special).double() for special in (True, False)] + [
        Bigram(torch.randn(V, V, dtype=torch.float64), T, special_tokens=True)
    ]


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("cached", [1, 4 * V, 2**19])
def test_in_pieces_of_any_size_they_are_those_of_a_loop(number: int, cached: int) -> None:
    speaker, chances = speakers()[number], uniforms(N, R, T - 1, T)
    tokens = drawn(speaker, uniforms(N, T, seed=3))
    with patch.object(rollouts, "_CACHED", cached):
        found = completed(speaker, tokens, chances)
    assert found.equal(one_after_the_other(speaker, tokens, chances)) and found.is_contiguous()
    if speaker.special_tokens:
        ended = (tokens == EOS).any(1) | (tokens == PAD).any(1)
        assert bool(ended.any()) and bool((found[:, 0] == PAD).any())


def test_what_is_over_is_not_stepped_any_more() -> None:
    stepped = []

    class Counting(Bigram):
        def step(self, embedded: Tensor, state: Any) -> Any:
            stepped.append(len(embedded))
            return super().step(embedded, state)

    # After BOS and 4 comes 4; what is given ends at once.
    table = torch.full((5, 5), -50.0, dtype=torch.float64)
    table[:, 4] = 50.0
    tokens = torch.tensor([[4, EOS, PAD, PAD], [EOS, PAD, PAD, PAD]])
    found = completed(Counting(table, 4, special_tokens=True), tokens, uniforms(2, R, 3, 4))
    assert found[:, 0].tolist() == [[[4, 4, 4, 4], [EOS, PAD, PAD, PAD]]] * R
    assert found[:, 1:].equal(tokens.expand(R, 2, 2, 4))
    # Beside one pass over both sentences, the three roll-outs of the one that is not over.
    assert stepped == [2, 2, R, 2, R, 2]


def test_each_step_is_of_what_has_begun_and_the_first_draw_is_shared() -> None:
    speaker = Bigram(torch.zeros(V, V, dtype=torch.float64), T)
    rows = []
    step = speaker.step
    speaker.step = lambda embedded, state: (rows.append(len(embedded)), step(embedded, state))[1]
    completed(
        speaker, drawn(Bigram(torch.zeros(V, V), T), uniforms(N, T)), uniforms(N, R, T - 1, T)
    )
    assert sum(rows) == N * T + N * R * (T - 1) * (T - 2) // 2


def test_a_sentence_of_one_word_has_nothing_to_complete() -> None:
    found = completed(speakers()[1], torch.zeros(N, 1, dtype=torch.int64), uniforms(N, R, 0, 1))
    assert found.shape == (R, 0, N, 1)


def test_the_same_roll_outs_come_on_any_number_of_ranks() -> None:
    speaker, device = speakers()[0], torch.device("cpu")
    shape = (R, T - 1, T)
    tokens = drawn(speaker, uniforms(8, T))
    whole = completed(speaker, tokens, Noise(3).uniform(8, *shape, device=device).double())
    halves = [
        completed(
            speaker,
            tokens[4 * rank : 4 * rank + 4],
            Noise(3, rank).uniform(4, *shape, device=device).double(),
        )
        for rank in range(2)
    ]
    assert torch.cat(halves, 2).equal(whole)


@pytest.mark.parametrize("words", [130, 500, 509, 5003])
def test_among_many_words_draws_are_those_of_one_running_sum(words: int) -> None:
    logits = 2.0 * torch.randn(300, words, generator=torch.Generator().manual_seed(1)).double()
    logits[:, torch.arange(0, words, 3)] = -torch.inf
    chances = torch.cat([uniforms(300, 4), torch.zeros(300, 1), torch.ones(300, 1)], 1)
    chances[0, -1] = 1 - 2.0**-53
    cdf = logits.softmax(1).cumsum(1)
    last = logits.isfinite().long().mul(torch.arange(words)).amax(1, keepdim=True)
    wanted = torch.searchsorted(cdf, chances * cdf[:, -1:], right=True).minimum(last)
    found = choose(logits, chances)
    assert found.equal(wanted) and found.dtype == torch.int64
    for draw in range(6):
        assert choose(logits, chances[:, draw]).equal(found[:, draw])
    torch.testing.assert_close(choose(logits, chances, 0.5), choose(2.0 * logits, chances))


def test_many_words_come_as_often_as_they_should_in_single_precision() -> None:
    n, words = 400_000, 500
    logits = torch.randn(words, generator=torch.Generator().manual_seed(1))
    draws = uniforms(1, n, seed=7).float()
    found = choose(logits[None], draws)[0].bincount(minlength=words) / n
    shares = logits.softmax(0)
    assert bool(((found - shares).abs() <= 5 * (shares * (1 - shares) / n).sqrt()).all())
