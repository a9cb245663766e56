"""Sentences of one domain as sentences of another, without pairs: what such games share.

What :class:`gan_modules.translation.base.TranslationModule` is for images. A drawn token has no
derivative, so a paper says how its translators learn of their discriminators: rewards, relaxed
tokens, hidden states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.generator_game import GeneratorGame
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.language.sentences import masked_mean
from gan_modules.language.speaking import drawn, greedy, likelihoods
from gan_modules.language.vocabulary import Worded, check_tokens
from gan_modules.language.word_noise import WordNoise
from gan_modules.networks.reading import Reading


class RewritingGame(Worded, GeneratorGame):
    """Rewriters between two domains, and discriminators of sentences.

    Takes batches of :class:`datamodules.batches.UnpairedSequences`.
    ``rewrite(tokens, source, target)`` is what callbacks and commands use; there is no
    ``sample()``, since nothing comes from noise alone.

    Args:
        generator: a rewriter, see ``gan_modules/networks/reading.py``, or one by direction.
        discriminator: the network, or networks by domain, of the player ``discriminator``.
        word_noise: what is restored; None: a tenth dropped, a tenth hidden, moved by up to 3.
        restoring_samples: sentences of each domain in a first stage, in which the rewriters learn
            to restore what was disturbed; 0: no such stage.
        restoring_lr: rate of the rewriters in it; None: ``generator_lr``.
        discriminator_samples: sentences of each domain in a second stage, of the discriminators
            alone; 0: no such stage.
        discriminator_steps: D steps per step of the rewriters, each on a batch of its own.
        generator_lr: learning rate of the rewriters in the game.
        discriminator_lr: learning rate of the discriminators.
        betas: Adam's beta1 and beta2, both sides.
        generator_clip_norm: gradient norm limit of the rewriters; None is off.
        discriminator_clip_norm: gradient norm limit of the discriminators; None is off.
        **kwargs: see :class:`GeneratorGame`: decay, the averaged rewriters.

    Raises:
        ValueError: on numbers out of range, and on networks that do not go together.
    """

    # One network or several, which a paper puts together.
    generator: Any
    discriminator: Any
    #: What ``rewrite`` knows, in the order of the batch's keys.
    domains: tuple[str, ...] = ("a", "b")
    #: (source, target) of every way that is learned.
    directions: tuple[tuple[str, str], ...] = (("a", "b"), ("b", "a"))
    #: Whether rewriters learn to restore disturbed words.
    disturbs_words = True
    #: How many styles each rewriter is told apart.
    styles = 0
    #: What rewritings are scored as, see ``callbacks/sentence_translation.py``.
    purpose: ClassVar[Literal["style", "translation", "summary"]] = "style"
    #: What a rewriter has that its vocabulary does not tell.
    rewrites_by: ClassVar[str] = "reading"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        word_noise: WordNoise | None = None,
        restoring_samples: int = 0,
        restoring_lr: float | None = None,
        discriminator_samples: int = 0,
        discriminator_steps: int = 1,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        generator_clip_norm: float | None = 5.0,
        discriminator_clip_norm: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, betas, **kwargs)
        keep_plain_hyperparameters(self)
        checks.check_networks(self, generator=generator, discriminator=discriminator)
        checks.check_not_negative(
            self, restoring_samples=restoring_samples, discriminator_samples=discriminator_samples
        )
        checks.check_positive(
            self,
            restoring_lr=restoring_lr,
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            generator_clip_norm=generator_clip_norm,
            discriminator_clip_norm=discriminator_clip_norm,
        )
        checks.refuse_micro_batches(self, self.micro_batches)
        first = require_rewriters(self, generator, self.styles, self.rewrites_by)
        if word_noise is not None and not self.disturbs_words:
            raise ValueError(
                f"{type(self).__name__}: word_noise must be null, got {type(word_noise).__name__}: "
                "no word is disturbed here; leave it out"
            )
        self.discriminator, self.word_noise = discriminator, word_noise or WordNoise()
        self.restoring_samples, self.restoring_lr = restoring_samples, restoring_lr
        self.discriminator_samples = discriminator_samples
        self.discriminator_steps = discriminator_steps
        self.generator_lr, self.generator_clip_norm = generator_lr, generator_clip_norm
        self.discriminator_lr = discriminator_lr
        self.discriminator_clip_norm = discriminator_clip_norm
        self.vocabulary_size = int(first.vocabulary_size)
        self.special_tokens = bool(first.special_tokens)
        #: T of the sentences of each domain.
        self.lengths = lengths_of(self, generator, self.directions)

    def players(self) -> tuple[Player, ...]:
        """All discriminators are one player, all rewriters the other."""
        return (
            self.player("discriminator", self.discriminator),
            self.player("generator", self.generator),
        )

    def schedule(self) -> tuple[Stage, ...]:
        """Restoring, D alone, and the game; a step of restoring is not counted."""
        rates = {"generator": self.restoring_lr or self.generator_lr}
        restoring = (Turn("generator", phase="restoring"),)
        stages = (
            Stage(restoring, self.restoring_samples, "restoring", rates=rates),
            Stage((Turn("discriminator"),), self.discriminator_samples, "discriminator"),
            Stage(self.turns(), rates={"generator": self.generator_lr}),
        )
        return tuple(stage for stage in stages if stage.images != 0)

    def turns(self) -> tuple[Turn, ...]:
        """Those of the game: with n D steps per step of the rewriters in the last of n rounds."""
        every = self.discriminator_steps
        return Turn("discriminator"), Turn("generator", every=every, offsets=(every - 1,))

    def generator_restoring_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each domain is restored by those that write it, in nats a token."""
        losses = {}
        for source, target in self.directions:
            tokens = batch[f"tokens_{target}"]
            disturbed = self.word_noise(tokens, self.noise, self.special_tokens)
            losses[f"restored_{target}"] = self.restored(tokens, disturbed, source, target)
        return losses

    # -- what the losses are made of ---------------------------------------------------------------

    def reading(self, networks: Any, symbols: Tensor, source: str, target: str) -> Reading:
        """What ``networks``, those of the generator, make of sentences of ``source``: a speaker.

        Args:
            networks: the generator, or its average.
            symbols: token ids ``(N, T)``, or weights of the tokens ``(N, T, V)``.
            source: domain of the sentences.
            target: domain to lead them to.
        """
        speaker: Reading = networks[f"{source}{target}"].reading(symbols)
        return speaker

    def with_drawn(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds ``fake_b``, sentences drawn for ``tokens_a``, and so on for every direction."""
        fakes = {}
        with torch.no_grad():
            for source, target in self.directions:
                tokens = batch[f"tokens_{source}"]
                uniforms = self.noise.uniform(
                    len(tokens),
                    self.lengths[target],
                    device=tokens.device,
                    dtype=self.float_dtype,
                )
                reading = self.reading(self.generator, tokens, source, target)
                fakes[f"fake_{target}"] = drawn(reading, uniforms)
        return {**batch, **fakes}

    def restored(self, tokens: Tensor, symbols: Tensor, source: str, target: str) -> Tensor:
        """Cross entropy, in nats a token, of sentences that are written for others.

        Args:
            tokens: int64 ``(N, T)`` of ``target``, what shall be written.
            symbols: what is read, as sentences of ``source``.
            source: as which they are read.
            target: as which they are written.
        """
        told = likelihoods(self.reading(self.generator, symbols, source, target), tokens)
        return -masked_mean(told.log_probability, told.mask)

    # -- rewriting: what callbacks and commands use ------------------------------------------------

    @torch.no_grad()
    def rewrite(self, tokens: Tensor, source: str = "a", target: str = "b") -> Tensor:
        """The most likely rewritings, in eval mode, by the averaged rewriters.

        Args:
            tokens: int64 ``(N, T)`` of ``source``, on any device.
            source: domain of the sentences.
            target: domain to lead them to.

        Returns:
            int64 ``(N, T)`` with the T of ``target``, on this module's device.

        Raises:
            ValueError: if this direction is not learned.
        """
        self.require_direction(source, target)
        with evaluating(self.sampler()) as networks:
            reading = self.reading(networks, tokens.to(self.device), source, target)
            return greedy(reading, len(tokens))

    def require_direction(self, source: str, target: str) -> None:
        """Refuse a direction that is not learned.

        Raises:
            ValueError: naming those that are.
        """
        if (source, target) not in self.directions:
            known = ", ".join(f"{one} to {other}" for one, other in self.directions)
            raise ValueError(
                f"{type(self).__name__}: direction must be one of {known}, got {source} to "
                f"{target}; choose another domain"
            )

    # -- checks ------------------------------------------------------------------------------------

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Ids, lengths and vocabulary of the first batch against the rewriters'."""
        for domain in self.domains:
            key, length = f"tokens_{domain}", self.lengths[domain]
            check_tokens(self, batch, key, self.vocabulary_size, length)


def require_rewriters(owner: nn.Module, generator: nn.Module, styles: int, by: str) -> Any:
    """All are rewriters of one vocabulary and length, told as many styles as the paper tells.

    Returns:
        The first of them.

    Raises:
        ValueError: naming what is missing or differs.
    """
    name = type(owner).__name__
    rewriters: list[Any] = (
        list(generator.values()) if isinstance(generator, nn.ModuleDict) else [generator]
    )
    for rewriter in rewriters:
        for attribute in ("vocabulary_size", "length", "special_tokens", by):
            if not hasattr(rewriter, attribute):
                raise ValueError(
                    f"{name}: generator must be a rewriter with the attribute {attribute}, got "
                    f"{type(rewriter).__name__}; choose one that this paper takes"
                )
        if rewriter.styles != styles:
            raise ValueError(
                f"{name}: styles of the generator must be {styles}, got {rewriter.styles}; set it "
                "to the number of styles that it is told"
            )
    kinds = {(int(r.vocabulary_size), bool(r.special_tokens)) for r in rewriters}
    if len(kinds) > 1:
        raise ValueError(
            f"{name}: generators must agree in vocabulary_size and special_tokens, got "
            f"{sorted(kinds)}; both domains share them"
        )
    return rewriters[0]


def lengths_of(
    owner: nn.Module, generator: Any, directions: tuple[tuple[str, str], ...]
) -> dict[str, int]:
    """T of the sentences of each domain, as the rewriters read and write them.

    Raises:
        ValueError: if two of them do not agree.
    """
    found: dict[str, int] = {}
    for source, target in directions:
        of_all = isinstance(generator, nn.ModuleDict)
        rewriter: Any = generator[f"{source}{target}"] if of_all else generator
        read = getattr(rewriter, "source_length", rewriter.length)
        for domain, length in ((source, int(read)), (target, int(rewriter.length))):
            if found.setdefault(domain, length) != length:
                raise ValueError(
                    f"{type(owner).__name__}: generators must agree in the length of domain "
                    f"{domain}, got {found[domain]} and {length}; set length and source_length to "
                    "those of the data"
                )
    return found
