"""Who knows the truth: the centres of a mixture, or a classifier that the detector never sees.

The classifier of digits has another architecture, seed and training than the one whose features
the detector may use, and a class of its own for junk: noise, shuffled digits, blends of two digits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from benchmarks.collapse.data import Digits, images_and_labels
from benchmarks.collapse.games import data_of
from callbacks.metrics.cache import cache_path, read_arrays, write_arrays
from datamodules.base import DataModule
from datamodules.batches import from_uint8
from datamodules.toy import GaussianMixture

_SEED = 770_077
_STEPS, _BATCH = 700, 96
_STDS = 3.0


class Oracle:
    """Says which mode a sample shows.

    Args:
        count: number of modes.
        judge: finite samples ``(N, ...)`` to modes ``(N,)``, -1 for junk.
        nearest: the same to the nearest mode, of junk too.
        accuracy: share of held-out real samples that it knows.
        junk_rejected: share of held-out junk that it rejects.
    """

    def __init__(
        self,
        count: int,
        judge: Callable[[Tensor], Tensor],
        nearest: Callable[[Tensor], Tensor],
        accuracy: float,
        junk_rejected: float,
    ) -> None:
        self.count, self.judge, self.nearest = count, judge, nearest
        self.accuracy, self.junk_rejected = accuracy, junk_rejected

    @torch.no_grad()
    def classes(self, samples: Tensor) -> Tensor:
        """Modes ``(N,)`` of samples, -1 for junk and for what is not finite.

        Args:
            samples: uint8 images or float points.
        """
        finite = torch.isfinite(samples.float()).flatten(1).all(dim=1)
        found = torch.full((len(samples),), -1, dtype=torch.int64)
        if finite.any():
            found[finite] = self.judge(samples[finite])
        return found


def oracle_of(kind: str, folder: Path) -> Oracle:
    """The oracle of a kind of data.

    Args:
        kind: of :data:`benchmarks.collapse.plan.KINDS`.
        folder: of the cache.
    """
    data = data_of(kind)
    if isinstance(data, GaussianMixture):
        return _of_mixture(data)
    return _of_images(data, folder)


def negative_oracle(folder: Path) -> Oracle:
    """The oracle of negatives of digits: it looks at their negatives."""
    plain = _of_images(Digits(), folder)
    return Oracle(
        plain.count,
        lambda x: plain.judge(255 - x),
        lambda x: plain.nearest(255 - x),
        plain.accuracy,
        plain.junk_rejected,
    )


def _of_mixture(data: GaussianMixture) -> Oracle:
    def distances(points: Tensor) -> Tensor:
        return torch.cdist(points.double(), data.centres.double())

    def judge(points: Tensor) -> Tensor:
        distance, nearest = distances(points).min(dim=1)
        return torch.where(distance < _STDS * data.std, nearest, torch.full_like(nearest, -1))

    samples, labels = images_and_labels(data, "held_out")
    accuracy = float((judge(samples) == labels).double().mean())
    return Oracle(len(data.centres), judge, lambda x: distances(x).argmin(dim=1), accuracy, 1.0)


class _Net(nn.Module):
    """Large kernels, strides and dropout, on at most 16 x 16 pixels; the last class is junk."""

    def __init__(self, classes: int, side: int) -> None:
        super().__init__()
        self.side = min(side, 16)
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2),
            nn.LeakyReLU(0.1),
            nn.Conv2d(16, 40, 5, stride=2, padding=2),
            nn.LeakyReLU(0.1),
            nn.Conv2d(40, 64, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Dropout(0.4),
            nn.Linear(64 * (self.side // 4) ** 2, classes + 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        pixels = from_uint8(images)
        if pixels.shape[-1] != self.side:
            size = (self.side, self.side)
            pixels = interpolate(pixels, size=size, mode="bilinear", antialias=True)
        logits: Tensor = self.layers(pixels)
        return logits


def _of_images(data: DataModule, folder: Path) -> Oracle:
    classes = len(data.class_names or ())
    key = {"oracle": data.name, "data": data.fingerprint(), "seed": _SEED, "version": 5}
    path = cache_path("oracle", key, folder)
    arrays = read_arrays(path, key)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_SEED)
        net = _Net(classes, data.image_shape[-1])
        if arrays is None:
            _train(net, data, classes)
            arrays = {name: value.numpy() for name, value in net.state_dict().items()}
            write_arrays(path, key, arrays)
    net.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    net.eval()

    @torch.no_grad()
    def logits(images: Tensor) -> Tensor:
        return torch.cat([net(part) for part in images.split(1024)])

    def judge(images: Tensor) -> Tensor:
        found = logits(images).argmax(dim=1)
        return torch.where(found == classes, torch.full_like(found, -1), found)

    def nearest(images: Tensor) -> Tensor:
        return logits(images)[:, :classes].argmax(dim=1)

    images, labels = images_and_labels(data, "held_out")
    own = torch.Generator().manual_seed(_SEED + 1)
    with torch.no_grad():
        accuracy = float((judge(images) == labels).double().mean())
        rejected = float((judge(junk(images, labels, own)) < 0).double().mean())
    return Oracle(classes, judge, nearest, accuracy, rejected)


def junk(images: Tensor, labels: Tensor, own: torch.Generator) -> Tensor:
    """Images that are no digits, a fifth of each kind: noise of two grains, shuffles, blends.

    Args:
        images: uint8 ``(N, 1, H, W)`` of digits.
        labels: ``(N,)``.
        own: random numbers.

    Returns:
        uint8 of the same shape.
    """
    n, side = len(images), images.shape[-1]
    fine = torch.randint(0, 256, images.shape, generator=own).to(torch.uint8)
    coarse = interpolate(
        torch.rand(n, 1, 4, 4, generator=own) * 255, size=(side, side), mode="bilinear"
    ).to(torch.uint8)
    order = torch.rand(n, side * side, generator=own).argsort(dim=1)
    shuffled = images.flatten(1).gather(1, order).view_as(images)
    # A blend is junk where the two digits are not of one class.
    other = torch.randperm(n, generator=own)
    other = torch.where(labels[other] == labels, torch.roll(other, n // 3), other)
    blend = ((images.float() + images[other].float()) / 2).to(torch.uint8)
    half = torch.cat([images[..., : side // 2, :], images[other][..., side // 2 :, :]], dim=-2)
    kinds = torch.stack([fine, coarse, shuffled, blend, half])
    return kinds[torch.arange(n) % 5, torch.arange(n)]


def _train(net: _Net, data: DataModule, classes: int) -> None:
    images, labels = images_and_labels(data, "train")
    own = torch.Generator().manual_seed(_SEED)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=_STEPS)
    net.train()
    for _ in range(_STEPS):
        chosen = torch.randint(len(images), (_BATCH,), generator=own)
        rubbish = torch.randint(len(images), (_BATCH // 3,), generator=own)
        batch = torch.cat([images[chosen], junk(images[rubbish], labels[rubbish], own)])
        truth = torch.cat([labels[chosen], torch.full((len(rubbish),), classes)])
        # Digits of a generator are shifted and noisy, and are digits all the same.
        pixels = batch.float() + 12.0 * torch.randn(batch.shape, generator=own)
        moves = torch.randint(-1, 2, (2,), generator=own).tolist()
        pixels = torch.roll(pixels, moves, (2, 3)) if data.image_shape[-1] > 8 else pixels
        loss = cross_entropy(net(pixels.clamp(0, 255)), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
