"""Networks that read and say sentences: shapes, ids and weights, what depends on what."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from gan_modules.networks.conv_speaker import ConvSpeaker
from gan_modules.networks.lstm_discriminator import LSTMDiscriminator
from gan_modules.networks.lstm_speaker import LSTMSpeaker
from gan_modules.networks.representations import RepresentationDiscriminator
from gan_modules.networks.step_discriminator import StepDiscriminator
from gan_modules.networks.text_cnn import TextCNN
from gan_modules.networks.token_embedding import TokenEmbedding

V, T = 7, 6
TOKENS = torch.randint(V, (5, T), generator=torch.Generator().manual_seed(8))
JUDGES: dict[str, Callable[[], nn.Module]] = {
    "TextCNN": lambda: TextCNN(V, T, 4, 5, (1, 3, 9)),
    "plain TextCNN": lambda: TextCNN(V, T, 4, 5, (2,), highway=False),
    "LSTMDiscriminator": lambda: LSTMDiscriminator(V, 4, 5),
    "RepresentationDiscriminator": lambda: RepresentationDiscriminator(V, T, 3, 2, 5, (2, 3)),
}


@pytest.mark.parametrize("name", JUDGES)
def test_one_hot_rows_are_judged_as_their_ids(name: str) -> None:
    network = JUDGES[name]().eval()
    weights = nn.functional.one_hot(TOKENS, V).float()
    scores = network(TOKENS)
    assert scores.shape == ((5, 3) if "Repr" in name else (5,)) and scores.dtype == torch.float32
    torch.testing.assert_close(network(weights), scores)
    # Each sentence by itself, and its last token counts.
    torch.testing.assert_close(network(TOKENS[:2]), scores[:2])
    other = TOKENS.clone()
    other[0, -1] = (other[0, -1] + 1) % V
    changed = (network(other) != scores).view(5, -1).any(1)
    assert changed.tolist() == [True, False, False, False, False]


def test_an_embedding_of_weights_is_their_mean_vector() -> None:
    table = TokenEmbedding(3, 2)
    mixed = table(torch.tensor([[0.25, 0.75, 0.0]]))
    torch.testing.assert_close(mixed[0], 0.25 * table.weight[0] + 0.75 * table.weight[1])


def test_a_text_cnn_keeps_the_strongest_answer_of_each_filter() -> None:
    network = TextCNN(V, T, 4, 5, (1, 3, 9), highway=False)
    assert network.features == 10
    rows = network.embedding(TOKENS).transpose(1, 2)
    wanted = torch.cat([torch.relu(layer(rows)).max(2).values for layer in network.filters], 1)
    torch.testing.assert_close(network.describe(TOKENS), wanted)
    gated = TextCNN(V, T, 4, 5, (1, 3))
    with torch.no_grad():
        gated.gate.bias.fill_(-1e3)
    plain = torch.cat(
        [layer(gated.embedding(TOKENS).transpose(1, 2)).relu().amax(2) for layer in gated.filters],
        1,
    )
    torch.testing.assert_close(gated.describe(TOKENS), plain)


def test_a_text_cnn_can_be_differentiated_twice() -> None:
    network = TextCNN(V, T, 4, 5, (1, 2)).double()
    weights = torch.rand(3, T, V, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(network(weights).sum(), weights, create_graph=True)
    slope.square().sum().backward()
    assert network.filters[0].weight.grad.abs().sum() > 0


def test_representations_are_separate_opinions_of_shared_filters() -> None:
    network = RepresentationDiscriminator(V, T, 3, 2, 5, (2, 3), dropout=0.0)
    scores = network(TOKENS)
    with torch.no_grad():
        network.embedding.weight[:, 2:4] += 1.0
    changed = (network(TOKENS) != scores).all(0)
    assert changed.tolist() == [False, True, False]
    with torch.no_grad():
        network.embedding.weight[:, 4:6] = network.embedding.weight[:, :2]
    same = network(TOKENS)
    torch.testing.assert_close(same[:, 0], same[:, 2])


def test_a_step_discriminator_judges_each_token_after_those_before_it() -> None:
    network = StepDiscriminator(V, 4, 5, 3, dropout=0.0)
    scores = network(TOKENS)
    assert scores.shape == (5, T)
    for place in range(T):
        other = TOKENS.clone()
        other[:, place] = (other[:, place] + 1) % V
        same = (network(other) == scores).all(0).tolist()
        assert same[:place] == [True] * place and not any(same[place:])


def test_a_step_discriminator_is_told_the_place_in_cosines() -> None:
    found = StepDiscriminator(V, 4, 5, 2)._places(4)
    wanted = [[1.0, 1.0], [-1.0, 0.0], [1.0, -1.0], [-1.0, 0.0]]
    torch.testing.assert_close(found, torch.tensor(wanted), rtol=0, atol=1e-6)
    assert StepDiscriminator(V, 4, 5, 0)(TOKENS).shape == (5, T)


def test_the_gates_of_a_step_discriminator_are_normalised_one_by_one() -> None:
    network = StepDiscriminator(V, 4, 8, 0, dropout=0.0)
    before = network(TOKENS)
    with torch.no_grad():
        # The scale of what one gate hears does not count, but for the normalisation's epsilon.
        network.heard.weight[:8] *= 1e4
        network.heard.bias[:8] *= 1e4
        network.kept.weight[:8] *= 1e4
    normed = network(TOKENS)
    torch.testing.assert_close(normed, before, rtol=0.2, atol=1e-2)
    state = network.norm(torch.randn(6, 32) * 7 + 3).view(6, 4, 8)
    torch.testing.assert_close(state.mean(2), torch.zeros(6, 4), rtol=0, atol=1e-5)
    torch.testing.assert_close(state.std(2, correction=0), torch.ones(6, 4), rtol=0, atol=1e-3)


def test_dropout_of_a_step_discriminator_drops_words_coordinates_alike_everywhere() -> None:
    network = StepDiscriminator(V, 4, 5, 0, dropout=0.5)
    network.train()
    row = torch.full((1, T), 3)
    # One mask for the table: the same word is heard alike at all places.
    seen = []
    network.heard.register_forward_hook(lambda _, inputs, output: seen.append(output))
    network(row)
    assert (seen[0] == seen[0][:, :1]).all()


def test_a_speaker_starts_from_its_first_token_and_its_state() -> None:
    for special in (True, False):
        network = LSTMSpeaker(V, T, 4, 5, special)
        state = network.initial(5)
        start = torch.full((5,), 1 if special else 0)
        logits, state = network.step(network.embed(start), state)
        torch.testing.assert_close(logits, network.logits(TOKENS)[:, 0])
        logits, _ = network.step(network.embed(TOKENS[:, 0]), state)
        torch.testing.assert_close(logits, network.logits(TOKENS)[:, 1])
        assert network(torch.rand(3, T)).shape == (3, T) and network.latent_dim == T


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (LSTMSpeaker, {"vocabulary_size": 0, "length": 2}, "LSTMSpeaker: vocabulary_size must be"),
        (LSTMSpeaker, {"vocabulary_size": 2, "length": 0}, "length must be a positive integer"),
        (
            ConvSpeaker,
            {"vocabulary_size": 2, "length": 3, "blocks": 0},
            "ConvSpeaker: blocks must be a positive integer, got 0",
        ),
        (
            ConvSpeaker,
            {"vocabulary_size": 2, "length": 3, "kernel": 4},
            "ConvSpeaker: kernel must be odd, got 4; give 3 or 5",
        ),
        (LSTMDiscriminator, {"vocabulary_size": 2, "width": 0}, "LSTMDiscriminator: width must be"),
        (StepDiscriminator, {"vocabulary_size": 2, "embedding": 0}, "StepDiscriminator: embedding"),
        (StepDiscriminator, {"vocabulary_size": 2, "positions": -1}, "positions must be a count"),
        (
            StepDiscriminator,
            {"vocabulary_size": 2, "dropout": 1.0},
            r"dropout must lie in \[0, 1\)",
        ),
        (TextCNN, {"vocabulary_size": 2, "length": 3, "channels": 0}, "TextCNN: channels must be"),
        (
            TextCNN,
            {"vocabulary_size": 2, "length": 3, "sizes": (4, 5)},
            r"TextCNN: sizes must hold a width of 1..3, the length of the sentences, got \[4, 5\]",
        ),
        (
            TextCNN,
            {"vocabulary_size": 2, "length": 3, "dropout": -0.1},
            r"TextCNN: dropout must lie in \[0, 1\), got -0.1; 0 is off",
        ),
        (
            RepresentationDiscriminator,
            {"vocabulary_size": 2, "length": 3, "representations": 0},
            "RepresentationDiscriminator: representations must be a positive integer",
        ),
        (
            RepresentationDiscriminator,
            {"vocabulary_size": 2, "length": 1},
            r"RepresentationDiscriminator: sizes must hold a width of 1..1.*got \[2, 3, 4, 5\]",
        ),
        (
            RepresentationDiscriminator,
            {"vocabulary_size": 2, "length": 3, "dropout": 1.0},
            r"RepresentationDiscriminator: dropout must lie in \[0, 1\), got 1.0; 0 is off",
        ),
    ],
)
def test_what_cannot_be_is_refused(network: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(**options)


def test_a_conv_speaker_says_all_tokens_of_one_latent_of_variance_one() -> None:
    network = ConvSpeaker(V, T, 3, 8, 2, 3)
    uniforms = torch.rand(4000, 3)
    heard = []
    network.spread.register_forward_hook(lambda _, inputs, output: heard.append(inputs[0]))
    logits = network(uniforms)
    assert logits.shape == (4000, T, V) and network.special_tokens
    assert heard[0].mean().abs() < 0.1 and abs(float(heard[0].var()) - 1.0) < 0.1
    with torch.no_grad():
        for block in network.blocks:
            block[3].weight.zero_()
            block[3].bias.fill_(1.0)
    rows = network.spread(heard[0]).view(4000, 8, T)
    # Two blocks add 0.3 each.
    torch.testing.assert_close(network(uniforms), network.head(rows + 0.6).transpose(1, 2))


def test_flat_logits_are_all_alike() -> None:
    network = LSTMSpeaker(V, T, 4, 5, False)
    nn.init.zeros_(network.head.weight)
    nn.init.zeros_(network.head.bias)
    told = network.logits(TOKENS).log_softmax(2)
    torch.testing.assert_close(told, torch.full_like(told, -math.log(V)))
