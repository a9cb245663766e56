"""ScratchGAN: a reward for each token, none behind the end, and what D minimises."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from datamodules.batches import EOS, PAD
from gan_modules import ScratchGAN
from gan_modules.language.policy_gradient import Baseline, returns_to_go
from gan_modules.language.sentences import sentence_mask
from gan_modules.networks.step_discriminator import StepDiscriminator
from tests.small.batches import FixedBatches
from tests.small_variants import build

TOKENS = torch.tensor([[4, 5, EOS, PAD, PAD, PAD], [6, 7, 8, 9, 10, EOS]])


class Told(nn.Module):
    """Scores each token by a table of what a token is worth."""

    def __init__(self, worth: Tensor) -> None:
        super().__init__()
        self.worth = nn.Parameter(worth)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.worth[tokens]


def game(worth: Tensor | None = None, **options: Any) -> ScratchGAN:
    judge = {} if worth is None else {"discriminator": Told(worth)}
    module = build("ScratchGAN", **judge, **options).double()
    module.steps = {"generator": 0, "discriminator": 0}
    return module


def batch() -> dict[str, Tensor]:
    return FixedBatches("Sequences").batch(4)


def test_behind_its_end_a_sentence_earns_nothing_kat_s11() -> None:
    module = game(torch.full((11,), math.log(3.0), dtype=torch.float64))
    rewards = module.rewards(TOKENS)
    # sigmoid(log 3) = 3/4.
    wanted = torch.tensor([[0.5, 0.5, 0.5, 0, 0, 0], [0.5] * 6], dtype=torch.float64)
    torch.testing.assert_close(rewards, wanted)
    returns = returns_to_go(rewards, 0.5)
    torch.testing.assert_close(returns[0, :3], torch.tensor([0.875, 0.75, 0.5]).double())


def test_an_undecided_judge_pays_nothing_and_moves_nobody_kat_s11() -> None:
    module = game(torch.zeros(11, dtype=torch.float64), l2_weight=0.0)
    terms = module.discriminator_losses(batch())
    assert terms.keys() == {"adversarial"}
    assert terms["adversarial"].item() == pytest.approx(math.log(2.0), abs=1e-12)
    assert module.rewards(TOKENS).abs().max() == 0
    (loss,) = module.generator_losses(batch()).values()
    loss.backward()
    assert all(not p.grad.any() for p in module.generator.parameters() if p.grad is not None)


def test_each_half_of_ds_loss_is_a_mean_over_tokens_that_count() -> None:
    worth = torch.randn(11, dtype=torch.float64)
    module, tokens = game(worth, l2_weight=0.25), batch()["tokens"]
    calls = module.noise.calls
    terms = module.discriminator_losses(batch())
    module.noise.calls = calls
    fake = module.generate(4)
    real, made = (worth[rows][sentence_mask(rows, True)] for rows in (tokens, fake))
    wanted = (-torch.sigmoid(real).log()).mean() / 2 + (-torch.sigmoid(-made).log()).mean() / 2
    torch.testing.assert_close(terms["adversarial"], wanted)
    torch.testing.assert_close(terms["l2"], 0.25 * (worth**2).sum() / 2)


def test_the_generator_follows_discounted_rewards_less_the_baseline() -> None:
    worth = torch.randn(11, dtype=torch.float64)
    module = game(worth, gamma=0.5, baseline=Baseline())
    calls = module.noise.calls
    (loss,) = module.generator_losses(batch()).values()
    module.noise.calls = calls
    tokens = module.generate(4)
    mask = sentence_mask(tokens, True)
    earned = (2 * torch.sigmoid(worth[tokens]) - 1) * mask
    total = torch.zeros((), dtype=torch.float64)
    log_pi = module.generator.logits(tokens).log_softmax(2)
    for n in range(4):
        for t in range(int(mask[n].sum())):
            value = sum(0.5 ** (s - t) * earned[n, s] for s in range(t, 6))
            total = total - value * log_pi[n, t, tokens[n, t]]
    torch.testing.assert_close(loss, total / mask.sum())
    loss.backward()
    # D is asked without a graph: its weights feel nothing.
    assert module.discriminator.worth.grad is None


def test_rewards_are_given_without_dropout_and_the_mode_is_restored() -> None:
    module = game(discriminator=StepDiscriminator(11, 4, 4, 3, dropout=0.5))
    module.train()
    assert module.rewards(TOKENS).equal(module.rewards(TOKENS))
    assert module.discriminator.dropout.training
    again = (module.judged(TOKENS)[0] for _ in range(2))
    assert not torch.equal(*again)


def test_nothing_is_pretrained_and_the_paper_s_numbers_are_the_defaults() -> None:
    parts = {name: getattr(game(), name) for name in ("generator", "discriminator")}
    module = ScratchGAN(**parts)
    (stage,) = module.schedule()
    assert [turn.names for turn in stage.turns] == [("discriminator",), ("generator",)]
    assert all(turn.every == 1 for turn in stage.turns)
    assert (module.gamma, module.baseline.decay, module.betas) == (0.23, 0.08, (0.5, 0.999))
    assert (module.generator_lr, module.discriminator_lr) == (9.59e-5, 9.38e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 1.5}, r"ScratchGAN: gamma must lie in \[0, 1\], got 1.5"),
        ({"l2_weight": -1.0}, "ScratchGAN: l2_weight must not be negative, got -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        game(**options)


def test_a_judge_of_whole_sentences_is_refused() -> None:
    module = game()
    module.discriminator = nn.Sequential(nn.Flatten(), nn.Identity())
    module.discriminator.forward = lambda tokens: tokens[:, 0].double()
    with pytest.raises(ValueError, match=r"must score each token \(4, 6\), got scores \(4,\)"):
        module.discriminator_losses(batch())
