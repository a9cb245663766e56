"""EmbeddingCycleGAN: its table of words, its terms, its optimizers."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from datamodules.batches import EOS
from gan_modules import EmbeddingCycleGAN
from gan_modules.language.word_statistics import WordTable
from gan_modules.networks.embedding_rewriter import EmbeddingRewriter, before
from tests.small.batches import FixedBatches, written
from tests.small.rewriting import embedding_cycle_gan, rewriter
from tests.small.sizes import WORDS, WORDS_LENGTH


def build(**options: Any) -> EmbeddingCycleGAN:
    torch.manual_seed(5)
    return EmbeddingCycleGAN(**{**embedding_cycle_gan("none"), **options}).double()


def batch(n: int = 4) -> dict[str, Tensor]:
    return FixedBatches("UnpairedSequences").batch(n)


def data(words: int = WORDS) -> SimpleNamespace:
    rows = SimpleNamespace(images=SimpleNamespace(array=written(64).numpy()), rows=np.arange(64))
    return SimpleNamespace(
        vocabulary=tuple(map(str, range(words))), reference=lambda split, domain: rows
    )


def test_vectors_of_words_are_read_as_these_words() -> None:
    tokens = written(32)
    for table in (WordTable("T", WORDS, SimpleNamespace(dim=WORDS)),):
        assert table.words_of(table.vectors_of(tokens)).equal(tokens)
        # The length of a vector says nothing.
        assert table.words_of(3.0 * table.vectors_of(tokens)).equal(tokens)
        table.fit(data())
        assert table.words_of(table.vectors_of(tokens)).equal(tokens)
    assert table.vectors_of(torch.tensor([[0]])).equal(table.vectors_of(torch.tensor([[EOS]])))


def test_its_terms_are_those_of_its_formula() -> None:
    module, rows = build(cycle_weight=2.0), batch()
    ab, ba = module.generator["ab"], module.generator["ba"]
    x = module.table.vectors_of(rows["tokens_a"])
    fake = ab(x)
    expected = {
        "cycle_a": 2.0 * (ba(fake, before(x)) - x).square().mean(),
        "adversarial_b": -module.discriminator["b"](fake).mean(),
    }
    found = module.generator_losses(rows)
    assert set(found) == {"cycle_a", "cycle_b", "adversarial_a", "adversarial_b"}
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), abs=1e-12)
    restored = module.generator_restoring_losses(rows)["restored_a"]
    told, silent = F.mse_loss(ab(x, before(x)), x), F.mse_loss(ab(x), x)
    assert restored.item() == pytest.approx((told + silent).item() / 2, abs=1e-12)


def test_critics_pay_for_their_slope_between_real_and_fake() -> None:
    module, rows = build(penalty_weight=7.0), batch()
    judge = module.discriminator["a"]
    with torch.no_grad():
        for parameter in judge.parameters():
            parameter.zero_()
        judge.head.bias.fill_(3.0)
    # A flat critic: no distance, and a slope of 0 in place of 1.
    losses = module.discriminator_losses(rows)
    assert losses["adversarial_a"].item() == 0.0
    assert losses["gradient_penalty_a"].item() == pytest.approx(7.0, rel=1e-5)
    real = module.table.vectors_of(rows["tokens_b"])
    fake = module.generator["ab"](module.table.vectors_of(rows["tokens_a"]))
    told = module.discriminator["b"](fake).mean() - module.discriminator["b"](real).mean()
    assert losses["adversarial_b"].item() == pytest.approx(told.item(), abs=1e-12)


def test_the_way_back_teaches_both_translators_and_nothing_moves_the_words() -> None:
    module, rows = build(), batch()
    loss = module.generator_losses(rows)["cycle_a"]
    for network in module.generator.values():
        gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
        assert any(bool(g.abs().sum() > 0) for g in gradients)
    assert not list(module.table.parameters()) and "table.vectors" in module.state_dict()


def test_translators_take_rmsprop_and_critics_adam() -> None:
    players = {player.name: type(player.optimizer).__name__ for player in build().players()}
    assert players == {"discriminator": "Adam", "generator": "RMSprop"}


def test_without_what_was_said_before_it_hears_nothing() -> None:
    network = EmbeddingRewriter(WORDS, WORDS_LENGTH, 5, 8)
    vectors = torch.randn(3, WORDS_LENGTH, 5)
    silent = network(vectors, torch.zeros_like(vectors))
    assert network(vectors).equal(silent)
    assert not network(vectors, before(vectors)).equal(silent)
    assert before(vectors)[:, 0].eq(0).all() and before(vectors)[:, 1:].equal(vectors[:, :-1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cycle_weight": -1.0}, "cycle_weight must not be negative, got -1.0"),
        ({"generator_ab": rewriter()}, "generator must be a rewriter with the attribute dim, got"),
        (
            {"generator_ab": EmbeddingRewriter(WORDS, WORDS_LENGTH, 6, 8)},
            r"dim of the generators must be one number of at most 11, the vocabulary, got \[5, 6\]",
        ),
    ],
)
def test_numbers_and_networks_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"EmbeddingCycleGAN: {message}"):
        build(**options)


def test_data_of_another_vocabulary_are_refused() -> None:
    with pytest.raises(ValueError, match="T: vocabulary_size of the networks must be 12, that of"):
        WordTable("T", WORDS, SimpleNamespace(dim=4)).fit(data(12))


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(ValueError, match="EmbeddingRewriter: width must be even, got 7"):
        EmbeddingRewriter(WORDS, WORDS_LENGTH, 5, 7)
