"""Networks that read a sentence and write another: one distribution, drawn, judged or relaxed."""

import pytest
import torch

from datamodules.batches import EOS, PAD
from gan_modules.language.relaxations import StraightThrough
from gan_modules.language.sentences import one_hot
from gan_modules.language.speaking import drawn, greedy, likelihoods, relaxed
from gan_modules.networks.reading import closed_weights, kept_of
from gan_modules.networks.rewriter import GRURewriter
from gan_modules.networks.transformer_judge import TransformerJudge
from gan_modules.networks.transformer_rewriter import TransformerRewriter
from tests.small.batches import written
from tests.small.sizes import WORDS, WORDS_LENGTH


def build(kind: type = GRURewriter, styles: int = 0) -> torch.nn.Module:
    torch.manual_seed(1)
    network = kind(WORDS, WORDS_LENGTH, 8, 8, styles).double()
    # Sharper than it begins, so that its choices depend on what it read.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0)
    return network


KINDS = [GRURewriter, TransformerRewriter]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_judged_in_one_pass_is_what_is_said_step_by_step(kind: type) -> None:
    network, tokens = build(kind), written(16)
    speaker = network.reading(tokens)
    said = written(16, seed=4)
    state, heard, steps = speaker.initial(16), torch.ones(16, dtype=torch.int64), []
    for place in range(WORDS_LENGTH):
        logits, state = speaker.step(speaker.embed(heard), state)
        steps.append(logits)
        heard = said[:, place]
    torch.testing.assert_close(torch.stack(steps, 1), speaker.logits(said))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_one_are_read_as_the_tokens_that_they_are(kind: type) -> None:
    network, tokens = build(kind), written(16)
    weights = one_hot(tokens, WORDS, torch.float64)
    said = written(16, seed=4)
    one, other = (network.reading(symbols).logits(said) for symbols in (tokens, weights))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_it_reads_all_words_and_their_order(kind: type) -> None:
    network = build(kind)
    tokens = torch.tensor([[5, 6, 7, EOS, PAD, PAD]])
    said = torch.tensor([[8, 9, EOS, PAD, PAD, PAD]])
    base = network.reading(tokens).logits(said)
    for other in ([5, 6, 8, EOS, PAD, PAD], [6, 5, 7, EOS, PAD, PAD]):
        change = (network.reading(torch.tensor([other])).logits(said) - base).abs().max()
        assert change > 1e-3
    weights = one_hot(tokens, WORDS, torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(network.reading(weights).logits(said).sum(), weights)
    assert gradient[0, :4].abs().amax(1).min() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_styles_change_what_is_written(kind: type) -> None:
    network, tokens = build(kind, styles=2), written(16)
    ones = torch.ones(16, dtype=torch.int64)
    said = written(16, seed=4)
    first, second = (network.reading(tokens, style).logits(said) for style in (0 * ones, ones))
    assert (first - second).abs().amax((1, 2)).min() > 1e-6
    assert network(tokens, ones).shape == tokens.shape


def test_a_reading_is_a_speaker() -> None:
    network, tokens = build(), written(16)
    speaker = network.reading(tokens)
    own = torch.Generator().manual_seed(2)
    uniforms = torch.rand(16, WORDS_LENGTH, generator=own, dtype=torch.float64)
    said = drawn(speaker, uniforms)
    assert not said.equal(greedy(speaker, 16)) and greedy(speaker, 16).equal(network(tokens))
    told = likelihoods(speaker, said)
    assert told.log_probability.max() <= 0 and told.log_probability[~told.mask].eq(0).all()
    noise = torch.rand(16, WORDS_LENGTH, WORDS, generator=own, dtype=torch.float64)
    weights = relaxed(speaker, noise, StraightThrough(), 1.0)
    assert weights.sum(2).sub(1).abs().max() < 1e-12
    weights[..., 5].sum().backward()
    assert network.encoder.weight_ih_l0.grad.abs().sum() > 0


def test_frequencies_of_drawn_words_are_the_judged_probabilities() -> None:
    network, n = build(), 20_000
    tokens = torch.tensor([[5, 6, 7, EOS, PAD, PAD]])
    uniforms = torch.rand(n, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    speaker = network.reading(tokens.expand(n, -1))
    first = drawn(speaker, uniforms)[:, 0]
    expected = network.reading(tokens).logits(tokens)[0, 0].softmax(0)
    counts = torch.bincount(first, minlength=WORDS) / n
    error = (expected * (1 - expected) / n).sqrt()
    assert ((counts - expected).abs() <= 4.5 * error + 1e-12).all()


def test_behind_the_first_largest_end_there_is_filling_alone() -> None:
    tokens = torch.tensor([[5, EOS, 7, 8], [5, 6, 7, 8], [PAD, 5, 6, 7]])
    own = torch.Generator().manual_seed(0)
    weights = one_hot(tokens, WORDS, torch.float64) * 4 + torch.rand(3, 4, WORDS, generator=own)
    weights = weights / weights.sum(2, keepdim=True)
    closed = closed_weights(weights, True)
    assert kept_of(weights, True).tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]
    filling = one_hot(torch.tensor(PAD), WORDS, torch.float64)
    assert closed[0, :2].equal(weights[0, :2]) and closed[1].equal(weights[1])
    assert closed[0, 2:].eq(filling).all() and closed[2, 1:].eq(filling).all()
    assert closed_weights(weights, False) is weights


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 7}, "width must be even and styles not negative, got 7 and 0"),
        ({"styles": -1}, "got 64 and -1"),
        ({"length": 0}, "length must be"),
    ],
)
def test_sizes_are_checked(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GRURewriter(**{"vocabulary_size": WORDS, "length": WORDS_LENGTH, **options})


@pytest.mark.parametrize("kind", [TransformerRewriter, TransformerJudge])
def test_heads_divide_the_width(kind: type) -> None:
    with pytest.raises(ValueError, match="width must be a multiple of heads, got 10 and 4; set "):
        kind(WORDS, WORDS_LENGTH, width=10, heads=4)


def test_a_judge_sees_nothing_behind_the_end_and_all_before_it() -> None:
    torch.manual_seed(1)
    judge = TransformerJudge(WORDS, WORDS_LENGTH, 8, 2, classes=3).double()
    tokens = torch.tensor([[5, 6, EOS, PAD, PAD, PAD]])
    weights = one_hot(tokens, WORDS, torch.float64).requires_grad_()
    scores = judge(weights)
    assert scores.shape == (1, 3)
    torch.testing.assert_close(scores, judge(tokens))
    (gradient,) = torch.autograd.grad(scores[0, 1], weights)
    reached = gradient.abs().amax(2)[0]
    assert reached[:3].min() > 0 and reached[3:].max() == 0


def test_a_judge_is_asked_about_a_style() -> None:
    torch.manual_seed(1)
    judge, tokens = TransformerJudge(WORDS, WORDS_LENGTH, 8, 2, styles=2), written(4)
    one, other = (judge(tokens, torch.full((4,), style)) for style in (0, 1))
    assert one.shape == (4,) and (one - other).abs().min() > 1e-4
