"""``ganagerie path-length``: how fast images change on the way between latents."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import torch
from torch import Tensor

from callbacks.drawing import labels_in_turn
from callbacks.metrics.path_length import path_lengths, summarised
from callbacks.metrics.rand_vgg import RandomVGG
from experiments.arguments import count, run_parser
from experiments.errors import CommandError
from experiments.latents import WAYS, add_space, open_images, space_of

_CHUNK = 32


class RandomFeatures:
    """Squared distance of images in the features of a random network.

    Args:
        channels: of the images; one is repeated to three.
        device: where it runs, in float64.
    """

    name = "rand_vgg"

    def __init__(self, channels: int, device: torch.device) -> None:
        self.grey = channels == 1
        self.net = RandomVGG(3 if self.grey else channels).to(device, torch.float64).eval()

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """``(N,)`` from two stacks ``(N, C, H, W)`` in [-1, 1], sides of 32 or more."""
        features = []
        for images in (first, second):
            small = max(32, *images.shape[2:])
            images = torch.nn.functional.interpolate(images, (small, small), mode="bilinear")
            features.append(self.net(images.repeat(1, 3, 1, 1) if self.grey else images))
        return (features[0] - features[1]).square().sum(dim=1)


def main(argv: Sequence[str]) -> int:
    """Print one JSON object; the name of the number says space, place and distance."""
    parser = run_parser(
        "path-length",
        "Perceptual path length (arXiv:1812.04948, section 4.1) with the features of a random "
        "network in place of LPIPS: compare runs of the same data with each other, and not with "
        "published values.",
    )
    add_space(parser)
    parser.add_argument("--samples", type=count, default=1000, help="ways (1000)")
    parser.add_argument("--at", choices=("full", "end"), default="full", help="of the ways (full)")
    parser.add_argument("--step", type=float, default=1e-4, help="along the way (1e-4)")
    options = parser.parse_args(argv)
    if not 0 < options.step <= 0.1:
        raise CommandError(f"--step must lie in (0, 0.1], got {options.step}; 1e-4 is the paper's")
    if options.samples < 10:
        raise CommandError(f"--samples must be at least 10, got {options.samples}; 1000 is usual")
    opened = open_images(options)
    # A step of 1e-4 changes float32 images by little more than rounding does.
    module = opened.module.double()
    space = space_of(opened, options.space)
    own = torch.Generator().manual_seed(options.seed)
    distance: RandomFeatures | None = None
    values = []
    with torch.no_grad():
        for first in range(0, options.samples, _CHUNK):
            n = min(_CHUNK, options.samples - first)
            start, end = (space.draw(n, own).double() for _ in range(2))
            t = torch.rand(n, 1, generator=own, dtype=torch.float64).to(start.device)
            t = torch.zeros_like(t) if options.at == "end" else t
            labels = labels_in_turn(module, torch.arange(first, first + n))

            def images(points: Tensor, labels: tuple[Tensor, ...] = labels) -> Tensor:
                return space.images(points, *labels)

            if distance is None:
                distance = RandomFeatures(int(images(start).shape[1]), start.device)
            way = WAYS[space.way]
            values.append(path_lengths(images, start, end, t, way, distance, options.step).cpu())
    found = summarised(torch.cat(values))
    name = f"path_length_{space.name}_{options.at}_{RandomFeatures.name}"
    record = {
        name: found.mean,
        "standard_error": found.standard_error,
        "ways": options.samples,
        "kept": found.kept,
        "checkpoint": opened.entry["path"],
        "seed": options.seed,
    }
    print(f"{name} {found.mean:.4g} +- {found.standard_error:.2g}", file=sys.stderr)
    print(json.dumps(record))
    return 0
