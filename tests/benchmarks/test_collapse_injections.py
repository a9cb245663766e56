"""Injections do to samples what their names say."""

import pytest
import torch
from torch import Tensor

from benchmarks.collapse.injections import CONTROLS, INJECTIONS, Injection, View
from benchmarks.collapse.oracle import Oracle
from benchmarks.collapse.plan import Run
from datamodules.toy import Ring

CENTRES = Ring(std=0.1, scale=3.0).centres


class Perfect:
    """A stream of a generator that draws the ring as it is."""

    run = Run("ring", "r1", "healthy", 4)
    conditional = False

    def latents(self, probe: int, n: int, seed: int, labels: Tensor | None = None) -> Tensor:
        own = torch.Generator().manual_seed(seed * 1009 + probe)
        noise = torch.randn(n, 3, generator=own)
        noise[:, 2] = torch.randint(8, (n,), generator=own) if labels is None else labels
        return noise

    def decode(self, probe: int, z: Tensor, average: bool = False) -> Tensor:
        return CENTRES[z[:, 2].long().clamp(0, 7)] + 0.1 * z[:, :2]


def judge(points: Tensor) -> Tensor:
    distance, nearest = torch.cdist(points, CENTRES).min(dim=1)
    return torch.where(distance < 0.9, nearest, torch.full_like(nearest, -1))


ORACLE = Oracle(8, judge, lambda points: torch.cdist(points, CENTRES).argmin(dim=1), 1.0, 1.0)
VIEW = View(Perfect(), 30, False, ORACLE, 20)  # type: ignore[arg-type]
BY_NAME: dict[str, Injection] = {one.name: one for one in (*INJECTIONS, *CONTROLS)}


def draw(name: str, since: int = 0, n: int = 512, seed: int = 1) -> Tensor:
    return BY_NAME[name].draw(VIEW, n, seed, since, None)


def modes(samples: Tensor) -> Tensor:
    found = judge(samples)
    return torch.bincount(found[found >= 0], minlength=8)


def test_a_constant_is_one_sample_with_a_little_noise() -> None:
    samples = draw("constant")
    assert int((modes(samples) > 0).sum()) == 1
    assert samples.std(dim=0).max() == pytest.approx(0.03, rel=0.15)
    assert len(samples.unique(dim=0)) == 512


@pytest.mark.parametrize("k", [1, 2, 3])
def test_few_modes_are_k_good_ones_without_copies(k: int) -> None:
    samples = draw(f"few_modes@{k}")
    assert int((modes(samples) > 0).sum()) == k
    assert len(samples.unique(dim=0)) == 512
    again = draw(f"few_modes@{k}", seed=2)
    assert ((modes(samples) > 0) == (modes(again) > 0)).all()


@pytest.mark.parametrize("pool", [4, 16, 64])
def test_copies_come_from_one_pool(pool: int) -> None:
    both = torch.cat([draw(f"copies@{pool}"), draw(f"copies@{pool}", seed=2)])
    assert len(both.unique(dim=0)) == pool


@pytest.mark.parametrize("since", [0, 3])
def test_a_contraction_shrinks_by_its_factor_at_every_probe(since: int) -> None:
    plain, shrunk = VIEW.fakes(512, 1), draw("contraction@0.8", since)
    ratio = shrunk.std(dim=0) / plain.std(dim=0)
    assert torch.allclose(ratio, torch.full((2,), 0.8 ** (since + 1)), rtol=1e-4)


@pytest.mark.parametrize(("tenths", "left"), [(1, 7), (3, 6), (5, 4), (9, 1)])
def test_dropped_classes_are_gone_at_once(tenths: int, left: int) -> None:
    assert int((modes(draw(f"class_drop@{tenths}")) > 0).sum()) == left


def test_the_bad_samples_of_a_dropped_class_go_with_it() -> None:
    class Sloppy(Perfect):
        def decode(self, probe: int, z: Tensor, average: bool = False) -> Tensor:
            return CENTRES[z[:, 2].long()] + 0.6 * z[:, :2]

    view = View(Sloppy(), 30, False, ORACLE, 20)  # type: ignore[arg-type]
    samples = BY_NAME["class_drop@9"].draw(view, 512, 1, 0, None)
    assert int((judge(samples) < 0).sum()) > 100
    assert len(ORACLE.nearest(samples).unique()) == 1
    assert int((judge(BY_NAME["few_modes@1"].draw(view, 256, 1, 0, None)) < 0).sum()) == 0


def test_a_slow_drop_takes_ten_probes() -> None:
    counts = [modes(draw("class_drop_slow@5", since, 4096)) for since in (0, 4, 9, 15)]
    left = [int((c > 60).sum()) for c in counts]
    assert left == [8, 6, 4, 4]
    # Four modes in ten probes: after the first, one has lost two fifths.
    assert float(counts[0].min() / counts[0].max()) == pytest.approx(0.6, abs=0.08)


def test_noise_and_nan_are_what_they_say() -> None:
    assert int(modes(draw("noise_blowup")).sum()) < 40
    assert bool(torch.isnan(draw("nan")).all())


def test_a_passing_collapse_ends_after_six_probes() -> None:
    kept = [int((modes(draw("recover", since)) > 0).sum()) for since in (0, 5, 6, 9)]
    assert kept == [2, 2, 8, 8]


def test_controls_keep_the_generator_as_good_as_it_is() -> None:
    moved = draw("brighter") - VIEW.fakes(512, 1)
    assert torch.allclose(moved, torch.tensor([0.06, 0.0]).expand_as(moved), atol=1e-6)
    assert [int((modes(draw("dip", since)) > 0).sum()) for since in (0, 1, 2)] == [6, 6, 8]
