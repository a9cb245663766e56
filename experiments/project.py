"""``ganagerie project``: the latent whose image comes closest to a given image."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from callbacks.drawing import labels_in_turn
from callbacks.durable import replacing
from experiments.arguments import count, run_parser
from experiments.errors import CommandError
from experiments.image_input import files_of, read_images
from experiments.latents import WSpace, ZSpace, add_out, add_space, open_images, space_of
from experiments.path_length import RandomFeatures
from experiments.sample import grid_of

_CANDIDATES = 256


def main(argv: Sequence[str]) -> int:
    """Write pairs of target and projection, and the points found."""
    parser = run_parser(
        "project",
        "Search the latents (or styles) whose images come closest to given ones, by gradient "
        "descent from the best of 256 draws.",
    )
    parser.add_argument("images", nargs="+", type=Path, help="image files, or folders of them")
    add_out(parser, "projection.png", ".png; the points go beside it as .npz")
    add_space(parser)
    parser.add_argument("--steps", type=count, default=300, help="of the descent (300)")
    parser.add_argument("--lr", type=float, default=0.1, help="of Adam, falling to 0 (0.1)")
    parser.add_argument("--class", dest="label", type=int, help="number of a class (each in turn)")
    options = parser.parse_args(argv)
    if not 0 < options.lr < 10:
        raise CommandError(f"--lr must lie in (0, 10), got {options.lr}; 0.1 is the default")
    files = files_of(options.images)
    opened = open_images(options)
    space = space_of(opened, options.space)
    module = opened.module
    own = torch.Generator().manual_seed(options.seed)
    shape = module.sample(1, generator=torch.Generator().manual_seed(0)).shape[1:]
    targets = read_images(files, shape).to(module.device)
    labels = labels_in_turn(module, torch.arange(len(files)))
    if options.label is not None:
        if not 0 <= options.label < getattr(module, "num_classes", 0):
            raise CommandError(
                f"--class must be below the run's {getattr(module, 'num_classes', 0)} classes, got "
                f"{options.label}; leave --class out"
            )
        labels = (torch.full((len(files),), options.label),)
    distance = ImageDistance(int(shape[0]), module.device)
    points = project(space, targets, distance, options.steps, options.lr, own, labels)
    with torch.no_grad():
        found = space.images(points, *labels)
        gaps = distance(found, targets).tolist()
        errors = (found - targets).square().mean(dim=(1, 2, 3)).tolist()
    out: Path = options.out or opened.run.path / "projection.png"
    pairs = torch.stack([targets, found], dim=1).flatten(0, 1).float().cpu()
    with replacing(out) as file:
        grid_of(pairs, 2 * max(1, round(math.sqrt(len(files) / 2)))).save(file, format="PNG")
    with replacing(out.with_suffix(".npz")) as file:
        np.savez(file, points=points.cpu().numpy(), space=space.name)
    for path, gap, error in zip(files, gaps, errors, strict=True):
        record = {"image": str(path), "distance": gap, "mean_squared_error": error}
        print(json.dumps(record))
    print(f"{len(files)} projections in {space.name}: {out}", file=sys.stderr)
    return 0


class ImageDistance:
    """Mean squared difference of pixels, plus the squared distance of random features.

    Args:
        channels: of the images.
        device: where they are.
    """

    def __init__(self, channels: int, device: torch.device) -> None:
        self.features = RandomFeatures(channels, device)

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """``(N,)`` of two stacks ``(N, C, H, W)`` in [-1, 1]."""
        pixels = (first - second).square().mean(dim=(1, 2, 3)).double()
        return pixels + self.features(first.double(), second.double())


def project(
    space: ZSpace | WSpace,
    targets: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    steps: int,
    lr: float,
    generator: torch.Generator,
    labels: tuple[Tensor, ...] = (),
) -> Tensor:
    """Points ``(N, ...)`` of the space whose images are closest to ``targets`` ``(N, C, H, W)``.

    Each image has its own search; the best point on the way is returned, so that more steps are
    never worse. In z the norm is held to that of the start, since the generator has hardly seen
    others.
    """
    points = _nearest_draws(space, targets, distance, generator, labels).requires_grad_(True)
    norms = points.detach().norm(dim=1, keepdim=True)
    optimizer = torch.optim.Adam([points], lr=lr)
    best, best_gap = points.detach().clone(), torch.full((len(targets),), math.inf)
    for step in range(steps + 1):
        gaps = distance(space.images(points, *labels), targets)
        better = gaps.detach().cpu() < best_gap
        best_gap = torch.where(better, gaps.detach().cpu(), best_gap)
        best[better.to(best.device)] = points.detach()[better.to(best.device)]
        if step == steps:
            break
        (points.grad,) = torch.autograd.grad(gaps.sum(), points)
        optimizer.param_groups[0]["lr"] = lr * 0.5 * (1 + math.cos(math.pi * step / steps))
        optimizer.step()
        if space.name == "z":
            with torch.no_grad():
                points.mul_(norms / points.norm(dim=1, keepdim=True).clamp_min(1e-12))
    return best


@torch.no_grad()
def _nearest_draws(
    space: ZSpace | WSpace,
    targets: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    generator: torch.Generator,
    labels: tuple[Tensor, ...],
) -> Tensor:
    draws = space.draw(_CANDIDATES, generator)
    found = []
    for number, target in enumerate(targets):
        of_all = [label[number : number + 1].expand(_CANDIDATES) for label in labels]
        gaps = distance(space.images(draws, *of_all), target.expand(_CANDIDATES, *target.shape))
        found.append(draws[gaps.argmin()])
    return torch.stack(found).clone()
