"""The base of the variants that make sentences: who plays whom. A paper overrides what differs.

A sentence is drawn from one uniform number for each of its tokens, so latents, averages, sampling
and everything that watches them are those of images. What differs: a drawn token has no derivative.
Either the discriminator is shown a relaxation (``language/relaxations.py``), and the game is
that of ``gan_modules/base.py``; or it is shown tokens, and the generator follows rewards
(``language/policy_gradient.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_modules.base import AdversarialModule
from gan_modules.engine import checks
from gan_modules.engine.ema import update_average
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.language.policy_gradient import Baseline, policy_loss
from gan_modules.language.relaxations import Relaxation
from gan_modules.language.sentences import masked_mean, one_hot
from gan_modules.language.speaking import drawn, likelihoods, relaxed
from gan_modules.language.vocabulary import Worded, check_tokens
from gan_modules.objectives import Objective

#: Arguments of other games that mean nothing for sentences, with what switches them off.
_OF_IMAGES = {"augmentation": None, "compile": "off", "latent": "normal"}


class SequenceModule(Worded, AdversarialModule):
    """A speaker against a discriminator of sentences, after as much pretraining as is asked for.

    Takes batches of :class:`datamodules.batches.Sequences`. Stages: the speaker follows the
    likelihood, the discriminator learns to tell its sentences from real ones, then they play. A
    pretraining step is not counted as a generator step.

    Args:
        generator: a speaker, see ``language/speaking.py``; its ``latent_dim`` is its ``length``.
        discriminator: sentences, ids ``(N, T)`` or weights ``(N, T, V)``, to raw scores.
        objective: see :class:`AdversarialModule`.
        relaxation: what the discriminator is shown of generated sentences in place of ids; real
            ones are one-hot then. None: a paper that follows rewards.
        baseline: subtracted from what the generator earns; None: nothing. ``ValueBaseline`` of
            ``language/values.py`` learns what each beginning earns.
        entropy_weight: of a bonus for uncertainty, in nats a token, where rewards are followed.
        likelihood_samples: real sentences of the first stage; 0: no such stage.
        likelihood_lr: rate of G in it; None: ``generator_lr``.
        discriminator_samples: real sentences of the second stage; 0: no such stage.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: as :class:`AdversarialModule`; if nothing could reach the generator; for what
            sentences have no use of; on numbers out of range.
    """

    #: Whether ``generator_losses`` follows rewards: then drawn tokens need no derivative.
    follows_rewards: ClassVar[bool] = False
    #: What the generator must have.
    speaks: ClassVar[tuple[str, ...]] = (
        *("vocabulary_size", "length", "special_tokens"),
        *("step", "logits"),
    )

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        relaxation: Relaxation | None = None,
        baseline: Baseline | None = None,
        entropy_weight: float = 0.0,
        likelihood_samples: int = 0,
        likelihood_lr: float | None = None,
        discriminator_samples: int = 0,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        unused = {key: kwargs.get(key, value) for key, value in _OF_IMAGES.items()}
        if not self.follows_rewards:
            unused |= {"baseline": baseline, "entropy_weight": entropy_weight or None}
        for option, value in unused.items():
            if value != _OF_IMAGES.get(option):
                raise ValueError(
                    f"{name}: {option} must be {_OF_IMAGES.get(option) or 'null'}, got {value}: "
                    "nothing here would heed it; leave it out"
                )
        super().__init__(generator, discriminator, objective, **kwargs)
        for attribute in self.speaks:
            if not hasattr(generator, attribute):
                raise ValueError(
                    f"{name}: generator must be a speaker with the attribute {attribute}, got "
                    f"{type(generator).__name__}; choose LSTMSpeaker"
                )
        if (relaxation is None) != self.follows_rewards:
            raise ValueError(
                f"{name}: relaxation must be {'null' if self.follows_rewards else 'given'}, got "
                f"{type(relaxation).__name__}: "
                + (
                    "it follows rewards for drawn tokens; leave it out"
                    if self.follows_rewards
                    else "drawn tokens have no derivative; choose GumbelSoftmax, StraightThrough "
                    "or Softmax"
                )
            )
        checks.check_not_negative(
            self,
            entropy_weight=entropy_weight,
            likelihood_samples=likelihood_samples,
            discriminator_samples=discriminator_samples,
        )
        checks.check_positive(self, likelihood_lr=likelihood_lr)
        checks.refuse_micro_batches(self, self.micro_batches)
        self.relaxation, self.baseline = relaxation, baseline or Baseline()
        self.entropy_weight = entropy_weight
        self.likelihood_samples, self.likelihood_lr = likelihood_samples, likelihood_lr
        self.discriminator_samples = discriminator_samples
        self.vocabulary_size = int(generator.vocabulary_size)  # type: ignore[arg-type]
        self.special_tokens = bool(generator.special_tokens)
        known = getattr(self.baseline, "vocabulary_size", self.vocabulary_size)
        if known != self.vocabulary_size:
            raise ValueError(
                f"{name}: baseline must know the {self.vocabulary_size} tokens of the generator, "
                f"got vocabulary_size {known}; set it so"
            )

    # -- who plays, when, for what: what a paper overrides -----------------------------------------

    def players(self) -> tuple[Player, ...]:
        """Also: a baseline that learns does so in the generator's steps, with its rate."""
        of_d, of_g = super().players()
        if any(True for _ in self.baseline.parameters()):
            of_g = self.player("generator", self.generator, self.baseline)
        return of_d, of_g

    def schedule(self) -> tuple[Stage, ...]:
        """Likelihood, discriminator, and the game with the rates of both."""
        stages = []
        if self.likelihood_samples:
            rates = {"generator": self.likelihood_lr or self.generator_lr}
            turns = (Turn("generator", phase="likelihood"),)
            stages.append(Stage(turns, self.likelihood_samples, "likelihood", rates=rates))
        if self.discriminator_samples:
            turns = (Turn("discriminator"),)
            stages.append(Stage(turns, self.discriminator_samples, "discriminator"))
        (game,) = super().schedule()
        return (*stages, Stage(game.turns, rates={"generator": self.generator_lr}))

    def generator_likelihood_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The negative log-likelihood of real sentences, in nats a token."""
        told = likelihoods(self.generator, batch["tokens"])
        return {"likelihood": -masked_mean(told.log_probability, told.mask)}

    def sharpness(self) -> float:
        """The inverse temperature beta of the relaxation, at this generator step."""
        return 1.0

    # -- what the losses are made of ---------------------------------------------------------------

    def real(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Real sentences as the discriminator sees generated ones: ids, or one-hot rows."""
        tokens = batch["tokens"]
        if self.relaxation is None:
            return tokens
        return one_hot(tokens, self.vocabulary_size, self.float_dtype)

    def generate(self, n: int, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """``n`` sentences of this training step: ids ``(n, T)``, or weights ``(n, T, V)``."""
        if self.relaxation is None:
            return drawn(self.generator, self.training_latents(n))
        noise = self.noise.uniform(
            n, self.latent_dim, self.vocabulary_size, device=self.device, dtype=self.float_dtype
        )
        return relaxed(self.generator, noise, self.relaxation, self.sharpness())

    def training_latents(self, n: int) -> Tensor:
        """Uniform numbers ``(n, latent_dim)`` in [0, 1), the same for any number of ranks."""
        return self.noise.uniform(n, self.latent_dim, device=self.device, dtype=self.float_dtype)

    def following(self, tokens: Tensor, returns: Tensor) -> dict[str, Tensor]:
        """The generator's terms for what its tokens earned, less the baseline.

        Args:
            tokens: int64 ``(N, T)`` as they were drawn.
            returns: ``(N, T)``, detached.
        """
        told = likelihoods(self.generator, tokens)
        returns = (returns * told.mask).detach()
        values = self.baseline(returns, told.mask, tokens)
        advantages = returns - values
        self.note("generator/return", masked_mean(returns, told.mask))
        self.note("generator/entropy", masked_mean(told.entropy, told.mask).detach())
        terms = {"policy": policy_loss(advantages, told.log_probability, told.mask)}
        if self.entropy_weight:
            terms["entropy"] = -self.entropy_weight * masked_mean(told.entropy, told.mask)
        terms |= self.baseline.losses(values, returns, told.mask)
        return {**terms, **self.weight_penalties("generator", self.generator)}

    def player_stepped(self, name: str) -> None:
        """Also: before its game the averaged generator is the generator, not its first weights."""
        super().player_stepped(name)
        if self.generator_ema is not None and not self.steps["generator"]:
            update_average(self.generator_ema, self.generator, 0.0)

    # -- sentences: what callbacks and commands use ------------------------------------------------

    def draw_latents(
        self,
        n: int,
        *,
        generator: torch.Generator | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Uniform numbers ``(n, latent_dim)`` in [0, 1), drawn on the CPU; nothing is truncated.

        Raises:
            ValueError: for a truncation; a temperature below 1 is what sentences have instead.
        """
        if truncation is not None:
            raise ValueError(
                f"{type(self).__name__}: truncation must be None for sentences, got {truncation}; "
                "decode(z, temperature=...) makes them more certain"
            )
        return torch.rand(n, self.latent_dim, generator=generator).to(self.device, self.float_dtype)

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        """Sentences ``(N, T)`` of uniform numbers ``(N, T)``, in eval mode.

        Args:
            z: from :meth:`draw_latents`.
            labels: must be None.
            temperature: the logits are divided by it.
        """
        with evaluating(self.sampler()) as network:
            return drawn(network, z, temperature)

    @torch.no_grad()
    def log_likelihood(self, tokens: Tensor) -> Tensor:
        """Mean log-probability of each sentence ``(N, T)``, in nats a token: ``(N,)``."""
        with evaluating(self.sampler()) as network:
            told = likelihoods(network, tokens.to(self.device))
        return told.log_probability.sum(1) / told.mask.sum(1)

    @torch.no_grad()
    def token_entropy(self, tokens: Tensor) -> Tensor:
        """Mean uncertainty while saying each sentence ``(N, T)``, in nats a token: ``(N,)``."""
        with evaluating(self.sampler()) as network:
            told = likelihoods(network, tokens.to(self.device))
        return told.entropy.sum(1) / told.mask.sum(1)

    # -- checks ------------------------------------------------------------------------------------

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Ids, length and vocabulary of the first batch against the generator's."""
        length = int(self.generator.length)  # type: ignore[arg-type]
        check_tokens(self, batch, "tokens", self.vocabulary_size, length)
