"""A small unpaired translation for the benchmark: two mappings that must undo each other.

As Zhu et al., 2017, arXiv:1703.10593, with fully connected networks.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Adam

from gan_modules.engine.game import Game
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.networks.mlp import MLPDiscriminator
from gan_modules.objectives import LeastSquares
from gan_modules.regularizers import R1, Regularizer

DOMAINS = ("digits", "negatives")


class Translator(nn.Module):
    """Images of one domain to images of the other.

    Args:
        shape: of an image.
        hidden: units of a layer.
    """

    def __init__(self, shape: tuple[int, int, int], hidden: int = 128) -> None:
        super().__init__()
        size = shape[0] * shape[1] * shape[2]
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(size, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, size),
            nn.Tanh(),
            nn.Unflatten(1, shape),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape, in [-1, 1]."""
        images: Tensor = self.layers(x)
        return images


class TranslationGame(Game):
    """Two translators against two discriminators; takes batches with the keys ``a`` and ``b``.

    Args:
        shape: of an image.
        generator_lr: of the translators.
        discriminator_lr: of the discriminators.
        cycle_weight: of the way there and back.
        r1: gamma.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        generator_lr: float = 1e-3,
        discriminator_lr: float = 1e-3,
        cycle_weight: float = 10.0,
        r1: float = 0.1,
    ) -> None:
        super().__init__()
        self.generator = nn.ModuleDict({"b": Translator(shape), "a": Translator(shape)})
        self.discriminator = nn.ModuleDict(
            {side: MLPDiscriminator(shape, 128, 2, "leaky_relu") for side in ("a", "b")}
        )
        self.generator_lr, self.discriminator_lr = generator_lr, discriminator_lr
        self.cycle_weight, self.objective = cycle_weight, LeastSquares()
        self.regularizers: list[Regularizer] = [R1(r1)]
        self.domains = DOMAINS

    def players(self) -> tuple[Player, ...]:
        """Both discriminators as one player, both translators as the other."""
        found = []
        for name, network in (
            ("discriminator", self.discriminator),
            ("generator", self.generator),
        ):
            parameters = list(network.parameters())
            optimizer = Adam(parameters, lr=getattr(self, f"{name}_lr"), betas=(0.5, 0.99))
            found.append(Player(name, parameters, optimizer))
        return tuple(found)

    def schedule(self) -> tuple[Stage, ...]:
        """One step each."""
        return (Stage((Turn("discriminator"), Turn("generator"))),)

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Both domains."""
        losses = {}
        for source, target in (("a", "b"), ("b", "a")):
            with torch.no_grad():
                fake = self.generator[target](batch[source])
            judge = self.discriminator[target]
            real_scores, fake_scores = judge(batch[target]), judge(fake)
            losses[target] = self.objective.discriminator_loss(real_scores, fake_scores)
            for regularizer in self.regularizers:
                value = regularizer.penalty(judge, batch[target], fake, self.noise)
                if value is not None:
                    losses[f"{regularizer.name}_{target}"] = value
        return losses

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Both directions, and the way back."""
        losses = {}
        for source, target in (("a", "b"), ("b", "a")):
            fake = self.generator[target](batch[source])
            scores = self.discriminator[target](fake)
            losses[target] = self.objective.generator_loss(scores)
            back = self.generator[source](fake)
            cycle = (back - batch[source]).abs().mean()
            losses[f"cycle_{source}"] = self.cycle_weight * cycle
        return losses

    @torch.no_grad()
    def translate(self, x: Tensor, source: str, target: str) -> Tensor:
        """Images of one domain as images of the other.

        Args:
            x: ``(N, C, H, W)`` in [-1, 1].
            source: domain of ``x``, one of :data:`DOMAINS`.
            target: the other one.

        Raises:
            ValueError: for other domains.
        """
        if {source, target} != set(DOMAINS):
            raise ValueError(
                f"TranslationGame: source and target must be the two of {', '.join(DOMAINS)}, got "
                f"{source!r} and {target!r}; name each once"
            )
        side = "b" if target == DOMAINS[1] else "a"
        with evaluating(self.generator[side]) as network:
            images: Tensor = network(x)
        return images
