"""What four games ask of a machine: bytes and operations, read from our own networks.

Nothing is trained here: networks are built, and run once under fake tensors, which have shapes
alone, while their operations are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from gan_modules.engine.strategy import partition
from gan_modules.networks.biggan import BigGANDiscriminator, BigGANGenerator
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.patchgan import PatchDiscriminator
from gan_modules.networks.resnet_translator import ResnetTranslator
from gan_modules.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator

#: Bytes of a bucket of ``gan_ddp`` by default.
BUCKET = 25 * 2**20
_FLOAT = 4


@dataclass(frozen=True)
class Turn:
    """One player's step.

    Attributes:
        player: who.
        buckets: bytes of its gradients, as they leave.
        operations: of the turn, for one image.
        backward: those of them during which gradients arrive.
    """

    player: str
    buckets: tuple[float, ...]
    operations: float
    backward: float


@dataclass(frozen=True)
class Variant:
    """A game of a certain size.

    Attributes:
        name: variant and size.
        size: pixels.
        batch: images of a rank in a round.
        seconds: of a round on one H100, from ``docs/results.md``, led over to this size.
        turns: of a round.
        drawing: operations that draw one image.
        state_bytes: of a checkpoint's tensors: weights, Adam's two moments, the average.
        rank_bytes: that each rank adds to a checkpoint, besides its random states.
    """

    name: str
    size: int
    batch: int
    seconds: float
    turns: tuple[Turn, ...]
    drawing: float
    state_bytes: float
    rank_bytes: float = 0.0

    @property
    def operations(self) -> float:
        """Of a round, for one image."""
        return sum(turn.operations for turn in self.turns)


def dcgan64() -> Variant:
    """Measured at this very size: 8.1 ms a round of 64 images, fp32."""
    pair = _Pair(lambda: (DCGANGenerator(64), DCGANDiscriminator(64)), 64)
    turns = pair.two_players()
    return Variant("DCGAN 64 px", 64, 64, 8.1e-3, turns, pair.of_generator, pair.state_bytes)


def biggan128() -> Variant:
    """From BigGAN at 64 px, width 32: 108.9 ms a round of 64 images, fp32."""
    # Spectral normalisation changes neither bytes nor, to speak of, operations.
    plain: dict[str, Any] = {"normalization": "none"}
    half: dict[str, Any] = {"width": 32, "num_classes": 9, "attention": 32, **plain}
    full: dict[str, Any] = {"num_classes": 1000, "attention": 64, **plain}
    small = _Pair(lambda: (BigGANGenerator(64, **half), BigGANDiscriminator(64, **half)), 64)
    large = _Pair(lambda: (BigGANGenerator(128, **full), BigGANDiscriminator(128, **full)), 128)
    turns = large.two_players()
    seconds = _led_over(108.9e-3, 64, small.two_players(), 32, turns)
    return Variant("BigGAN 128 px", 128, 32, seconds, turns, large.of_generator, large.state_bytes)


def stylegan2_256() -> Variant:
    """From StyleGAN2 at 64 px, half of its maps: 143.4 ms a round of 64 images, fp32."""
    small = _Pair(
        lambda: (
            StyleGAN2Generator(64, 3, 256, 256, 8192, 256, 4),
            StyleGAN2Discriminator(64, 3, 8192, 256),
        ),
        64,
    )
    large = _Pair(lambda: (StyleGAN2Generator(256), StyleGAN2Discriminator(256)), 256)
    turns = large.two_players()
    seconds = _led_over(143.4e-3, 64, small.two_players(), 8, turns)
    return Variant(
        "StyleGAN2 256 px", 256, 8, seconds, turns, large.of_generator, large.state_bytes
    )


def cyclegan256() -> Variant:
    """From CycleGAN at 128 px: 80.1 ms a round of 4 pairs, fp32. Two pools of 50 images a rank."""

    def build() -> tuple[nn.Module, nn.Module]:
        return ResnetTranslator(3, 3, 64, 9), PatchDiscriminator(3)

    small, large = _Pair(build, 128), _Pair(build, 256)
    turns = large.translation()
    seconds = _led_over(80.1e-3, 4, small.translation(), 1, turns)
    pools = 2 * 50 * 3 * 256 * 256 * _FLOAT
    # Two of each network; the base keeps no average.
    state = 2 * (large.state_bytes - large.generator_bytes)
    return Variant(
        "CycleGAN 256 px", 256, 1, seconds, turns, large.of_generator, state, float(pools)
    )


VARIANTS: tuple[Callable[[], Variant], ...] = (dcgan64, biggan128, stylegan2_256, cyclegan256)


def two_player_turns(
    g: float, d: float, g_buckets: tuple[float, ...], d_buckets: tuple[float, ...]
) -> tuple[Turn, Turn]:
    """Operations of a round of two: a backward costs twice its forward, half of that for inputs.

    Args:
        g: operations of the generator's forward for one image.
        d: of the discriminator's.
        g_buckets: bytes of the generator's gradients.
        d_buckets: of the discriminator's.

    Returns:
        D's turn draws fakes without a graph and scores both; G's draws, scores and goes back
        through D's inputs into G.
    """
    return (
        Turn("discriminator", d_buckets, g + 2 * d + 4 * d, 4 * d),
        Turn("generator", g_buckets, g + d + d + 2 * g, 2 * g),
    )


class _Pair:
    """A generator and a discriminator that exist by their shapes alone.

    Args:
        build: makes them.
        size: pixels of the images.
    """

    def __init__(self, build: Callable[[], tuple[nn.Module, nn.Module]], size: int) -> None:
        # Weights of whatever value will do, and orthogonal ones take minutes at these sizes.
        with mock.patch("torch.nn.init.orthogonal_", lambda weight, *_, **__: weight):
            generator, discriminator = (part.requires_grad_(False) for part in build())
        with FakeTensorMode(allow_non_fake_inputs=True):
            # Spread within groups of four needs four images.
            label = torch.zeros(4, dtype=torch.long)
            image = torch.zeros(4, 3, size, size)
            latent_dim = getattr(generator, "latent_dim", None)
            given = image if latent_dim is None else torch.zeros(4, int(latent_dim))
            conditional = getattr(generator, "num_classes", 0) > 0
            more = (label,) if conditional else ()
            self.of_generator = _operations(lambda: generator(given, *more)) / 4
            self.of_discriminator = _operations(lambda: discriminator(image, *more)) / 4
            self.buckets = [_buckets(network) for network in (generator, discriminator)]
        self.generator_bytes, discriminator_bytes = (sum(of) for of in self.buckets)
        #: Weights and Adam's two moments of both, and the generator's average.
        self.state_bytes = 4 * self.generator_bytes + 3 * discriminator_bytes

    def two_players(self) -> tuple[Turn, ...]:
        """The turns of a game of two."""
        return two_player_turns(self.of_generator, self.of_discriminator, *self.buckets)

    def translation(self) -> tuple[Turn, ...]:
        """Two of each: there, back and identity, then both discriminators on real and fake."""
        g, d = self.of_generator, self.of_discriminator
        g_buckets, d_buckets = (2 * of for of in self.buckets)
        return (
            Turn("generator", g_buckets, 6 * g + 4 * d + 12 * g, 12 * g),
            Turn("discriminator", d_buckets, 12 * d, 8 * d),
        )


def _operations(forward: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        forward()
    return float(counter.get_total_flops())


def _buckets(network: nn.Module) -> tuple[float, ...]:
    parts = partition(list(network.parameters()), BUCKET)
    return tuple(float(sum(_FLOAT * p.numel() for p in part)) for part in parts)


def _led_over(
    seconds: float, batch: int, measured: tuple[Turn, ...], target: int, turns: tuple[Turn, ...]
) -> float:
    """A round at another size, at as many operations a second."""
    before, after = (sum(turn.operations for turn in of) for of in (measured, turns))
    return seconds * after * target / (before * batch)
