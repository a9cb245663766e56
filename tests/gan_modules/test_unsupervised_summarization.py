"""UnsupervisedSummarizer: rewards, returns, coverage, excerpts, who learns of what, when."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from datamodules.batches import EOS, PAD
from gan_modules import UnsupervisedSummarizer
from gan_modules.engine.noise import Noise
from gan_modules.language.coverage import looked_again
from gan_modules.language.excerpts import Excerpts
from gan_modules.language.policy_gradient import MovingAverage
from gan_modules.language.sentences import one_hot
from gan_modules.language.summarizing import centered_opinions, judged, told_apart
from gan_modules.networks.pointer_rewriter import PointerRewriter
from gan_modules.networks.rewriter import GRURewriter
from gan_modules.networks.step_discriminator import StepDiscriminator
from gan_modules.weight_schedule import weight_at
from tests.small.batches import FixedBatches, written
from tests.small.sizes import WORDS, WORDS_LENGTH

SHORT = 4


def build(**options: Any) -> UnsupervisedSummarizer:
    """Articles of six tokens, summaries of four."""
    torch.manual_seed(5)
    parts = {
        "generator": PointerRewriter(
            WORDS, SHORT, embedding=8, width=8, source_length=WORDS_LENGTH
        ),
        "reconstructor": GRURewriter(WORDS, WORDS_LENGTH, 8, 8, source_length=SHORT),
        "discriminator": StepDiscriminator(WORDS, 8, 8, 3, 0.0),
        "excerpts": Excerpts((1, 2), 1, 0.0, 2.0),
    }
    module = UnsupervisedSummarizer(**{**parts, **options}).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(2.0)
    return module


def short(n: int, seed: int) -> Tensor:
    tokens = written(n, seed)[:, :SHORT].clone()
    tokens[:, -1] = tokens[:, -1].where(tokens[:, -1] <= EOS, torch.tensor(EOS))
    return tokens


def batch(n: int = 8) -> dict[str, Tensor]:
    rows = FixedBatches("UnpairedSequences").batch(n)
    made = {"fake_b": short(n, 7), "likeliest_b": short(n, 9)}
    return {**rows, "tokens_b": short(n, 8), **made}


def counts(tokens: Tensor) -> Tensor:
    ends = (tokens <= EOS).long()
    return (ends.cumsum(1) - ends) == 0


def logs(network: Any, read: Tensor, written_: Tensor) -> Tensor:
    told = network.reading(read).logits(written_).log_softmax(2)
    return (told * one_hot(written_, WORDS, told.dtype)).sum(2) * counts(written_)


def test_the_policy_follows_centered_returns_and_the_reconstruction() -> None:
    module, rows = build(gamma=0.3, reconstruction_weights=[[0, 0.8]]), batch()
    x, y, best = rows["tokens_a"], rows["fake_b"], rows["likeliest_b"]
    mask = counts(y).double()
    rewards = (2.0 * module.discriminator(y).sigmoid() - 1.0) * mask
    centered = (rewards - rewards.sum(0) / mask.sum(0).clamp_min(1e-30)) * mask
    returns = torch.zeros_like(centered)
    for place in reversed(range(SHORT)):
        after = returns[:, place + 1] if place + 1 < SHORT else 0.0
        returns[:, place] = centered[:, place] + 0.3 * after
    told = [logs(module.reconstructor, one, x).sum(1) / counts(x).sum(1) for one in (y, best)]
    advantage = (returns + 0.8 * (told[0] - told[1])[:, None]).detach()
    own = logs(module.generator["ab"], x, y)
    expected = -(advantage * own).sum() / mask.sum()
    found = module.generator_losses(rows)
    assert found["policy"].item() == pytest.approx(expected.item(), abs=1e-10)
    assert set(found) == {"policy", "coverage"}
    looks = module.generator["ab"].reading(x).attention(y)
    overlap = (looked_again(looks) * mask).sum() / mask.sum()
    assert found["coverage"].item() == pytest.approx(0.1 * overlap.item(), abs=1e-10)


def test_opinions_are_centered_at_each_step_over_those_who_reach_it() -> None:
    scores = torch.tensor([[0.0, 2.0, -1.0], [1.0, 9.0, 9.0], [3.0, -2.0, 9.0]]).double()
    tokens = torch.tensor([[5, 6, EOS], [EOS, PAD, PAD], [5, EOS, PAD]])

    class Table(nn.Module):
        def forward(self, tokens: Tensor) -> Tensor:
            return scores

    found = centered_opinions(Table(), tokens, MovingAverage(0.0, 3).double())
    r = 2.0 * scores.sigmoid() - 1.0
    expected = torch.zeros(3, 3).double()
    expected[:, 0] = r[:, 0] - r[:, 0].mean()
    for row, other in ((0, 2), (2, 0)):
        expected[row, 1] = r[row, 1] - (r[row, 1] + r[other, 1]) / 2
    torch.testing.assert_close(found, expected)
    # One alone at a step has nobody to be better than; no one counts behind an end.
    assert found[0, 2] == 0 and found[1, 1:].eq(0).all()


def test_d_is_silent_at_ln_2_and_learns_from_what_counts() -> None:
    fake, real = batch()["fake_b"], batch()["tokens_b"]
    module = build()
    nn.init.zeros_(module.discriminator.head.weight), nn.init.zeros_(module.discriminator.head.bias)
    told = [judged(module.discriminator, tokens) for tokens in (real, fake)]
    assert told_apart(*told).item() == pytest.approx(0.6931471805599453)
    module = build()
    loss = module.discriminator_losses(batch())["adversarial"].item()
    softplus, scores = nn.functional.softplus, [module.discriminator(t) for t in (real, fake)]
    halves = [
        (softplus(sign * s) * counts(t)).sum() / counts(t).sum()
        for sign, s, t in zip((-1, 1), scores, (real, fake), strict=True)
    ]
    assert loss == pytest.approx((sum(halves) / 2).item(), abs=1e-12)


def test_looking_again_is_counted_once_for_each_word() -> None:
    looks = torch.tensor([[[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]])
    # Before the steps: (0, 0), (1, 0), (1.5, 0.5).
    assert looked_again(looks).tolist() == [[0.0, 0.5, 1.0]]
    forward = torch.eye(3)[None]
    assert looked_again(forward).eq(0).all()
    assert looked_again(forward[:, :1].expand(-1, 3, -1)).tolist() == [[0.0, 1.0, 1.0]]


def test_the_reconstruction_counts_more_and_more() -> None:
    points = ((0, 0.5), (14_000, 1.2))
    # The authors': min(0.5 + 5e-5 n, 1.2).
    for n in (0, 1000, 7000, 14_000, 99_000):
        assert weight_at(points, n) == pytest.approx(min(0.5 + 5e-5 * n, 1.2))
    module, rows = build(reconstruction_weights=[[0, 0.0], [10, 1.0]]), batch()
    found = []
    for step in (0, 5, 10):
        module.steps = {"generator": step}
        found.append(module.generator_losses(rows)["policy"].item())
    assert found[1] == pytest.approx((found[0] + found[2]) / 2) and found[0] != found[2]


def test_the_reconstructor_learns_of_the_likeliest_summary_alone() -> None:
    module, rows = build(), batch()
    x, best = rows["tokens_a"], rows["likeliest_b"]
    expected = -logs(module.reconstructor, best, x).sum() / counts(x).sum()
    found = module.reconstructor_losses(rows)["article"]
    assert found.item() == pytest.approx(expected.item(), abs=1e-12)
    other = module.reconstructor_losses({**rows, "fake_b": short(8, 1)})["article"]
    assert other.item() == found.item()


def moves(loss: Tensor, network: nn.Module) -> bool:
    found = torch.autograd.grad(
        loss, list(network.parameters()), retain_graph=True, allow_unused=True
    )
    return any(g is not None and bool(g.abs().sum() > 0) for g in found)


def test_each_loss_moves_its_own_player_alone() -> None:
    module, rows = build(), batch()
    players = {
        "generator": module.generator,
        "reconstructor": module.reconstructor,
        "discriminator": module.discriminator,
    }
    for name in players:
        losses = getattr(module, f"{name}_losses")(rows)
        for other, network in players.items():
            for term, loss in losses.items():
                assert moves(loss, network) == (name == other), (name, term, other)


def test_what_is_drawn_and_what_is_likeliest_are_made_as_they_are_needed() -> None:
    module = build()
    rows = FixedBatches("UnpairedSequences").batch(8)
    made = module.prepare(rows)
    assert made["fake_b"].shape == made["likeliest_b"].shape == (8, SHORT)
    assert made["likeliest_b"].equal(module.rewrite(rows["tokens_a"]))
    assert not made["fake_b"].equal(made["likeliest_b"])
    module.acts = lambda player: player == "discriminator"
    assert set(module.prepare(rows)) == {*rows, "fake_b"}
    module.acts = lambda player: player == "generator"
    assert set(module.prepare(rows)) == {*rows}


def test_its_stages_are_excerpts_then_d_and_r_then_the_game() -> None:
    first, second, game = build(restoring_samples=64, discriminator_samples=32).schedule()
    assert [turn.names for turn in first.turns] == [("generator",)]
    assert [turn.names for turn in second.turns] == [("discriminator",), ("reconstructor",)]
    assert (first.images, second.images, game.images) == (64, 32, None)
    acting = [[turn.names for turn in game.turns if turn.due(r)] for r in range(3)]
    together = ("generator", "reconstructor")
    assert acting == [[("discriminator",)], [("discriminator",)], [("discriminator",), together]]
    # The rates of the authors.
    rates = {p.name: p.optimizer.param_groups[0]["lr"] for p in build().players()}
    assert rates == {"generator": 5e-5, "discriminator": 2e-3, "reconstructor": 1e-4}


# -- excerpts --------------------------------------------------------------------------------------


def articles(n: int = 400, length: int = 12) -> Tensor:
    """Each word once: 10, 11, ... from its first to its last."""
    own = torch.Generator().manual_seed(4)
    words = torch.randint(4, length, (n, 1), generator=own)
    place = torch.arange(length)
    rows = (10 + place).expand(n, length)
    return rows.where(place < words, EOS).where(place <= words, PAD)


def words_of(row: Tensor) -> list[int]:
    return [token for token in row.tolist() if token > EOS]


def test_an_excerpt_is_some_words_in_a_row() -> None:
    tokens = articles()
    _, found = Excerpts((2, 4), 3, 0.0, 3.0)(tokens, 8, Noise())
    starts, sizes = set(), set()
    for row, article in zip(found, tokens, strict=True):
        words = words_of(row)
        assert words == list(range(words[0], words[0] + len(words)))
        assert set(words) <= {*words_of(article)}
        assert row[len(words)] == EOS and row[len(words) + 1 :].eq(PAD).all()
        starts.add(words[0] - 10), sizes.add(len(words))
    assert starts == {0, 1, 2, 3} and sizes == {2, 3, 4}
    _, cut = Excerpts((6, 11), 0, 0.0, 3.0)(tokens, 4, Noise())
    assert cut[:, 3].eq(EOS).all() and cut[:, :3].gt(EOS).all()


def test_a_scrambled_article_has_its_words_in_phrases() -> None:
    tokens = articles()
    found, _ = Excerpts((2, 4), 3, 0.0, 3.0)(tokens, 8, Noise())
    pairs = kept = moved = 0
    for row, article in zip(found, tokens, strict=True):
        words = words_of(row)
        assert sorted(words) == words_of(article)
        assert row[len(words)] == EOS and row[len(words) + 1 :].eq(PAD).all()
        pairs += len(words) - 1
        kept += sum(b == a + 1 for a, b in zip(words, words[1:], strict=False))
        moved += words != words_of(article)
    # A cut is where chance of 1 in 3 wants it, and some phrases stay neighbours.
    assert 0.6 < kept / pairs < 0.85 and moved > 250
    whole, _ = Excerpts((2, 4), 3, 0.0, 1e12)(tokens, 8, Noise())
    assert whole.equal(tokens)


def test_words_of_the_article_are_left_out_and_the_excerpt_keeps_its_own() -> None:
    tokens = articles()
    disturbed, excerpt = Excerpts((2, 4), 3, 0.25, 3.0)(tokens, 8, Noise())
    before, after = ((t > EOS).sum().item() for t in (tokens, disturbed))
    assert 0.7 < after / before < 0.8
    _, still = Excerpts((2, 4), 3, 0.0, 3.0)(tokens, 8, Noise())
    assert excerpt.equal(still)


def test_excerpts_do_not_depend_on_the_number_of_ranks() -> None:
    tokens, draw = articles(8), Excerpts((2, 4), 3, 0.25, 3.0)
    whole = draw(tokens, 8, Noise(seed=3))
    parts = [draw(tokens[4 * r : 4 * r + 4], 8, Noise(seed=3, rank=r)) for r in range(2)]
    for place in range(2):
        assert torch.cat([part[place] for part in parts]).equal(whole[place])


def test_the_first_stage_finds_excerpts() -> None:
    module, rows = build(), batch()
    module.noise = Noise(seed=2)
    found = module.generator_restoring_losses(rows)
    assert set(found) == {"excerpt"}
    scrambled, excerpt = module.excerpts(rows["tokens_a"], SHORT, Noise(seed=2))
    expected = -logs(module.generator["ab"], scrambled, excerpt).sum() / counts(excerpt).sum()
    assert found["excerpt"].item() == pytest.approx(expected.item(), abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": (0, 3)}, "words must rise from 1 on"),
        ({"words": (5, 3)}, "words must rise from 1 on"),
        ({"latest": -1}, r"got \[6, 11\], -1 and 4.0"),
        ({"phrase": 0.5}, "phrase be at least 1"),
    ],
)
def test_excerpts_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Excerpts(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 1.5}, r"gamma must lie in \[0, 1\], got 1.5; the authors have 0.3"),
        ({"coverage_weight": -0.1}, "coverage_weight must not be negative, got -0.1"),
        ({"reconstructor_lr": 0.0}, "reconstructor_lr must be positive, got 0.0"),
        ({"reconstruction_weights": [[0, -1.0]]}, "reconstruction_weights must be pairs of"),
        (
            {"reconstructor": GRURewriter(WORDS, WORDS_LENGTH, 8, 8)},
            "reconstructor must read what the generator writes and write what it reads, got",
        ),
        (
            {
                "generator": GRURewriter(
                    WORDS, SHORT, 8, 8, special_tokens=False, source_length=WORDS_LENGTH
                )
            },
            "special_tokens of the generator must be true, got false",
        ),
    ],
)
def test_numbers_and_networks_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"UnsupervisedSummarizer: {message}"):
        build(**options)


def test_a_discriminator_of_whole_sentences_is_refused() -> None:
    with pytest.raises(ValueError, match="must score each token .* choose StepDiscriminator"):
        judged(nn.Sequential(nn.Flatten(0)), short(4, 1))


def test_batches_are_checked_by_the_length_of_each_domain() -> None:
    module, rows = build(), batch()
    module.check_batch(rows)
    with pytest.raises(ValueError, match="have the length 6 but the generator's 4"):
        module.check_batch({**rows, "tokens_b": written(8)})
