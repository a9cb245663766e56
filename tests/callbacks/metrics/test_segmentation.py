"""The segmentation score against confusion matrices made by hand."""

import pytest
import torch
from torch import Tensor

from callbacks.metrics.segmentation import NearestColour, SegmentationScore

PALETTE = [(-1.0, -1.0, -1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, 0.5)]


def painted(classes: Tensor) -> Tensor:
    return torch.tensor(PALETTE)[classes].permute(0, 3, 1, 2)


def score(found: Tensor, truth: Tensor, classes: int = 3) -> dict[str, float]:
    metric = SegmentationScore(NearestColour(PALETTE), classes)
    metric.update(painted(found), truth)
    return metric.compute()


def maps(n: int = 4) -> Tensor:
    return torch.randint(3, (n, 8, 8), generator=torch.Generator().manual_seed(0))


def test_perfect_pictures_score_one_k52() -> None:
    assert score(maps(), maps()) == {"pixel_accuracy": 1.0, "class_accuracy": 1.0, "iou": 1.0}


def test_pictures_that_are_wrong_everywhere_score_zero_k52() -> None:
    found = score((maps() + 1) % 3, maps())
    assert found == {"pixel_accuracy": 0.0, "class_accuracy": 0.0, "iou": 0.0}


def test_a_confusion_of_two_classes_gives_the_values_by_hand_k52() -> None:
    # Truth 0: six pixels, of which two are painted as 1. Truth 1: two pixels, one painted as 0.
    truth = torch.tensor([[[0, 0, 0, 0], [0, 0, 1, 1]]])
    found = torch.tensor([[[0, 0, 0, 0], [1, 1, 1, 0]]])
    metric = SegmentationScore(NearestColour(PALETTE), 3)
    metric.update(painted(found), truth)
    assert metric.confusion.tolist() == [[4, 2, 0], [1, 1, 0], [0, 0, 0]]
    result = metric.compute()
    assert result["pixel_accuracy"] == pytest.approx(5 / 8)
    assert result["class_accuracy"] == pytest.approx((4 / 6 + 1 / 2) / 2)
    assert result["iou"] == pytest.approx((4 / 7 + 1 / 4) / 2)


def test_a_class_that_is_painted_but_not_there_costs_overlap_alone() -> None:
    truth = torch.zeros(1, 2, 2, dtype=torch.int64)
    result = score(torch.tensor([[[0, 0], [0, 2]]]), truth)
    assert result["class_accuracy"] == pytest.approx(3 / 4)
    assert result["iou"] == pytest.approx((3 / 4 + 0) / 2)


def test_the_sum_over_ranks_and_batches_is_whole_and_the_score_of_one() -> None:
    found, truth = maps(8), (maps(8) + (torch.arange(8) % 2)[:, None, None]) % 3
    ranks = [SegmentationScore(NearestColour(PALETTE), 3) for _ in range(2)]
    for rank, metric in enumerate(ranks):
        for row in range(rank, 8, 2):
            metric.update(painted(found[row : row + 1]), truth[row : row + 1])
    # torchmetrics reduces a state over ranks by the function that is named here.
    reduce = ranks[0]._reductions["confusion"]
    assert reduce is not None
    total = reduce(torch.stack([metric.confusion for metric in ranks]))
    assert total.dtype == torch.int64
    ranks[0].confusion = total
    assert ranks[0].compute() == pytest.approx(score(found, truth))


def test_nearest_colour_survives_a_little_noise() -> None:
    images = painted(maps()) + 0.2 * torch.randn(4, 3, 8, 8)
    assert torch.equal(NearestColour(PALETTE)(images), maps())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SegmentationScore(NearestColour(PALETTE), 1), "num_classes must be at least 2"),
        (lambda: NearestColour([(0.0,)]), "palette must be two or more colours that differ"),
        (lambda: NearestColour([(0.0,), (0.0,)]), "palette must be two or more colours"),
        (lambda: NearestColour(PALETTE)(torch.zeros(1, 1, 2, 2)), "must have the 3 channels"),
        (lambda: score(maps(), maps()[:, :4]), r"segmenter must give whole classes \(4, 4, 8\)"),
        (lambda: score(maps(), maps().float()), "truth must give whole classes"),
        (lambda: score(maps(), maps() - 1), r"truth must lie in 0\.\.2, got -1\.\.1"),
        (lambda: score(maps(), maps() * 0, 2), r"segmenter must lie in 0\.\.1, got 0\.\.2"),
    ],
)
def test_what_does_not_fit_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric SegmentationScore")
def test_a_score_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="update must have been called, got no pixels"):
        SegmentationScore(NearestColour(PALETTE), 3).compute()
