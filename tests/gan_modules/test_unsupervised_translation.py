"""UnsupervisedTranslation: its three terms by hand, its masks, its gradients, its first M."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from datamodules.batches import EOS, PAD
from gan_modules import UnsupervisedTranslation
from gan_modules.language.language_confusion import told_language
from gan_modules.language.sentences import one_hot
from gan_modules.language.word_by_word import WordByWord
from gan_modules.language.word_noise import WordNoise
from gan_modules.networks.rewriter import GRURewriter, Memory
from gan_modules.weight_schedule import weight_at
from tests.small.batches import FixedBatches, written
from tests.small.reading import unsupervised_translation
from tests.small.sizes import WORDS, WORDS_LENGTH

STILL = WordNoise(0.0, 0.0, 0)


def build(**options: Any) -> UnsupervisedTranslation:
    torch.manual_seed(5)
    parts = {**unsupervised_translation("none"), "word_noise": STILL, **options}
    module = UnsupervisedTranslation(**parts).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(3.0)
    return module


def batch(n: int = 4) -> dict[str, Tensor]:
    return FixedBatches("UnpairedSequences").batch(n)


def counts(tokens: Tensor) -> Tensor:
    ends = (tokens <= EOS).long()
    return (ends.cumsum(1) - ends) == 0


def nats(network: Any, read: Tensor, written_: Tensor, language: int) -> float:
    style = torch.full((len(read),), language)
    logs = network.reading(read, style).logits(written_).log_softmax(2)
    chosen = (logs * one_hot(written_, WORDS, logs.dtype)).sum(2)
    mask = counts(written_)
    return -((chosen * mask).sum() / mask.sum()).item()


def test_its_terms_are_those_of_its_formula() -> None:
    module = build(back_weight=0.7, adversarial_weight=0.3, restoring_weights=[[0, 0.4]])
    rows = module.prepare(batch())
    a, b, network = rows["tokens_a"], rows["tokens_b"], module.generator
    a_as_b, b_as_a = (module.rewrite(*way) for way in ((a, "a", "b"), (b, "b", "a")))
    assert not a_as_b.equal(a) and not b_as_a.equal(a)
    found = {name: value.item() for name, value in module.generator_losses(rows).items()}
    expected = {
        "restored_a": 0.4 * nats(network, a, a, 0),
        "restored_b": 0.4 * nats(network, b, b, 1),
        "back_a": 0.7 * nats(network, a_as_b, a, 0),
        "back_b": 0.7 * nats(network, b_as_a, b, 1),
    }
    # What D is asked: sentences of a and b, of a as b, of b as a; the encoder wants wrong answers.
    total, states = 0.0, 0
    for sentences, language in ((a, 0), (b, 1), (a_as_b, 1), (b_as_a, 0)):
        memory = network.reading(sentences, torch.zeros(4, dtype=torch.int64)).memory
        scores = module.discriminator(memory.values[counts(sentences)])
        total += nn.functional.softplus(scores if language else -scores).sum().item()
        states += len(scores)
    expected["adversarial"] = 0.3 * total / states
    assert found == pytest.approx(expected, abs=1e-10)
    # D itself wants the right ones, smoothed: its answers are 0.9 and 0.1.
    of_d = module.discriminator_losses(rows)["adversarial"].item()
    right, _ = told_language(
        module.discriminator,
        network.reading(rows["read"], rows["to"]).memory,
        rows["language"],
    )
    assert of_d == pytest.approx(0.9 * right.item() + 0.1 * total / states, abs=1e-10)


def test_what_is_read_is_disturbed_and_what_is_written_is_not() -> None:
    module = build(word_noise=WordNoise(0.3, 0.3, 2))
    rows = module.prepare(batch(16))
    assert rows["written"].equal(torch.cat([rows["tokens_a"], rows["tokens_b"]] * 2))
    made = module.translated(rows["tokens_a"], rows["tokens_b"])
    parts = zip(rows["read"].chunk(4), (rows["tokens_a"], rows["tokens_b"], *made), strict=True)
    assert all(not read.equal(still) for read, still in parts)
    assert rows["to"].view(4, 16)[:, 0].tolist() == [0, 1, 0, 1]
    assert rows["language"].view(4, 16)[:, 0].tolist() == [0, 1, 1, 0]


def test_states_behind_the_end_teach_d_nothing() -> None:
    judge = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)).double()
    values = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]]).bool()
    memory = Memory(values, values, mask, values[:, 0], mask.long(), None)
    loss, right = told_language(judge, memory, torch.tensor([0, 1]), 0.1)
    (gradient,) = torch.autograd.grad(loss, values)
    assert gradient.abs().sum(2).gt(0).equal(mask)
    scores = judge(values.flatten(0, 1)).view(2, 4)
    softplus = nn.functional.softplus
    first = 0.9 * softplus(scores[0]) + 0.1 * softplus(-scores[0])
    second = 0.1 * softplus(scores[1]) + 0.9 * softplus(-scores[1])
    assert loss.item() == pytest.approx(
        ((first[:2].sum() + second[:3].sum()) / 5).item(), abs=1e-12
    )
    hits = (scores[0, :2] <= 0).sum() + (scores[1, :3] > 0).sum()
    assert right.item() == pytest.approx(hits.item() / 5) and not right.requires_grad


def test_a_silent_d_is_fooled_by_ln_2() -> None:
    judge = nn.Sequential(nn.Linear(8, 1), nn.Flatten(0))
    nn.init.zeros_(judge[0].weight), nn.init.zeros_(judge[0].bias)
    module = build(discriminator=judge)
    rows = module.prepare(batch())
    for losses in (module.generator_losses, module.discriminator_losses):
        assert losses(rows)["adversarial"].item() == pytest.approx(math.log(2.0))


def gradients(loss: Tensor, network: nn.Module) -> dict[str, float]:
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, [p for _, p in named], retain_graph=True, allow_unused=True)
    pairs = zip(named, found, strict=True)
    return {name: 0.0 if g is None else float(g.abs().sum()) for (name, _), g in pairs}


def test_the_encoder_alone_learns_to_fool_and_d_alone_to_tell() -> None:
    module = build()
    rows = module.prepare(batch())
    module.discriminator.requires_grad_(False)
    moved = gradients(module.generator_losses(rows)["adversarial"], module.generator)
    assert moved["encoder.weight_ih_l0"] > 0 and moved["embedding.weight"] > 0
    for name in ("decoder.weight_ih_l0", "head.weight", "style.weight", "mix.weight"):
        assert moved[name] == 0.0, name
    module.discriminator.requires_grad_(True)
    loss = module.discriminator_losses(rows)["adversarial"]
    assert not any(gradients(loss, module.generator).values())
    assert all(gradients(loss, module.discriminator).values())


def test_translations_have_no_gradient_and_are_made_in_eval_mode() -> None:
    module, modes = build(), []
    network = module.generator
    reading = network.reading

    def watched(symbols: Tensor, style: Tensor) -> Any:
        modes.append((network.training, torch.is_grad_enabled()))
        return reading(symbols, style)

    network.reading = watched
    rows = module.prepare(batch())
    assert modes == [(False, False)] and network.training
    assert not any(value.requires_grad for value in rows.values())
    # The loss of the way back moves the network at the read words as if they were data.
    still = {**rows, "read": rows["read"].clone()}
    losses = [module.generator_losses(one)["back_a"] for one in (rows, still)]
    found = [gradients(loss, network) for loss in losses]
    assert found[0] == found[1] and found[0]["head.weight"] > 0


def test_the_weight_of_restoring_follows_the_steps() -> None:
    points = ((0, 1.0), (100_000, 0.1), (300_000, 0.0))
    expected = {0: 1.0, 50_000: 0.55, 100_000: 0.1, 200_000: 0.05, 300_000: 0.0, 10**6: 0.0}
    for step, weight in expected.items():
        assert weight_at(points, step) == pytest.approx(weight)
    assert weight_at([(10, 0.5)], 3) == weight_at([(10, 0.5)], 30) == 0.5
    assert weight_at([(4, 0.2), (6, 0.4)], 0) == 0.2
    module = build(restoring_weights=[[0, 1.0], [10, 0.0]])
    rows = module.prepare(batch())
    full = module.generator_losses(rows)
    module.steps = {"generator": 5}
    half = module.generator_losses(rows)
    assert half["restored_b"].item() == pytest.approx(full["restored_b"].item() / 2)
    assert half["back_b"].item() == full["back_b"].item()


def test_d_plays_only_after_restoring() -> None:
    restoring, game = build(restoring_samples=64, restoring_lr=0.01).schedule()
    assert [turn.names for turn in restoring.turns] == [("generator",)]
    assert restoring.images == 64 and restoring.rates == {"generator": 0.01}
    assert [turn.names for turn in game.turns] == [("discriminator",), ("generator",)]
    losses = build().generator_restoring_losses(batch())
    assert set(losses) == {"restored_a", "restored_b"}


def test_restoring_writes_the_language_that_it_reads() -> None:
    module, rows = build(), batch()
    losses = module.generator_restoring_losses(rows)
    for number, domain in enumerate("ab"):
        tokens = rows[f"tokens_{domain}"]
        expected = nats(module.generator, tokens, tokens, number)
        assert losses[f"restored_{domain}"].item() == pytest.approx(expected, abs=1e-10)


def test_d_has_rmsprop_and_the_rewriter_adam() -> None:
    of_d, of_g = build(lr_decay=(2, 4)).players()
    assert type(of_d.optimizer) is torch.optim.RMSprop and of_d.scheduler is not None
    assert type(of_g.optimizer) is torch.optim.Adam
    assert of_d.optimizer.param_groups[0]["lr"] == 5e-4


VOCABULARY = ("<pad>", "<bos>", "<eos>", "<unk>", *"one two uno dos six".split())


def test_word_by_word_there_and_back() -> None:
    table = WordByWord([("one", "uno"), ("two", "dos"), ("one", "dos")], len(VOCABULARY))
    tokens = torch.tensor([[4, 5, 8, EOS, PAD]])
    assert table(tokens, "a").equal(tokens)
    table.learn(VOCABULARY)
    # The first translation counts; "six" is in neither.
    assert table(tokens, "a").tolist() == [[6, 7, 8, EOS, PAD]]
    assert table(table(tokens, "a"), "b").equal(tokens)
    with pytest.raises(ValueError, match="pairs must be words of the data, got 'tres', which"):
        WordByWord([("six", "tres")], len(VOCABULARY)).learn(VOCABULARY)


def test_the_dictionary_translates_at_first_and_the_model_after_it() -> None:
    module = build(dictionary=[("w4", "w5")], dictionary_steps=3)
    module.word_by_word.learn([f"w{number}" for number in range(WORDS)])
    rows = batch()
    a, b = rows["tokens_a"], rows["tokens_b"]
    made = module.translated(a, b)
    assert made[0].equal(a.where(a != 4, 5)) and made[1].equal(b.where(b != 5, 4))
    module.steps = {"generator": 3}
    made = module.translated(a, b)
    assert made[0].equal(module.rewrite(a, "a", "b"))
    assert made[1].equal(module.rewrite(b, "b", "a"))


def test_the_dictionary_is_in_the_checkpoint() -> None:
    module = build(dictionary=[("w4", "w5")], dictionary_steps=3)
    module.word_by_word.learn([f"w{number}" for number in range(WORDS)])
    again = build(dictionary=[("w4", "w5")], dictionary_steps=3)
    again.load_state_dict(module.state_dict())
    assert again.word_by_word(written(8), "a").equal(module.word_by_word(written(8), "a"))
    assert not again.word_by_word(written(8), "a").equal(written(8))


def rewriter(**options: Any) -> GRURewriter:
    return GRURewriter(WORDS, WORDS_LENGTH, 8, 8, **{"styles": 2, "told": "writer", **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator": rewriter(told="reader")}, "generator must be told the language where it"),
        ({"generator": rewriter(styles=0)}, "styles of the generator must be 2, got 0"),
        (
            {"generator": rewriter(source_length=4)},
            "generators must agree in the length of domain b, got 6 and 4; set length and",
        ),
        ({"smoothing": 0.5}, r"smoothing must lie in \[0, 0.5\), got 0.5; the paper has 0.1"),
        ({"adversarial_weight": -1.0}, "adversarial_weight must not be negative, got -1.0"),
        ({"dictionary_steps": -1}, "dictionary_steps must not be negative, got -1"),
        (
            {"restoring_weights": [[5, 1.0], [5, 0.0]]},
            "restoring_weights must be pairs of a rising step and a weight that is not negative",
        ),
        ({"restoring_weights": [[0, -1.0]]}, "restoring_weights must be pairs of"),
        ({"restoring_weights": []}, r"restoring_weights must be pairs .* got \[\]"),
    ],
)
def test_numbers_and_networks_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"UnsupervisedTranslation: {message}"):
        build(**options)
