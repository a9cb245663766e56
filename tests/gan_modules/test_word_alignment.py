"""Word alignment: the maps, against closed forms, and the game that looks for one."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from callbacks.metrics.word_translation import precision_at, translation_scores
from callbacks.offers import draws, has_panels, maps_words, translates
from callbacks.retention import Retention
from callbacks.word_translation import WordTranslations
from datamodules.word_vectors import RotatedWords
from gan_modules import WordAlignment
from gan_modules.engine.noise import Noise
from gan_modules.language import word_maps
from gan_modules.language.word_game import dropped
from gan_modules.networks.mlp import MLPDiscriminator
from gan_modules.networks.word_map import WordMap
from tests.small.batches import FixedBatches
from tests.small.sizes import TEXT
from tests.small_variants import build

DATA = FixedBatches("WordVectors", dtype=torch.float64)


def rotation(dim: int, seed: int = 0) -> Tensor:
    own = torch.Generator().manual_seed(seed)
    q, r = torch.linalg.qr(torch.randn(dim, dim, generator=own, dtype=torch.float64))
    q = q * r.diagonal().sign()
    q[:, 0] *= torch.linalg.det(q).sign()
    return q


def small_rotation(dim: int, angle: float, seed: int = 0) -> Tensor:
    """The largest angle of any plane is ``angle``, in radians."""
    own = torch.Generator().manual_seed(seed)
    skew = torch.randn(dim, dim, generator=own, dtype=torch.float64)
    skew = skew - skew.T
    return torch.matrix_exp(angle * skew / torch.linalg.matrix_norm(skew, 2))


@pytest.fixture(scope="module")
def words() -> RotatedWords:
    return RotatedWords(words=600, dim=10, centres=12, noise=0.05, held_out_share=0.5)


def first_right(w: Tensor, data: RotatedWords) -> float:
    """P@1 by CSLS on the held-out pairs."""
    x = word_maps.mapped(w, data.vectors("a").double())
    pairs = data.pairs("held_out")
    assert pairs is not None
    found = word_maps.nearest(x[pairs[:, 0]], data.vectors("b").double(), among=x)
    return precision_at(found, pairs[:, 0], pairs, 1)


# -- the maps --------------------------------------------------------------------------------------


def test_orthogonalisation_leaves_orthogonal_maps_alone_kat_s21() -> None:
    for seed, beta in ((0, 0.001), (1, 0.05), (2, 0.3)):
        q = rotation(6, seed)
        torch.testing.assert_close(word_maps.orthogonalised(q, beta), q, rtol=0, atol=1e-14)


def test_a_singular_value_moves_towards_one_by_two_beta_times_its_error_kat_s21() -> None:
    q, beta = rotation(5), 0.05
    for error in (1e-3, -1e-3):
        values = torch.linalg.svdvals(word_maps.orthogonalised((1 + error) * q, beta))
        expected = torch.full((5,), 1 + error - 2 * beta * error, dtype=torch.float64)
        torch.testing.assert_close(values, expected, rtol=0, atol=1e-6)
        # The next term is -3 beta e^2: beyond it nothing but a cube is left.
        exact = expected - 3 * beta * error**2
        torch.testing.assert_close(values, exact, rtol=0, atol=1e-9)


def test_two_hundred_steps_make_a_scaled_rotation_orthogonal_kat_s21() -> None:
    q = rotation(8, 3)
    w = q @ torch.diag(torch.linspace(0.9, 1.1, 8, dtype=torch.float64)) @ rotation(8, 4)
    before = float((w @ w.T - torch.eye(8)).norm())
    for _ in range(200):
        w = word_maps.orthogonalised(w, 0.05)
    assert before > 0.3 and float((w @ w.T - torch.eye(8)).norm()) < 1e-3
    assert torch.equal(word_maps.orthogonalised(w, 0.0), w)


@pytest.mark.parametrize("isotropic", [False, True])
def test_procrustes_finds_the_rotation_from_pairs_kat_s22(isotropic: bool) -> None:
    own = torch.Generator().manual_seed(5)
    x = torch.randn(400, 10, generator=own, dtype=torch.float64)
    if not isotropic:
        x = x * torch.linspace(0.5, 2, 10, dtype=torch.float64) + 1
    q = rotation(10, 6)
    y = x @ q.T + 0.01 * torch.randn(400, 10, generator=own, dtype=torch.float64)
    w = word_maps.procrustes(x, y)
    assert float((w - q).norm()) < 0.02
    torch.testing.assert_close(w @ w.T, torch.eye(10, dtype=torch.float64))
    found = word_maps.nearest(word_maps.mapped(w, x), y)[:, 0]
    assert torch.equal(found, torch.arange(400))


def test_procrustes_maps_the_first_side_to_the_second_and_keeps_a_reflection() -> None:
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    y = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    torch.testing.assert_close(word_maps.procrustes(x, y), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    quarter = torch.tensor([[0.0, 1.0], [-2.0, 0.0]])
    torch.testing.assert_close(
        word_maps.procrustes(x, quarter), torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    )


def angles(*degrees: float) -> Tensor:
    turns = torch.tensor(degrees, dtype=torch.float64) * math.pi / 180
    return torch.stack([turns.cos(), turns.sin()], 1)


def test_csls_takes_a_hub_away_that_the_cosine_falls_for_kat_s23() -> None:
    # The middle translation is nearer to its neighbours' words than their own, 15 degrees off.
    x, y = angles(10, 20, 30), angles(-5, 20, 45)
    cosine = word_maps.nearest(x, y, scaled=False)[:, 0]
    scaled = word_maps.nearest(x, y, scaled=True, k=2)[:, 0]
    pairs = torch.tensor([[0, 0], [1, 1], [2, 2]])
    hits = [precision_at(f[:, None], pairs[:, 0], pairs, 1) for f in (cosine, scaled)]
    assert hits == [pytest.approx(1 / 3), 1.0] and cosine.tolist() == [1, 1, 1]


def test_csls_is_twice_the_cosine_less_both_means_of_the_nearest() -> None:
    x, y = angles(0, 60), angles(0, 60, 90)
    half, root = 0.5, math.sqrt(3) / 2
    cosines = [[1.0, half, 0.0], [half, 1.0, root]]
    near_x, near_y = [(1 + half) / 2, (1 + root) / 2], [0.75, 0.75, root / 2]
    expected = [[2 * cosines[i][j] - near_x[i] - near_y[j] for j in range(3)] for i in range(2)]
    torch.testing.assert_close(
        word_maps.csls(3 * x, 7 * y, k=2), torch.tensor(expected, dtype=torch.float64)
    )
    torch.testing.assert_close(word_maps.mean_similarity(x, y, k=9)[0].item(), 0.5)


def test_nearest_orders_as_the_whole_matrix_does_in_however_many_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = torch.Generator().manual_seed(7)
    x, y = (torch.randn(n, 6, generator=own, dtype=torch.float64) for n in (40, 50))
    expected = word_maps.csls(x, y, 10).topk(5, dim=1).indices
    monkeypatch.setattr(word_maps, "_MOST", 150)
    assert torch.equal(word_maps.nearest(x, y, 5), expected)
    cosines = F.normalize(x, dim=1) @ F.normalize(y, dim=1).T
    assert torch.equal(word_maps.nearest(x, y, 5, scaled=False), cosines.topk(5, 1).indices)
    # A part of the words is translated as with all of them, if hubs are told by all of them.
    assert torch.equal(word_maps.nearest(x[:3], y, 5, among=x), expected[:3])
    assert not torch.equal(word_maps.nearest(x[:3], y, 5), expected[:3])
    assert word_maps.nearest(x, y, 99).shape == (40, 50)


def test_a_dictionary_is_of_frequent_words_and_of_mutual_ones_if_asked() -> None:
    own = torch.Generator().manual_seed(8)
    x, y = (torch.randn(30, 4, generator=own, dtype=torch.float64) for _ in range(2))
    scores = word_maps.csls(x, y, 10)
    there, back = scores.argmax(1), scores.argmax(0)
    every = [(i, int(there[i])) for i in range(30)]
    assert word_maps.translations(x, y, None).tolist() == [list(pair) for pair in every]
    frequent = [[i, j] for i, j in every if i < 12 and j < 12]
    assert word_maps.translations(x, y, 12).tolist() == frequent
    mutual = [[i, j] for i, j in every if int(back[j]) == i]
    assert word_maps.translations(x, y, None, mutual=True).tolist() == mutual
    assert 0 < len(mutual) < 30 and 0 < len(frequent) < 12


@pytest.mark.parametrize("mutual", [False, True])
def test_refinement_finds_the_rotation_from_one_that_is_off(
    words: RotatedWords, mutual: bool
) -> None:
    a, b = (words.vectors(side).double() for side in ("a", "b"))
    w = small_rotation(10, 0.9) @ words.rotation
    refined = word_maps.refine(w, a, b, rounds=5, mutual=mutual)
    assert first_right(w, words) < 0.6 and first_right(refined, words) > 0.95
    torch.testing.assert_close(refined @ refined.T, torch.eye(10, dtype=torch.float64))
    assert word_maps.criterion(refined, a, b) > word_maps.criterion(w, a, b) + 0.03


def test_refinement_makes_a_good_map_of_a_seed_dictionary_with_wrong_pairs(
    words: RotatedWords,
) -> None:
    a, b = (words.vectors(side).double() for side in ("a", "b"))
    seed = words.pairs("train")[:60].clone()  # type: ignore[index]
    seed[::2, 1] = seed[::2, 1].roll(7)
    w = word_maps.procrustes(a[seed[:, 0]], b[seed[:, 1]])
    refined = word_maps.refine(w, a, b)
    assert first_right(w, words) < 0.9 and first_right(refined, words) > 0.95


def test_refinement_stops_where_the_dictionary_stays_and_one_round_is_one_procrustes(
    words: RotatedWords, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = (words.vectors(side).double() for side in ("a", "b"))
    w = small_rotation(10, 0.3) @ words.rotation
    pairs = word_maps.translations(word_maps.mapped(w, a), b)
    once = word_maps.procrustes(a[pairs[:, 0]], b[pairs[:, 1]])
    assert torch.equal(word_maps.refine(w, a, b, rounds=1), once)
    calls: list[int] = []
    inner = word_maps.procrustes
    monkeypatch.setattr(word_maps, "procrustes", lambda x, y: (calls.append(1), inner(x, y))[1])
    word_maps.refine(words.rotation, a, b, rounds=50)
    assert len(calls) < 5


def test_the_criterion_is_the_mean_cosine_of_translations(words: RotatedWords) -> None:
    a, b = (words.vectors(side).double() for side in ("a", "b"))
    q = words.rotation
    pairs = torch.cat([words.pairs("train"), words.pairs("held_out")])  # type: ignore[list-item]
    x = word_maps.mapped(q, a)
    cosine = F.cosine_similarity(x[pairs[:, 0]], b[pairs[:, 1]]).mean()
    assert word_maps.criterion(q, a, b) == pytest.approx(float(cosine), abs=1e-3)
    assert word_maps.criterion(3 * q, a, 7 * b) == pytest.approx(word_maps.criterion(q, a, b))
    wrong = [word_maps.criterion(rotation(10, seed), a, b) for seed in range(3)]
    assert word_maps.criterion(q, a, b) > max(wrong) + 0.1
    eye = torch.eye(2, dtype=torch.float64)
    assert math.isnan(word_maps.criterion(eye, angles(0, 90), angles(90, 0), most_frequent=1))


def test_precision_counts_words_and_not_pairs() -> None:
    pairs = torch.tensor([[4, 0], [4, 9], [7, 1]])
    found = torch.tensor([[9, 5, 0], [3, 1, 2]])
    asked = torch.tensor([4, 7])
    assert [precision_at(found, asked, pairs, k) for k in (1, 2, 3)] == [0.5, 1.0, 1.0]
    assert precision_at(found, torch.tensor([4, 8]), pairs, 3) == 0.5


# -- the network -----------------------------------------------------------------------------------


def test_the_map_starts_as_identity_or_as_a_rotation_of_its_own() -> None:
    x = torch.randn(5, 4)
    assert torch.equal(WordMap(4)(x), x)
    starts = []
    for seed in range(6):
        torch.manual_seed(seed)
        w = WordMap(4, start="random").weight.detach()
        torch.testing.assert_close(w @ w.T, torch.eye(4), rtol=0, atol=1e-5)
        assert float(torch.linalg.det(w)) == pytest.approx(1.0, abs=1e-5)
        starts.append(w)
    assert all(not torch.equal(starts[0], other) for other in starts[1:])
    net = WordMap(4, start="random")
    torch.testing.assert_close(net(x), word_maps.mapped(net.weight, x))


# -- the game --------------------------------------------------------------------------------------


def module(**options: Any) -> WordAlignment:
    return build("WordAlignment", **options).double()


def linear_discriminator(weight: Tensor) -> nn.Module:
    net = nn.Sequential(nn.Linear(TEXT, 1, bias=False, dtype=torch.float64), nn.Flatten(0))
    nn.init.zeros_(net[0].weight)
    net[0].weight.data[0] = weight
    return net


def test_losses_are_smoothed_means_over_both_languages() -> None:
    own = torch.Generator().manual_seed(9)
    v = torch.randn(TEXT, generator=own, dtype=torch.float64)
    game = module(discriminator=linear_discriminator(v), input_dropout=0.0, smoothing=0.2)
    q = rotation(TEXT, 2)
    game.generator.weight.data.copy_(q)
    batch = DATA.batch(6)
    fake, real = batch["a"] @ q.T @ v, batch["b"] @ v
    sp = F.softplus
    of_d = (0.8 * sp(-real) + 0.2 * sp(real)).mean() + (0.2 * sp(-fake) + 0.8 * sp(fake)).mean()
    of_w = (0.8 * sp(-fake) + 0.2 * sp(fake)).mean()
    torch.testing.assert_close(game.discriminator_losses(batch)["adversarial"], of_d / 2)
    torch.testing.assert_close(game.generator_losses(batch)["adversarial"], of_w / 2)


def test_the_discriminators_losses_do_not_reach_the_map_and_the_maps_own_do() -> None:
    game = module()
    game.discriminator_losses(DATA.batch(6))["adversarial"].backward()
    assert game.generator.weight.grad is None
    assert all(p.grad is not None for p in game.discriminator.parameters())
    game.generator_losses(DATA.batch(6))["adversarial"].backward()
    assert float(game.generator.weight.grad.norm()) > 0  # type: ignore[union-attr]


def test_inputs_are_dropped_in_the_discriminators_steps_alone() -> None:
    game, batch = module(input_dropout=0.5), DATA.batch(6)
    for losses_of, differ in ((game.discriminator_losses, True), (game.generator_losses, False)):
        one, other = (losses_of(batch)["adversarial"].item() for _ in range(2))
        assert (one != other) is differ
    assert game.noise.calls == 4


def test_dropped_inputs_keep_their_mean_and_are_the_same_for_any_number_of_ranks() -> None:
    x = torch.rand(2000, 50, dtype=torch.float64)
    kept = dropped(x, 0.2, Noise(3))
    assert float((kept == 0).double().mean()) == pytest.approx(0.2, abs=0.01)
    torch.testing.assert_close(kept[kept != 0], (x / 0.8)[kept != 0])
    ranks = [dropped(part, 0.2, Noise(3, rank)) for rank, part in enumerate(x.chunk(2))]
    assert torch.equal(torch.cat(ranks), kept)
    assert torch.equal(dropped(x, 0.0, Noise(3)), x)


def test_a_step_of_the_map_ends_with_one_step_towards_the_orthogonal_ones() -> None:
    game = module(orthogonality=0.05)
    w = 1.1 * rotation(TEXT, 1)
    game.generator.weight.data.copy_(w)
    game.player_stepped("discriminator")
    assert torch.equal(game.generator.weight, w)
    game.player_stepped("generator")
    torch.testing.assert_close(game.generator.weight.data, word_maps.orthogonalised(w, 0.05))


def test_five_steps_of_the_discriminator_are_played_for_one_of_the_map() -> None:
    game = module(discriminator_steps=5)
    turns = game.schedule()[0].turns
    played = [[turn.players for turn in turns if turn.due(number)] for number in range(10)]
    both = ["discriminator", "generator"]
    assert played == ([["discriminator"]] * 4 + [both]) * 2


def test_the_rate_of_the_map_alone_falls_from_epoch_to_epoch() -> None:
    game = module(epoch_steps=3, epoch_decay=0.5)
    of_d, of_w = game.players()
    assert (of_d.name, of_w.name) == ("discriminator", "generator")
    assert type(of_w.optimizer) is torch.optim.SGD and of_d.scheduler is None
    rates = []
    for _ in range(7):
        rates.append(of_w.optimizer.param_groups[0]["lr"])
        of_w.optimizer.step()
        of_w.scheduler.step()  # type: ignore[union-attr]
    assert rates == pytest.approx([0.1] * 3 + [0.05] * 3 + [0.025])
    linear = module(epoch_decay=1.0, lr_decay=(0, 10)).players()
    assert all(player.scheduler is not None for player in linear)


def test_words_are_mapped_and_translated_by_the_averaged_map() -> None:
    game = module(ema_half_life_images=50.0)
    rows = DATA.batch(40)
    q = rotation(TEXT, 4)
    game.generator_ema.weight.copy_(q)  # type: ignore[union-attr]
    torch.testing.assert_close(
        game.map_words(rows["a"].float()), rows["a"] @ q.T, atol=1e-6, rtol=0
    )
    with game.unaveraged():
        torch.testing.assert_close(game.map_words(rows["a"]), rows["a"])
    expected = word_maps.csls(rows["a"] @ q.T, rows["b"], 10).topk(3, 1).indices
    assert torch.equal(game.nearest(rows["a"], rows["b"], k=3), expected)
    plain = word_maps.nearest(rows["a"] @ q.T, rows["b"], 3, scaled=False)
    assert torch.equal(game.nearest(rows["a"], rows["b"], k=3, csls=False), plain)


# -- what a run shows ------------------------------------------------------------------------------


def test_an_evaluation_scores_the_dictionary_and_ranks_by_the_criterion(
    words: RotatedWords,
) -> None:
    game = WordAlignment(WordMap(10), MLPDiscriminator([10], 8, 2))
    assert maps_words(game) and not (draws(game) or translates(game) or has_panels(game))
    subject = WordTranslations(words)
    wrong = subject.scores(game, 0)
    assert next(iter(wrong)) == "csls_cosine@600"
    names = {f"p{k}_{by}@300" for k in (1, 5) for by in ("csls", "nn")}
    assert set(wrong) == names | {"csls_cosine@600"}
    with torch.no_grad():
        game.generator.weight.copy_(words.rotation)
    right = subject.scores(game, 0)
    assert right["p1_csls@300"] > 0.95 > 0.1 > wrong["p1_csls@300"]
    assert all(right[name] > wrong[name] for name in right)
    assert right["p5_nn@300"] >= right["p1_nn@300"]
    assert right["p1_csls@300"] == pytest.approx(first_right(words.rotation, words))
    rows = [{"scores": scores, "images_seen": 1, "protocol": 0} for scores in (wrong, right)]
    assert Retention().ranked(rows)[0]["scores"] is right
    protocol = subject.protocol("raw")
    assert protocol.data == words.fingerprint() and not protocol.caveats()
    protocol.compare(WordTranslations(words).protocol("raw"))


def test_without_a_dictionary_the_criterion_alone_is_scored() -> None:
    data = RotatedWords(words=60, dim=4, centres=5, held_out_share=0.0)
    subject = WordTranslations(data)
    scores = subject.scores(WordAlignment(WordMap(4), MLPDiscriminator([4], 8, 2)), 0)
    assert list(scores) == ["csls_cosine@60"] and subject.protocol("ema").split == "train"


def test_precisions_beyond_the_candidates_are_left_out() -> None:
    vectors = angles(0, 50, 100)
    scores = translation_scores(vectors, vectors, torch.tensor([[0, 0], [2, 2]]))
    assert scores == {"p1_csls@2": 1.0, "p1_nn@2": 1.0}


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator": nn.Linear(TEXT, TEXT)}, "generator must be a WordMap, got Linear; give"),
        ({"generator": None}, "generator must be a torch.nn.Module, got NoneType"),
        ({"smoothing": 0.5}, "smoothing must be at least 0 and below 0.5, got 0.5; the authors"),
        ({"smoothing": -0.1}, "smoothing must be at least 0 and below 0.5, got -0.1"),
        ({"input_dropout": 1.0}, "input_dropout must be at least 0 and below 1, got 1.0"),
        (
            {"orthogonality": float("nan")},
            "orthogonality must be at least 0 and below 0.5, got nan",
        ),
        ({"discriminator_steps": 0}, "discriminator_steps must be a whole number of at least 1"),
        ({"epoch_steps": 0}, "epoch_steps must be a whole number of at least 1, got 0; the paper"),
        ({"epoch_decay": 1.5}, "epoch_decay must be above 0 and at most 1, got 1.5"),
        ({"lr_decay": (0, 9)}, "epoch_decay must be 1 beside lr_decay, got 0.98; rates follow"),
        ({"generator_lr": 0.0}, "generator_lr must be positive, got 0.0"),
        ({"discriminator_lr": -1.0}, "discriminator_lr must be positive, got -1.0"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^WordAlignment: {message}"):
        build("WordAlignment", **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a": None}, r"batch must have the key a, got \['b', 'index_a', 'index_b'\]; choose data"),
        ({"b": None}, "batch must have the key b, got"),
        ({"a": torch.zeros(4, 3)}, "vectors of a have 3 numbers but the map takes 5; set dim"),
        (
            {"b": torch.zeros(4, 5, 1)},
            r"b must be floats \(N, d\), got torch.float32 of shape \[4,",
        ),
        ({"b": torch.zeros(4, 5).int()}, r"b must be floats \(N, d\), got torch.int32"),
        ({"b": torch.full((4, 5), math.nan)}, "vectors of b must be finite, got NaN or infinity"),
    ],
)
def test_batches_that_are_no_word_vectors_are_refused(
    changes: dict[str, Any], message: str
) -> None:
    batch = {**DATA.batch(4), **changes}
    with pytest.raises(ValueError, match=f"^WordAlignment: {message}"):
        module().check_batch({key: value for key, value in batch.items() if value is not None})
    module().check_batch(DATA.batch(4))


def test_maps_and_precisions_refuse_what_has_no_answer() -> None:
    x = torch.randn(4, 3)
    for one, other in ((x, x[:3]), (x[:0], x[:0]), (x[0], x[0])):
        with pytest.raises(
            ValueError, match="^procrustes: x and y must be the two sides of at lea"
        ):
            word_maps.procrustes(one, other)
    with pytest.raises(ValueError, match="^refine: rounds must be at least 1, got 0"):
        word_maps.refine(torch.eye(3), x, x, rounds=0)
    with pytest.raises(ValueError, match="^nearest: count must be at least 1, got 0"):
        word_maps.nearest(x, x, count=0)
    with pytest.raises(ValueError, match="^mean_similarity: k must be at least 1, got -2"):
        word_maps.mean_similarity(x, x, k=-2)
    found, pairs = torch.zeros(1, 2, dtype=torch.int64), torch.zeros(1, 2, dtype=torch.int64)
    for k, asked in ((3, torch.zeros(1)), (1, torch.zeros(0))):
        with pytest.raises(ValueError, match=r"^precision_at: k must lie in 1\.\.2 and there must"):
            precision_at(found, asked, pairs, k)
    with pytest.raises(ValueError, match="^WordMap: start must be one of identity, random, got ze"):
        WordMap(3, start="zeros")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="^WordMap: dim must be a positive integer, got 0"):
        WordMap(0)
    with pytest.raises(ValueError, match="^WordMap: input must have shape"):
        WordMap(3)(torch.zeros(2, 4))
