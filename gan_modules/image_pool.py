"""A discriminator that is shown old fakes too, so that the game does not turn in circles.

Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training",
2016, arXiv:1612.07828, section 2.3; one image at a time as in the authors' code of CycleGAN,
arXiv:1703.10593.
"""

from __future__ import annotations

import zlib
from typing import Any

import torch
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.engine.reduction import gathered


class ImagePools(dict[str, "ImagePool"]):
    """Pools by name, and their way through a checkpoint: those of every rank travel in it."""

    def of_all_ranks(self) -> list[dict[str, Any]]:
        """The states of all ranks; all of them call it together."""
        return gathered({key: pool.state_dict() for key, pool in self.items()})

    def restore(self, states: list[dict[str, Any]], rank: int, world_size: int) -> None:
        """Give a rank its pools back; with another number of ranks all fill anew."""
        if len(states) == world_size:
            for key, state in states[rank].items():
                self[key].load_state_dict(state)


class ImagePool:
    """The last fakes of one generator, mixed into what its discriminator sees.

    While the pool fills, images are stored and returned. Then each image is returned as it is with
    probability a half; else a stored one is returned, and the new one takes its place. A stored
    image is ``2 * size`` images old on average when it comes out.

    Each rank has a pool of its own, with draws of its own from the run's seed, the rank and
    ``name``: ``size`` is per rank, and pools of several ranks together hold ``size * ranks``
    images. Nothing is ever exchanged, so two ranks do not equal one process unless ``size`` is 0.

    The state is what a resumed run needs to go on bit for bit, in plain data for the checkpoint. It
    is each rank's own: a rank that is given another one's begins with an empty pool, and so does
    every rank where a checkpoint holds none for it.

    Args:
        size: images to hold, the paper's 50; 0 gives every batch back as it is.
        name: of this pool; pools of one module differ in it.

    Raises:
        ValueError: for a negative size.
    """

    def __init__(self, size: int = 50, name: str = "pool") -> None:
        if not isinstance(size, int) or size < 0:
            raise ValueError(
                f"ImagePool: size must be 0 or a positive integer, got {size}; 0 switches it off"
            )
        self.size, self.name = size, name
        self.images: list[Tensor] = []
        self.calls = 0
        self._rank: int | None = None

    def __call__(self, images: Tensor, noise: Noise) -> Tensor:
        """What the discriminator is to be shown.

        Args:
            images: fakes ``(N, C, H, W)``; a conditional discriminator's are condition and fake,
                concatenated, never the fake alone.
            noise: of the module, ``self.noise``; its seed and rank count, and it is not moved.

        Returns:
            As many images, without a graph; at size 0 ``images`` itself, graph and all.

        Raises:
            ValueError: if they have another shape than those in the pool.
        """
        if self.size == 0:
            return images
        self._claim(noise.rank)
        if self.images and self.images[0].shape != images.shape[1:]:
            raise ValueError(
                f"ImagePool: images must keep the shape {tuple(self.images[0].shape)}, got "
                f"{tuple(images.shape[1:])}; clear() the pool when the size changes"
            )
        shown = zip(images.detach(), self._draws(len(images), noise), strict=True)
        return torch.stack([self._exchange(image, draws) for image, draws in shown])

    def clear(self) -> None:
        """Forget all images, as at the start."""
        self.images = []

    def state_dict(self) -> dict[str, Any]:
        """Images in full precision, number of calls, and whose pool it is."""
        images = torch.stack(self.images) if self.images else torch.empty(0)
        return {"images": images, "calls": self.calls, "rank": self._rank}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken; a smaller pool keeps the first images.

        A rank that is given another rank's state begins anew at its next call.
        """
        self.images = list(state["images"][: self.size].clone())
        self.calls, self._rank = state["calls"], state["rank"]

    def _claim(self, rank: int) -> None:
        if self._rank != rank:
            self.images, self.calls, self._rank = [], 0, rank

    def _draws(self, n: int, noise: Noise) -> list[list[float]]:
        """Two draws in [0, 1) for each image: a function of seed, rank, name and call."""
        stream = noise.branch(zlib.crc32(self.name.encode()))
        stream.calls = self.calls
        self.calls += 1
        draws: list[list[float]] = stream.uniform(n, 2, device=torch.device("cpu")).tolist()
        return draws

    def _exchange(self, image: Tensor, draws: list[float]) -> Tensor:
        if len(self.images) < self.size:
            # A copy: a view would keep the whole batch, and what is done to it later, alive.
            self.images.append(image.clone())
            return image
        if draws[0] < 0.5:
            return image
        place = int(draws[1] * self.size)
        old, self.images[place] = self.images[place], image.clone()
        return old.to(image)
