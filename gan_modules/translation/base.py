"""The base of the translations: who plays whom between domains. A paper overrides what differs.

Read this file and the paper's own. A round makes all fakes once (:meth:`prepare`), and the players
take what they need of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from gan_modules.corruptions import Corruption
from gan_modules.engine import batch_checks, checks
from gan_modules.engine.generator_game import GeneratorGame
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player, hold_then_decay
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.image_pool import ImagePool, ImagePools
from gan_modules.objectives import Objective
from gan_modules.regularizers import Regularizer
from gan_modules.scales import Scores, of_scales, summed


class TranslationModule(GeneratorGame):
    """Translators between domains, and a discriminator for each domain that they lead to.

    Takes batches with a key for each domain, such as :class:`datamodules.batches.UnpairedImages`.
    ``translate(images, source, target)`` is what callbacks and commands use; there is no
    ``sample()``, since nothing comes from noise alone.

    Args:
        translators: by direction, such as "ab": images ``(N, C_a, H, W)`` in [-1, 1] of domain a to
            images ``(N, C_b, H, W)`` of domain b.
        discriminators: by domain that is led to: images to raw scores, a map ``(N, 1, h, w)`` or a
            list of them.
        objective: what the two sides play for.
        regularizers: penalties on the discriminators, each on its own.
        pool_size: fakes of earlier rounds that a discriminator may be shown in place of new ones,
            for each rank and domain; 0 shows it the new ones.
        corruption: what happens to a translation before it is led back, in training, so that it
            cannot carry the input in invisible patterns; None: nothing.
        discriminator_weight: of the discriminators' objective.
        generator_lr: learning rate of the translators.
        discriminator_lr: learning rate of the discriminators.
        betas: Adam's beta1 and beta2, both sides.
        epoch_decay: epochs of the full rate, epochs in which it falls, and G steps in an epoch, as
            the code of CycleGAN and pix2pix has it (100 and 100); ``lr_decay`` falls by steps
            instead, and to zero.
        weight_decay: of Adam, both sides.
        **kwargs: see :class:`GeneratorGame`: decay, the averaged translators.

    Raises:
        ValueError: on numbers out of range, and on networks that do not go together.
    """

    #: What ``translate`` knows, in the order of the batch's keys.
    domains: tuple[str, ...] = ("a", "b")

    def __init__(
        self,
        translators: Mapping[str, nn.Module],
        discriminators: Mapping[str, nn.Module],
        objective: Objective,
        regularizers: list[Regularizer] | None = None,
        pool_size: int = 0,
        corruption: Corruption | None = None,
        discriminator_weight: float = 1.0,
        generator_lr: float = 2e-4,
        discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        epoch_decay: tuple[int, int, int] | None = None,
        weight_decay: float = 0.0,
        **kwargs: Any,
    ) -> None:
        named = {f"translator {key}": network for key, network in translators.items()}
        # A paper with a route of its own may put a translator together of other networks.
        if type(self).route is TranslationModule.route:
            checks.refuse_latents(self, **named)
        named |= {f"discriminator {key}": network for key, network in discriminators.items()}
        checks.check_networks(self, **named)
        super().__init__(nn.ModuleDict(translators), betas, **kwargs)
        keep_plain_hyperparameters(self)
        checks.check_positive(
            self,
            discriminator_weight=discriminator_weight,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
        )
        checks.check_not_negative(self, weight_decay=weight_decay)
        checks.refuse_micro_batches(self, self.micro_batches)
        self.discriminator = nn.ModuleDict(discriminators)
        self.objective, self.regularizers = objective, list(regularizers or [])
        for network in discriminators.values():
            checks.check_parts(self, network, objective, self.regularizers)
        self.corruption = corruption
        if corruption is not None and not set(self.directions) & {d[::-1] for d in self.directions}:
            raise ValueError(
                f"{type(self).__name__}: corruption must be null, got {type(corruption).__name__}; "
                "there is no way back that it could lie on"
            )
        self.discriminator_weight = discriminator_weight
        self.generator_lr, self.discriminator_lr = generator_lr, discriminator_lr
        self.weight_decay, self.epoch_decay = weight_decay, epoch_decay
        if epoch_decay is not None and self.lr_decay is not None:
            raise ValueError(
                f"{type(self).__name__}: epoch_decay must be null beside lr_decay, got "
                f"{list(epoch_decay)}; rates follow one plan"
            )
        self.pools = ImagePools({d: ImagePool(pool_size, f"fakes {d}") for d in discriminators})
        self._pools_of_ranks: list[dict[str, Any]] = []
        #: (C, H, W) of the images of each domain, known from the first batch on.
        self.image_shapes: dict[str, tuple[int, ...]] = {}

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """Adam, with the weight decay."""
        return Adam(parameters, lr=lr, betas=self.betas, weight_decay=self.weight_decay)

    def player(self, name: str, *networks: nn.Module, steps_per_round: float = 1) -> Player:
        """As every player, with a rate that may fall from epoch to epoch."""
        player = super().player(name, *networks, steps_per_round=steps_per_round)
        if self.epoch_decay is not None:
            hold, decay, steps = self.epoch_decay
            steps = max(1, round(steps * steps_per_round))
            player.scheduler = hold_then_decay(player.optimizer, hold, decay, steps)
        return player

    # -- who plays, when, for what: what a paper overrides -----------------------------------------

    def players(self) -> tuple[Player, ...]:
        """All discriminators are one player, all translators the other."""
        return (
            self.player("discriminator", self.discriminator),
            self.player("generator", self.generator),
        )

    def schedule(self) -> tuple[Stage, ...]:
        """One step each on every batch: the discriminators, then the translators."""
        return (Stage((Turn("discriminator"), Turn("generator"))),)

    @property
    def directions(self) -> tuple[tuple[str, str], ...]:
        """(source, target) of every translation that is learned."""
        assert isinstance(self.generator, nn.ModuleDict)
        return tuple((key[0], key[1]) for key in self.generator)

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """All players share the fakes; a paper that makes new ones for each returns the batch.

        In a round without the translators nobody needs the fakes' graph.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.acts("generator")):
            return self.with_fakes(batch)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One adversarial term for each domain that is led to."""
        return {
            f"adversarial_{target}": self.fooling(self.score(target, batch[f"fake_{target}"]))
            for target in self.discriminator
        }

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One term for each domain, and its penalties."""
        losses: dict[str, Tensor] = {}
        for target in self.discriminator:
            shown = self.pools[target](batch[f"fake_{target}"].detach(), self.noise)
            losses |= self.telling(target, batch[target], shown)
        return losses

    # -- what the losses are made of ---------------------------------------------------------------

    def route(self, networks: nn.Module, images: Tensor, source: str, target: str) -> Tensor:
        """Images of ``source`` as images of ``target``, by ``networks``: those of the generator.

        A paper whose translators are put together differently overrides this.
        """
        assert isinstance(networks, nn.ModuleDict)
        return networks[f"{source}{target}"](images)

    def translated(self, images: Tensor, source: str, target: str) -> Tensor:
        """A translation of this training step, with its graph."""
        return self.route(self.generator, images, source, target)

    def with_fakes(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds ``fake_b``, the translation of ``a``, and so on for every direction."""
        fakes = {
            f"fake_{target}": self.translated(batch[source], source, target)
            for source, target in self.directions
        }
        return {**batch, **fakes}

    def with_ways_back(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds ``back_a``, what ``fake_b`` becomes on the way back, and so on for each direction.

        A corruption is on the way, never in the fakes that the discriminators see. A domain without
        a discriminator is only passed through: nothing of it is led there and back.
        """
        ways = {}
        for source, target in self.directions:
            if target not in self.discriminator:
                continue
            sent = self.sent(batch[f"fake_{target}"])
            ways[f"back_{source}"] = self.translated(sent, target, source)
        return {**batch, **ways}

    def sent(self, fake: Tensor) -> Tensor:
        """What is led back of a translation: itself, or what the corruption leaves of it."""
        return fake if self.corruption is None else self.corruption(fake, self.noise)

    def score(self, domain: str, images: Tensor) -> Scores:
        """Raw scores of images of ``domain``, real or translated."""
        return self.discriminator[domain](images)

    def fooling(self, fake_scores: Scores, real_scores: Scores | None = None) -> Tensor:
        """The translators' objective, summed over scales."""
        fakes = of_scales(fake_scores)
        reals = [None] * len(fakes) if real_scores is None else of_scales(real_scores)
        pairs = zip(fakes, reals, strict=True)
        return summed(self.objective.generator_loss(fake, real) for fake, real in pairs)

    def telling(self, domain: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """A discriminator's terms: its objective, summed over scales, and its penalties."""
        told = self.told_apart(domain, self.score(domain, real), self.score(domain, fake))
        return {**told, **self.penalties(domain, real, fake)}

    def told_apart(
        self, domain: str, real_scores: Scores, fake_scores: Scores
    ) -> dict[str, Tensor]:
        """A discriminator's objective, weighted and summed over scales; notes both means."""
        pairs = list(zip(of_scales(real_scores), of_scales(fake_scores), strict=True))
        for name, index in (("real_score", 0), ("fake_score", 1)):
            mean = summed(pair[index].mean() for pair in pairs) / len(pairs)
            self.note(f"discriminator/{name}_{domain}", mean)
        loss = summed(self.objective.discriminator_loss(*pair) for pair in pairs)
        return {f"adversarial_{domain}": self.discriminator_weight * loss}

    def penalties(self, domain: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The penalties due in this step; a lazy one counts ``interval`` times when it is due."""
        terms = {}
        for regularizer in self.regularizers:
            if self.steps["discriminator"] % regularizer.interval == 0:
                value = regularizer.penalty(self.summed_score(domain), real, fake, self.noise)
                if value is not None:
                    terms[f"{regularizer.name}_{domain}"] = value * regularizer.interval
        return terms

    def summed_score(self, domain: str) -> Callable[[Tensor], Tensor]:
        """Images to one score each, for penalties: the sum of their map, or of all maps."""
        return lambda images: summed(
            part.reshape(len(part), -1).sum(1) for part in of_scales(self.score(domain, images))
        )

    def player_stepped(self, name: str) -> None:
        """Constraints such as weight clipping hold after each step."""
        for regularizer in self.regularizers:
            if name == regularizer.player == "discriminator":
                for network in self.discriminator.values():
                    regularizer.after_step(network)

    # -- state: each rank has pools of its own -----------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the pools of all ranks, and the shapes."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["image_pools"] = self.pools.of_all_ranks()
        checkpoint["image_shapes"] = self.image_shapes

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the pools until it is known which rank this is."""
        super().on_load_checkpoint(checkpoint)
        self._pools_of_ranks = checkpoint["image_pools"]
        self.image_shapes = checkpoint["image_shapes"]

    def on_train_start(self) -> None:
        """Give this rank its pools back."""
        super().on_train_start()
        self.pools.restore(self._pools_of_ranks, self.global_rank, self.trainer.world_size)
        self._pools_of_ranks = []

    # -- translating: what callbacks and commands use ----------------------------------------------

    @torch.no_grad()
    def translate(self, images: Tensor, source: str = "a", target: str = "b") -> Tensor:
        """Images of one domain as images of another, in eval mode, by the averaged translators.

        Args:
            images: ``(N, C, H, W)`` in [-1, 1], on any device.
            source: domain of the images.
            target: domain to lead them to.

        Raises:
            ValueError: if this direction is not learned.
        """
        self.require_direction(source, target)
        with evaluating(self.sampler()) as networks:
            return self.route(networks, images.to(self.device, self.float_dtype), source, target)

    def pair_scores(self, images: Tensor, output: Tensor) -> Tensor | None:
        """Raw scores ``(N,)`` of outputs beside inputs; None: no discriminator sees inputs."""
        return None

    def require_direction(self, source: str, target: str) -> None:
        """Refuse a direction that is not learned."""
        if (source, target) not in self.directions:
            known = ", ".join(f"{one} to {other}" for one, other in self.directions)
            raise ValueError(
                f"{type(self).__name__}: direction must be one of {known}, got {source} to "
                f"{target}; choose another domain, or train the other way round"
            )

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Keys, range and shapes of the first real batch, against what the translators make."""
        for domain in self.domains:
            batch_checks.check_domain(self, batch, domain)
        for source, target in self.directions:
            with torch.random.fork_rng(devices=[]):
                made = self.translate(batch[source][:1], source, target)
            batch_checks.check_translation(self, batch[source], batch[target], made, source, target)
        self.image_shapes = {domain: tuple(batch[domain].shape[1:]) for domain in self.domains}
