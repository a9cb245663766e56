"""The pool of old fakes: how often, how old, whose, and after a resume."""

import copy
import io
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.image_pool import ImagePool


def numbered(start: int, n: int) -> Tensor:
    """Images whose pixels are their own number."""
    return torch.arange(start, start + n, dtype=torch.float64).reshape(n, 1, 1, 1)


def play(pool: ImagePool, noise: Noise, start: int, calls: int, n: int = 3) -> Tensor:
    shown = [pool(numbered(start + call * n, n), noise).flatten() for call in range(calls)]
    return torch.cat([*shown, torch.empty(0)])


def test_first_images_come_back_unchanged_and_later_ones_half_the_time_k23() -> None:
    pool, noise, total, n = ImagePool(50), Noise(3), 200_000, 100
    shown = torch.cat([pool(numbered(start, n), noise) for start in range(0, total, n)]).flatten()
    new = torch.arange(total, dtype=torch.float64)
    assert torch.equal(shown[:50], new[:50])
    old = shown[50:] != new[50:]
    assert old.double().mean().item() == pytest.approx(0.5, abs=0.01)
    ages = (new[50:] - shown[50:])[old]
    assert ages.mean().item() == pytest.approx(2 * 50, rel=0.02)
    later = shown[shown >= 50]
    assert len(later.unique()) == len(later)
    assert len(pool.images) == 50


def test_a_stored_image_may_come_out_within_its_own_batch() -> None:
    shown = ImagePool(1)(numbered(0, 40), Noise(1)).flatten()
    assert (shown[1:] < torch.arange(1, 40)).any() and len(shown[1:].unique()) > 10


def test_a_pool_of_size_zero_gives_back_the_same_object_k23() -> None:
    pool, images = ImagePool(0), torch.zeros(2, 1, 4, 4, requires_grad=True)
    assert pool(images, Noise()) is images
    assert pool.state_dict()["calls"] == 0 and not pool.images


def test_same_seed_rank_and_name_give_the_same_sequence_and_another_does_not_k24() -> None:
    shown = play(ImagePool(4, "a"), Noise(1, rank=0), 0, 40)
    assert torch.equal(shown, play(ImagePool(4, "a"), Noise(1, rank=0), 0, 40))
    for name, seed, rank in (("b", 1, 0), ("a", 2, 0), ("a", 1, 1)):
        assert not torch.equal(shown, play(ImagePool(4, name), Noise(seed, rank=rank), 0, 40))


def test_the_pool_draws_from_the_run_s_noise_without_moving_it() -> None:
    noise = Noise(7)
    noise.uniform(3, device=torch.device("cpu"))
    before = noise.state_dict()
    shown = play(ImagePool(2), noise, 0, 20)
    assert noise.state_dict() == before
    assert torch.equal(shown, play(ImagePool(2), Noise(7), 0, 20))


@pytest.mark.parametrize("calls", [0, 1, 2, 11])
def test_a_resumed_pool_goes_on_bit_for_bit_k24(calls: int) -> None:
    whole, half = ImagePool(5), ImagePool(5)
    expected = play(whole, Noise(1), 0, 30)[3 * calls :]
    play(half, Noise(1), 0, calls)
    file = io.BytesIO()
    torch.save(half.state_dict(), file)
    file.seek(0)
    play(half, Noise(1), 500, 3)  # what happens after the checkpoint does not reach it
    resumed = ImagePool(5)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(play(resumed, Noise(1), 3 * calls, 30 - calls), expected)
    for one, other in zip(resumed.images, whole.images, strict=True):
        assert torch.equal(one, other)


def test_a_rank_begins_anew_with_the_state_of_another_rank() -> None:
    mine = ImagePool(5)
    play(mine, Noise(1, rank=0), 0, 10)
    theirs = ImagePool(5)
    theirs.load_state_dict(mine.state_dict())
    fresh = play(ImagePool(5), Noise(1, rank=1), 100, 10)
    assert torch.equal(play(theirs, Noise(1, rank=1), 100, 10), fresh)


def test_a_loaded_state_fits_pools_of_other_sizes() -> None:
    pool = ImagePool(6)
    play(pool, Noise(1), 0, 2)
    smaller, larger = ImagePool(2), ImagePool(9)
    for other in (smaller, larger):
        other.load_state_dict(pool.state_dict())
    assert [int(image) for image in smaller.images] == [0, 1]
    assert torch.equal(larger(numbered(6, 3), Noise(1)), numbered(6, 3))
    assert len(larger.images) == 9


def test_stored_images_are_copies_without_a_graph() -> None:
    pool, noise = ImagePool(2), Noise(1)
    weight = torch.ones((), requires_grad=True)
    batch = torch.rand(2, 1, 2, 2)
    shown = pool(batch * weight, noise)
    assert not shown.requires_grad and not pool.images[0].requires_grad
    pool.clear()
    shown = pool(batch, noise)
    kept = pool.images[0].clone()
    shown.zero_()
    batch.zero_()
    assert torch.equal(pool.images[0], kept) and kept.any()
    state = pool.state_dict()
    pool.images[0].zero_()
    assert state["images"][0].any()


def test_a_pool_of_pairs_keeps_condition_and_fake_together() -> None:
    pool, noise = ImagePool(4), Noise(1)
    for start in range(0, 60, 3):
        x = numbered(start, 3)
        pairs = pool(torch.cat([x, -x], 1), noise)
        assert torch.equal(pairs[:, 0], -pairs[:, 1])


def test_what_is_shown_has_the_precision_of_what_is_given() -> None:
    pool, noise = ImagePool(1), Noise(1)
    pool(torch.rand(1, 1, 2, 2), noise)
    for _ in range(8):
        assert pool(torch.rand(1, 1, 2, 2).bfloat16(), noise).dtype == torch.bfloat16


def test_clear_and_deepcopy() -> None:
    pool, noise = ImagePool(2), Noise(1)
    play(pool, noise, 0, 3)
    twin = copy.deepcopy(pool)
    assert torch.equal(play(twin, noise, 9, 9), play(pool, noise, 9, 9))
    pool.clear()
    assert torch.equal(pool(numbered(70, 2), noise), numbered(70, 2))


def test_images_of_another_shape_are_refused() -> None:
    pool = ImagePool(2)
    pool(torch.zeros(1, 1, 4, 4), Noise())
    with pytest.raises(
        ValueError, match=r"must keep the shape \(1, 4, 4\), got \(1, 8, 8\); clear"
    ):
        pool(torch.zeros(1, 1, 8, 8), Noise())


@pytest.mark.parametrize("size", [-1, 1.5])
def test_sizes_that_are_no_counts_are_refused(size: object) -> None:
    with pytest.raises(ValueError, match=f"size must be 0 or a positive integer, got {size}"):
        ImagePool(cast(Any, size))
