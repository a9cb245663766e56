"""SoundToImage: pictures of what is heard, by a generator that is told the code of a sound.

Wan, Chuang, Lee, "Towards Audio to Scene Image Synthesis using Generative Adversarial Network",
2018, arXiv:1808.04108. What changes from GAN-CLS (``gan_cls.py``): sounds for sentences; spectral
normalisation, projection of the code and an auxiliary classifier for D, and the hinge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from gan_modules.class_terms import accuracy, class_term
from gan_modules.conditional.base import ToldModule
from gan_modules.engine.batch_checks import check_labels
from gan_modules.engine.checks import check_not_negative
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.networks.checks import require_choice
from gan_modules.objectives import Hinge

EncoderTraining = Literal["frozen", "finetune", "joint"]


class SoundToImage(ToldModule):
    """Hinge on projected scores; D names the class of real images, G's images must be nameable.

    Takes batches of :class:`datamodules.batches.SoundImages`. D is told the code without a graph:
    the encoder cannot please D by changing what D is told. Numbers are our own choice.

    Args:
        generator: latents and sounds, or codes, to images, with ``encoder``; see
            :mod:`gan_modules.networks.sound_image`.
        discriminator: images and codes to raw scores ``(N,)`` and class logits ``(N, K)``.
        encoder_training: ``"frozen"`` learns to name sounds first and is left alone then;
            ``"finetune"`` goes on with G; ``"joint"`` learns with G alone, from the start.
        pretraining_images: images, one sound each, of that first stage; of no use for ``"joint"``.
        class_weight: of the cross entropy of the classes, in both players' losses.
        betas: Adam's beta1 and beta2; the encoder belongs to G's player.
        **kwargs: see :class:`ToldModule` and :class:`AdversarialModule`.

    Raises:
        ValueError: if the networks do not go together, or a number is out of range.
    """

    told = "sound"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        encoder_training: EncoderTraining = "finetune",
        pretraining_images: int = 20_000,
        class_weight: float = 1.0,
        betas: tuple[float, float] = (0.0, 0.9),
        **kwargs: Any,
    ) -> None:
        name = "SoundToImage"
        require_choice(name, "encoder_training", encoder_training, get_args(EncoderTraining))
        dims = [getattr(network, "code_dim", None) for network in (generator, discriminator)]
        if dims[0] is None or dims[0] != dims[1]:
            raise ValueError(
                f"{name}: generator and discriminator must have the same code_dim, got {dims[0]} "
                f"and {dims[1]}; the encoder's code has 8 times its width"
            )
        if (encoder_training != "joint") != (pretraining_images > 0):
            raise ValueError(
                f"{name}: pretraining_images must be positive, and 0 for joint, got "
                f"{pretraining_images} for {encoder_training}; choose when the encoder learns"
            )
        super().__init__(generator, discriminator, Hinge(), betas=betas, **kwargs)
        check_not_negative(self, class_weight=class_weight)
        self.encoder_training: EncoderTraining = encoder_training
        self.pretraining_images, self.class_weight = pretraining_images, class_weight

    @property
    def encoder(self) -> Any:
        """The part of G that hears."""
        return self.generator.encoder

    def schedule(self) -> tuple[Stage, ...]:
        """The encoder's own stage, unless it has none; then D and G, once each."""
        (game,) = super().schedule()
        if self.encoder_training == "joint":
            return (game,)
        turns = (Turn("generator", phase="encoder"),)
        first = Stage(turns, images=self.pretraining_images, name="encoder")
        return first, Stage(game.turns, planned_shock=True)

    def stage_began(self, stage: Stage) -> None:
        """The averaged G begins with the encoder as it is now."""
        averaged: Any = self.generator_ema
        if averaged is not None:
            averaged.encoder.load_state_dict(self.encoder.state_dict())

    def code(self, sound: Tensor) -> Tensor:
        """Codes ``(N, code_dim)``; of a frozen encoder in eval mode and without a graph."""
        if self.encoder_training != "frozen":
            return self.encoder(sound)
        with torch.no_grad(), evaluating(self.encoder) as encoder:
            return encoder(sound)

    def score(self, images: Tensor, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """Raw scores ``(N,)`` of images and codes."""
        scores: Tensor = self.networks.discriminator(images, *condition)[0]
        return scores

    def smooth_score(self, condition: tuple[Tensor, ...] = ()) -> Callable[[Tensor], Tensor]:
        """Images to scores as penalties need it."""
        return lambda images: self.discriminator(self.shown(images), *condition)[0]

    def generator_encoder_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The encoder's own stage: which class is heard."""
        logits = self.encoder.classifier(self.encoder(batch["sound"]))
        self.note("generator/encoder/accuracy", accuracy(logits, batch["label"]))
        return class_term("class", logits, batch["label"], 1.0)

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Hinge, the classes of real images, and penalties."""
        real = batch["image"]
        with torch.no_grad():
            code = self.code(batch["sound"])
            fake = self.generate(len(real), (code,))
        real_scores, logits = self.networks.discriminator(self.shown(real), code)
        fake_scores = self.score(self.shown(fake), (code,))
        losses = {"adversarial": self.told_apart(real_scores, fake_scores, len(real))}
        losses |= class_term("class", logits, batch["label"], self.class_weight)
        self.note("discriminator/real_accuracy", accuracy(logits, batch["label"]))
        return {**losses, **self.penalties(self.smooth_score((code,)), real, fake)}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial term, and the classes of its images."""
        code = self.code(batch["sound"])
        fake = self.generate(len(code), (code,))
        scores, logits = self.networks.discriminator(self.shown(fake), code.detach())
        losses = {"adversarial": self.objective.generator_loss(scores)}
        losses |= class_term("class", logits, batch["label"], self.class_weight)
        self.note("generator/accuracy", accuracy(logits, batch["label"]))
        return {**losses, **self.weight_penalties("generator", self.generator)}

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Also: labels that the classifiers know."""
        super().check_batch(batch)
        check_labels(self, batch, self.encoder.num_classes)
