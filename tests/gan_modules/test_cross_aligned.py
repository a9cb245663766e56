"""CrossAlignedAE: its states, its gate, where its gradients go."""

from typing import Any

import pytest
import torch
from torch import Tensor

from datamodules.batches import EOS, PAD
from gan_modules import CrossAlignedAE
from gan_modules.language.professor_forcing import own_states, told_states
from gan_modules.language.relaxations import GumbelSoftmax, StraightThrough
from gan_modules.language.sentences import one_hot
from gan_modules.language.speaking import greedy
from gan_modules.networks.aligned_autoencoder import AlignedAutoencoder
from tests.small.batches import FixedBatches, written
from tests.small.rewriting import cross_aligned, judge, rewriter
from tests.small.sizes import WIDTH, WORDS, WORDS_LENGTH


def build(**options: Any) -> CrossAlignedAE:
    torch.manual_seed(5)
    return CrossAlignedAE(**{**cross_aligned("none"), **options}).double()


def batch(n: int = 4) -> dict[str, Tensor]:
    return FixedBatches("UnpairedSequences").batch(n)


def styles(style: int, n: int = 4) -> Tensor:
    return torch.full((n,), style)


def test_states_that_are_told_and_heard_agree_on_what_the_speaker_says_itself() -> None:
    module = build()
    speaker = module.reading(module.generator, written(16), "a", "b")
    # As sharp as this, the noise decides nothing: it hears its own likeliest words.
    silence = torch.full((16, WORDS_LENGTH, WORDS), 0.5, dtype=torch.float64)
    own = own_states(speaker, silence, StraightThrough(), 1.0)
    told = told_states(speaker, greedy(speaker, 16))
    assert own.shape == (16, WORDS_LENGTH + 1, 8)
    torch.testing.assert_close(own, told)


def test_states_behind_the_end_are_nothing() -> None:
    module, tokens = build(), torch.tensor([[5, EOS, PAD, PAD, PAD, PAD], [5, 6, 7, 8, 9, EOS]])
    states = told_states(module.reading(module.generator, tokens, "a", "a"), tokens)
    zero = states.abs().amax(2) == 0
    assert zero.tolist() == [[False] * 3 + [True] * 4, [False] * 7]


def test_filling_is_not_read_and_every_word_is() -> None:
    network = build().generator
    base = torch.tensor([[5, 6, EOS, PAD, PAD, PAD]])
    code = network.code(base, styles(0, 1))
    filled = torch.tensor([[5, 6, EOS, 7, 8, 9]])
    torch.testing.assert_close(network.code(filled, styles(0, 1)), code)
    torch.testing.assert_close(
        network.code(one_hot(base, WORDS, torch.float64), styles(0, 1)), code
    )
    for other in (
        [7, 6, EOS, PAD, PAD, PAD],
        [5, 7, EOS, PAD, PAD, PAD],
        [5, EOS, PAD] + [PAD] * 3,
    ):
        assert (network.code(torch.tensor([other]), styles(0, 1)) - code).abs().max() > 1e-4
    assert (network.code(base, styles(1, 1)) - code).abs().max() > 1e-4


def test_its_terms_are_sums_over_tokens_and_what_fools_the_discriminators() -> None:
    module, rows = build(adversarial_weight=0.7), batch()
    tokens = rows["tokens_b"]
    speaker = module.generator.reading(tokens, styles(1), styles(1))
    logs = speaker.logits(tokens).log_softmax(2)
    ends = (tokens <= 2).long()
    mask = (ends.cumsum(1) - ends) == 0
    said = -(logs * one_hot(tokens, WORDS, logs.dtype)).sum(2).mul(mask).sum() / 4
    module.noise.calls = 0
    _, fake = module.states(rows, "a", "b")
    fooled = torch.nn.functional.softplus(-module.discriminator["b"](fake)).mean()
    module.noise.calls = 0
    losses = module.generator_losses(rows)
    names = ("reconstruction", "adversarial")
    assert set(losses) == {f"{name}_{domain}" for name in names for domain in "ab"}
    assert losses["reconstruction_b"].item() == pytest.approx(said.item(), abs=1e-10)
    assert losses["adversarial_b"].item() == pytest.approx(0.7 * fooled.item(), abs=1e-10)


