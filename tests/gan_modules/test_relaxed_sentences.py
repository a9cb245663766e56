"""GumbelTextGAN, RelGAN and TextWGANGP: what D is shown, and what is asked of it."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules import TextWGANGP
from gan_modules.engine.noise import Noise
from gan_modules.language.relaxations import GumbelSoftmax, StraightThrough
from gan_modules.language.sentences import sentence_mask
from gan_modules.regularizers import GradientPenalty
from gan_modules.regularizers.slopes import slopes
from tests.small.batches import FixedBatches
from tests.small.sentences import speaker
from tests.small.sizes import WORDS, WORDS_LENGTH
from tests.small_variants import build

RELAXED = ("GumbelTextGAN", "RelGAN", "TextWGANGP")


class Flat(nn.Module):
    """The same scores for everything."""

    def __init__(self, opinions: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((opinions,), 4.2))

    def forward(self, sentences: Tensor) -> Tensor:
        return self.weight + 0 * sentences.sum((1, 2))[:, None]


def game(name: str, **options: Any) -> Any:
    module = build(name, **options)
    module.steps = {"generator": 0, "discriminator": 0}
    return module


def batch() -> dict[str, Tensor]:
    return FixedBatches("Sequences").batch(4)


@pytest.mark.parametrize("name", RELAXED)
def test_real_rows_are_one_hot_and_generated_ones_sum_to_one(name: str) -> None:
    module = game(name)
    real, fake = module.real(batch()), module.generate(4)
    assert real.shape == fake.shape == (4, WORDS_LENGTH, WORDS)
    assert real.argmax(2).equal(batch()["tokens"]) and real.sum(2).equal(torch.ones(4, 6))
    torch.testing.assert_close(fake.sum(2), torch.ones(4, 6))
    sum(module.generator_losses(batch()).values()).backward()
    assert all(
        p.grad is not None and p.grad.isfinite().all() for p in module.generator.parameters()
    )


@pytest.mark.parametrize("name", RELAXED)
def test_ds_turn_leaves_the_generator_without_a_graph(name: str) -> None:
    module = game(name)
    sum(module.discriminator_losses(batch()).values()).backward()
    assert all(p.grad is None for p in module.generator.parameters())
    assert all(p.grad is not None for p in module.discriminator.parameters())


def test_equal_scores_cost_both_sides_log_two_kat_s13() -> None:
    module = game("RelGAN", discriminator=Flat())
    (of_d,) = module.discriminator_losses(batch()).values()
    (of_g,) = module.generator_losses(batch()).values()
    assert of_d.item() == of_g.item() == pytest.approx(math.log(2.0), abs=1e-6)


def test_each_opinion_compares_the_pair_for_itself() -> None:
    module = game("RelGAN")
    calls = module.noise.calls
    (loss,) = module.generator_losses(batch()).values()
    module.noise.calls = calls
    judge = module.discriminator
    lead = judge(module.real(batch())) - judge(module.generate(4))
    assert lead.shape == (4, 5)
    torch.testing.assert_close(loss, (1 + lead.exp()).log().mean())


def test_the_slope_is_by_all_weights_of_a_sentence_together_kat_s13() -> None:
    w = torch.randn(WORDS, dtype=torch.float64)
    real, fake = torch.rand(2, 4, 9, WORDS, dtype=torch.float64)

    def score(sentences: Tensor) -> Tensor:
        return (sentences @ w).mean(1)

    steep = float(w.norm()) / math.sqrt(9)
    torch.testing.assert_close(slopes(score, real), torch.full((4,), steep).double())
    penalty = GradientPenalty(10.0).penalty(score, real, fake, Noise())
    assert penalty.item() == pytest.approx(10 * (steep - 1) ** 2, abs=1e-6)


def test_text_wgan_gp_has_the_penalty_of_the_paper_and_its_objective() -> None:
    parts = build("TextWGANGP")
    module = TextWGANGP(parts.generator, parts.discriminator)
    module.steps = {"generator": 0, "discriminator": 0}
    calls = module.noise.calls
    terms = module.discriminator_losses(batch())
    assert terms.keys() == {"adversarial", "gradient_penalty"}
    module.noise.calls = calls
    real, fake = module.real(batch()), module.generate(4).detach()
    judge = module.discriminator
    torch.testing.assert_close(terms["adversarial"], judge(fake).mean() - judge(real).mean())
    penalty = GradientPenalty(10.0).penalty(judge, real, fake, module.noise)
    torch.testing.assert_close(terms["gradient_penalty"], penalty)
    assert module.schedule()[0].turns[1].offsets == (4,)


def test_text_wgan_gp_says_the_likeliest_tokens_of_a_latent() -> None:
    module = game("TextWGANGP")
    z = module.draw_latents(9, generator=torch.Generator().manual_seed(1))
    assert z.shape == (9, 5) and module.sample(2).shape == (2, WORDS_LENGTH)
    said = module.decode(z)
    likeliest = module.generator(z).argmax(2)
    mask = sentence_mask(likeliest, True)
    assert said[mask].equal(likeliest[mask]) and not said[~mask].any() and not mask.all()
    torch.testing.assert_close(module.generate(300).mean(), torch.tensor(1 / WORDS))
    module.noise.calls = 0
    uniforms = module.training_latents(4)
    module.noise.calls = 0
    wanted = module.generator(uniforms).softmax(2)
    torch.testing.assert_close(module.generate(4), wanted)
    module.check_batch(batch())
    # What it does not have is not offered.
    assert not hasattr(module, "log_likelihood") and not hasattr(module, "token_entropy")
    assert hasattr(game("GumbelTextGAN"), "log_likelihood")


def test_sharpness_rises_with_generator_steps_to_the_end_of_its_way() -> None:
    module = game("GumbelTextGAN", sharpness_range=(1.0, 16.0), sharpness_steps=4)
    found = []
    for step in range(6):
        module.steps["generator"] = step
        found.append(module.sharpness())
    assert found == pytest.approx([1, 2, 4, 8, 16, 16])
    rel = game("RelGAN", sharpness_end=100.0, sharpness_steps=10)
    rel.steps["generator"] = 5
    assert rel.sharpness() == pytest.approx(10.0)
    rel.steps = {}
    assert rel.sharpness() == 1.0


def test_the_sharpness_of_the_step_reaches_what_is_generated() -> None:
    module = game("GumbelTextGAN", sharpness_range=(0.01, 1000.0), sharpness_steps=1)
    flat = module.generate(4)
    module.steps["generator"] = 1
    sharp = module.generate(4)
    assert flat.max() < 0.2 and sharp.amax(2).mean() > 0.95


def test_noise_is_the_default_and_exact_draws_an_argument() -> None:
    assert type(game("GumbelTextGAN").relaxation) is GumbelSoftmax
    hard = game("GumbelTextGAN", relaxation=StraightThrough()).generate(4)
    assert set(hard.flatten().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("GumbelTextGAN", {"sharpness_steps": 0}, "sharpness_steps must be positive, got 0"),
        (
            "GumbelTextGAN",
            {"sharpness_range": (0.0, 1.0)},
            r"GumbelTextGAN: sharpness_range must be two positive inverse temperatures, got \[0.0",
        ),
        (
            "TextWGANGP",
            {"likelihood_samples": 8},
            "TextWGANGP: likelihood_samples must be 0, got 8: its sentences have no likelihood",
        ),
        (
            "TextWGANGP",
            {"generator": speaker()},
            "TextWGANGP: generator must make all tokens at once, got LSTMSpeaker, which would say",
        ),
        ("RelGAN", {"sharpness_end": 0.0}, "RelGAN: sharpness_end must be positive, got 0.0"),
        ("RelGAN", {"sharpness_steps": -1}, "RelGAN: sharpness_steps must be positive, got -1"),
    ],
)
def test_what_cannot_be_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        game(name, **options)
