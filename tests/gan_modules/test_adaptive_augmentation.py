"""ADA: its controller (known answer 25), its transforms against references, and its state."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_modules.augmentations import AdaptiveAugmentation
from gan_modules.augmentations.stages import move_pixels, recolor, warp
from gan_modules.base import AdversarialModule
from gan_modules.engine.noise import Noise
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.objectives import Hinge, LeastSquares, NonSaturating
from gan_modules.regularizers import R1
from tests.helpers_draws import GivenDraws
from tests.helpers_resume import assert_same_state, fit, resumed_and_whole

ALWAYS = torch.ones(())
SHAPE = (1, 32, 32)


def images(n: int = 8, channels: int = 3, height: int = 16, width: int = 16) -> Tensor:
    return torch.rand(n, channels, height, width, dtype=torch.float64) * 2 - 1


def game(**options: Any) -> AdversarialModule:
    with torch.random.fork_rng():
        torch.manual_seed(8)
        networks = MLPGenerator(4, SHAPE, 8, 2), MLPDiscriminator(SHAPE, 8, 2)
    return AdversarialModule(*networks, NonSaturating(), **options)


# -- the controller --------------------------------------------------------------------------------


def steps(augmentation: AdaptiveAugmentation, n: int, scores: Tensor) -> list[float]:
    """p after each of ``n`` D steps."""
    seen = []
    for _ in range(n):
        augmentation.observe(scores)
        augmentation.adapt()
        seen.append(augmentation.probability)
    return seen


def test_p_moves_by_the_images_of_four_steps_over_half_a_million_kat_25() -> None:
    augmentation = AdaptiveAugmentation()
    seen = steps(augmentation, 12, torch.ones(64))
    assert seen[:3] == [0, 0, 0] and seen[3:7] == [seen[3]] * 4
    assert seen[3::4] == pytest.approx([0.000512, 0.001024, 0.001536], abs=1e-9)


def test_a_discriminator_that_is_always_sure_reaches_a_fifth_in_100k_images_kat_25() -> None:
    augmentation = AdaptiveAugmentation().double()
    assert steps(augmentation, 2000, torch.ones(50))[-1] == pytest.approx(0.2, abs=1e-6)


def test_an_unsure_discriminator_lowers_p_to_zero_and_no_further_kat_25() -> None:
    augmentation = AdaptiveAugmentation(probability=0.001)
    # A mean sign of 0.59375 is below 0.6.
    scores = torch.ones(64)
    scores[:13] = -1
    seen = steps(augmentation, 16, scores)
    assert seen[3::4] == pytest.approx([0.000488, 0, 0, 0], abs=1e-9)
    assert min(seen) == 0


def test_p_is_adjusted_by_the_mean_sign_of_all_scores_since_the_last_time() -> None:
    augmentation = AdaptiveAugmentation(target=0.0, interval=2, adjust_images=10)
    for scores in ([3.0, 0.1, -9.0], [0.2, -7.0]):
        augmentation.observe(torch.tensor(scores))
        augmentation.adapt()
    # Three of five are positive, though their mean is not; five images of ten.
    assert augmentation.probability == pytest.approx(0.5)
    assert augmentation.observed.tolist() == [0, 0, 0, 0]
    # Exactly at the target nothing moves.
    for scores in ([1.0], [-1.0]):
        augmentation.observe(torch.tensor(scores))
        augmentation.adapt()
    assert augmentation.probability == pytest.approx(0.5)


def test_p_may_exceed_one_and_counts_as_one_then() -> None:
    augmentation = AdaptiveAugmentation(interval=1, adjust_images=4, probability=1.0)
    assert steps(augmentation, 1, torch.ones(4)) == [2.0]
    x = images()
    certain = AdaptiveAugmentation(target=None, probability=1.0)
    assert torch.equal(augmentation(x, Noise(1)), certain(x, Noise(1)))


def test_a_step_without_real_scores_is_not_counted() -> None:
    augmentation = AdaptiveAugmentation(interval=2)
    augmentation.observe(torch.ones(4))
    for _ in range(5):
        augmentation.adapt()
    assert augmentation.observed.tolist() == [4, 4, 4, 1] and augmentation.probability == 0


def test_a_pack_counts_as_all_of_its_images() -> None:
    augmentation = AdaptiveAugmentation(interval=1, adjust_images=100)
    augmentation.observe(torch.ones(5), images=10)
    augmentation.adapt()
    assert augmentation.probability == pytest.approx(0.1)


def test_a_batch_is_counted_over_all_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rank is sure and has 6 scores; another, that is added here, is not and has 10."""
    import gan_modules.augmentations.adaptive as home

    monkeypatch.setattr(home.dist, "is_initialized", lambda: True)
    of_the_other = torch.tensor([-10, 10, 10, 0])
    monkeypatch.setattr(home.dist, "all_reduce", lambda news: news.add_(of_the_other))
    augmentation = AdaptiveAugmentation(target=0.0, interval=1, adjust_images=160, probability=0.5)
    augmentation.observe(torch.ones(6))
    assert augmentation.observed.tolist() == [-4, 16, 16, 0]
    augmentation.adapt()
    assert augmentation.probability == pytest.approx(0.4)
    assert augmentation.statistics()["real_sign"].item() == pytest.approx(-0.25)


