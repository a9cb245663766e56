"""Images among which neighbours mean something, and generators that give some of them back."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from callbacks.metrics.features import Features, FeatureSpace, resize
from datamodules.batches import from_uint8
from tests.callbacks.metrics.helpers_data import Samples

SIDE = 16


def blobs(n: int, seed: int, right: bool = False) -> Tensor:
    """Two soft spots on dark ground, uint8 ``(n, 1, 16, 16)``: ten numbers decide an image."""
    draws = torch.Generator().manual_seed(seed)
    steps = torch.arange(SIDE).float()
    images = torch.zeros(n, SIDE, SIDE)
    for spot in range(2):
        x, y = (5 + 5 * torch.rand(n, 1, 1, generator=draws) for _ in range(2))
        wide, high = (1.0 + 0.8 * torch.rand(n, 1, 1, generator=draws) for _ in range(2))
        light = 120 + 100 * torch.rand(n, 1, 1, generator=draws)
        if right:
            x = torch.full_like(x, 9.0 + spot)
        off = ((steps[None, None, :] - x) / wide) ** 2 + ((steps[None, :, None] - y) / high) ** 2
        images = torch.maximum(images, light * torch.exp(-off / 2))
    return images.round().clamp(0, 255).to(torch.uint8)[:, None]


class BlobData:
    """Blobs as a data module shows them; class 1 has its spots on the right."""

    name = "blobs-16"
    image_shape: tuple[int, ...] = (1, SIDE, SIDE)
    class_names: tuple[str, ...] | None = ("free", "right")

    def __init__(self, train: int = 400, held_out: int = 500) -> None:
        self.splits = {}
        for split, count, seed in (("train", train, 1), ("held_out", held_out, 2)):
            right = count // 4
            images = torch.cat([blobs(count - right, seed), blobs(right, seed + 10, right=True)])
            labels = (torch.arange(count) >= count - right).long()
            self.splits[split] = Samples(images, labels)

    def reference(self, split: str) -> Samples:
        return self.splits[split]

    def fingerprint(self) -> str:
        return "blobs"


def fresh(n: int, seed: int = 50) -> Tensor:
    """New blobs in the proportion of :class:`BlobData`'s training set."""
    right = n // 4
    return torch.cat([blobs(n - right, seed), blobs(right, seed + 10, right=True)])


class Small(FeatureSpace):
    """16 fixed random projections of 8 x 8 pixels."""

    id = "small"
    dim = 16
    sha256 = "small"
    resize_id = "bicubic-aa-8"

    def __call__(self, samples: Tensor) -> Features:
        draws = torch.Generator().manual_seed(0)
        weights = torch.randn(64 * samples.shape[1], self.dim, generator=draws)
        return Features(resize(samples, 8).flatten(1).div(255.0) @ weights, None)


class Replay:
    """Looks its images up: the latent picks one."""

    device = torch.device("cpu")

    def __init__(
        self, images: Tensor, change: Callable[[Tensor], Tensor] = lambda images: images
    ) -> None:
        self.images, self.change = images, change

    def draw_latents(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        return torch.rand(n, 1, generator=generator)

    def decode(self, z: Tensor) -> Any:
        chosen = self.images[(z[:, 0] * len(self.images)).long()]
        return from_uint8(self.change(chosen))
