"""Generators that give back the training set must be flagged, and fresh real data must not be.

``python -m benchmarks.memorization [--seeds 3] [--samples 500]``: on MNIST-5k at 32 px, generators
in the sense of the lecture's memory GAN: each latent picks a training image, which is shown as it
is, mirrored, shifted by a pixel or with a little noise. Others mix copies with fresh held-out
digits, or show nothing but fresh digits, five of them, or blurred means. For each: the verdict, and
the share of seeds in which each test flags it. ``wrong`` counts verdicts that should be others.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from callbacks.memorization_probe import MemorizationProbe, MemorizationSettings
from callbacks.metrics.copying import Level
from callbacks.metrics.spaces import choose_space
from datamodules.batches import from_uint8
from datamodules.mnist import MNIST5k
from experiments.cli import quiet_lightning

#: Real digits that the probe may look at as held out; the others of the held-out part are "fresh".
_NULL = 750


class Subset:
    """Some items of a data set."""

    def __init__(self, data: Any, rows: Tensor) -> None:
        self.data, self.rows = data, rows.tolist()

    def __len__(self) -> int:
        """Number of items."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        """Return one item."""
        return self.data[self.rows[index]]

    def images(self) -> Tensor:
        """All images, uint8 ``(N, C, H, W)``."""
        return torch.stack([self[i]["image"] for i in range(len(self))])

    def labels(self) -> Tensor:
        """All labels, int64 ``(N,)``."""
        return torch.tensor([self[i]["label"] for i in range(len(self))])


class Digits:
    """MNIST-5k with 30 % held out, which a seed parts into the null and fresh digits."""

    def __init__(self, seed: int, data: MNIST5k) -> None:
        held_out = data.reference("held_out")
        order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(seed))
        train = data.reference("train")
        self.train = Subset(train, torch.arange(len(train)))
        self.null = Subset(held_out, order[:_NULL])
        self.fresh = Subset(held_out, order[_NULL:])
        self.name, self.image_shape = data.name, data.image_shape
        self.class_names, self.fingerprint = data.class_names, data.fingerprint

    def reference(self, split: str) -> Any:
        """Return the training set, or the held-out digits that are not fresh."""
        return self.train if split == "train" else self.null


class Replay:
    """A generator that looks its samples up: the first latent number picks one of the images.

    Args:
        images: uint8 ``(N, C, H, W)``.
        change: what is done to them, uint8 or float of the same shape.
        fresh: uint8 images that are shown instead, for latents whose second number says so.
        share: of samples that are looked up in ``images``.
    """

    device = torch.device("cpu")

    def __init__(
        self,
        images: Tensor,
        change: Callable[[Tensor], Tensor] = lambda images: images,
        fresh: Tensor | None = None,
        share: float = 1.0,
    ) -> None:
        self.images, self.change, self.fresh, self.share = images, change, fresh, share

    def draw_latents(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Latents ``(n, 2)``, uniform in [0, 1)."""
        return torch.rand(n, 2, generator=generator)

    def decode(self, z: Tensor) -> Tensor:
        """Images ``(n, C, H, W)`` in [-1, 1]."""
        samples = self.change(_picked(self.images, z[:, 0])).float()
        if self.fresh is not None:
            fresh = _picked(self.fresh, z[:, 0]).float()
            samples = torch.where((z[:, 1] < self.share)[:, None, None, None], samples, fresh)
        return from_uint8(samples.round().clamp(0.0, 255.0))


@dataclass(frozen=True)
class Control:
    """One generator, and what it may be called.

    Attributes:
        build: from the digits.
        allowed: levels that are right.
    """

    build: Callable[[Digits], Replay]
    allowed: tuple[Level, ...]


def _flip(images: Tensor) -> Tensor:
    return images.flip(-1)


def _shift(images: Tensor) -> Tensor:
    return images.roll(1, dims=-1)


def _noise(images: Tensor) -> Tensor:
    return images + 2.0 * torch.randn(images.shape)


def _mixture(digits: Digits, share: float) -> Replay:
    return Replay(digits.train.images(), fresh=digits.fresh.images(), share=share)


def _sevens(digits: Digits) -> Replay:
    """Fresh digits, but for the sevens, which are training images."""
    fresh, sevens = digits.fresh.labels() == 7, digits.train.labels() == 7
    count = int(fresh.sum())
    return Replay(torch.cat([digits.fresh.images()[~fresh], digits.train.images()[sevens][:count]]))


