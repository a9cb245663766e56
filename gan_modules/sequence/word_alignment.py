"""WordAlignment: a rotation between two languages, learned by a game over their word vectors.

Lample, Conneau, Ranzato, Denoyer, Jégou, "Word Translation Without Parallel Data", 2017,
arXiv:1710.04087, known as MUSE. What changes from CycleGAN (``translation/cycle_gan.py``): the
translator is one orthogonal matrix, whose way back is its transpose, so there is no cycle to learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from gan_modules.engine import checks
from gan_modules.engine.generator_game import GeneratorGame
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.language import word_game, word_maps
from gan_modules.networks.word_map import WordMap
from gan_modules.objectives import cross_entropy


class WordAlignment(GeneratorGame):
    """D tells mapped words of the first language from words of the second; W fools it.

    Takes batches of :class:`datamodules.batches.WordVectors`. As in the authors' code, losses are
    means over both languages (under SGD the factor counts), D drops inputs in its own steps alone,
    W's labels are smoothed too, and only W's rate falls; they also halve it when the criterion
    falls twice, and here checkpoints are ranked by it. The game may end at a wrong rotation: try
    several ``WordMap(start="random")``, take the highest criterion, and ``word_maps.refine`` it.

    Args:
        generator: W.
        discriminator: vectors to raw scores ``(N,)``; the paper has 2 x 2048 leaky ReLUs.
        smoothing: labels are this much away from 0 and 1.
        input_dropout: share of D's inputs that are dropped, the same for any number of ranks.
        orthogonality: the paper's beta, of a step towards an orthogonal W after each step of W.
        discriminator_steps: D steps per W step, each on a batch of its own.
        generator_lr: of SGD, for W.
        discriminator_lr: of SGD, for D.
        epoch_decay: factor of W's rate after each epoch; 1 keeps it.
        epoch_steps: W steps in an epoch: the paper's million words in batches of 32.
        **kwargs: see :class:`GeneratorGame`: the averaged W, which is orthogonal only nearly.

    Raises:
        ValueError: if a number is out of range, or the generator is no :class:`WordMap`.
    """

    generator: WordMap

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        smoothing: float = 0.1,
        input_dropout: float = 0.1,
        orthogonality: float = 0.001,
        discriminator_steps: int = 5,
        generator_lr: float = 0.1,
        discriminator_lr: float = 0.1,
        epoch_decay: float = 0.98,
        epoch_steps: int = 31250,
        **kwargs: Any,
    ) -> None:
        checks.check_networks(self, generator=generator, discriminator=discriminator)
        super().__init__(generator, (0.0, 0.0), **kwargs)  # SGD has no betas.
        keep_plain_hyperparameters(self)
        word_game.require_map(generator)
        checks.check_positive(self, generator_lr=generator_lr, discriminator_lr=discriminator_lr)
        word_game.require_counts(discriminator_steps=discriminator_steps, epoch_steps=epoch_steps)
        word_game.require_below(0.5, smoothing=smoothing, orthogonality=orthogonality)
        word_game.require_below(1.0, input_dropout=input_dropout)
        word_game.require_one_plan(epoch_decay, self.lr_decay)
        self.discriminator = discriminator
        self.smoothing, self.input_dropout = smoothing, input_dropout
        self.orthogonality, self.discriminator_steps = orthogonality, discriminator_steps
        self.generator_lr, self.discriminator_lr = generator_lr, discriminator_lr
        self.epoch_decay, self.epoch_steps = epoch_decay, epoch_steps

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """Plain SGD."""
        return SGD(parameters, lr=lr)

    def players(self) -> tuple[Player, ...]:
        """D, and W under the name of the generator."""
        per_w = self.discriminator_steps
        of_d = self.player("discriminator", self.discriminator, steps_per_round=per_w)
        of_w = self.player("generator", self.generator)
        if self.lr_decay is None:
            decay, steps = self.epoch_decay, self.epoch_steps
            of_w.scheduler = LambdaLR(of_w.optimizer, lambda step: decay ** (step // steps))
        return of_d, of_w

    def schedule(self) -> tuple[Stage, ...]:
        """D on every batch, W on the last of ``discriminator_steps``."""
        every = self.discriminator_steps
        return (Stage((Turn("discriminator"), Turn("generator", every, offsets=(every - 1,)))),)

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Words of the second language are real, mapped words of the first are not."""
        with torch.no_grad():
            mapped = self.generator(batch["a"])
        low, high = self.smoothing, 1 - self.smoothing
        shown = (word_game.dropped(x, self.input_dropout, self.noise) for x in (batch["b"], mapped))
        real, fake = map(self.discriminator, shown)
        self.note("discriminator/real_score", real.mean())
        self.note("discriminator/fake_score", fake.mean())
        return {"adversarial": (cross_entropy(real, high) + cross_entropy(fake, low)) / 2}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Mapped words pass for words of the second language."""
        scores = self.discriminator(self.generator(batch["a"]))
        return {"adversarial": cross_entropy(scores, 1 - self.smoothing) / 2}

    @torch.no_grad()
    def player_stepped(self, name: str) -> None:
        """W goes a little towards the orthogonal matrices; the same on every rank."""
        if name == "generator":
            w = self.generator.weight
            w.copy_(word_maps.orthogonalised(w, self.orthogonality))

    @torch.no_grad()
    def map_words(self, vectors: Tensor) -> Tensor:
        """Vectors ``(N, d)`` of the first language, on any device, in the space of the second."""
        with evaluating(self.sampler()) as network:
            return network(vectors.to(self.device, self.float_dtype))

    def nearest(
        self, vectors_a: Tensor, vectors_b: Tensor, k: int = 10, csls: bool = True
    ) -> Tensor:
        """Places ``(N, k)`` in ``vectors_b`` of the likeliest translations, best first.

        Args:
            vectors_a: ``(N, d)`` of the first language, before the map.
            vectors_b: ``(M, d)`` of the second.
            k: how many for each word.
            csls: scale hubs down; give the whole vocabulary then, not one word.
        """
        mapped = self.map_words(vectors_a)
        return word_maps.nearest(mapped, vectors_b.to(mapped), k, csls)

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Vectors of both languages, as long as those of the map."""
        word_game.check_vectors(batch, self.generator.dim)
