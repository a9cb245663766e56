"""CoGAN: pairs of two domains from one latent, learned without ever seeing a pair.

Liu, Tuzel, "Coupled Generative Adversarial Networks", 2016, arXiv:1606.07536. What changes from GAN
(``unconditional/gan.py``): two generators and two discriminators that share all layers but those
next to the pixels; what is shared must mean the same in both domains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from gan_modules.base import AdversarialModule
from gan_modules.engine import batch_checks, checks
from gan_modules.engine.sampling import evaluating
from gan_modules.objectives import NonSaturating, Objective

_DOMAINS = ("a", "b")


class CoGAN(AdversarialModule):
    """Equation 2 of arXiv:1606.07536: two games of one latent, with shared layers.

    It draws pairs, and translates nothing: ``sample_pair(z)`` gives an image of each domain,
    ``sample`` and ``decode`` that of domain a. Scores are means over both domains together, as in
    the authors' code. Takes batches of :class:`datamodules.batches.UnpairedImages`, two domains of
    one shape.

    Args:
        generator: latents ``(N, latent_dim)`` to one image of each domain, such as
            :class:`~gan_modules.networks.cogan.CoGANGenerator`.
        discriminator: images and the number of their domain, 0 or 1, to raw scores ``(N,)``.
        objective: what the two sides play for; None is that of the GAN of 2014.
        weight_decay: of Adam, both sides.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective | None = None,
        weight_decay: float = 5e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, objective or NonSaturating(), **kwargs)
        checks.check_not_negative(self, weight_decay=weight_decay)
        self.weight_decay = weight_decay

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """Adam, with the weight decay."""
        return Adam(parameters, lr=lr, betas=self.betas, weight_decay=self.weight_decay)

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds ``image``: both domains, an image of each in turn."""
        return {**batch, "image": in_turn([batch[domain] for domain in _DOMAINS])}

    def generate(self, n: int, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """``n`` fakes, both of ``n / 2`` latents in turn."""
        return in_turn(self.networks.generator(self.training_latents(n // 2)))

    def score(self, images: Tensor, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """Raw scores ``(N,)`` of images of both domains in turn."""
        return judged(self.networks.discriminator, images)

    def smooth_score(self, condition: tuple[Tensor, ...] = ()) -> Callable[[Tensor], Tensor]:
        """Images to scores as penalties need it."""
        return lambda images: judged(self.discriminator, self.shown(images))

    @torch.no_grad()
    def sample_pair(self, z: Tensor) -> tuple[Tensor, ...]:
        """An image of each domain, of the same latents, by the averaged generator if there is one.

        Args:
            z: ``(N, latent_dim)``, from :meth:`draw_latents`, or anywhere near.

        Returns:
            ``(N, C, H, W)`` in [-1, 1] of domain a, and of domain b.
        """
        with evaluating(self.sampler()) as network:
            return tuple(network(z))

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images of domain a; :meth:`sample_pair` has both."""
        return self.sample_pair(z)[0]

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Range and shape of both domains against what the generator makes."""
        made = self.sample_pair(self.draw_latents(2, generator=torch.Generator().manual_seed(0)))
        if len(made) != len(_DOMAINS):
            raise ValueError(
                f"CoGAN: generator must make an image of each of 2 domains, got {len(made)}; set "
                "domains: 2 in both networks"
            )
        for domain, image in zip(_DOMAINS, made, strict=True):
            batch_checks.check_domain(self, batch, domain)
            batch_checks.check_images(self, {"image": batch[domain]}, image)


def in_turn(images: list[Tensor]) -> Tensor:
    """The first image of each domain, then the second of each.

    One domain after the other would give a row another place, and other noise, for every number of
    ranks.
    """
    return torch.stack(list(images), 1).flatten(0, 1)


def judged(discriminator: Callable[..., Tensor], images: Tensor) -> Tensor:
    """Raw scores of images of both domains in turn, each judged as one of its own."""
    count = len(_DOMAINS)
    return in_turn([discriminator(images[place::count], place) for place in range(count)])