def _blends(digits: Digits) -> Replay:
    """Blurred ones, each the mean of a training one and the 19 that are nearest to it."""
    ones = digits.train.images()[digits.train.labels() == 1].float()
    near = torch.cdist(ones.flatten(1), ones.flatten(1)).argsort(dim=1)[:, :20]
    return Replay(ones[near].mean(dim=1))


SURE: tuple[Level, ...] = ("memorised",)
ANY: tuple[Level, ...] = ("suspect", "memorised")
NONE: tuple[Level, ...] = ("fresh",)
CONTROLS: dict[str, Control] = {
    "training images": Control(lambda digits: Replay(digits.train.images()), SURE),
    "mirrored": Control(lambda digits: Replay(digits.train.images(), _flip), SURE),
    "shifted by 1 pixel": Control(lambda digits: Replay(digits.train.images(), _shift), SURE),
    "noise of 2/255": Control(lambda digits: Replay(digits.train.images(), _noise), SURE),
    "five images": Control(lambda digits: Replay(digits.train.images()[:5]), SURE),
    "half copies": Control(lambda digits: _mixture(digits, 0.5), SURE),
    "a tenth copies": Control(lambda digits: _mixture(digits, 0.1), ANY),
    "copies of sevens": Control(_sevens, ANY),
    "blurred ones": Control(_blends, NONE),
    "five fresh images": Control(lambda digits: Replay(digits.fresh.images()[:5]), NONE),
    "fresh": Control(lambda digits: Replay(digits.fresh.images()), NONE),
    "fresh, mirrored": Control(lambda digits: Replay(digits.fresh.images(), _flip), NONE),
}


def measure(seed: int, data: MNIST5k, samples: int) -> dict[str, dict[str, Any]]:
    """Verdict of every control under one seed, as plain data."""
    digits = Digits(seed, data)
    space = choose_space(cast(Any, digits), name="cls")
    settings = MemorizationSettings(samples=samples, seed=seed)
    probe = MemorizationProbe(cast(Any, digits), space, settings=settings)
    return {
        name: probe.judge(control.build(digits)).verdict.to_dict()
        for name, control in CONTROLS.items()
    }


def summary(name: str, verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    """What one control was called, how often each test flagged it, and its mean numbers."""
    found: dict[str, Any] = {
        "verdicts": [verdict["verdict"] for verdict in verdicts],
        "allowed": CONTROLS[name].allowed,
    }
    for space in verdicts[0]["spaces"]:
        rows = [verdict["spaces"][space] for verdict in verdicts]
        flags = Counter(test for row in rows for test in row["flags"])
        found[space] = {
            "flags": {test: count / len(rows) for test, count in flags.items()},
            "weakest_cell": [row["weakest_cell"] for row in rows],
            **{key: round(sum(row[key] for row in rows) / len(rows), 4) for key in NUMBERS},
        }
    return found


NUMBERS = (
    "twin_rate",
    "held_out_twin_rate",
    "copy_rate",
    "ct",
    "ct_with_changes",
    "weakest_z",
    "authentic",
    "held_out_authentic",
)


def main() -> None:
    """Print a line a generator and space, then all of it as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=500)
    options = parser.parse_args()
    quiet_lightning()
    # Many small products: two threads that wait for each other are slower than one.
    torch.set_num_threads(1)
    data = MNIST5k(size=32, held_out_share=0.3)
    data.prepare_data()
    data.setup()
    began = time.process_time()
    measured = [measure(seed, data, options.samples) for seed in range(options.seeds)]
    seconds = time.process_time() - began
    rows = {name: summary(name, [found[name] for found in measured]) for name in CONTROLS}
    wrong = 0
    for name, row in rows.items():
        wrong += sum(verdict not in CONTROLS[name].allowed for verdict in row["verdicts"])
        print(f"{name}: {', '.join(row['verdicts'])}", file=sys.stderr)
        for space, numbers in row.items():
            if isinstance(numbers, dict):
                shown = " ".join(f"{key} {numbers[key]:.3g}" for key in NUMBERS)
                flags = ", ".join(f"{key} {value:.0%}" for key, value in numbers["flags"].items())
                print(f"  {space}: {shown}; flagged by {flags or 'none'}", file=sys.stderr)
    print(
        json.dumps(
            {
                "benchmark": "memorization",
                "wrong": wrong,
                "verdicts": len(CONTROLS) * options.seeds,
                "cpu_seconds_per_verdict": round(seconds / len(CONTROLS) / options.seeds, 2),
                "cases": rows,
            }
        )
    )


def _picked(images: Tensor, numbers: Tensor) -> Tensor:
    return images[(numbers * len(images)).long().clamp_max(len(images) - 1)]


if __name__ == "__main__":
    main()
