import math
from typing import Any

import pytest
import torch

from datamodules.toy import Grid, Ring, count_modes


def draw(centres: torch.Tensor, std: float, count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    modes = torch.randint(len(centres), (count,), generator=generator)
    return centres[modes] + std * torch.randn(count, 2, generator=generator)


def test_ring_has_eight_distinct_modes_on_the_unit_circle() -> None:
    ring = Ring()
    expected = [(math.cos(math.pi * k / 4), math.sin(math.pi * k / 4)) for k in range(8)]
    torch.testing.assert_close(ring.centres, torch.tensor(expected), atol=1e-6, rtol=0)
    assert torch.pdist(ring.centres).min() > 0.76  # 2 sin(pi / 8): no mode twice
    assert (ring.std, ring.name, ring.image_shape) == (0.01, "ring-8", (2,))


def test_grid_has_the_25_modes_of_the_papers() -> None:
    grid = Grid()
    axis = [-4.0, -2.0, 0.0, 2.0, 4.0]
    assert {tuple(c) for c in grid.centres.tolist()} == {(x, y) for x in axis for y in axis}
    assert (len(grid.centres), grid.std, grid.name) == (25, 0.05, "grid-25")


@pytest.mark.parametrize(
    ("data", "radius", "std"),
    [
        (Ring(radius=2.0, std=0.02, scale=1 / 1.414), 2 / 1.414, 0.02 / 1.414),
        (Ring(radius=2.0, std=0.02), 2.0, 0.02),
        (Grid(scale=1 / 2.828), 4 * math.sqrt(2) / 2.828, 0.05 / 2.828),
    ],
    ids=["wgan ring", "unrolled ring", "wgan grid"],
)
def test_published_constructions_are_a_matter_of_parameters(
    data: Any, radius: float, std: float
) -> None:
    assert data.centres.norm(dim=1).max().item() == pytest.approx(radius, rel=1e-6)
    assert data.std == pytest.approx(std, rel=1e-12)
    points = torch.from_numpy(data.load().array)
    spread = points - data.centres[torch.from_numpy(data.load().labels)]
    assert spread.std(0).tolist() == pytest.approx([std, std], rel=0.01)
    assert spread.mean(0).abs().max().item() < 0.02 * std


def test_points_come_with_their_mode_and_modes_are_equally_likely() -> None:
    ring = Ring(batch_size=1000)
    batch = next(iter(ring.train_dataloader()))
    assert batch["image"].shape == (1000, 2) and batch["image"].dtype == torch.float32
    nearest = torch.cdist(batch["image"], ring.centres).argmin(1)
    assert torch.equal(nearest, batch["label"])
    labels = ring.load().labels
    assert labels is not None
    counts = torch.bincount(torch.from_numpy(labels))
    assert (counts - 12_500).abs().max() < 5 * math.sqrt(12_500)
    item = ring.reference("held_out")[0]
    assert item["image"].shape == (2,) and item["image"].dtype == torch.float32


@pytest.mark.parametrize("data", [Ring(), Grid()], ids=["ring", "grid"])
def test_true_sampler_covers_all_modes_at_the_known_quality(data: Any) -> None:
    repeats = [
        count_modes(draw(data.centres, data.std, 2500, seed), data.centres, data.std)
        for seed in range(20)
    ]
    assert {one.modes for one in repeats} == {len(data.centres)}
    assert all(0.980 < one.high_quality < 0.998 for one in repeats)
    mean = sum(one.high_quality for one in repeats) / 20
    assert mean == pytest.approx(1 - math.exp(-4.5), abs=0.002)  # 3 sigma in two dimensions
    assert all(0.0 < one.reverse_kl < 0.015 for one in repeats)
    floor = (len(data.centres) - 1) / (2 * 2500)
    assert sum(one.reverse_kl for one in repeats) / 20 == pytest.approx(floor, rel=0.3)


def test_one_mode_counts_as_one() -> None:
    grid = Grid()
    count = count_modes(grid.centres[7].expand(100, 2), grid.centres, grid.std)
    assert (count.modes, count.high_quality) == (1, 1.0)
    assert count.reverse_kl == pytest.approx(math.log(25), rel=1e-12)


def test_half_of_the_modes_gives_log_two() -> None:
    ring = Ring()
    samples = torch.cat([ring.centres[::2].repeat(10, 1), torch.full((40, 2), 9.0)])
    count = count_modes(samples, ring.centres, ring.std)
    assert (count.modes, count.high_quality) == (4, 0.5)
    assert count.reverse_kl == pytest.approx(math.log(2), rel=1e-9)


def test_samples_off_the_support_have_no_mode_and_a_defined_divergence() -> None:
    ring = Ring()
    count = count_modes(torch.zeros(50, 2), ring.centres, ring.std)
    assert (count.modes, count.high_quality) == (0, 0.0)
    assert count.reverse_kl == pytest.approx(math.log(8), rel=1e-12)


def test_quality_ends_at_three_standard_deviations() -> None:
    centres = torch.zeros(1, 2)
    inside, outside = torch.tensor([[0.0299, 0.0]]), torch.tensor([[0.0, 0.0301]])
    assert count_modes(inside, centres, 0.01).modes == 1
    assert count_modes(outside, centres, 0.01).modes == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_diverged_samples_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="samples must be finite.*diverged"):
        count_modes(torch.tensor([[0.0, value]]), Ring().centres, 0.01)


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="samples must not be empty, got 0"):
        count_modes(torch.zeros(0, 2), Ring().centres, 0.01)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ring(modes=0), "Ring: modes must be at least 1, got 0"),
        (lambda: Ring(radius=0.0), "Ring: radius must be above 0, got 0.0"),
        (lambda: Ring(std=0.0), "Ring: std x scale must be above 0, got 0.0"),
        (lambda: Ring(scale=-1.0), "Ring: std x scale must be above 0, got -0.01"),
        (lambda: Grid(side=0), "Grid: side must be at least 1, got 0"),
        (lambda: Grid(spacing=-2.0), "Grid: spacing must be above 0, got -2.0"),
        (lambda: Grid(length=24), "Grid: length must be at least the 25 modes, got 24"),
        (lambda: Ring(mirror=True), "Ring: mirror must be false for points, got True"),
        (lambda: Ring(dequantize=True), "Ring: dequantize must be false for points, got True"),
    ],
)
def test_wrong_options_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}; set "):
        make()
