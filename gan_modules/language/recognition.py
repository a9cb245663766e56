"""Speech recognition without transcripts: a recogniser whose text shall look like real text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from gan_modules.engine import checks
from gan_modules.engine.generator_game import GeneratorGame
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.language.relaxations import Relaxation, Softmax
from gan_modules.language.segments import Segmenter, heard, monotony, rows_of, unsmoothness
from gan_modules.language.vocabulary import check_tokens
from gan_modules.objectives import Objective
from gan_modules.regularizers import Regularizer


class Said(NamedTuple):
    """What a recogniser says in training.

    Attributes:
        rows: ``(N, K, V)`` of the sounds, which sum to 1: what D is shown.
        probabilities: ``(N, K, V)`` of their phonemes.
        mask: bool ``(N, K)``: which sounds there are.
        logits: ``(N, S, V)`` of the pieces.
    """

    rows: Tensor
    probabilities: Tensor
    mask: Tensor
    logits: Tensor


class RecognitionGame(GeneratorGame):
    """A recogniser of speech against a discriminator of phoneme text.

    Takes batches of :class:`datamodules.batches.SpeechAndText`.

    Args:
        generator: features ``(N, S, F)`` and mask to logits ``(N, S, V)`` of phonemes; has the
            attributes ``features`` and ``vocabulary_size``.
        discriminator: rows ``(N, T, V)`` and mask to raw scores ``(N,)``.
        objective: what the two play for.
        regularizers: penalties on D. Real and generated rows are cut to the shorter of the two.
        segmenter: what the recogniser hears as one sound.
        relaxation: what D is shown of a recogniser in doubt; None: probabilities, as in the papers.
            D can tell those from text by their doubt alone, and makes G sure of some reading before
            it knows one phoneme from another; ``Drawn`` phonemes differ from text in nothing but
            their order, and the right reading is found far more often.
        smoothness_weight: of :func:`gan_modules.language.segments.unsmoothness`; 0 is off.
        diversity_weight: of :func:`gan_modules.language.segments.monotony`; 0 is off.
        discriminator_steps: D steps per G step, each on a batch of its own.
        discriminator_samples: utterances in a first stage, of D alone; 0: there is none.
        generator_lr: Adam's rate of G.
        discriminator_lr: Adam's rate of D.
        betas: Adam's beta1 and beta2, both.
        epsilon: Adam's.
        discriminator_weight_decay: of D.
        generator_clip_norm: gradient norm limit of G; None is off.
        discriminator_clip_norm: gradient norm limit of D; None is off.
        **kwargs: see :class:`GeneratorGame`: decay, the averaged recogniser.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        regularizers: list[Regularizer],
        segmenter: Segmenter,
        relaxation: Relaxation | None = None,
        smoothness_weight: float = 0.0,
        diversity_weight: float = 0.0,
        discriminator_steps: int = 1,
        discriminator_samples: int = 0,
        generator_lr: float = 4e-4,
        discriminator_lr: float = 5e-4,
        betas: tuple[float, float] = (0.5, 0.98),
        epsilon: float = 1e-6,
        discriminator_weight_decay: float = 0.0,
        generator_clip_norm: float | None = 5.0,
        discriminator_clip_norm: float | None = 5.0,
        **kwargs: Any,
    ) -> None:
        checks.check_networks(self, generator=generator, discriminator=discriminator)
        super().__init__(generator, betas, **kwargs)
        keep_plain_hyperparameters(self)
        checks.check_parts(self, discriminator, objective, regularizers)
        checks.check_positive(
            self,
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            epsilon=epsilon,
        )
        checks.check_not_negative(
            self,
            smoothness_weight=smoothness_weight,
            diversity_weight=diversity_weight,
            discriminator_samples=discriminator_samples,
            discriminator_weight_decay=discriminator_weight_decay,
        )
        checks.refuse_micro_batches(self, self.micro_batches)
        sizes = {getattr(n, "vocabulary_size", None) for n in (generator, discriminator)}
        if len(sizes) != 1 or None in sizes:
            raise ValueError(
                f"{type(self).__name__}: generator and discriminator must have one "
                f"vocabulary_size, got {sorted(map(str, sizes))}; set both to that of the data"
            )
        self.vocabulary_size = int(generator.vocabulary_size)  # type: ignore[arg-type]
        self.discriminator, self.objective = discriminator, objective
        self.regularizers, self.segmenter = list(regularizers), segmenter
        self.relaxation = relaxation or Softmax()
        self.smoothness_weight, self.diversity_weight = smoothness_weight, diversity_weight
        self.discriminator_steps, self.epsilon = discriminator_steps, epsilon
        self.discriminator_samples = discriminator_samples
        self.generator_lr, self.generator_clip_norm = generator_lr, generator_clip_norm
        self.discriminator_lr = discriminator_lr
        self.discriminator_clip_norm = discriminator_clip_norm
        self.discriminator_weight_decay = discriminator_weight_decay

    # -- who plays, when, for what -----------------------------------------------------------------

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """Adam with this game's epsilon."""
        return Adam(parameters, lr=lr, betas=self.betas, eps=self.epsilon)

    def players(self) -> tuple[Player, ...]:
        """D, whose weights may decay, and G."""
        of_d = self.player(
            "discriminator", self.discriminator, steps_per_round=self.discriminator_steps
        )
        for group in of_d.optimizer.param_groups:
            group["weight_decay"] = self.discriminator_weight_decay
        return of_d, self.player("generator", self.generator)

    def schedule(self) -> tuple[Stage, ...]:
        """D alone; then D in every round, and G in the last of ``discriminator_steps`` rounds."""
        every = self.discriminator_steps
        turns = (Turn("discriminator"), Turn("generator", every=every, offsets=(every - 1,)))
        if not self.discriminator_samples:
            return (Stage(turns),)
        alone = Stage((Turn("discriminator"),), self.discriminator_samples, "discriminator")
        return alone, Stage(turns)

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Real text against what the recogniser says, and the penalties between the two."""
        with torch.no_grad():
            fake, _, fake_mask, _ = self.said(batch)
        mask = batch["token_mask"]
        real = rows_of(batch["tokens"], mask, self.vocabulary_size, self.float_dtype)
        real_scores = self.discriminator(real, mask)
        fake_scores = self.discriminator(fake, fake_mask)
        self.note("discriminator/real_score", real_scores.mean())
        self.note("discriminator/fake_score", fake_scores.mean())
        terms = {"adversarial": self.objective.discriminator_loss(real_scores, fake_scores)}
        length = min(real.shape[1], fake.shape[1])
        both = mask[:, :length] & fake_mask[:, :length]
        for regularizer in self.regularizers:
            if self.steps["discriminator"] % regularizer.interval == 0:
                value = regularizer.penalty(
                    lambda rows: self.discriminator(rows, both),
                    real[:, :length],
                    fake[:, :length],
                    self.noise,
                )
                if value is not None:
                    terms[regularizer.name] = value * regularizer.interval
        return terms

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Text that looks real, steady from piece to piece, in all phonemes."""
        said = self.said(batch)
        scores = self.discriminator(said.rows, said.mask)
        terms = {"adversarial": self.objective.generator_loss(scores, None)}
        if self.smoothness_weight:
            rough = unsmoothness(said.logits, batch["speech_mask"])
            terms["smoothness"] = self.smoothness_weight * rough
        if self.diversity_weight:
            # Of what is probable, not of what is drawn: a rare phoneme is in few batches.
            terms["diversity"] = self.diversity_weight * monotony(said.probabilities, said.mask)
        return terms

    def said(self, batch: Mapping[str, Tensor]) -> Said:
        """What G makes of a batch."""
        speech = batch["speech"].to(self.float_dtype)
        logits = self.generator(speech, batch["speech_mask"])
        picked, mask = self.segmenter(logits, batch["speech_mask"], self.noise)
        # As many numbers as there are pieces: those of a row must not depend on other rows' sounds.
        n, pieces, width = logits.shape
        uniforms = self.noise.uniform(n, pieces, width, device=logits.device, dtype=logits.dtype)[
            :, : picked.shape[1]
        ]
        rows = self.relaxation(picked.flatten(0, 1), uniforms.flatten(0, 1), 1.0)
        there = mask[..., None]
        probabilities = torch.softmax(picked, 2) * there
        return Said(rows.view_as(picked) * there, probabilities, mask, logits)

    # -- recognising: what callbacks and commands use ----------------------------------------------

    @torch.no_grad()
    def transcribe(self, speech: Tensor, mask: Tensor) -> list[list[int]]:
        """Phonemes of utterances, in eval mode, by the averaged recogniser.

        Args:
            speech: ``(N, S, F)``, on any device.
            mask: bool ``(N, S)``.
        """
        present = mask.to(self.device)
        with evaluating(self.sampler()) as network:
            logits = network(speech.to(self.device, self.float_dtype), present)
        return heard(*self.segmenter(logits, present))

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Keys, features and vocabulary of the first batch against the networks'."""
        name = type(self).__name__
        if missing := sorted({"speech", "speech_mask", "tokens", "token_mask"} - set(batch)):
            raise ValueError(
                f"{name}: batch must have the key {missing[0]}, got {sorted(batch)}; choose a data "
                "module of speech and text, 'ganagerie list' names what each variant takes"
            )
        features = int(self.generator.features)  # type: ignore[arg-type]
        if batch["speech"].shape[2] != features:
            raise ValueError(
                f"{name}: speech of the data has {batch['speech'].shape[2]} features but the "
                f"generator takes {features}; set features: {batch['speech'].shape[2]}"
            )
        if not torch.isfinite(batch["speech"]).all():
            raise ValueError(f"{name}: the first batch holds NaN or infinite values; clean it")
        length = batch["tokens"].shape[1]
        check_tokens(self, batch, "tokens", self.vocabulary_size, length)
