"""SeqGAN, MaliGAN and RankGAN: what a generated sentence earns, and who is moved by it."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.language.policy_gradient import BatchMean, MovingAverage
from gan_modules.language.speaking import likelihoods
from gan_modules.networks.text_cnn import TextCNN
from gan_modules.sequence.rankgan import log_ranks
from tests.helpers_bigram import Listed, everything, places
from tests.small.batches import FixedBatches
from tests.small.sizes import WIDTH, WORDS, WORDS_LENGTH
from tests.small_variants import build


def game(name: str, **options: Any) -> Any:
    module = build(name, **options).double()
    module.steps = {"generator": 0, "discriminator": 0}
    return module


def batch() -> dict[str, Tensor]:
    return FixedBatches("Sequences").batch(4)


def seen(module: Any, losses: Any) -> tuple[dict[str, Tensor], Tensor]:
    """The terms of a turn, and the sentences that were drawn in it."""
    calls = module.noise.calls
    terms = losses(batch())
    after, module.noise.calls = module.noise.calls, calls
    tokens = module.generate(4)
    module.noise.calls = after
    return terms, tokens


def test_malis_weights_are_shares_of_the_odds_times_the_batch_less_one_kat_s12() -> None:
    scores = torch.tensor([0.0, math.log(3.0)] * 5, dtype=torch.float64)[:9]
    module = game("MaliGAN", discriminator=Listed(scores, 3))
    tokens = everything(3, 2)[:2]
    torch.testing.assert_close(module.weights(tokens), torch.tensor([-0.5, 0.5]).double())
    module.discriminator.scores = torch.full((9,), 1.7, dtype=torch.float64)
    assert module.weights(tokens).abs().max() < 1e-12


def test_mali_raises_the_likelihood_of_what_it_drew_by_these_weights() -> None:
    module = game("MaliGAN")
    terms, tokens = seen(module, module.generator_losses)
    told = likelihoods(module.generator, tokens)
    odds = module.discriminator(tokens).exp()
    weights = 4 * odds / odds.sum() - 1
    wanted = -(weights[:, None] * told.log_probability).sum() / told.mask.sum()
    torch.testing.assert_close(terms["policy"], wanted.detach())
    terms["policy"].backward()
    assert all(p.grad is None for p in module.discriminator.parameters())


def test_ranks_are_shares_among_the_others_by_hand() -> None:
    reference = torch.tensor([[1.0, 0.0]])
    ranked, others = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    # Cosines 1 and 0 among 0 and -1: lengths do not count.
    found = log_ranks(ranked, reference, others, 2.0).exp()
    below = 1.0 + math.exp(-2.0)
    wanted = [math.exp(2.0) / (math.exp(2.0) + below), 1.0 / (1.0 + below)]
    assert found.tolist() == pytest.approx(wanted)
    # The mean over references is of shares, not of their logarithms.
    two = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    single = [log_ranks(ranked, row[None], others, 2.0).exp() for row in two]
    torch.testing.assert_close(log_ranks(ranked, two, others, 2.0).exp(), sum(single) / 2)


def test_where_nothing_differs_each_has_an_equal_share() -> None:
    rows = torch.ones(5, 3)
    found = log_ranks(rows, rows[:2], rows[:4], 7.0)
    torch.testing.assert_close(found, torch.full((5,), -math.log(5.0)))


def test_the_ranker_lifts_real_sentences_and_lowers_generated_ones() -> None:
    module = game("RankGAN")
    terms, fake = seen(module, module.discriminator_losses)
    describe, real = module.discriminator.describe, batch()["tokens"]
    references, rest, made = describe(real[:2]), describe(real[2:]), describe(fake)
    above = log_ranks(rest, references, made, 1.0).mean()
    below = log_ranks(made, references, rest, 1.0).mean()
    torch.testing.assert_close(terms["ranking"], below - above)
    terms["ranking"].backward()
    frozen = {n for n, p in module.discriminator.named_parameters() if p.grad is None}
    assert frozen == {"head.weight", "head.bias"}
    assert not any(p.requires_grad for p in module.discriminator.head.parameters())


def test_a_generated_sentence_earns_its_log_rank_among_real_ones() -> None:
    module = game("RankGAN")
    terms, tokens = seen(module, module.generator_losses)
    describe, real = module.discriminator.describe, batch()["tokens"]
    with torch.no_grad():
        earned = log_ranks(describe(tokens), describe(real[:2]), describe(real[2:]), 1.0)
    told = likelihoods(module.generator, tokens)
    mean = (earned[:, None] * told.mask).sum() / told.mask.sum()
    wanted = -((earned - mean)[:, None] * told.log_probability).sum() / told.mask.sum()
    torch.testing.assert_close(terms["policy"], wanted)
    assert isinstance(module.baseline, BatchMean)


def test_seqgan_earns_the_judges_opinion_place_by_place() -> None:
    module = game("SeqGAN", entropy_weight=0.5)
    terms, tokens = seen(module, module.generator_losses)
    module.baseline.value.zero_()
    module.noise.calls -= 1
    values = module.values(tokens)
    told = likelihoods(module.generator, tokens)
    count = told.mask.sum(0)
    mean = (values * told.mask).sum(0) / count.clamp_min(1)
    wanted = -((values - 0.1 * mean) * told.log_probability).sum() / told.mask.sum()
    torch.testing.assert_close(terms["policy"], wanted)
    torch.testing.assert_close(terms["entropy"], -0.5 * told.entropy.sum() / told.mask.sum())
    assert isinstance(module.baseline, MovingAverage)
    (terms["policy"] + terms["entropy"]).backward()
    assert all(p.grad is None for p in module.discriminator.parameters())
    assert all(p.grad is None for p in module.rollout_policy.parameters())


def test_the_roll_out_policy_copies_before_the_game_and_lags_in_it() -> None:
    module = game("SeqGAN", rollout_decay=0.8)
    old = module.rollout_policy.head.weight.clone()
    with torch.no_grad():
        module.generator.head.weight.add_(1.0)
    module.player_stepped("discriminator")
    assert module.rollout_policy.head.weight.equal(old)
    module.steps["generator"] = 1
    module.player_stepped("generator")
    torch.testing.assert_close(module.rollout_policy.head.weight, old + 0.2)
    module.steps["generator"] = 0
    module.player_stepped("generator")
    assert module.rollout_policy.head.weight.equal(module.generator.head.weight)


def test_rewards_are_given_in_eval_mode() -> None:
    judge = TextCNN(WORDS, WORDS_LENGTH, WIDTH, WIDTH, (1, 2), dropout=0.5)
    module = game("SeqGAN", discriminator=judge, rollouts=1)
    tokens = batch()["tokens"]
    module.train()
    found = []
    for _ in range(2):
        module.noise.calls = 0
        found.append(module.values(tokens))
    assert found[0].equal(found[1]) and module.discriminator.dropout.training
    mali = game("MaliGAN", discriminator=judge)
    mali.train()
    assert mali.weights(tokens).equal(mali.weights(tokens))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SeqGAN", {"rollouts": 0}, "SeqGAN: rollouts must be positive, got 0"),
        ("SeqGAN", {"rollout_decay": 1.0}, r"SeqGAN: rollout_decay must lie in \[0, 1\), got 1.0"),
        (
            "RankGAN",
            {"reference_share": 1.0},
            "RankGAN: reference_share must lie between 0 and 1, got 1.0",
        ),
        ("RankGAN", {"gamma": 0.0}, "RankGAN: gamma must be positive, got 0.0"),
        (
            "RankGAN",
            {"discriminator": nn.Linear(2, 2)},
            r"RankGAN: discriminator must have describe\(tokens\), its features, got Linear",
        ),
    ],
)
def test_what_cannot_be_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        game(name, **options)


def test_references_must_leave_sentences_to_compete() -> None:
    module = game("RankGAN", reference_share=0.9)
    with pytest.raises(
        ValueError, match="to compete beside 4 references, got 4; set data.init_args"
    ):
        module.discriminator_losses(batch())


def test_listed_scores_are_those_of_the_sentences() -> None:
    assert places(everything(3, 2), 3).tolist() == list(range(9))
