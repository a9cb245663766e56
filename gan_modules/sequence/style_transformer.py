"""StyleTransformer: one rewriter told a style, held to the content by the way back through weights.

Dai, Liang, Qiu, Huang, "Style Transformer: Unpaired Text Style Transfer without Disentangled Latent
Representation", 2019, arXiv:1905.05621. What changes from TextCycleGAN (``text_cycle_gan.py``): one
network for both ways, which is told the style, and gradients instead of rewards: the discriminator
and the way back are shown the weights of all tokens in place of drawn ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.schedule import Turn
from gan_modules.language.relaxations import Softmax
from gan_modules.language.rewriting import RewritingGame
from gan_modules.language.speaking import likelihoods, relaxed
from gan_modules.language.style_judging import MultiClassJudging, StyleJudging
from gan_modules.language.word_noise import WordNoise
from gan_modules.networks.reading import Reading, closed_weights


class StyleTransformer(RewritingGame):
    """Equations 3 to 7 of arXiv:1905.05621, with the settings of the authors' code.

    For x of style s, the other style s', ``y = soft F(x, s')`` and CE the sum over the tokens of a
    sentence: ``L_F = w_self CE(x | F(x, s)) + w_cyc CE(x | F(y, s)) + w_style L_style(D, y, s')``.
    The weights of y are the probabilities themselves, at temperature 1, with nothing behind the end
    that is the likeliest token first. Ten D steps and five of F in turn, after 500 of F alone by
    the first term: 64,000 sentences of both domains in batches of 64.

    Args:
        generator: a rewriter with 2 styles, such as ``TransformerRewriter``.
        discriminator: sentences or weights to scores of 3 classes, or with 2 styles to one score.
        judging: what it is asked; None: :class:`MultiClassJudging`.
        self_weight: w_self.
        cycle_weight: w_cyc.
        style_weight: w_style.
        word_noise: on what is read in the first term; None: none.
        restoring_samples: sentences of each domain in the first stage.
        discriminator_steps: of D in turn, each on a batch of its own.
        generator_steps: of F in turn.
        **kwargs: see :class:`RewritingGame`.

    Raises:
        ValueError: on numbers out of range, and on networks that do not go together.
    """

    styles = 2

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        judging: StyleJudging | None = None,
        self_weight: float = 0.25,
        cycle_weight: float = 0.5,
        style_weight: float = 1.0,
        word_noise: WordNoise | None = None,
        restoring_samples: int = 32_000,
        discriminator_steps: int = 10,
        generator_steps: int = 5,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            word_noise=word_noise or WordNoise(0.0, 0.0, 0),
            restoring_samples=restoring_samples,
            discriminator_steps=discriminator_steps,
            **kwargs,
        )
        checks.check_not_negative(
            self, self_weight=self_weight, cycle_weight=cycle_weight, style_weight=style_weight
        )
        checks.check_positive(self, generator_steps=generator_steps)
        self.judging = judging or MultiClassJudging()
        self.judging.check("StyleTransformer", discriminator, self.styles)
        self.self_weight, self.cycle_weight = self_weight, cycle_weight
        self.style_weight, self.generator_steps = style_weight, generator_steps

    def turns(self) -> tuple[Turn, ...]:
        """D several times, then F several times, each time on a new batch."""
        of_d, every = self.discriminator_steps, self.discriminator_steps + self.generator_steps
        first, last = tuple(range(of_d)), tuple(range(of_d, every))
        return (
            Turn("discriminator", every=every, offsets=first),
            Turn("generator", every=every, offsets=last),
        )

    def reading(self, networks: Any, symbols: Tensor, source: str, target: str) -> Reading:
        """It is told where to, not where from."""
        style = torch.full((len(symbols),), self.domains.index(target), device=symbols.device)
        speaker: Reading = networks.reading(symbols, style)
        return speaker

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Real sentences, the same said again, and in the other style."""
        tokens, style = self.joined(batch)
        with torch.no_grad():
            kept, changed = self.soft(tokens, style), self.soft(tokens, 1 - style)
        loss = self.judging.discriminator_loss(self.discriminator, tokens, kept, changed, style)
        return {"style": loss}

    def generator_restoring_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The first term alone, not weighted: what is read is said again, in nats a sentence."""
        tokens, style = self.joined(batch)
        disturbed = self.word_noise(tokens, self.noise, self.special_tokens)
        return {"self": self.said(tokens, disturbed, style)}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The three terms."""
        tokens, style = self.joined(batch)
        changed = self.soft(tokens, 1 - style)
        fooled = self.judging.generator_loss(self.discriminator, changed, 1 - style)
        return {
            "self": self.self_weight * self.generator_restoring_losses(batch)["self"],
            "cycle": self.cycle_weight * self.said(tokens, changed, style),
            "style": self.style_weight * fooled,
        }

    def joined(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Sentences of both domains, and their styles ``(N,)``."""
        parts = [batch[f"tokens_{domain}"] for domain in self.domains]
        styles = [torch.full((len(part),), i, device=part.device) for i, part in enumerate(parts)]
        return torch.cat(parts), torch.cat(styles)

    def said(self, tokens: Tensor, symbols: Tensor, style: Tensor) -> Tensor:
        """Cross entropy of tokens for what was read, in nats a sentence."""
        told = likelihoods(self.generator.reading(symbols, style), tokens)
        return -told.log_probability.sum(1).mean()

    def soft(self, tokens: Tensor, style: Tensor) -> Tensor:
        """Weights ``(N, T, V)`` of the sentences in a style."""
        speaker = self.generator.reading(tokens, style)
        silence = torch.zeros(*tokens.shape, 1, device=tokens.device, dtype=self.float_dtype)
        return closed_weights(relaxed(speaker, silence, Softmax(), 1.0), self.special_tokens)
