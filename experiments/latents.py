"""The spaces in which a generator can be steered: its latents z, or the styles w made of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from callbacks.drawing import labels_in_turn
from experiments.errors import CommandError
from experiments.opening import OpenedRun, open_run, require_images
from gan_modules.engine.sampling import evaluating
from gan_modules.latents import lerp, slerp, squeezed

Way = Callable[[Tensor, Tensor, Tensor | float], Tensor]
WAYS: dict[str, Way] = {"slerp": slerp, "lerp": lerp}


class ZSpace:
    """Latents ``(N, latent_dim)`` as they are drawn.

    Args:
        module: has ``draw_latents``, ``decode`` and ``latent``.
    """

    name = "z"
    #: Straight lines leave the sphere on which latents lie.
    way = "slerp"

    def __init__(self, module: Any) -> None:
        self.module = module

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` points."""
        points: Tensor = self.module.draw_latents(n, generator=generator)
        return points

    def truncated(self, points: Tensor, psi: float) -> Tensor:
        """The same points as the normal law truncated to [-psi, psi] has them.

        Raises:
            CommandError: latents are not normal.
        """
        if getattr(self.module, "latent", "normal") != "normal":
            raise CommandError(
                f"run must have normal latents to be truncated, got {self.module.latent} ones, "
                "which are bounded already; choose a run with latent: normal"
            )
        return squeezed(points, psi)

    def images(self, points: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images ``(N, C, H, W)`` in eval mode, differentiable in ``points``."""
        module, rows = self.module, torch.arange(len(points))
        with evaluating(module.sampler()) as network:
            told = (labels,) if labels is not None else labels_in_turn(module, rows)
            images: Tensor = network(points, *(part.to(points.device) for part in told))
        # As decode() does where the outputs of a generator are linear.
        return images.clamp(-1.0, 1.0)


class WSpace:
    """Styles ``(N, w_dim)``, or one for each layer ``(N, num_layers, w_dim)``.

    Args:
        module: its sampler has ``mapping``, ``synthesis``, ``w_avg`` and ``num_layers``.
    """

    name = "w"
    way = "lerp"

    def __init__(self, module: Any) -> None:
        self.module = module

    @property
    def layers(self) -> int:
        """How many styles an image takes."""
        return int(self.module.sampler().num_layers)

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` points: the styles of as many latents."""
        latents = self.module.draw_latents(n, generator=generator)
        sampler: Any = self.module.sampler()
        with evaluating(sampler):
            styles: Tensor = sampler.mapping(latents)
        return styles

    @property
    def average(self) -> Tensor:
        """The mean style ``(w_dim,)`` that training has followed."""
        average: Tensor = self.module.sampler().w_avg
        return average

    def truncated(self, points: Tensor, psi: float) -> Tensor:
        """Points pulled to the mean style; 0 is the mean itself, 1 changes nothing."""
        return self.average + psi * (points - self.average)

    def images(self, points: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images ``(N, C, H, W)`` in eval mode, differentiable in ``points``."""
        if points.dim() == 2:
            points = points[:, None].expand(-1, self.layers, -1)
        sampler: Any = self.module.sampler()
        with evaluating(sampler):
            images: Tensor = sampler.synthesis(points)
        # Outputs of these generators are linear.
        return images.clamp(-1.0, 1.0)


def has_styles(module: Any) -> bool:
    """Whether the generator makes styles of its latents first."""
    parts = ("mapping", "synthesis", "w_avg", "num_layers")
    return all(hasattr(module.sampler(), part) for part in parts)


def space_of(opened: OpenedRun, name: str = "auto") -> ZSpace | WSpace:
    """The space that is asked for; ``auto`` takes w where there is one.

    Raises:
        CommandError: w is asked for and there is none.
    """
    styled = has_styles(opened.module)
    if name == "w" and not styled:
        raise CommandError(
            f"--space must be z for {type(opened.module).__name__}, got w; only generators with a "
            "mapping network, such as StyleGAN's, have styles"
        )
    return WSpace(opened.module) if styled and name != "z" else ZSpace(opened.module)


def add_out(parser: argparse.ArgumentParser, default: str, kinds: str = ".png") -> None:
    """The option that says where a picture goes."""
    parser.add_argument("--out", type=Path, help=f"{kinds} (RUN/{default})")


def add_space(parser: argparse.ArgumentParser) -> None:
    """The option that chooses between latents and styles."""
    parser.add_argument(
        "--space", choices=("auto", "z", "w"), default="auto", help="w where there are styles"
    )


def open_images(options: argparse.Namespace) -> OpenedRun:
    """Open the run of :func:`run_parser`'s options.

    Raises:
        CommandError: it makes points or sentences instead of images, or ``--out`` is no PNG.
    """
    out = getattr(options, "out", None)
    if out is not None and out.suffix.lower() != ".png":
        raise CommandError(f"--out must end in .png, got {out}; a picture is a PNG")
    opened = open_run(options.run, options.checkpoint, options.device)
    require_images(opened)
    return opened
