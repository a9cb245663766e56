"""The learned baseline: what it knows, whom its loss moves, and how much noise it takes away."""

from typing import Any

import pytest
import torch
from torch import Tensor

from gan_modules.language.policy_gradient import BatchMean, policy_loss
from gan_modules.language.speaking import drawn, likelihoods
from gan_modules.language.values import ValueBaseline
from tests.helpers_bigram import Bigram, everything, places
from tests.small.batches import FixedBatches
from tests.small.sizes import WIDTH, WORDS
from tests.small_variants import build, load
from tests.test_every_variant import Watch, fit

FOLLOWING = ["SeqGAN", "MaliGAN", "RankGAN", "ScratchGAN"]


def game(name: str = "SeqGAN") -> Any:
    module = build(name, baseline=ValueBaseline(WORDS, WIDTH, WIDTH)).double()
    module.steps = {"generator": 0, "discriminator": 0}
    return module


def terms_of(module: Any) -> dict[str, Tensor]:
    return module.generator_losses(FixedBatches("Sequences").batch(4))


def test_a_value_knows_the_words_before_its_place_and_no_others() -> None:
    baseline = ValueBaseline(5, 3, 4)
    tokens = torch.randint(5, (3, 6))
    returns, mask = torch.zeros(3, 6), torch.ones(3, 6, dtype=torch.bool)
    values = baseline(returns, mask, tokens)
    assert values.shape == (3, 6) and bool((values[:, 0] == values[0, 0]).all())
    for place in range(6):
        other = tokens.clone()
        other[:, place] = (other[:, place] + 1) % 5
        same = (baseline(returns, mask, other) == values).all(0).tolist()
        assert same[: place + 1] == [True] * (place + 1) and not any(same[place + 1 :])


def test_its_loss_is_the_weighted_squared_error_of_what_counts() -> None:
    baseline = ValueBaseline(5, 3, 4, value_weight=0.5)
    values = torch.tensor([[1.0, 2.0], [4.0, 9.0]])
    returns = torch.tensor([[0.0, 4.0], [1.0, 0.0]])
    mask = torch.tensor([[True, True], [True, False]])
    assert baseline.losses(values, returns, mask)["value"].item() == pytest.approx(0.5 * 14 / 3)


@pytest.mark.parametrize("name", FOLLOWING)
def test_the_value_loss_moves_the_baseline_and_the_policy_loss_the_speaker(name: str) -> None:
    module = game(name)
    terms = terms_of(module)
    speaker = list(module.generator.parameters())
    own = list(module.baseline.parameters())
    moved = torch.autograd.grad(terms["value"], speaker + own, allow_unused=True, retain_graph=True)
    assert all(slope is None for slope in moved[: len(speaker)])
    assert all(slope is not None and bool((slope != 0).any()) for slope in moved[len(speaker) :])
    moved = torch.autograd.grad(terms["policy"], speaker + own, allow_unused=True)
    assert all(slope is not None for slope in moved[: len(speaker)])
    assert all(slope is None for slope in moved[len(speaker) :])


def test_what_is_followed_is_the_return_less_the_value() -> None:
    module = game("ScratchGAN")
    tokens = torch.randint(WORDS, (4, module.generator.length))
    returns = torch.randn(4, module.generator.length, dtype=torch.float64)
    terms = module.following(tokens, returns)
    told = likelihoods(module.generator, tokens)
    values = module.baseline(returns, told.mask, tokens)
    advantages = (returns * told.mask - values).detach()
    wanted = policy_loss(advantages, told.log_probability, told.mask)
    torch.testing.assert_close(terms["policy"], wanted)


@pytest.mark.parametrize("name", FOLLOWING)
def test_the_generators_steps_move_it_and_checkpoints_keep_it(name: str, tmp_path: Any) -> None:
    module = build(name, baseline=ValueBaseline(WORDS, WIDTH, WIDTH))
    start = [p.clone() for p in module.baseline.parameters()]
    watches: list[Watch] = []
    begin = module.on_train_start

    def on_train_start() -> None:
        begin()
        watches.append(Watch(module))

    module.on_train_start = on_train_start
    trainer = fit(module)
    assert all(moved == {player} for player, moved in watches[0].seen)
    held = {id(p) for p in module.referee.players["generator"].trainable}
    assert {id(p) for p in module.baseline.parameters()} < held
    for before, after in zip(start, module.baseline.parameters(), strict=True):
        assert not torch.equal(before, after)
    assert module.last_statistics["train/generator/value"] > 0
    trainer.save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    baseline = ValueBaseline(WORDS, WIDTH, WIDTH)
    again = load(name, tmp_path / "m.ckpt", baseline=baseline)
    for kept, now in zip(again.baseline.parameters(), module.baseline.parameters(), strict=True):
        assert torch.equal(kept, now)


