"""Tokens drawn of uniform numbers, sentences judged, begun and completed, weights heard."""

from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from datamodules.batches import BOS, EOS, PAD
from gan_modules.engine.noise import Noise
from gan_modules.language.relaxations import Softmax, StraightThrough
from gan_modules.language.rollouts import completed
from gan_modules.language.sentences import closed, masked_mean, one_hot, sentence_mask, spelled
from gan_modules.language.speaking import choose, drawn, greedy, likelihoods, relaxed
from gan_modules.networks.lstm_speaker import LSTMSpeaker
from gan_modules.networks.text_cnn import TextCNN
from gan_modules.sequence import seqgan
from gan_modules.sequence.seqgan import SeqGAN
from tests.helpers_bigram import Bigram, Listed, certain, everything, places

V, T = 3, 3


def uniforms(*shape: int, seed: int = 2) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def game(table: Tensor, scores: Tensor, rollouts: int, length: int = T) -> SeqGAN:
    return SeqGAN(Bigram(table, length), Listed(scores, len(table)), rollouts=rollouts).double()


@pytest.mark.parametrize("rollouts", [1, 3])
def test_where_nothing_is_left_to_chance_values_are_the_judges_word_kat_s5(rollouts: int) -> None:
    scores = torch.randn(V**T, dtype=torch.float64)
    module = game(certain([1, 2, 0]), scores, rollouts)
    tokens = drawn(module.generator, uniforms(5, T).double())
    assert tokens.tolist() == [[1, 2, 0]] * 5
    asked = []

    def counting(*arguments: Tensor) -> Tensor:
        asked.append(completed(*arguments))
        return asked[-1]

    with patch.object(seqgan, "completed", counting):
        values = module.values(tokens)
    wanted = torch.sigmoid(scores[places(tokens, V)])[:, None].expand(5, T)
    torch.testing.assert_close(values, wanted, rtol=0, atol=1e-15)
    # The last token is judged as it stands: T - 1 beginnings are rolled out, in one call.
    assert [tuple(rows.shape) for rows in asked] == [(rollouts, T - 1, 5, T)]
    assert module.discriminator.judged == 5 * (rollouts * (T - 1) + 1)


def test_it_is_the_roll_out_policy_that_completes_what_was_begun() -> None:
    scores = torch.randn(V**T, dtype=torch.float64)
    module = game(certain([1, 2, 0]), scores, 2)
    with torch.no_grad():
        module.generator.table.copy_(certain([0, 0, 0]))
    tokens = torch.tensor([[0, 0, 0]])
    wanted = scores[places(torch.tensor([[0, 1, 2], [0, 0, 1], [0, 0, 0]]), V)]
    torch.testing.assert_close(module.values(tokens)[0], torch.sigmoid(wanted))


def test_what_was_begun_is_kept_and_the_rest_is_drawn_kat_s5() -> None:
    speaker, tokens = LSTMSpeaker(6, 5, 4, 4, False), torch.randint(6, (4, 5))
    rows = completed(speaker, tokens, uniforms(4, 7, 4, 5))
    for t in range(4):
        assert (rows[:, t, :, : t + 1] == tokens[:, : t + 1]).all()
        assert (rows[:, t, :, t + 1 :] != tokens[:, t + 1 :]).any()


