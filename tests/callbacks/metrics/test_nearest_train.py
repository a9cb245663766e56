import pytest
import torch
from torch import Tensor

from callbacks.metrics import nearest_train as module
from callbacks.metrics.augmentations import augmentations
from callbacks.metrics.nearest_train import Matches, match_train, nearest_train
from callbacks.metrics.pixels import PixelSpace
from tests.callbacks.metrics.helpers_memorization import SIDE, blobs

SPACE = PixelSpace((1, SIDE, SIDE))
CHANGES = augmentations("full", (1, SIDE, SIDE))
NAMES = [change.name for change in CHANGES]


def pixels(images: Tensor) -> Tensor:
    return SPACE(images).features


def match(samples: Tensor, train: Tensor) -> Matches:
    return match_train(samples, pixels(train), pixels, CHANGES)


@pytest.mark.parametrize("width", [3, 200])
def test_it_finds_what_all_distances_would_show(width: int) -> None:
    samples, train = torch.randn(57, width), torch.randn(311, width)
    found = nearest_train(samples, train)
    distances = torch.cdist(samples.double(), train.double())
    assert torch.equal(found.row, distances.argmin(dim=1))
    torch.testing.assert_close(found.distance, distances.amin(dim=1), rtol=1e-10, atol=1e-10)


def test_pieces_of_any_size_give_the_same_and_no_matrix_of_all_distances_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples, train = torch.randn(50, 100), torch.randn(1000, 100)
    whole = nearest_train(samples, train)
    sizes = []
    addmm = torch.addmm

    def counted(*args: Tensor, **options: float) -> Tensor:
        result = addmm(*args, **options)  # type: ignore[call-overload]
        sizes.append(result.numel())
        return result

    monkeypatch.setattr(torch, "addmm", counted)
    monkeypatch.setattr(module, "_BLOCK", 700)
    monkeypatch.setattr(module, "_ROWS", 7)
    parts = nearest_train(samples, train)
    assert torch.equal(whole.row, parts.row) and torch.equal(whole.distance, parts.distance)
    assert max(sizes) <= 700 and sum(sizes) == 50_000


def test_copies_have_the_distance_0_far_from_the_origin() -> None:
    train = torch.randn(400, 300) + 1000.0
    found = nearest_train(train[5:9], train)
    assert found.distance.tolist() == [0.0] * 4 and found.row.tolist() == [5, 6, 7, 8]


def test_a_training_sample_may_be_kept_from_finding_itself() -> None:
    train = torch.tensor([[0.0], [1.0], [5.0], [5.0]])
    found = nearest_train(train, train, without=torch.arange(4))
    assert found.distance.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert found.row.tolist() == [1, 0, 3, 2]


def test_samples_that_are_not_finite_have_no_distance() -> None:
    samples = torch.tensor([[torch.nan, 0.0], [1.0, 1.0]])
    found = nearest_train(samples, torch.ones(3, 2))
    assert found.distance.isnan().tolist() == [True, False] and found.distance[1] == 0


def test_no_samples_have_no_matches() -> None:
    assert len(nearest_train(torch.empty(0, 3), torch.ones(2, 3)).row) == 0
    assert len(Matches.join([]).row) == 0


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="nearest_train: features must share one width"):
        nearest_train(torch.ones(2, 3), torch.ones(2, 4))
    with pytest.raises(ValueError, match="train must hold at least 2 samples, got 1"):
        nearest_train(torch.ones(1, 3), torch.ones(1, 3), without=torch.zeros(1).long())


@pytest.mark.parametrize(
    ("moved", "undone"),
    [
        ("left 1", "right 1"),
        ("down 2", "up 2"),
        ("flip", "flip"),
        ("flip, up 1", "flip, down 1"),
        ("flip, left 1", "flip, left 1"),
    ],
)
def test_a_changed_copy_is_found_by_the_change_that_undoes_it(moved: str, undone: str) -> None:
    train = blobs(60, seed=1)
    found = match(CHANGES[NAMES.index(moved)].apply(train), train)
    assert found.row.tolist() == list(range(60))
    assert {NAMES[number] for number in found.augmentation.tolist()} == {undone}
    # What left the image is lost, and the edge stands in its place.
    assert float(found.distance.median()) < 0.25


def test_the_samples_are_changed_and_not_the_training_set() -> None:
    """Cropping cannot be undone, so it tells the two sides apart."""
    crop = CHANGES[NAMES.index("cropped")].apply
    images = blobs(40, seed=2)
    of_crops = match(images, crop(images))
    assert float(of_crops.distance.max()) == 0.0
    assert {NAMES[number] for number in of_crops.augmentation.tolist()} == {"cropped"}
    cropped = match(crop(images), images)
    assert float(cropped.distance.median()) > 0.1


def test_distance_is_from_sample_to_training_set_and_not_back() -> None:
    """One image is all that is ever shown: it lies on the training set, which lies far from it."""
    train = blobs(50, seed=3)
    found = match(train[7:8].expand(20, -1, -1, -1), train)
    assert found.row.tolist() == [7] * 20 and float(found.distance.max()) == 0.0


def test_the_first_of_equal_changes_is_named() -> None:
    flat = torch.full((1, 1, SIDE, SIDE), 60, dtype=torch.uint8)
    assert match(flat, flat).augmentation.tolist() == [0]
