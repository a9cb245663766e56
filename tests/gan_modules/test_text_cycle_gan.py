"""TextCycleGAN: its cycle on copiers, its terms by hand, its gradients, and what it refuses."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_modules import TextCycleGAN
from gan_modules.language.cycle_similarity import BleuSimilarity
from gan_modules.language.self_critical import self_critical
from gan_modules.language.sentences import one_hot
from gan_modules.language.word_noise import WordNoise
from tests.small.batches import FixedBatches, written
from tests.small.copier import Copier
from tests.small.rewriting import judge, rewriter
from tests.small.sizes import WORDS, WORDS_LENGTH

STILL = WordNoise(0.0, 0.0, 0)


def build(**options: Any) -> TextCycleGAN:
    torch.manual_seed(5)
    parts = {f"generator_{d}": rewriter() for d in ("ab", "ba")}
    parts |= {f"discriminator_{d}": judge() for d in "ab"}
    return TextCycleGAN(**{**parts, "word_noise": STILL, **options}).double()


def batch(n: int = 8) -> dict[str, Tensor]:
    drawn = {"fake_a": written(n, seed=7), "fake_b": written(n, seed=8)}
    return {**FixedBatches("UnpairedSequences").batch(n), **drawn}


def test_copiers_there_and_back_lose_nothing_kat_s18() -> None:
    copiers = {"generator_ab": Copier(), "generator_ba": Copier()}
    for similarity, whole in ((None, 0.0), (BleuSimilarity(1), 1.0), (BleuSimilarity(), None)):
        module = build(**copiers, similarity=similarity, adversarial_weight=0.0)
        rows = batch()
        tokens = rows["tokens_a"]
        there = module.rewrite(tokens, "a", "b")
        assert there.equal(tokens) and module.rewrite(there, "b", "a").equal(tokens)
        long = (tokens > 3).sum(1) >= 4
        kept = module.earned(tokens, there, "a", "b")
        if whole is None:
            # Sentences of fewer than four words have no run of four to keep.
            assert long.any() and kept[long].sub(1.0).abs().max() < 1e-12
        else:
            assert kept.sub(whole).abs().max() < 1e-3
    rows |= {"fake_a": rows["tokens_b"], "fake_b": rows["tokens_a"]}
    losses = module.generator_losses(rows)
    for name in ("back_a", "back_b", "restored_a", "restored_b", "policy_a", "entropy_b"):
        assert abs(losses[name].item()) < 1e-3, name
    # A sentence that a copier did not write comes back as another one.
    apart = {**rows, "fake_b": written(8, seed=8)}
    assert module.generator_losses(apart)["policy_b"].item() != 0.0


def test_swapped_domains_exchange_their_losses_kat_s18() -> None:
    module, rows = build(), batch()
    swapped = build(
        generator_ab=module.generator["ba"],
        generator_ba=module.generator["ab"],
        discriminator_a=module.discriminator["b"],
        discriminator_b=module.discriminator["a"],
    )
    other = {key[:-1] + {"a": "b", "b": "a"}[key[-1]]: value for key, value in rows.items()}
    for losses in ("generator_losses", "discriminator_losses"):
        found, exchanged = getattr(module, losses)(rows), getattr(swapped, losses)(other)
        for name, value in found.items():
            twin = name[:-1] + {"a": "b", "b": "a"}[name[-1]]
            assert value.item() == pytest.approx(exchanged[twin].item(), abs=1e-9)
        assert found[name].item() != pytest.approx(found[twin].item(), abs=1e-6)


def test_its_terms_are_those_of_its_formula() -> None:
    weights = {"adversarial_weight": 0.7, "cycle_weight": 0.3, "back_weight": 0.4}
    module = build(**weights, entropy_weight=0.2, restoring_weights=(0.6, 0.1))
    rows = batch()
    x, y, y_drawn = rows["tokens_a"], rows["tokens_b"], rows["fake_b"]
    x_drawn = rows["fake_a"]
    ab, ba = module.generator["ab"], module.generator["ba"]

    def told(network: Any, read: Tensor, written_: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities, entropies and what counts."""
        logs = network.reading(read).logits(written_).log_softmax(2)
        ends = (written_ <= 2).long()
        mask = (ends.cumsum(1) - ends) == 0
        chosen = (logs * one_hot(written_, WORDS, logs.dtype)).sum(2)
        return chosen, -(logs.exp() * logs).sum(2), mask

    def earned(written_: Tensor) -> Tensor:
        opinion = 2.0 * module.discriminator["b"](written_).sigmoid() - 1.0
        logs, _, mask = told(ba, written_, x)
        return 0.7 * opinion + 0.3 * (logs * mask).sum(1) / mask.sum(1)

    advantage = (earned(y_drawn) - earned(ab(x))).detach()
    advantage = (advantage / advantage.std(unbiased=False)).clamp(-3, 3)
    logs, entropy, mask = told(ab, x, y_drawn)
    mean = lambda values, counts: (values * counts).sum() / counts.sum()  # noqa: E731
    expected = {
        "policy_b": -mean(advantage[:, None] * logs, mask),
        "entropy_b": -0.2 * mean(entropy, mask),
        "back_b": -0.4 * mean(*told(ab, x_drawn, y)[::2]),
        "restored_b": -0.6 * mean(*told(ab, y, y)[::2]),
    }
    found = module.generator_losses(rows)
    assert set(found) == {f"{name[:-1]}{domain}" for name in expected for domain in "ab"}
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), abs=1e-10), name


