"""How well a segmenter reads generated pictures: the label maps that they were made from, or not.

The score of label maps turned into pictures (arXiv:1611.07004, section 4.1). On Cityscapes the
segmenter is a trained network; for data that paint each class in its own colour it is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.functional.classification import multiclass_confusion_matrix


class NearestColour(nn.Module):
    """The exact segmenter of pictures in which every class has one colour.

    Args:
        palette: a colour of each class, channels in [-1, 1]; all must differ.

    Raises:
        ValueError: fewer than two colours, unlike long ones, or the same one twice.
    """

    palette: Tensor

    def __init__(self, palette: Sequence[Sequence[float]]) -> None:
        super().__init__()
        colours = [tuple(float(value) for value in colour) for colour in palette]
        if len(colours) < 2 or len({*colours}) < len(colours) or len({*map(len, colours)}) != 1:
            raise ValueError(
                f"NearestColour: palette must be two or more colours that differ, got {colours}; "
                "give one for each class"
            )
        self.register_buffer("palette", torch.tensor(colours))

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` in [-1, 1] to classes, int64 ``(N, H, W)``."""
        if images.shape[1] != self.palette.shape[1]:
            raise ValueError(
                f"NearestColour: images must have the {self.palette.shape[1]} channels of the "
                f"palette, got {images.shape[1]}; give colours of as many channels"
            )
        pixels = images.to(self.palette).permute(0, 2, 3, 1)
        return (pixels[..., None, :] - self.palette).square().sum(-1).argmin(-1)


class SegmentationScore(Metric):
    """Pixel accuracy, class accuracy and intersection over union.

    The state is a confusion matrix of whole numbers, rows the truth, summed over ranks: the score
    of two ranks is that of one.

    Args:
        segmenter: images ``(N, C, H, W)`` to classes, int64 ``(N, H, W)``.
        num_classes: number of classes.

    Raises:
        ValueError: fewer than two classes.
    """

    full_state_update = False
    higher_is_better = True
    is_differentiable = False
    confusion: Tensor

    def __init__(self, segmenter: Callable[[Tensor], Tensor], num_classes: int) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(
                f"SegmentationScore: num_classes must be at least 2, got {num_classes}; give the "
                "number of colours or labels of the data"
            )
        self.segmenter, self.num_classes = segmenter, num_classes
        empty = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion", empty, dist_reduce_fx="sum")

    @torch.no_grad()
    def update(self, images: Tensor, truth: Tensor) -> None:
        """Add pictures and the maps that they were to be made from.

        Args:
            images: ``(N, C, H, W)`` in [-1, 1].
            truth: int64 ``(N, H, W)`` classes.

        Raises:
            ValueError: the shapes do not fit, or a class is out of range.
        """
        found = self.segmenter(images)
        for name, classes in (("truth", truth), ("segmenter", found)):
            if classes.shape != truth.shape or classes.is_floating_point():
                raise ValueError(
                    f"SegmentationScore: {name} must give whole classes {tuple(truth.shape)}, got "
                    f"{classes.dtype} {tuple(classes.shape)}; both are (N, H, W)"
                )
            if (
                len(classes)
                and not 0 <= int(classes.min()) <= int(classes.max()) < self.num_classes
            ):
                raise ValueError(
                    f"SegmentationScore: {name} must lie in 0..{self.num_classes - 1}, got "
                    f"{int(classes.min())}..{int(classes.max())}; raise num_classes"
                )
        if len(truth):
            self.confusion += multiclass_confusion_matrix(
                found.to(truth.device), truth, self.num_classes, validate_args=False
            )

    def compute(self) -> dict[str, float]:
        """``pixel_accuracy``, ``class_accuracy`` and ``iou``, each in [0, 1].

        The mean of the second is over classes that are in the truth, that of the last over those
        that are in the truth or in the pictures.

        Raises:
            ValueError: nothing was added.
        """
        if not int(self.confusion.sum()):
            raise ValueError(
                "SegmentationScore: update must have been called, got no pixels; add some"
            )
        counts = self.confusion.double()
        hits, truth, found = counts.diagonal(), counts.sum(dim=1), counts.sum(dim=0)
        there, either = truth > 0, truth + found > 0
        return {
            "pixel_accuracy": float(hits.sum() / counts.sum()),
            "class_accuracy": float((hits[there] / truth[there]).mean()),
            "iou": float((hits / (truth + found - hits))[either].mean()),
        }