def test_rolled_out_values_are_the_expected_ones_kat_s6() -> None:
    table = torch.randn(V, V, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    scores = torch.randn(V**T, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    rollouts, sentences = 4096, everything(V, T)
    module = game(table, scores, rollouts)
    shares = likelihoods(module.generator, sentences).log_probability.sum(1).exp().detach()
    judged = torch.sigmoid(scores)
    tokens = torch.tensor([[0, 1, 2], [2, 2, 1]])
    values = module.values(tokens)
    for row, found in zip(tokens, values, strict=True):
        for t in range(T):
            same = (sentences[:, : t + 1] == row[: t + 1]).all(1)
            weight = shares[same] / shares[same].sum()
            mean = (weight * judged[same]).sum()
            error = ((weight * (judged[same] - mean) ** 2).sum() / rollouts).sqrt()
            assert abs(float(found[t] - mean)) <= 4 * float(error) + 1e-12


@pytest.mark.parametrize("table", [certain([1, 2, 0]), torch.randn(V, V, dtype=torch.float64)])
def test_all_roll_outs_at_once_are_those_of_a_loop_kat_s7(table: Tensor) -> None:
    speaker, tokens = Bigram(table, T), torch.tensor([[0, 2, 1], [1, 1, 0]])
    chances = uniforms(2, 4, T - 1, T).double()
    rows = completed(speaker, tokens, chances)
    for r in range(4):
        for t in range(T - 1):
            for n in range(2):
                said = tokens[n, : t + 1].tolist()
                for place in range(t + 1, T):
                    logits = speaker.table[said[-1]][None]
                    said.append(int(choose(logits, chances[n, r, t, place][None])))
                assert rows[r, t, n].tolist() == said


def test_tokens_come_as_often_as_they_should_kat_s10() -> None:
    n, logits = 200_000, torch.tensor([1.0, -1.0, 0.0, 2.0, -30.0])
    for temperature in (1.0, 0.5):
        shares = (logits / temperature).softmax(0)
        found = choose(logits.expand(n, -1), uniforms(n), temperature).bincount(minlength=5) / n
        error = (shares * (1 - shares) / n).sqrt()
        assert bool(((found - shares).abs() <= 4 * error).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_token_that_cannot_be_is_never_drawn_kat_s10(dtype: torch.dtype) -> None:
    never = -float("inf")
    logits = torch.tensor([never, 0.0, never, 1.0, never], dtype=dtype)
    edges = torch.tensor([0.0, 2.0**-25, 0.26894143, 0.5, 1 - 2.0**-24, 1.0])
    chances = torch.cat([edges, uniforms(10_000)])
    assert set(choose(logits.expand(len(chances), -1), chances).tolist()) == {1, 3}
    # So many tokens that their sum is rounded: still below V.
    flat = torch.zeros(1, 5003)
    assert choose(flat, torch.tensor([1 - 2.0**-24])).item() == 5002
    assert choose(flat, torch.zeros(1)).item() == 0


def test_what_was_drawn_is_as_likely_as_when_it_is_read() -> None:
    speaker = LSTMSpeaker(9, 7, 5, 6).double()
    tokens = drawn(speaker, uniforms(40, 7).double())
    state, heard, sums = speaker.initial(40), torch.full((40,), BOS), []
    for place in range(7):
        logits, state = speaker.step(speaker.embed(heard), state)
        heard = tokens[:, place]
        sums.append(logits.log_softmax(1).gather(1, heard[:, None])[:, 0])
    told = likelihoods(speaker, tokens)
    torch.testing.assert_close(told.log_probability, torch.stack(sums, 1) * told.mask)
    assert told.mask.equal(sentence_mask(tokens, True)) and not told.mask.all()


def test_behind_its_end_a_sentence_is_filling_and_counts_for_nothing_kat_s11() -> None:
    # After BOS comes 4, then the end, then anything.
    table = certain([4, 4, 4, 4, EOS])
    speaker = Bigram(table, 5, special_tokens=True)
    tokens = drawn(speaker, uniforms(3, 5).double())
    assert tokens.tolist() == [[4, EOS, PAD, PAD, PAD]] * 3
    told = likelihoods(speaker, tokens)
    assert told.mask.tolist() == [[True, True, False, False, False]] * 3
    assert told.log_probability[:, 2:].abs().max() == 0 and told.entropy[:, 2:].abs().max() == 0
    # What begins with an ended sentence is that sentence.
    whole = completed(speaker, tokens, uniforms(3, 2, 4, 5).double())
    assert (whole[:, 1:] == tokens).all()


def test_entropy_is_that_of_the_choice_in_nats() -> None:
    speaker = Bigram(torch.zeros(4, 4), 3)
    told = likelihoods(speaker, torch.randint(4, (2, 3)))
    torch.testing.assert_close(told.entropy, torch.full((2, 3), 4.0).log())


def test_a_lower_temperature_says_what_is_likely_and_greedy_the_likeliest() -> None:
    speaker = LSTMSpeaker(9, 5, 4, 4, False)
    cold = drawn(speaker, uniforms(20, 5), 1e-4)
    assert cold.equal(greedy(speaker, 20)) and not drawn(speaker, uniforms(20, 5)).equal(cold)


def test_relaxed_sentences_hear_what_they_say_and_pass_gradients() -> None:
    speaker = Bigram(torch.randn(V, V, dtype=torch.float64), T)
    weights = relaxed(speaker, uniforms(2, T, V).double(), Softmax(), 2.0)
    heard = torch.eye(V, dtype=torch.float64)[[0, 0]]
    for place in range(T):
        heard = torch.softmax(2.0 * heard @ speaker.table, 1)
        torch.testing.assert_close(weights[:, place], heard)
    # Through what was heard, and not only through what is said.
    found, wanted = (
        torch.autograd.grad(last[:, 0].sum(), speaker.table)[0] for last in (weights[:, -1], heard)
    )
    torch.testing.assert_close(found, wanted)


def test_straight_through_sentences_are_those_of_their_own_tokens() -> None:
    speaker = LSTMSpeaker(6, 4, 5, 5)
    weights = relaxed(speaker, uniforms(8, 4, 6), StraightThrough(), 1.0)
    assert weights.sum(2).equal(torch.ones(8, 4))
    judge = TextCNN(6, 4, 5, 5, (1, 2))
    torch.testing.assert_close(judge(weights), judge(weights.argmax(2)))
    judge(weights).sum().backward()
    assert all(bool((p.grad != 0).any()) for p in speaker.parameters() if p.grad is not None)
    assert speaker.head.weight.grad is not None


TOKENS = torch.tensor([[5, EOS, 7, EOS], [PAD, 4, EOS, PAD], [4, 5, 6, 7]])


def test_a_sentence_counts_up_to_its_first_end_and_that_end_too() -> None:
    mask = sentence_mask(TOKENS, True)
    assert mask.sum(1).tolist() == [2, 1, 4] and mask[:, 0].all()
    assert closed(TOKENS, True).tolist() == [[5, EOS, PAD, PAD], [PAD] * 4, [4, 5, 6, 7]]
    assert sentence_mask(TOKENS, False).all() and closed(TOKENS, False).equal(TOKENS)


def test_sentences_are_spelled_without_their_ends_and_unknown_numbers_as_such() -> None:
    names = ("<pad>", "<bos>", "<eos>", "<unk>", "a", "b", "c")
    assert spelled(TOKENS, names, True) == ["b", "", "a b c 7"]
    assert spelled(TOKENS[2:], (), False) == ["4 5 6 7"]


def test_means_are_of_what_counts_and_rows_of_one_are_sparse() -> None:
    values = torch.tensor([[1.0, 2.0], [6.0, 50.0]])
    assert masked_mean(values, torch.tensor([[True, True], [True, False]])).item() == 3.0
    assert one_hot(torch.tensor([[2, 0]]), 3, torch.float64).tolist() == [[[0, 0, 1], [1, 0, 0]]]


def test_the_same_rows_are_drawn_by_any_number_of_ranks() -> None:
    speaker = LSTMSpeaker(6, 4, 5, 5)
    device = torch.device("cpu")
    whole = drawn(speaker, Noise(3).uniform(8, 4, device=device))
    halves = [drawn(speaker, Noise(3, rank).uniform(4, 4, device=device)) for rank in range(2)]
    assert torch.cat(halves).equal(whole)