def test_rewards_reach_the_writer_alone_and_restoring_teaches_it_too() -> None:
    module, rows = build(), batch()
    losses = module.generator_losses(rows)
    reached = {
        "policy_b": "ab", "entropy_b": "ab", "back_b": "ab", "restored_b": "ab", "back_a": "ba",
    }  # fmt: skip
    for name, direction in reached.items():
        for key, network in module.generator.items():
            gradients = torch.autograd.grad(
                losses[name], list(network.parameters()), retain_graph=True, allow_unused=True
            )
            moved = any(g is not None and bool(g.abs().sum() > 0) for g in gradients)
            assert moved == (key == direction), (name, key)
    assert all(p.grad is None for p in module.discriminator.parameters())


def test_the_discriminator_tells_real_from_drawn_and_from_the_other_domain() -> None:
    module, rows = build(), batch()
    score = module.discriminator["b"]
    real, drawn, other = (score(rows[key]) for key in ("tokens_b", "fake_b", "tokens_a"))
    softplus = torch.nn.functional.softplus
    expected = softplus(-real).mean() + (softplus(drawn).mean() + softplus(other).mean()) / 2
    found = module.discriminator_losses(rows)
    assert found["adversarial_b"].item() == pytest.approx(expected.item(), abs=1e-12)
    assert set(found) == {"adversarial_a", "adversarial_b"}


def test_restoring_falls_with_the_steps_of_the_translators() -> None:
    module, rows = build(restoring_weights=(0.5, 0.1), restoring_decay_steps=100), batch()
    plain = module.generator_restoring_losses(rows)["restored_a"].item()
    for step, weight in ((0, 0.5), (50, 0.3), (100, 0.1), (900, 0.1)):
        module.steps = {"generator": step}
        found = module.generator_losses(rows)["restored_a"].item()
        assert found == pytest.approx(weight * plain, rel=1e-9)


def test_what_a_drawn_sentence_earned_more_in_units_of_its_spread() -> None:
    drawn, likeliest = torch.tensor([1.0, 0.0, 2.0, 9.0]), torch.tensor([0.0, 0.0, 3.0, 0.0])
    found = self_critical(drawn, likeliest, most=2.0)
    # Advantages 1, 0, -1, 9: mean 2.25, spread sqrt(15.6875).
    spread = math.sqrt(15.6875)
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0, -1.0, 2.0 * spread]) / spread)
    assert self_critical(drawn, drawn).eq(0).all()
    tiny = torch.full((4,), 1e-9)
    torch.testing.assert_close(self_critical(tiny, 0 * tiny), tiny)


