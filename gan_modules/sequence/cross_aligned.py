"""CrossAlignedAE: a shared content, and states of a decoder that look like those of its domain.

Shen, Lei, Barzilay, Jaakkola, "Style Transfer from Non-Parallel Text by Cross-Alignment", 2017,
arXiv:1705.09655. What changes from StyleTransformer (``style_transformer.py``): there is no way
back, and the discriminators see hidden states instead of words. A sentence of the other domain,
led here, must run through states like those of a real sentence of this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.reduction import mean_over_ranks
from gan_modules.language.professor_forcing import own_states, require_states, told_states
from gan_modules.language.relaxations import GumbelSoftmax
from gan_modules.language.rewriting import RewritingGame
from gan_modules.language.speaking import likelihoods
from gan_modules.networks.reading import Reading
from gan_modules.objectives import NonSaturating


class CrossAlignedAE(RewritingGame):
    """Section 4.3 and algorithm 1 of arXiv:1705.09655, with the settings of the authors' code.

    ``L = L_rec + w (L_adv_a + L_adv_b)``: L_rec is the cross entropy of both domains with their own
    styles, a sum over the tokens of a sentence; D_a tells states that were told a sentence of a
    from those of a decoder that turns one of b into a and hears itself, softly. The second part
    counts only while both discriminators are at work: in rounds in which the loss of one, over all
    ranks, is not below ``most_loss``, only L_rec is minimised. Undecided, a loss is 2 ln 2 = 1.386.
    The authors look before the discriminators' step, and here it is looked after it.

    Args:
        generator: an ``AlignedAutoencoder``.
        discriminator_a: states ``(N, T + 1, W)`` to raw scores ``(N,)``, such as a ``TextCNN``
            whose vocabulary_size is W, the width of the generator, and whose length is T + 1.
        discriminator_b: the same for b.
        adversarial_weight: w, the paper's lambda.
        most_loss: of both discriminators.
        temperature: of the Gumbel softmax, the paper's gamma.
        generator_lr: Adam's rate of the autoencoder.
        discriminator_lr: Adam's rate of the discriminators.
        betas: Adam's beta1 and beta2, both sides.
        generator_clip_norm: gradient norm limit of the autoencoder.
        **kwargs: see :class:`RewritingGame`; the paper has no stages before the game.

    Raises:
        ValueError: on numbers out of range, and on networks that do not go together.
    """

    styles = 2

    def __init__(
        self,
        generator: nn.Module,
        discriminator_a: nn.Module,
        discriminator_b: nn.Module,
        adversarial_weight: float = 1.0,
        most_loss: float = 1.2,
        temperature: float = 0.1,
        generator_lr: float = 5e-4,
        discriminator_lr: float = 5e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        generator_clip_norm: float | None = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            nn.ModuleDict({"a": discriminator_a, "b": discriminator_b}),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            generator_clip_norm=generator_clip_norm,
            **kwargs,
        )
        checks.check_not_negative(self, adversarial_weight=adversarial_weight)
        checks.check_positive(self, most_loss=most_loss, temperature=temperature)
        require_states("CrossAlignedAE", generator, self.discriminator)
        self.adversarial_weight, self.most_loss = adversarial_weight, most_loss
        self.temperature, self.objective = temperature, NonSaturating()

    def reading(self, networks: Any, symbols: Tensor, source: str, target: str) -> Reading:
        """It is told where to, and where from."""
        read, write = (
            torch.full((len(symbols),), self.domains.index(domain), device=symbols.device)
            for domain in (source, target)
        )
        speaker: Reading = networks.reading(symbols, write, read)
        return speaker

    def generator_restoring_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy of both domains with their own styles, in nats a sentence."""
        losses = {}
        for domain in self.domains:
            tokens = batch[f"tokens_{domain}"]
            told = likelihoods(self.reading(self.generator, tokens, domain, domain), tokens)
            losses[f"reconstruction_{domain}"] = -told.log_probability.sum(1).mean()
        return losses

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """States that were told a sentence against those of the other domain's contents."""
        losses = {}
        for source, target in self.directions:
            with torch.no_grad():
                real, fake = self.states(batch, source, target)
            losses[f"adversarial_{target}"] = self.told_apart(target, real, fake)
        return losses

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The reconstruction, and the adversarial terms while both discriminators are at work."""
        adversarial, worst = {}, torch.zeros((), device=self.device)
        for source, target in self.directions:
            real, fake = self.states(batch, source, target)
            with torch.no_grad():
                # A decision, so it must be that of the joined batch: all ranks take the same.
                loss = mean_over_ranks(self.told_apart(target, real, fake))
                worst = torch.maximum(worst, loss)
            loss = self.objective.generator_loss(self.discriminator[target](fake))
            adversarial[f"adversarial_{target}"] = self.adversarial_weight * loss
        at_work = bool(worst < self.most_loss)
        self.note("generator/at_work", torch.tensor(float(at_work), device=self.device))
        losses = self.generator_restoring_losses(batch)
        return losses | adversarial if at_work else losses

    def states(
        self, batch: Mapping[str, Tensor], source: str, target: str
    ) -> tuple[Tensor, Tensor]:
        """Of sentences of ``target``, and of those of ``source`` led there, ``(N, T + 1, W)``."""
        tokens, others = batch[f"tokens_{target}"], batch[f"tokens_{source}"]
        uniforms = self.noise.uniform(
            *others.shape, self.vocabulary_size, device=self.device, dtype=self.float_dtype
        )
        real = told_states(self.reading(self.generator, tokens, target, target), tokens)
        led = self.reading(self.generator, others, source, target)
        return real, own_states(led, uniforms, GumbelSoftmax(), 1.0 / self.temperature)

    def told_apart(self, domain: str, real: Tensor, fake: Tensor) -> Tensor:
        """The loss of a discriminator: binary cross entropy of both halves, summed."""
        judge = self.discriminator[domain]
        return self.objective.discriminator_loss(judge(real), judge(fake))
