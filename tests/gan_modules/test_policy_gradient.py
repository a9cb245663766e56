"""Rewards, baselines and the surrogate against derivatives of expectations that are enumerated."""

import math

import pytest
import torch
from torch import Tensor

from gan_modules.language.policy_gradient import (
    Baseline,
    BatchMean,
    MovingAverage,
    importance_weights,
    policy_loss,
    returns_to_go,
)
from gan_modules.language.sentences import masked_mean
from gan_modules.language.speaking import choose, likelihoods
from tests.helpers_bigram import Bigram, everything, places

V, T = 3, 3


def exact(value: Tensor, parameter: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(value, parameter, retain_graph=True)
    return gradient


def surrogate(log_pi: Tensor, advantages: Tensor) -> Tensor:
    """The policy loss with each row counted as often as the policy draws it."""
    shares = log_pi.sum(1, keepdim=True).exp().detach()
    mask = torch.ones_like(log_pi, dtype=torch.bool)
    return policy_loss(advantages * shares * log_pi.numel(), log_pi, mask)


def policy() -> tuple[Bigram, Tensor, Tensor]:
    """A policy, all its sentences, and their log-probabilities."""
    speaker = Bigram(torch.randn(V, V, dtype=torch.float64), T)
    sentences = everything(V, T)
    return speaker, sentences, likelihoods(speaker, sentences).log_probability


def prefix_rewards(sentences: Tensor) -> Tensor:
    """One number for each beginning, ``(27, 3)``."""
    tables = [torch.randn(V ** (t + 1), dtype=torch.float64) for t in range(T)]
    return torch.stack([tables[t][places(sentences[:, : t + 1], V)] for t in range(T)], 1)


@pytest.mark.parametrize("baseline", [0.0, 3.7])
def test_a_bandits_surrogate_is_the_derivative_of_its_reward_kat_s1(baseline: float) -> None:
    theta = torch.randn(4, dtype=torch.float64, requires_grad=True)
    rewards = torch.randn(4, dtype=torch.float64)
    pi = theta.softmax(0)
    wanted = exact((pi * rewards).sum(), theta)
    torch.testing.assert_close(wanted, (pi * (rewards - (pi * rewards).sum())).detach())
    loss = surrogate(pi.log()[:, None], (rewards - baseline)[:, None])
    torch.testing.assert_close(-exact(loss, theta), wanted, rtol=0, atol=1e-12)


def test_sampled_gradients_are_right_and_a_baseline_steadies_them_kat_s2() -> None:
    n = 200_000
    theta = torch.tensor([0.3, -1.0, 0.7, 0.1], dtype=torch.float64, requires_grad=True)
    rewards = torch.tensor([2.0, 3.0, 1.5, 2.5], dtype=torch.float64)
    pi = theta.softmax(0)
    wanted = exact((pi * rewards).sum(), theta)
    uniforms = torch.rand(n, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    actions = choose(theta.detach().expand(n, -1), uniforms)
    spread = []
    for baseline in (0.0, float((pi.detach() * rewards).sum())):
        earned = (rewards[actions] - baseline)[:, None]
        loss = policy_loss(earned, pi.log()[actions][:, None], torch.ones(n, 1, dtype=torch.bool))
        found = -exact(loss, theta)
        each = earned * (torch.nn.functional.one_hot(actions, 4) - pi.detach())
        error = each.std(0) / math.sqrt(n)
        assert bool(((found - wanted).abs() < 4 * error).all())
        spread.append(error)
    assert bool((spread[1] < spread[0]).all())


def test_returns_to_go_give_the_gradient_of_the_sum_of_rewards_kat_s3() -> None:
    speaker, sentences, log_pi = policy()
    rewards = prefix_rewards(sentences)
    wanted = exact((log_pi.sum(1).exp() * rewards.sum(1)).sum(), speaker.table)
    returns = returns_to_go(rewards)
    for advantages in (returns, returns - 5.0):
        found = -exact(surrogate(log_pi, advantages), speaker.table)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    discounted = -exact(surrogate(log_pi, returns_to_go(rewards, 0.23)), speaker.table)
    assert (discounted - wanted).abs().max() > 1e-2


def test_exact_values_give_the_gradient_of_the_reward_of_whole_sentences_kat_s4() -> None:
    speaker, sentences, log_pi = policy()
    rewards = torch.randn(len(sentences), dtype=torch.float64)
    shares = log_pi.sum(1).exp()
    wanted = exact((shares * rewards).sum(), speaker.table)
    values = torch.stack([expected(sentences, shares, rewards, t) for t in range(T)], 1)
    found = -exact(surrogate(log_pi, values), speaker.table)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def expected(sentences: Tensor, shares: Tensor, rewards: Tensor, t: int) -> Tensor:
    """``E[R | y_1..y_t+1]`` of each sentence."""
    groups = places(sentences[:, : t + 1], V)
    total, weight = (
        torch.zeros(V**T, dtype=torch.float64).index_add(0, groups, x.detach())
        for x in (shares * rewards, shares)
    )
    return (total / weight)[groups]


def test_returns_are_discounted_sums_of_what_follows_kat_s11() -> None:
    rewards = torch.ones(1, 3)
    assert returns_to_go(rewards, 0.5).tolist() == [[1.75, 1.5, 1.0]]
    assert returns_to_go(rewards, 0.0).tolist() == [[1.0, 1.0, 1.0]]
    assert returns_to_go(torch.tensor([[1.0, 2.0, 4.0]])).tolist() == [[7.0, 6.0, 4.0]]


def test_importance_weights_are_shares_less_their_mean_kat_s12() -> None:
    scores = torch.tensor([0.0, math.log(3.0)], dtype=torch.float64)
    weights = importance_weights(scores, scores)
    torch.testing.assert_close(weights, torch.tensor([-0.25, 0.25], dtype=torch.float64))
    assert importance_weights(torch.full((5,), 2.0), torch.full((5,), 2.0)).abs().max() < 1e-7
    # One that D takes for real beyond doubt does not overflow; the others have nothing.
    large = torch.tensor([1000.0, 0.0, -1000.0])
    assert importance_weights(large, large).tolist() == pytest.approx([2 / 3, -1 / 3, -1 / 3])


def test_importance_weights_of_a_part_are_those_of_the_whole() -> None:
    scores = torch.randn(6)
    part = importance_weights(scores[:2], scores)
    torch.testing.assert_close(part, importance_weights(scores, scores)[:2])


def test_the_loss_counts_tokens_and_not_sentences_or_filling() -> None:
    log_pi = torch.full((2, 3), -2.0, requires_grad=True)
    mask = torch.tensor([[True, False, False], [True, True, True]])
    advantages = torch.tensor([[1.0, 9.0, 9.0], [1.0, 2.0, 4.0]], requires_grad=True)
    loss = policy_loss(advantages, log_pi, mask)
    assert loss.item() == pytest.approx(2.0 * (1 + 1 + 2 + 4) / 4)
    loss.backward()
    assert advantages.grad is None
    assert log_pi.grad is not None
    assert log_pi.grad.tolist() == [[-0.25, 0.0, 0.0], [-0.25, -0.5, -1.0]]


RETURNS = torch.tensor([[1.0, 3.0, 0.0], [2.0, 0.0, 0.0]])
COUNTED = torch.tensor([[True, True, False], [True, False, False]])


def test_baselines_are_means_of_what_counts() -> None:
    assert Baseline()(RETURNS, COUNTED).tolist() == [[0.0]]
    assert BatchMean()(RETURNS, COUNTED).tolist() == [[2.0]]
    assert masked_mean(RETURNS, COUNTED).item() == 2.0


def test_a_moving_average_begins_at_zero_and_is_moved_before_it_is_used_kat_s11() -> None:
    baseline, mask = MovingAverage(0.08), torch.ones(2, 3, dtype=torch.bool)
    found = [baseline(torch.ones(2, 3), mask).item() for _ in range(2)]
    assert found == pytest.approx([0.92, 0.9936])
    assert baseline.state_dict()["value"].item() == pytest.approx(0.9936)


def test_a_moving_average_of_places_keeps_those_that_no_sentence_reaches() -> None:
    baseline = MovingAverage(0.5, 3)
    baseline.value.fill_(8.0)
    torch.testing.assert_close(baseline(RETURNS, COUNTED), torch.tensor([[4.75, 5.5, 8.0]]))


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_moving_average_refuses_other_decays(decay: float) -> None:
    with pytest.raises(
        ValueError, match=rf"MovingAverage: decay must lie in \[0, 1\), got {decay}"
    ):
        MovingAverage(decay)