def test_without_a_target_p_is_what_it_is_set_to() -> None:
    augmentation = AdaptiveAugmentation(target=None, probability=0.3)
    assert steps(augmentation, 20, torch.ones(5000))[-1] == pytest.approx(0.3)
    augmentation.probability = 0.55
    assert augmentation.probability == pytest.approx(0.55)
    assert augmentation.state_dict()["p"].item() == pytest.approx(0.55)
    assert not augmentation.adaptive and AdaptiveAugmentation().adaptive


def test_only_scores_that_have_a_zero_can_steer_it() -> None:
    networks = {"generator": MLPGenerator(4, SHAPE, 8, 2)}
    networks["discriminator"] = MLPDiscriminator(SHAPE, 8, 2)
    with pytest.raises(ValueError, match="needs scores whose 0 means undecided, got LeastSquares"):
        AdversarialModule(**networks, objective=LeastSquares(), augmentation=AdaptiveAugmentation())
    AdversarialModule(**networks, objective=Hinge(), augmentation=AdaptiveAugmentation())
    fixed = AdaptiveAugmentation(target=None, probability=0.2)
    AdversarialModule(**networks, objective=LeastSquares(), augmentation=fixed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipeline": "bgcf"}, "pipeline must be one of lite, bg, bgc, got bgcf"),
        ({"target": 1.0}, "target must lie between -1 and 1, got 1.0; the paper's is 0.6"),
        ({"probability": -0.1}, r"probability must lie in \[0, 1\], got -0.1"),
        ({"interval": 0}, "interval must be at least 1, got 0"),
        ({"adjust_images": 0}, "adjust_images must be at least 1, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"AdaptiveAugmentation: {message}"):
        AdaptiveAugmentation(**options)


# -- the transforms --------------------------------------------------------------------------------


@pytest.mark.parametrize("pipeline", ["lite", "bg", "bgc"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_p_of_zero_is_the_identity_bit_for_bit_kat_25(pipeline: Any, dtype: torch.dtype) -> None:
    x = images(64, height=9, width=12).to(dtype)
    assert torch.equal(AdaptiveAugmentation(pipeline)(x, Noise(1)), x)


@pytest.mark.parametrize(("stage", "transforms"), [(move_pixels, 3), (warp, 4), (recolor, 5)])
def test_p_is_the_chance_of_each_transform_for_each_image(stage: Any, transforms: int) -> None:
    x = images(4000, height=8, width=8)
    p = torch.tensor(0.3)
    changed = (stage(x, p, Noise(9)) != x).flatten(1).any(1).double().mean().item()
    # Along each axis of 8 pixels a shift is none half of the time; a flip is none half of the time.
    moves = (1 - 0.3 / 2) * (1 - 0.3 * 3 / 4) * (1 - 0.3 * 3 / 4)
    untouched = {3: moves, 4: 0.7**4, 5: 0.7**4 * (1 - 0.3 / 2)}
    assert 1 - changed == pytest.approx(untouched[transforms], abs=0.03)


def moved(x: Tensor, *draws: float) -> Tensor:
    """Of gates for flip, turn, shift; then which flip, which turn, how far down, how far across."""
    return move_pixels(x, torch.tensor(0.5), GivenDraws([list(draws)] * len(x)))


def test_flips_turns_and_shifts_agree_with_torch() -> None:
    x, no = images(2), 0.9
    assert torch.equal(moved(x, no, no, no, 0, 0.3, 0, 0), x)
    assert torch.equal(moved(x, 0, no, no, 0.4, 0, 0, 0), x.flip(3))
    assert torch.equal(moved(x, 0, no, no, 0.6, 0, 0, 0), x)
    for turn in range(4):
        found = moved(x, no, 0, no, 0, turn / 4 + 0.1, 0, 0)
        assert torch.equal(found, torch.rot90(x, turn, (2, 3)))
    # Two pixels of 16 down and one to the left.
    padded = F.pad(x, (2, 2, 2, 2), mode="reflect")
    assert torch.equal(moved(x, no, no, 0, 0, 0, 0.99, 0.24), padded[:, :, :16, 3:19])
    # All three: the flip first, then the turn, then the shift.
    turned = F.pad(torch.rot90(x.flip(3), 1, (2, 3)), (2, 2, 2, 2), mode="reflect")
    assert torch.equal(moved(x, 0, 0, 0, 0, 0.3, 0.99, 0.24), turned[:, :, :16, 3:19])


def test_shifts_reach_an_eighth_of_the_size_both_ways() -> None:
    column = torch.arange(24.0).view(1, 1, 1, 24).expand(500, 1, 16, 24)
    found = move_pixels(column, ALWAYS, Noise(3))
    assert found.min() == 0 and found.max() == 23
    middles = found[:, 0, 8, 12]
    assert set(middles.tolist()) == set(range(8, 16))


def test_images_that_are_not_square_get_half_turns_only() -> None:
    x, no = images(2, height=6, width=10), 0.9
    for turn, expected in ((1, x), (2, x.flip(2, 3)), (3, x.flip(2, 3))):
        assert torch.equal(moved(x, no, 0, no, 0, turn / 4 + 0.1, 0, 0), expected)


def homogeneous(*rows: tuple[float, float, float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def rotated(angle: float) -> Tensor:
    """On (x to the right, y down), as the transforms of the warp."""
    cos, sin = math.cos(angle), math.sin(angle)
    return homogeneous((cos, -sin, 0), (sin, cos, 0), (0, 0, 1))


@pytest.mark.parametrize(("height", "width"), [(11, 11), (8, 13)])
def test_the_warp_agrees_with_matrices_and_grid_sample(height: int, width: int) -> None:
    """Scale, then turn, stretch, turn again, shift; read by torch's own sampler."""
    x = images(1, height=height, width=width)
    zoom, stretch, down, across = 0.7, -0.4, 0.9, -1.3
    first, second = 0.6, 0.15
    draws = GivenDraws([[0, 0, 0, 0, 0, first, second]], [[zoom, stretch, down, across]])
    found = warp(x, ALWAYS, draws)
    z, s = 2 ** (0.2 * zoom), 2 ** (0.2 * stretch)
    forward = (
        homogeneous((1, 0, 0.125 * width * across), (0, 1, 0.125 * height * down), (0, 0, 1))
        @ rotated((2 * second - 1) * math.pi)
        @ homogeneous((s, 0, 0), (0, 1 / s, 0), (0, 0, 1))
        @ rotated((2 * first - 1) * math.pi)
        @ homogeneous((z, 0, 0), (0, z, 0), (0, 0, 1))
    )
    y, x_ = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) - (height - 1) / 2,
        torch.arange(width, dtype=torch.float64) - (width - 1) / 2,
        indexing="ij",
    )
    places = torch.linalg.inv(forward) @ torch.stack([x_, y, torch.ones_like(y)]).flatten(1)
    grid = torch.stack([places[0] / ((width - 1) / 2), places[1] / ((height - 1) / 2)], 1)
    expected = F.grid_sample(
        x,
        grid.view(1, height, width, 2),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=True,
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("gate", range(5))
def test_each_part_of_the_warp_has_a_gate_of_its_own(gate: int) -> None:
    x, p = images(1), torch.tensor(0.5)
    strength = [[0.9, -1.1, 0.3, 0.8]]
    gates = [0.9] * 5
    still = warp(x, p, GivenDraws([[*gates, 0.3, 0.8]], strength))
    assert torch.equal(still, x)
    gates[gate] = 0.1
    assert not torch.equal(warp(x, p, GivenDraws([[*gates, 0.3, 0.8]], strength)), x)


def test_either_turn_happens_with_probability_p() -> None:
    """Each has 1 - sqrt(1 - p); at p = 0.75 that is a half."""
    x, p = images(1), torch.tensor(0.75)
    for gate, turns in ((0.49, True), (0.51, False)):
        for gates in ([1, 1, gate, 1, 1], [1, 1, 1, gate, 1]):
            found = warp(x, p, GivenDraws([[*gates, 0.3, 0.3]], [[0, 0, 0, 0]]))
            assert torch.equal(found, x) != turns


def test_scales_and_shifts_have_the_spread_of_the_paper() -> None:
    """From where the warp reads: a ramp tells the place of each pixel."""
    n = 3000
    ramp = torch.linspace(-1, 1, 65, dtype=torch.float64).view(1, 1, 1, 65).expand(n, 1, 3, 65)
    gates = torch.ones(n, 7, dtype=torch.float64)
    gates[:, 0] = 0
    normal = torch.randn(n, 4, dtype=torch.float64)
    zoomed = warp(ramp, torch.tensor(0.5), GivenDraws(gates, normal))[:, 0, 1]
    slopes = (zoomed[:, 33] - zoomed[:, 31]) / (ramp[0, 0, 0, 33] - ramp[0, 0, 0, 31])
    assert slopes.log2().std().item() == pytest.approx(0.2, rel=0.05)
    gates[:, 0], gates[:, 4] = 1, 0
    shifted = warp(ramp, torch.tensor(0.5), GivenDraws(gates, normal))[:, 0, 1, 32]
    assert (shifted / 2).std().item() == pytest.approx(0.125, rel=0.05)


def test_colours_agree_with_matrices() -> None:
    x = images(1)
    brightness, contrast, saturation, hue = 0.8, -0.6, 0.7, 0.2
    draws = GivenDraws([[0, 0, 0, 0, 0, 0.3, hue]], [[brightness, contrast, saturation]])
    found = recolor(x, ALWAYS, draws)
    grey = torch.full((3,), 3**-0.5, dtype=torch.float64)
    onto, whole = torch.outer(grey, grey), torch.eye(3, dtype=torch.float64)
    angle = (2 * hue - 1) * math.pi
    cross = torch.linalg.cross(whole, grey.expand(3, 3)).mT * -1
    turn = torch.linalg.matrix_exp(angle * cross)
    expected = x + 0.2 * brightness
    expected = expected * 2 ** (0.5 * contrast)
    for matrix in (whole - 2 * onto, turn, onto + (whole - onto) * 2**saturation):
        expected = torch.einsum("ab,nbhw->nahw", matrix, expected)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("gate", range(5))
def test_each_colour_change_has_a_gate_of_its_own(gate: int) -> None:
    x, p = images(1), torch.tensor(0.5)
    gates = [0.9] * 5
    strength = [[0.9, -1.1, 0.6]]
    assert torch.equal(recolor(x, p, GivenDraws([[*gates, 0.3, 0.8]], strength)), x)
    gates[gate] = 0.1
    found = recolor(x, p, GivenDraws([[*gates, 0.3, 0.8]], strength))
    grey, before = found.mean(1), x.mean(1)
    expected = [before + 0.18, before * 2**-0.55, -before, before, before][gate]
    torch.testing.assert_close(grey, expected, rtol=0, atol=1e-6)
    assert not torch.equal(found, x)


def test_grey_images_are_recoloured_as_grey_colour_images_are() -> None:
    x = images(40, channels=1)
    alone = recolor(x, ALWAYS, Noise(3))
    of_colours = recolor(x.expand(-1, 3, -1, -1), ALWAYS, Noise(3))
    torch.testing.assert_close(of_colours, alone.expand(-1, 3, -1, -1), rtol=0, atol=1e-6)


def test_colours_of_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or 3 channels, got 4; use pipeline: bg"):
        AdaptiveAugmentation()(images(2, channels=4), Noise())
    assert AdaptiveAugmentation("bg")(images(2, channels=4), Noise()).shape == (2, 4, 16, 16)


# -- in a game -------------------------------------------------------------------------------------


def quick(**options: Any) -> AdaptiveAugmentation:
    """Moves within a few steps of four images."""
    return AdaptiveAugmentation(**{"target": -0.9, "adjust_images": 50, **options})


def test_p_is_logged_and_the_generator_learns_through_it() -> None:
    module = game(augmentation=quick(interval=1))
    fit(module, steps=3)
    assert module.augmentation is not None
    assert module.last_statistics["train/augmentation/p"] == pytest.approx(0.24)
    assert -1 <= module.last_statistics["train/augmentation/real_sign"] <= 1
    assert module.augmentation.probability == pytest.approx(0.24)
    assert all(p.grad is not None and p.grad.any() for p in module.generator.parameters())


def test_micro_batches_are_counted_as_one_step_of_all_images() -> None:
    module = game(augmentation=quick(interval=2), micro_batches=2)
    fit(module, steps=3)
    assert module.augmentation is not None
    assert module.augmentation.observed.tolist()[1:] == [4, 4, 1]
    assert module.augmentation.probability == pytest.approx(8 / 50)


def test_penalties_go_through_it() -> None:
    module = game(augmentation=AdaptiveAugmentation(target=None, probability=1.0))
    module.regularizers = [R1(1.0)]
    fit(module, steps=1)
    # Of a magnified or mirrored image the slope is not that at the image itself.
    real = images(4, 1, 32, 32).float()
    module.noise.seed, module.noise.calls = 3, 0
    through = R1().penalty(module.smooth_score(), real, real, module.noise)
    plain = R1().penalty(module.discriminator, real, real, module.noise)
    module.noise.calls = 0
    points = real.clone().requires_grad_(True)
    changed = module.augmentation(points, module.noise)  # type: ignore[misc]
    (slope,) = torch.autograd.grad(module.discriminator(changed).sum(), points)
    torch.testing.assert_close(through, 5 * slope.flatten(1).square().sum(1).mean())
    assert abs(through.item() / plain.item() - 1) > 1e-3


def test_a_resumed_run_has_the_same_p_and_sums(tmp_path: Path) -> None:
    resumed, whole = resumed_and_whole(lambda: game(augmentation=quick(interval=3)), tmp_path)
    assert_same_state(resumed, whole)
    half = torch.load(tmp_path / "half.ckpt", weights_only=True)["state_dict"]
    # The checkpoint lies between two adjustments, after the first.
    assert half["augmentation.observed"].tolist()[1:] == [4, 4, 1]
    assert half["augmentation.p"].item() == pytest.approx(12 / 50)
    assert whole.augmentation.probability == pytest.approx(24 / 50)
