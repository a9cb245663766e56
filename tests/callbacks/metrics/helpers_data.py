"""Small data sets in the shape of a data module, as evaluation reads them."""

from typing import Any

import torch
from torch import Tensor


class Samples:
    """Map-style samples from tensors."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self.reads = 0

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        self.reads += 1
        return {"image": self.images[index], "label": int(self.labels[index])}


class StripeData:
    """Grey 16 x 16 images of three classes: stripes across, stripes down, or a flat tone."""

    name = "stripes-16"
    image_shape: tuple[int, ...] = (1, 16, 16)
    class_names: tuple[str, ...] | None = ("across", "down", "flat")

    def __init__(self, train: int = 360, held_out: int = 90, true_labels: bool = True) -> None:
        self.content = f"stripes-{train}-{held_out}-{true_labels}"
        self.splits = {
            "train": self._draw(train, 1, true_labels),
            "held_out": self._draw(held_out, 2, true_labels),
        }

    def reference(self, split: str) -> Samples:
        return self.splits[split]

    def fingerprint(self) -> str:
        return self.content

    def _draw(self, n: int, seed: int, true_labels: bool) -> Samples:
        draws = torch.Generator().manual_seed(seed)
        labels = torch.arange(n) % 3
        wave = (torch.arange(16) % 4 < 2).float() * 120
        patterns = torch.stack(
            [wave[:, None].expand(16, 16), wave[None, :].expand(16, 16), torch.full((16, 16), 60.0)]
        )
        noise = torch.rand(n, 16, 16, generator=draws) * 80
        images = (patterns[labels] + noise)[:, None].to(torch.uint8)
        if not true_labels:
            labels = torch.randint(0, 3, (n,), generator=draws)
        return Samples(images, labels)


class RingData:
    """2-D points on a circle."""

    name = "ring"
    image_shape: tuple[int, ...] = (2,)
    class_names: tuple[str, ...] | None = None

    def reference(self, split: str) -> Samples:
        draws = torch.Generator().manual_seed(len(split))
        angle = torch.rand(200, generator=draws) * 6.2832
        points = torch.stack([angle.cos(), angle.sin()], dim=1)
        return Samples(points, torch.zeros(200))

    def fingerprint(self) -> str:
        return "ring"