def test_contents_of_the_other_domain_are_led_here() -> None:
    module, rows = build(), batch()
    module.noise.calls = 0
    real, fake = module.states(rows, "a", "b")
    tokens, others = rows["tokens_b"], rows["tokens_a"]
    network = module.generator
    own = told_states(network.speaking(network.code(tokens, styles(1)), styles(1)), tokens)
    torch.testing.assert_close(real, own)
    # Before anything is said the state is the style that is written, and the content.
    first = torch.cat([network.write_style(styles(1)), network.code(others, styles(0))], 1)
    torch.testing.assert_close(fake[:, 0], first)


@pytest.mark.parametrize("loser", ["a", "b", None])
def test_the_adversarial_terms_wait_for_both_discriminators(loser: str | None) -> None:
    module, rows = build(most_loss=1.2), batch()
    losses = {"a": 1.1, "b": 1.1}
    if loser is not None:
        losses[loser] = 1.3
    module.told_apart = lambda domain, real, fake: torch.tensor(losses[domain]).double()
    found = set(module.generator_losses(rows))
    terms = {"reconstruction_a", "reconstruction_b"}
    assert found == (terms | {"adversarial_a", "adversarial_b"} if loser is None else terms)


def test_the_gate_is_decided_by_all_ranks_together(monkeypatch: pytest.MonkeyPatch) -> None:
    module, rows = build(most_loss=1.2), batch()
    module.told_apart = lambda domain, real, fake: torch.tensor(1.1).double()
    monkeypatch.setattr("gan_modules.sequence.cross_aligned.mean_over_ranks", lambda x: x + 0.2)
    assert set(module.generator_losses(rows)) == {"reconstruction_a", "reconstruction_b"}


def test_real_states_teach_the_discriminators_alone() -> None:
    module, rows = build(), batch()
    losses = module.generator_losses(rows)
    parameters = list(module.generator.parameters())
    reached = torch.autograd.grad(losses["adversarial_b"], parameters, allow_unused=True)
    names = [name for name, _ in module.generator.named_parameters()]
    moved = {n for n, g in zip(names, reached, strict=True) if g is not None and g.abs().sum() > 0}
    assert {"encoder.weight_ih_l0", "decoder.weight_hh_l0", "head.weight"} <= moved
    # Only b is written in this term: the row of style a in the decoder has nothing to learn.
    gradient = reached[names.index("write_style.weight")]
    assert gradient[0].abs().sum() == 0 and gradient[1].abs().sum() > 0
    told = module.discriminator_losses(rows)
    assert not torch.autograd.grad(
        told["adversarial_a"], parameters, allow_unused=True, retain_graph=True
    )[0]


def test_rewriting_begins_with_the_content_and_the_other_style() -> None:
    module, tokens = build(), written(8)
    network = module.generator
    speaker = network.speaking(network.code(tokens, styles(0, 8)), styles(1, 8))
    assert module.rewrite(tokens, "a", "b").equal(greedy(speaker, 8))
    assert network(tokens, styles(0, 8), styles(1, 8)).equal(greedy(speaker, 8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most_loss": 0.0}, "most_loss must be positive, got 0.0"),
        ({"temperature": -1.0}, "temperature must be positive, got -1.0"),
        ({"generator": rewriter(2)}, r"generator must have states\(tokens, memory\), got GRUR"),
        ({"discriminator_b": judge()}, "vocabulary_size of discriminator_b must be 8, the width"),
    ],
)
def test_numbers_and_networks_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"CrossAlignedAE: {message}"):
        build(**options)


def test_widths_are_checked() -> None:
    with pytest.raises(ValueError, match="content"):
        AlignedAutoencoder(WORDS, WORDS_LENGTH, WIDTH, content=0)


def test_the_temperature_is_the_inverse_of_the_sharpness() -> None:
    module, rows = build(temperature=0.25), batch()
    module.noise.calls = 0
    _, fake = module.states(rows, "a", "b")
    module.noise.calls = 0
    shape = (4, WORDS_LENGTH, WORDS)
    uniforms = module.noise.uniform(*shape, device=torch.device("cpu"), dtype=torch.float64)
    led = module.reading(module.generator, rows["tokens_a"], "a", "b")
    torch.testing.assert_close(fake, own_states(led, uniforms, GumbelSoftmax(), 4.0))