def test_its_stages_are_restoring_the_judges_and_the_game() -> None:
    module = build(restoring_samples=64, restoring_lr=0.01, discriminator_samples=32)
    restoring, judges, game = module.schedule()
    assert [s.name for s in module.schedule()] == ["restoring", "discriminator", "adversarial"]
    assert (restoring.images, judges.images, game.images) == (64, 32, None)
    assert restoring.rates == {"generator": 0.01} and game.rates == {"generator": 1e-4}
    acting = [[t.players for t in game.turns if t.due(r)] for r in range(3)]
    assert acting == [["discriminator"], ["discriminator"], ["discriminator", "generator"]]
    (only,) = build(restoring_samples=0, discriminator_samples=0).schedule()
    assert only.images is None


def test_two_translators_of_unlike_vocabularies_are_refused() -> None:
    with pytest.raises(ValueError, match="TextCycleGAN: generators must agree in vocabulary_size"):
        other = rewriter()
        other.vocabulary_size = WORDS + 1
        build(generator_ba=other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator_ab": judge()}, "generator must be a rewriter with the attribute special"),
        ({"generator_ab": rewriter(styles=2)}, "styles of the generator must be 0, got 2"),
        ({"cycle_weight": -1.0}, "cycle_weight must not be negative, got -1.0"),
        ({"restoring_weights": (0.5, -0.1)}, "restoring_weights must not be negative, got -0.1"),
        ({"restoring_decay_steps": 0}, "restoring_decay_steps must be positive, got 0"),
        ({"restoring_lr": -1.0}, "restoring_lr must be positive, got -1.0"),
        ({"discriminator_steps": 0}, "discriminator_steps must be positive, got 0"),
        ({"micro_batches": 2}, "micro_batches must be 1, got 2"),
    ],
)
def test_numbers_and_networks_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"TextCycleGAN: {message}"):
        build(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens_b": None}, "batch must have the key tokens_b, got"),
        ({"tokens_a": torch.zeros(4, WORDS_LENGTH)}, r"tokens_a must be int64 \(N, T\), got"),
        (
            {"tokens_b": torch.zeros(4, 3).long()},
            "the length 3 but the generator's 6",
        ),
        (
            {"tokens_b": torch.full((4, WORDS_LENGTH), WORDS)},
            "tokens_b must lie in 0..10",
        ),
    ],
)
def test_batches_are_checked(change: dict[str, Any], message: str) -> None:
    rows = {key: value for key, value in {**batch(4), **change}.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        build().check_batch(rows)


def test_a_direction_that_is_not_learned_is_refused() -> None:
    with pytest.raises(ValueError, match="direction must be one of a to b, b to a, got a to a"):
        build().rewrite(written(2), "a", "a")


def test_data_whose_sentences_never_end_are_refused() -> None:
    module = build()
    module.trainer = SimpleNamespace(
        strategy=None, datamodule=SimpleNamespace(special_tokens=False)
    )
    with pytest.raises(ValueError, match="TextCycleGAN: special_tokens must be that of the data"):
        module.setup("fit")


def test_the_vocabulary_is_that_of_the_data_and_lives_in_the_checkpoint() -> None:
    module, words = build(), ("<pad>", "<bos>", "<eos>", "<unk>", "the", "food")
    module.trainer = SimpleNamespace(strategy=None, datamodule=SimpleNamespace(vocabulary=words))
    module.setup("fit")
    checkpoint: dict[str, Any] = {}
    module.on_save_checkpoint(checkpoint)
    again = build()
    again.on_load_checkpoint(checkpoint)
    assert again.words(torch.tensor([[4, 5, 9, 2, 0, 0]])) == ["the food 9"]
