"""UnsupervisedTranslation: translation without pairs, by restoring and a language-free encoder.

Lample, Conneau, Denoyer, Ranzato, "Unsupervised Machine Translation Using Monolingual Corpora
Only", 2017, arXiv:1711.00043. What changes from StyleTransformer (``style_transformer.py``): the
discriminator sees what the encoder makes of a sentence, not the sentence, and the way back begins
at words that were chosen, without a gradient through them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, RMSprop

from gan_modules.engine import checks
from gan_modules.engine.sampling import evaluating
from gan_modules.language.language_confusion import require_language_game, told_language
from gan_modules.language.rewriting import RewritingGame
from gan_modules.language.sentences import masked_mean
from gan_modules.language.speaking import greedy, likelihoods
from gan_modules.language.word_by_word import WordByWord
from gan_modules.networks.reading import Reading
from gan_modules.weight_schedule import require_points, weight_at


class UnsupervisedTranslation(RewritingGame):
    """Equations 1 to 5 of arXiv:1711.00043, with the settings of the authors' code of 1804.07755.

    For x of language l, the other language l', C the noise, e the encoder and d the decoder:
    ``L = w_auto CE(x | d(e(C(x)), l)) + w_cd CE(x | d(e(C(M(x))), l)) + w_adv CE(D(e), wrong one)``
    where M is the model itself, the likeliest words in l', in eval mode and without gradient, and D
    is asked which language was read, of each state of both encodings. Sentences are only restored
    at first: an encoder that fools D before it knows its sentences forgets them.

    Args:
        generator: a rewriter with 2 styles, the languages, which ``told: writer``.
        discriminator: states ``(M, W)`` of the encoder to raw scores ``(M,)``, positive for the
            second language.
        dictionary: pairs of words that M knows at first, where it translates word by word.
        dictionary_steps: steps in which it does; the paper's first M is such a one.
        adversarial_weight: w_adv.
        back_weight: w_cd.
        restoring_weights: w_auto as (step, weight), along straight lines.
        smoothing: D's answers are this much less than sure; the encoder's are not.
        restoring_samples: see :class:`RewritingGame`; in the paper none.
        discriminator_lr: RMSprop's rate of D.
        **kwargs: see there.

    Raises:
        ValueError: on numbers out of range, and on networks that do not go together.
    """

    styles, purpose = 2, "translation"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        dictionary: Sequence[tuple[str, str]] = (),
        dictionary_steps: int = 0,
        adversarial_weight: float = 1.0,
        back_weight: float = 1.0,
        restoring_weights: Sequence[tuple[int, float]] = ((0, 1.0), (100_000, 0.1), (300_000, 0.0)),
        smoothing: float = 0.1,
        restoring_samples: int = 64_000,
        discriminator_lr: float = 5e-4,
        **kwargs: Any,
    ) -> None:
        kwargs |= {"restoring_samples": restoring_samples, "discriminator_lr": discriminator_lr}
        super().__init__(generator, discriminator, **kwargs)
        weights = {"adversarial_weight": adversarial_weight, "back_weight": back_weight}
        checks.check_not_negative(self, **weights, dictionary_steps=dictionary_steps)
        require_points(self, "restoring_weights", restoring_weights)
        require_language_game(self, generator, smoothing)
        self.word_by_word = WordByWord(dictionary, self.vocabulary_size)
        self.dictionary_steps, self.smoothing = dictionary_steps, smoothing
        self.adversarial_weight, self.back_weight = adversarial_weight, back_weight
        self.restoring_weights = restoring_weights

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """RMSprop for D."""
        of_d = any(parameters[0] is own for own in self.discriminator.parameters())
        return RMSprop(parameters, lr=lr) if of_d else super().optimizer(parameters, lr)

    def setup(self, stage: str) -> None:
        """Also: look the words of the dictionary up."""
        super().setup(stage)
        if self.vocabulary:
            self.word_by_word.learn(self.vocabulary)

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds sentences of a, of b, of a as b and of b as a, disturbed, in this order: ``read``.

        Beside them the ``language`` of each, the sentence to be ``written`` and its language,
        ``to``: 0 for a, 1 for b.
        """
        if not self.acts("discriminator"):
            return batch
        real = [batch[f"tokens_{domain}"] for domain in self.domains]
        parts = (*real, *self.translated(*real))
        read = [self.word_noise(part, self.noise, self.special_tokens) for part in parts]
        to, language = (numbers(kinds, real[0]) for kinds in ((0, 1, 0, 1), (0, 1, 1, 0)))
        added = {"read": torch.cat(read), "written": torch.cat([*real, *real])}
        return {**batch, **added, "to": to, "language": language}

    @torch.no_grad()
    def translated(self, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        """M: sentences of a as b, and of b as a, as the model or at first the dictionary would."""
        if self.steps.get("generator", 0) < self.dictionary_steps:
            return self.word_by_word(a, "a"), self.word_by_word(b, "b")
        with evaluating(self.generator) as networks:
            reading = networks.reading(torch.cat([a, b]), numbers((1, 0), a))  # type: ignore[operator]
            return greedy(reading, reading.n).chunk(2)

    def reading(self, networks: nn.Module, symbols: Tensor, source: str, target: str) -> Reading:
        """The writer is told where to; the reader is told nothing."""
        style = numbers((self.domains.index(target),), symbols)
        return networks.reading(symbols, style)  # type: ignore[operator]

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Which language was read, from each state."""
        with torch.no_grad():
            memory = self.generator.reading(batch["read"], batch["to"]).memory
        loss, right = told_language(self.discriminator, memory, batch["language"], self.smoothing)
        self.note("discriminator/right", right)
        return {"adversarial": loss}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The three terms."""
        reading = self.generator.reading(batch["read"], batch["to"])
        told = likelihoods(reading, batch["written"])
        parts = zip(told.log_probability.chunk(4), told.mask.chunk(4), strict=True)
        nats = [-masked_mean(logs, mask) for logs, mask in parts]
        weight = weight_at(self.restoring_weights, self.steps.get("generator", 0))
        fooled, _ = told_language(self.discriminator, reading.memory, 1 - batch["language"])
        return {
            "restored_a": weight * nats[0],
            "restored_b": weight * nats[1],
            "back_a": self.back_weight * nats[2],
            "back_b": self.back_weight * nats[3],
            "adversarial": self.adversarial_weight * fooled,
        }


def numbers(kinds: tuple[int, ...], rows: Tensor) -> Tensor:
    """As many of each number as there are rows, one kind after the other."""
    return torch.tensor(kinds, device=rows.device).repeat_interleave(len(rows))
