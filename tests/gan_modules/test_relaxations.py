"""Weights in place of a choice: which they are, and what passes back through them."""

import math

import pytest
import torch
from torch import Tensor

from gan_modules.language.relaxations import (
    GumbelSoftmax,
    Softmax,
    StraightThrough,
    gumbel,
    sharpness_at,
)
from gan_modules.networks.lstm_speaker import LSTMSpeaker
from gan_modules.networks.text_cnn import TextCNN
from gan_modules.objectives import NonSaturating
from gan_modules.sequence.base import SequenceModule


def uniforms(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(6), dtype=torch.float64)


def test_straight_through_is_hard_forward_and_soft_backward_kat_s8() -> None:
    logits = torch.randn(50, 5, dtype=torch.float64, requires_grad=True)
    noise, weights = uniforms(50, 5), torch.randn(50, 5, dtype=torch.float64)
    soft = GumbelSoftmax()(logits, noise, 0.7)
    hard = StraightThrough()(logits, noise, 0.7)
    assert hard.equal(torch.nn.functional.one_hot(soft.argmax(1), 5).double())
    found, wanted = (torch.autograd.grad((y * weights).sum(), logits)[0] for y in (hard, soft))
    assert found.equal(wanted) and bool((wanted != 0).all())


def test_the_largest_of_noisy_logits_is_a_draw_of_their_softmax_kat_s8() -> None:
    n, logits = 200_000, torch.tensor([0.5, -1.0, 1.5, 0.0], dtype=torch.float64)
    shares = logits.softmax(0)
    drawn = StraightThrough()(logits.expand(n, -1), uniforms(n, 4), 1.0).mean(0)
    assert bool(((drawn - shares).abs() <= 4 * (shares * (1 - shares) / n).sqrt()).all())


def test_weights_are_softmaxes_of_noisy_logits_times_the_sharpness() -> None:
    logits, noise = torch.randn(3, 4, dtype=torch.float64), uniforms(3, 4)
    noisy = logits - (-(1 - noise).log()).log()
    torch.testing.assert_close(GumbelSoftmax()(logits, noise, 2.5), torch.softmax(2.5 * noisy, 1))
    torch.testing.assert_close(Softmax()(logits, noise, 2.5), torch.softmax(2.5 * logits, 1))
    sharp = GumbelSoftmax()(logits, noise, 1e4)
    torch.testing.assert_close(sharp, StraightThrough()(logits, noise, 1.0))


def test_gumbel_noise_has_its_moments_and_is_finite_at_both_ends() -> None:
    noise = gumbel(uniforms(200_000))
    euler, deviation = 0.5772156649, math.pi / math.sqrt(6)
    assert abs(float(noise.mean()) - euler) < 4 * deviation / math.sqrt(200_000)
    assert float(noise.std()) == pytest.approx(deviation, rel=0.02)
    ends = gumbel(torch.tensor([0.0, 2.0**-24, 1 - 2.0**-24]))
    assert ends.tolist() == pytest.approx(
        [25 * math.log(2), 24 * math.log(2), -math.log(16.635532)]
    )
    assert ends.dtype == torch.float32


def test_nothing_passes_back_through_the_likeliest_token_kat_s9() -> None:
    logits = torch.randn(4, 6, 5, requires_grad=True)
    judge = TextCNN(5, 6, 4, 4, (1, 2))
    shown = torch.nn.functional.one_hot(logits.argmax(2), 5).float()
    assert not shown.requires_grad
    assert torch.autograd.grad(judge(shown).sum(), logits, allow_unused=True) == (None,)


def test_a_game_without_rewards_must_relax_its_tokens_kat_s9() -> None:
    parts = LSTMSpeaker(5, 6, 4, 4), TextCNN(5, 6, 4, 4, (1, 2)), NonSaturating()
    message = "SequenceModule: relaxation must be given, got NoneType: drawn tokens have no"
    with pytest.raises(ValueError, match=message):
        SequenceModule(*parts)
    assert SequenceModule(*parts, relaxation=Softmax()).generate(2).requires_grad


def test_sharpness_grows_by_equal_factors_and_then_stays() -> None:
    found = [sharpness_at(step, 1.0, 16.0, 4) for step in range(7)]
    assert found == pytest.approx([1, 2, 4, 8, 16, 16, 16])
    assert sharpness_at(1, 4.0, 1.0, 2) == pytest.approx(2.0)
