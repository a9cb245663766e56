"""TalkingHead: codes of a support, rows of W that stay, who learns what, and new persons."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules import heads
from gan_modules.networks.talking_head import (
    HeadDiscriminator,
    HeadEncoder,
    HeadGenerator,
    RandomFeatures,
)
from tests.small.batches import FixedBatches
from tests.small.sizes import CLASSES, SIZE, WIDTH
from tests.small_variants import build
from tests.test_every_variant import fit

DATA = FixedBatches("TalkingHeads")
BATCH = DATA.batch(4)


def playing(**options: Any) -> Any:
    module = build("TalkingHead", **options)
    module.configure_optimizers()
    return module


# -- codes and scores ------------------------------------------------------------------------------


def test_the_code_is_the_mean_over_the_support_in_any_order_k47() -> None:
    networks = playing().generator.eval().double()
    support, marks = BATCH["support"].double(), BATCH["support_landmarks"].double()
    code = heads.code(networks, support, marks)
    alone = [networks["embedder"](support[:, k], marks[:, k]) for k in range(2)]
    torch.testing.assert_close(code, (alone[0] + alone[1]) / 2)
    torch.testing.assert_close(heads.code(networks, support.flip(1), marks.flip(1)), code)
    # A frame belongs to its landmarks: the order of one of both alone does matter.
    assert not torch.allclose(heads.code(networks, support.flip(1), marks), code)


def test_scores_are_linear_in_the_row_of_the_person_k47() -> None:
    judge = HeadDiscriminator(CLASSES, SIZE, 1, WIDTH).eval().double()
    images, marks = BATCH["target"].double(), BATCH["target_landmarks"].double()
    video = torch.zeros(4, dtype=torch.int64)
    nn.init.normal_(judge.everybody)
    nn.init.constant_(judge.bias, 0.7)
    rows, scores = torch.randn(2, judge.code_dim, dtype=torch.float64), []
    for row in (rows[0], rows[1], rows[0] + rows[1], torch.zeros_like(rows[0])):
        judge.videos.weight.data[0] = row
        scores.append(judge(images, marks, video))
    torch.testing.assert_close(scores[2] - scores[3], scores[0] + scores[1] - 2 * scores[3])
    code = judge.trunk(images, marks)
    torch.testing.assert_close(scores[3], code @ judge.everybody + 0.7)
    torch.testing.assert_close(scores[0], code @ (rows[0] + judge.everybody) + 0.7)


def test_the_hinge_of_an_undecided_discriminator_is_two_k47() -> None:
    module = playing()
    for parameter in (module.discriminator.videos.weight, module.discriminator.everybody):
        nn.init.zeros_(parameter)
    batch = module.prepare(BATCH)
    assert module.discriminator_losses(batch)["adversarial"].item() == 2.0
    assert module.generator_losses(batch)["adversarial"].item() == 0.0


def test_matching_is_zero_where_the_row_is_the_code_k47() -> None:
    module = playing(matching_weight=10.0)
    batch = {**module.prepare(BATCH), "video": torch.zeros(4, dtype=torch.int64)}
    code = torch.rand(module.discriminator.code_dim)
    module.discriminator.videos.weight.data[0] = code
    batch["code"] = code.expand(4, -1)
    assert module.generator_losses(batch)["matching"].item() == 0.0
    batch["code"] = code.expand(4, -1) + 0.5
    assert module.generator_losses(batch)["matching"].item() == pytest.approx(5.0, rel=1e-5)


def test_losses_of_the_generator_are_the_weighted_terms() -> None:
    weights = {"content_weight": 2.0, "pixel_weight": 3.0, "feature_weight": 4.0}
    module = playing(**weights).eval()
    batch = module.prepare(BATCH)
    losses = module.generator_losses(batch)
    true, fake = batch["target"], batch["fake"]
    beside = batch["target_landmarks"], batch["video"]
    (scores, made), (_, wanted) = (module.discriminator.judge(x, *beside) for x in (fake, true))
    features = sum(F.l1_loss(a, b) for a, b in zip(made, wanted, strict=True))
    seen = zip(module.content(fake), module.content(true), strict=True)
    expected = {
        "adversarial": -scores.mean(),
        "content": 2 * sum(F.l1_loss(a, b) for a, b in seen),
        "pixels": 3 * F.l1_loss(fake, true),
        "features": 4 * features,
    }
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)
    perfect = module.generator_losses({**batch, "fake": true})
    assert all(perfect[name] == 0 for name in ("content", "pixels", "features"))


# -- who learns what -------------------------------------------------------------------------------


def test_after_each_phase_only_that_players_gradients_are_there_k39() -> None:
    for name, other in (("generator", "discriminator"), ("discriminator", "generator")):
        module = playing()
        batch = module.prepare(BATCH)
        with module.referee._only(module.referee.players[name]):
            sum(getattr(module, f"{name}_losses")(batch).values()).backward()
        missing = [n for n, p in getattr(module, name).named_parameters() if p.grad is None]
        assert not missing
        assert all(p.grad is None for p in getattr(module, other).parameters())
        assert all(p.grad is None for p in module.content.parameters())


def test_embedder_generator_and_projection_are_one_player() -> None:
    module = playing()
    players = module.referee.players
    ours = {id(p) for p in players["generator"].trainable}
    networks = module.generator
    for part in (networks["embedder"], networks["generator"].projection, networks["generator"].up):
        assert all(id(p) in ours for p in part.parameters())
    of_d = {id(p) for p in players["discriminator"].trainable}
    judge = module.discriminator
    assert all(id(p) in of_d for p in (judge.videos.weight, judge.everybody, judge.bias))


def test_g_steps_once_and_then_d_twice_on_the_fakes_of_before() -> None:
    module = build("TalkingHead")
    shown: list[Tensor] = []
    fooling = module.generator_losses
    telling = module.discriminator_losses
    module.generator_losses = lambda batch: shown.append(batch["fake"]) or fooling(batch)
    module.discriminator_losses = lambda batch: shown.append(batch["fake"]) or telling(batch)
    fit(module, steps=2)
    assert module.steps == {"generator": 2, "discriminator": 4} and module.rounds == 2
    assert len(shown) == 6 and shown[0] is shown[1] is shown[2] and shown[2] is not shown[3]


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_rows_of_persons_out_of_the_batch_do_not_move(beta: float) -> None:
    module = playing(betas=(beta, 0.999))
    player = module.referee.players["discriminator"]
    rows = module.discriminator.videos.weight
    moved = []
    for video in (0, 1):
        before = rows.detach().clone()
        batch = module.prepare({**BATCH, "video": torch.full((4,), video)})
        player.optimizer.zero_grad()
        with module.referee._only(player):
            sum(module.discriminator_losses(batch).values()).backward()
        player.optimizer.step()
        moved.append((rows.detach() - before).abs().amax(1) > 0)
    assert torch.stack(moved).tolist() == [[True, False, False], [False, True, False]]
    groups = player.optimizer.param_groups
    assert [group["betas"][0] for group in groups] == [beta, 0.0]
    assert len(module.referee.players["generator"].optimizer.param_groups) == 1


# -- new persons -----------------------------------------------------------------------------------


def test_styles_start_as_plain_instance_normalisation() -> None:
    network = HeadGenerator(SIZE, 1, WIDTH, 8, 1).eval()
    nn.init.zeros_(network.projection.weight)
    styles = network.styles(torch.randn(2, 8))
    # Two norms of a block of 8 widths, and one of each doubling, gains and biases.
    assert styles.shape == (2, 2 * WIDTH * (2 * 8 + 4 + 2 + 1)) and not styles.any()
    marks = BATCH["target_landmarks"][:2]
    assert network(marks, styles).abs().max() <= 1
    changed = styles.clone()
    changed[0, 0] = 1.0
    same = (network(marks, changed) == network(marks, styles)).flatten(1).all(1)
    assert same.tolist() == [False, True]


def test_persons_are_animated_by_their_support_alone() -> None:
    module = build("TalkingHead", ema_half_life_images=50.0)
    fit(module)
    told = [BATCH[key] for key in heads.TOLD]
    made = module.animate(*told)
    assert made.shape == (4, 1, SIZE, SIZE) and made.abs().max() <= 1
    torch.testing.assert_close(module.animate(*(x[:2] for x in told)), made[:2])
    # One person for all landmarks.
    one = module.animate(told[0][:1], told[1][:1], told[2])
    torch.testing.assert_close(one[:1], made[:1])
    assert not torch.allclose(one[1:], made[1:])
    styles = module.adapted(*told[:2])
    torch.testing.assert_close(module.sampler()["generator"](told[2], styles), made)
    with module.unaveraged():
        assert not torch.equal(module.animate(*told), made)


def test_panels_are_the_person_landmarks_what_is_made_and_the_truth() -> None:
    module = build("TalkingHead")
    panels = module.panels(BATCH)
    assert list(panels) == ["person", "landmarks", "made", "true"]
    assert torch.equal(panels["true"], BATCH["target"])
    assert torch.equal(panels["landmarks"], BATCH["target_landmarks"])
    assert torch.equal(panels["person"], BATCH["support"][:, 0])
    assert torch.equal(panels["made"], module.animate(*(BATCH[key] for key in heads.TOLD)))


def test_a_discriminator_whose_codes_are_all_negative_still_learns() -> None:
    judge = HeadDiscriminator(CLASSES, SIZE, 1, WIDTH)
    images = torch.rand(2, 1, SIZE, SIZE)

    def darker(module: Any, inputs: Any, output: Tensor) -> Tensor:
        return output - 100.0

    judge.trunk.blocks[-1].register_forward_hook(darker)
    assert bool((judge.trunk(images, images) < 0).all())
    judge(images, images, torch.tensor([0, 1])).sum().backward()
    assert judge.videos.weight.grad is not None and judge.videos.weight.grad.abs().sum() > 0
    first = next(judge.trunk.parameters()).grad
    assert first is not None and first.abs().sum() > 0
    # An embedder's codes are not negative, whatever comes.
    embedder = HeadEncoder(SIZE, 1, WIDTH)
    embedder.blocks[-1].register_forward_hook(darker)
    assert bool((embedder(images, images) == 0).all())


@pytest.mark.parametrize(("size", "blocks", "dim"), [(32, 3, 16), (64, 4, 32), (128, 5, 32)])
def test_codes_of_every_size_and_attention_at_16_px(size: int, blocks: int, dim: int) -> None:
    encoder = HeadEncoder(size, 1, WIDTH).eval()
    maps = encoder.features(*torch.zeros(2, 1, 1, size, size))
    assert len(encoder.blocks) == blocks and encoder.code_dim == dim
    assert maps[-2].shape[2:] == (4, 4) and maps[-1].shape == (1, dim) and maps[-1].min() >= 0
    attended = [
        maps[i].shape[2] for i, b in enumerate(encoder.blocks) if isinstance(b, nn.Sequential)
    ]
    assert attended == [16]


# -- refusals --------------------------------------------------------------------------------------


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="the same code_dim, got 16 .embedder., 8 .generator."):
        build("TalkingHead", generator=HeadGenerator(SIZE, 1, WIDTH, 8, 1))
    with pytest.raises(ValueError, match="networks must have the same image_shape"):
        build("TalkingHead", discriminator=HeadDiscriminator(CLASSES, SIZE, 3, WIDTH))
    with pytest.raises(ValueError, match="the same code_dim, got None .embedder."):
        build("TalkingHead", embedder=nn.Linear(2, 2))
    for name in ("content_weight", "pixel_weight", "feature_weight", "matching_weight"):
        with pytest.raises(ValueError, match=f"TalkingHead: {name} must not be negative, got -1"):
            build("TalkingHead", **{name: -1})
    for name in ("generator_lr", "discriminator_lr"):
        with pytest.raises(ValueError, match=f"TalkingHead: {name} must be positive, got 0"):
            build("TalkingHead", **{name: 0})
    with pytest.raises(ValueError, match="TalkingHead: micro_batches must be 1, got 2"):
        build("TalkingHead", micro_batches=2)
    with pytest.raises(ValueError, match="HeadEncoder: size must be one of 32, 64, 128, got 48"):
        HeadEncoder(48)
    with pytest.raises(ValueError, match="HeadGenerator: size must be one of 32, 64, 128, got 48"):
        HeadGenerator(48)
    with pytest.raises(ValueError, match="HeadDiscriminator: num_videos must be a positive"):
        HeadDiscriminator(0)
    with pytest.raises(ValueError, match="RandomFeatures: width must be a positive"):
        RandomFeatures(1, 0)


def test_batches_that_cannot_work_are_refused() -> None:
    module = build("TalkingHead")
    module.check_batch(BATCH)
    for key in (*heads.TOLD, "target", "video"):
        without = {k: v for k, v in BATCH.items() if k != key}
        with pytest.raises(ValueError, match=f"batch must have the key {key}, got"):
            module.check_batch(without)
    with pytest.raises(ValueError, match=r"support must have the shape \(N, K, 1, 32, 32\)"):
        module.check_batch({**BATCH, "support": BATCH["target"]})
    with pytest.raises(ValueError, match=r"target must have the shape \(N, 1, 32, 32\)"):
        module.check_batch({**BATCH, "target": BATCH["target"][..., 1:]})
    with pytest.raises(ValueError, match=r"images of domain target must|images must lie in \[-1"):
        module.check_batch({**BATCH, "target": 3 + BATCH["target"]})
    with pytest.raises(ValueError, match=r"video must be integers in 0..2, got torch.int64 in 3"):
        module.check_batch({**BATCH, "video": torch.full((4,), 3)})
    with pytest.raises(ValueError, match="video must be integers in 0..2, got torch.float32"):
        module.check_batch({**BATCH, "video": torch.zeros(4)})