def test_with_any_values_the_mean_gradient_is_that_of_the_reward() -> None:
    v, t = 3, 3
    speaker = Bigram(torch.randn(v, v, dtype=torch.float64), t)
    sentences = everything(v, t)
    told = likelihoods(speaker, sentences)
    rewards = torch.randn(len(sentences), dtype=torch.float64)
    shares = told.log_probability.sum(1).exp()
    (wanted,) = torch.autograd.grad((shares * rewards).sum(), speaker.table, retain_graph=True)
    values = ValueBaseline(v, 4, 4).double()(rewards[:, None], told.mask, sentences)
    advantages = (rewards[:, None] - 30.0 * values) * shares[:, None] * told.mask.numel()
    loss = policy_loss(advantages, told.log_probability, told.mask)
    (found,) = torch.autograd.grad(-loss, speaker.table)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


def test_where_the_past_explains_what_is_earned_it_takes_that_noise_away() -> None:
    """A bandit of two arms that pays 0 or 1 and a noise of +-1, after a word that adds 0 or 10.

    Of the second place's gradient the pay leaves no variance, the noise 1/4, the word 25/4.
    """
    torch.manual_seed(0)
    speaker = Bigram(torch.zeros(2, 2), 2)
    baseline = ValueBaseline(2, 4, 8)
    optimizer = torch.optim.Adam(baseline.parameters(), 0.1)

    def played(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        own = torch.Generator().manual_seed(seed)
        tokens = drawn(speaker, torch.rand(n, 2, generator=own))
        noise = 2.0 * torch.randint(2, (n,), generator=own) - 1.0
        word = 10.0 * tokens[:, 0]
        paid = torch.stack([word, word + tokens[:, 1] + noise], 1)
        return tokens, paid, torch.ones(n, 2, dtype=torch.bool)

    for seed in range(120):
        tokens, paid, mask = played(64, seed)
        optimizer.zero_grad()
        baseline.losses(baseline(paid, mask, tokens), paid, mask)["value"].backward()
        optimizer.step()
    tokens, paid, mask = played(4000, 1000)
    with torch.no_grad():
        learned = (paid - baseline(paid, mask, tokens))[:, 1]
        plain = (paid - BatchMean()(paid[:, 1:], mask[:, 1:]))[:, 1]
    # The slope of a flat choice between two by one of its logits is plus or minus a half.
    slope = tokens[:, 1] - 0.5
    assert float((plain * slope).var()) == pytest.approx(26 / 4, rel=0.05)
    assert float((learned * slope).var()) == pytest.approx(1 / 4, rel=0.2)
    # And the mean is the same: 1/4, the derivative of the expected pay.
    for advantages in (plain, learned):
        error = float((advantages * slope).std()) / 4000**0.5
        assert abs(float((advantages * slope).mean()) - 0.25) < 4 * error + 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary_size": 0}, "ValueBaseline: vocabulary_size must be a positive integer"),
        ({"width": 0}, "ValueBaseline: width must be a positive integer, got 0"),
        ({"value_weight": 0.0}, "ValueBaseline: value_weight must be positive, got 0.0"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ValueBaseline(**{"vocabulary_size": 4, **options})


def test_it_must_know_the_words_of_the_generator_and_be_told_the_sentences() -> None:
    with pytest.raises(ValueError, match=rf"baseline must know the {WORDS} tokens.*got.* 3"):
        build("SeqGAN", baseline=ValueBaseline(3))
    with pytest.raises(ValueError, match="ValueBaseline: tokens must be given, got None"):
        ValueBaseline(3)(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool))


def test_listed_sentences_are_all_there_are() -> None:
    assert places(everything(2, 2), 2).tolist() == [0, 1, 2, 3]
