import pytest
import torch
from torch import Tensor

from callbacks.metrics.augmentations import Augmentation, augmentations
from callbacks.metrics.features import resize
from tests.callbacks.metrics.helpers_memorization import blobs

SHAPE = (1, 16, 16)


def named(name: str, shape: tuple[int, ...] = SHAPE) -> Augmentation:
    return {change.name: change for change in augmentations("full", shape)}[name]


def spot(x: int, y: int) -> Tensor:
    image = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)
    image[..., y, x] = 200
    return image


def test_full_set_is_every_change_plain_and_mirrored() -> None:
    changes = augmentations("full", SHAPE)
    names = [change.name for change in changes]
    assert len(set(names)) == len(names) == 24
    assert names[:2] == ["as it is", "flip"]
    assert sum(change.flips for change in changes) == 12
    assert all(change.flips == change.name.startswith("flip") for change in changes)
    for change in changes:
        images = blobs(3, seed=1)
        changed = change.apply(images)
        assert changed.shape == images.shape and changed.dtype == torch.uint8
        assert torch.equal(changed, images) == (change.name == "as it is")


@pytest.mark.parametrize(
    ("kind", "shape", "names"),
    [
        ("none", SHAPE, ["as it is"]),
        ("flip", SHAPE, ["as it is", "flip"]),
        ("full", (2,), ["as it is"]),
    ],
)
def test_fewer_changes_where_asked_and_none_of_points(
    kind: str, shape: tuple[int, ...], names: list[str]
) -> None:
    changes = augmentations(kind, shape)  # type: ignore[arg-type]
    assert [change.name for change in changes] == names


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [("left 1", 6, 5), ("right 2", 9, 5), ("up 1", 7, 4), ("down 2", 7, 7), ("flip", 8, 5)],
)
def test_names_say_where_the_image_goes(name: str, x: int, y: int) -> None:
    assert torch.equal(named(name).apply(spot(7, 5)), spot(x, y))


def test_mirror_comes_before_the_shift() -> None:
    assert torch.equal(named("flip, right 1").apply(spot(7, 5)), spot(9, 5))


def test_what_moves_in_repeats_the_edge() -> None:
    image = torch.arange(16, dtype=torch.uint8).expand(1, 1, 16, 16)
    moved = named("right 2").apply(image)
    assert moved[0, 0, 0].tolist() == [0, 0, *range(14)]


def test_shifts_grow_with_the_image() -> None:
    names = [change.name for change in augmentations("full", (3, 96, 64))]
    assert {"left 3", "left 6"} <= set(names) and "left 1" not in names


def test_light_is_five_percent_and_stays_in_range() -> None:
    image = torch.tensor([0, 100, 250], dtype=torch.uint8).view(1, 1, 1, 3)
    assert named("lighter").apply(image).flatten().tolist() == [0, 105, 255]
    assert named("darker").apply(image).flatten().tolist() == [0, 95, 238]


def test_crop_is_the_middle_95_percent_at_full_size() -> None:
    image = blobs(1, seed=3).repeat_interleave(2, -1).repeat_interleave(2, -2)
    changed = named("cropped", (1, 32, 32)).apply(image)
    expected = resize(image[..., 1:31, 1:31], 32).round().to(torch.uint8)
    assert (changed.int() - expected.int()).abs().max() <= 1
    oblong = named("cropped").apply(torch.full((1, 3, 20, 12), 77, dtype=torch.uint8))
    assert oblong.shape == (1, 3, 20, 12) and oblong.unique().tolist() == [77]


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind must be full, flip or none, got 'many'"):
        augmentations("many", SHAPE)  # type: ignore[arg-type]
