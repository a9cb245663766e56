"""A rewriter that copies, rewriters of two lengths, and writers that are told a style."""

import pytest
import torch

from datamodules.batches import EOS, PAD
from gan_modules.language.sentences import one_hot
from gan_modules.language.speaking import drawn, greedy
from gan_modules.networks.pointer_rewriter import PointerRewriter
from gan_modules.networks.rewriter import GRURewriter
from tests.small.batches import written
from tests.small.sizes import WORDS, WORDS_LENGTH


def build(kind: type = PointerRewriter, **options: object) -> torch.nn.Module:
    torch.manual_seed(1)
    network = kind(WORDS, **{"length": 4, "embedding": 8, "width": 8, **options}).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0)
    return network


def said(n: int) -> torch.Tensor:
    return written(n, seed=4)[:, :4].contiguous()


def test_its_logits_are_the_mixture_of_choosing_and_copying() -> None:
    network, tokens = build(source_length=WORDS_LENGTH), written(8)
    memory = network.reading(tokens).memory
    states = network._said(said(8), memory)
    looks = network.attended(said(8), memory)
    mixed = torch.tanh(network.mix(torch.cat([states, looks @ memory.values], 2)))
    own = network.switch(mixed).sigmoid()[..., 0]
    chosen = network.head(mixed).softmax(2)
    found = network.reading(tokens).logits(said(8)).exp()
    torch.testing.assert_close(found.sum(2), torch.ones(8, 4).double(), atol=1e-6, rtol=0)
    for row, place, word in ((0, 0, 4), (3, 2, int(tokens[3, 0])), (5, 1, int(tokens[5, 1]))):
        copied = looks[row, place][tokens[row] == word].sum()
        share = own[row, place]
        expected = share * chosen[row, place, word] + (1 - share) * copied
        assert found[row, place, word].item() == pytest.approx(expected.item(), abs=2e-9)


def test_a_sure_copier_says_words_of_the_sentence_alone() -> None:
    network, tokens = build(source_length=WORDS_LENGTH), written(64)
    with torch.no_grad():
        network.switch.weight.zero_()
        network.switch.bias.fill_(-60.0)
    uniforms = torch.rand(64, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    made = drawn(network.reading(tokens), uniforms)
    for one, other in zip(made.tolist(), tokens.tolist(), strict=True):
        assert set(one) <= {*other, PAD}
    assert len(set(made[:, 0].tolist())) > 3


def test_copying_begins_as_likely_as_it_is_told() -> None:
    for copying in (0.2, 0.9):
        network = PointerRewriter(WORDS, 4, copying)
        assert network.switch.bias.sigmoid().item() == pytest.approx(1 - copying, abs=1e-6)


def test_a_style_in_front_is_looked_at_and_not_copied() -> None:
    network = build(source_length=WORDS_LENGTH, styles=2)
    tokens, style = written(8), torch.ones(8, dtype=torch.int64)
    speaker = network.reading(tokens, style)
    assert speaker.attention(said(8)).shape == (8, 4, WORDS_LENGTH + 1)
    assert (speaker.logits(said(8)).exp().sum(2) < 1.0 - 1e-6).any()
    weights = one_hot(tokens, WORDS, torch.float64)
    torch.testing.assert_close(
        network.reading(weights, style).logits(said(8)), speaker.logits(said(8))
    )


def test_a_sure_copier_that_is_told_a_style_copies_the_word_that_it_looks_at() -> None:
    network = build(source_length=WORDS_LENGTH, styles=2)
    with torch.no_grad():
        network.switch.weight.zero_()
        network.switch.bias.fill_(-60.0)
    tokens = torch.arange(4, 4 + WORDS_LENGTH)[None]
    speaker = network.reading(tokens, torch.ones(1, dtype=torch.int64))
    found = speaker.logits(said(1)).exp()[..., 4 : 4 + WORDS_LENGTH]
    torch.testing.assert_close(found, speaker.attention(said(1))[..., 1:], atol=1e-8, rtol=0)


def test_places_that_are_read_are_not_those_that_are_written() -> None:
    network, tokens = build(GRURewriter, source_length=WORDS_LENGTH), written(8)
    before = network.reading(tokens)
    keys, logits = before.memory.keys.clone(), before.logits(said(8)).clone()
    with torch.no_grad():
        network.places[WORDS_LENGTH:] += torch.randn(4, 8, dtype=torch.float64)
    after = network.reading(tokens)
    assert after.memory.keys.equal(keys)
    assert (after.logits(said(8)) - logits).abs().amax(2).max(0).values.min() > 1e-6


@pytest.mark.parametrize("kind", [GRURewriter, PointerRewriter])
def test_what_is_read_and_what_is_written_may_differ_in_length(kind: type) -> None:
    network, tokens = build(kind, source_length=WORDS_LENGTH), written(8)
    speaker = network.reading(tokens)
    assert greedy(speaker, 8).shape == (8, 4) and network(tokens).shape == (8, 4)
    state, heard, steps = speaker.initial(8), torch.ones(8, dtype=torch.int64), []
    for place in range(4):
        logits, state = speaker.step(speaker.embed(heard), state)
        steps.append(logits)
        heard = said(8)[:, place]
    torch.testing.assert_close(torch.stack(steps, 1), speaker.logits(said(8)))


def test_attention_is_to_words_that_are_there_and_sums_to_one() -> None:
    network = build(GRURewriter, source_length=WORDS_LENGTH)
    tokens = torch.tensor([[5, 6, EOS, PAD, PAD, PAD]])
    looks = network.reading(tokens).attention(torch.tensor([[7, 8, EOS, PAD]]))
    assert looks.shape == (1, 4, WORDS_LENGTH) and looks[..., 3:].eq(0).all()
    torch.testing.assert_close(looks.sum(2), torch.ones(1, 4).double())


def test_a_writer_that_is_told_reads_the_same_whatever_it_shall_write() -> None:
    tokens, ones = written(8), torch.ones(8, dtype=torch.int64)
    for told, same in (("writer", True), ("reader", False)):
        network = build(GRURewriter, length=WORDS_LENGTH, styles=2, told=told)
        first, second = (network.reading(tokens, style) for style in (0 * ones, ones))
        assert first.memory.values.equal(second.memory.values) == same
        assert (first.logits(tokens) - second.logits(tokens)).abs().amax((1, 2)).min() > 1e-6
        # A step of the writer is told as a whole sentence is.
        logits, _ = second.step(second.embed(ones), second.initial(8))
        torch.testing.assert_close(logits, second.logits(tokens)[:, 0])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (PointerRewriter, {"copying": 1.0}, r"copying must lie in \(0, 1\), got 1.0; 0.5 is"),
        (GRURewriter, {"told": "both"}, "told must be"),
        (GRURewriter, {"source_length": 0}, "source_length must be"),
    ],
)
def test_options_are_checked(kind: type, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(kind, **options)
