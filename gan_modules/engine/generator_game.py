"""A game around one generator: its optimizer, its average, and the players' rates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.optim import Adam, Optimizer

from gan_modules.engine import checks
from gan_modules.engine.ema import average_decay, averaged_copy, update_average
from gan_modules.engine.game import Game
from gan_modules.engine.player import Player, linear_decay


class GeneratorGame(Game):
    """What every module has that trains a generator, whatever it is fed: latents, images, words.

    Args:
        generator: the network, or networks, of the player ``generator``.
        betas: Adam's beta1 and beta2, all players.
        lr_decay: G steps between which all rates fall linearly to zero; None: constant rates.
        micro_batches: parts of a batch whose gradients are averaged, to save memory.
        ema_half_life_images: averages G; after so many images an old weight counts half. None: no
            average is kept.
        ema_rampup: the half-life is at most this share of the images seen; None is off.

    Raises:
        ValueError: if a number is out of range, or the generator is no network.
    """

    def __init__(
        self,
        generator: nn.Module,
        betas: tuple[float, float],
        lr_decay: tuple[int, int] | None = None,
        micro_batches: int = 1,
        ema_half_life_images: float | None = None,
        ema_rampup: float | None = 0.05,
    ) -> None:
        super().__init__()
        checks.check_networks(self, generator=generator)
        checks.check_positive(
            self,
            micro_batches=micro_batches,
            ema_half_life_images=ema_half_life_images,
            ema_rampup=ema_rampup,
        )
        checks.check_decay(self, lr_decay)
        self.generator = generator
        self.betas, self.lr_decay, self.micro_batches = betas, lr_decay, micro_batches
        self.ema_half_life_images, self.ema_rampup = ema_half_life_images, ema_rampup
        self.generator_ema = averaged_copy(generator) if ema_half_life_images else None

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """The optimizer of one player."""
        return Adam(parameters, lr=lr, betas=self.betas)

    def player(self, name: str, *networks: nn.Module, steps_per_round: float = 1) -> Player:
        """A player with this module's optimizer, ``<name>_lr``, decay and ``<name>_clip_norm``.

        Args:
            name: the key of its losses and statistics.
            *networks: what it moves; frozen parameters are left out.
            steps_per_round: its steps per G step, by which the decay is stretched.
        """
        # A list of networks names shared layers once.
        trainable = [p for p in nn.ModuleList(networks).parameters() if p.requires_grad]
        optimizer = self.optimizer(trainable, getattr(self, f"{name}_lr"))
        decay = self.lr_decay and linear_decay(optimizer, self.lr_decay, steps_per_round)
        clip_norm = getattr(self, f"{name}_clip_norm", None)
        return Player(name, trainable, optimizer, decay, clip_norm, self.micro_batches)

    def primary_stepped(self, images: int) -> None:
        """Average G over the images seen since its last step."""
        if self.generator_ema is not None:
            half_life = float(self.ema_half_life_images or 0)
            beta = average_decay(images, half_life, self.images_seen, self.ema_rampup)
            update_average(self.generator_ema, self.generator, beta)

    @contextmanager
    def unaveraged(self) -> Iterator[None]:
        """Inside, samples come from the generator itself."""
        average, self.generator_ema = self.generator_ema, None
        try:
            yield
        finally:
            self.generator_ema = average

    def sampler(self) -> nn.Module:
        """The network that samples are drawn from: the averaged generator, or the generator."""
        return self.generator if self.generator_ema is None else self.generator_ema
