"""A class-conditional game for the benchmark: which digit to draw is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.base import AdversarialModule
from gan_modules.engine.sampling import evaluating
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator


class LabelledGenerator(nn.Module):
    """Latents, whose last numbers are the class, to images.

    Args:
        latent_dim: of the random part.
        classes: number of classes.
        shape: of an image.
        hidden: units of a layer.
    """

    def __init__(
        self, latent_dim: int, classes: int, shape: tuple[int, int, int], hidden: int
    ) -> None:
        super().__init__()
        self.random_dim, self.classes = latent_dim, classes
        #: The class travels as a one-hot tail of the latent.
        self.latent_dim = latent_dim + classes
        self.embedding = nn.Linear(classes, 16, bias=False)
        self.body = MLPGenerator(latent_dim + 16, shape, hidden, 2)

    def forward(self, z: Tensor) -> Tensor:
        """``(N, latent_dim + classes)`` to images."""
        noise, one_hot = z[:, : self.random_dim], z[:, self.random_dim :]
        images: Tensor = self.body(torch.cat([noise, self.embedding(one_hot)], dim=1))
        return images


class LabelledDiscriminator(nn.Module):
    """Projection discriminator (Miyato and Koyama, 2018, arXiv:1802.05637) over an MLP.

    Args:
        classes: number of classes.
        shape: of an image.
        hidden: units of a layer.
    """

    def __init__(self, classes: int, shape: tuple[int, int, int], hidden: int) -> None:
        super().__init__()
        self.body = MLPDiscriminator(shape, hidden, 2, "leaky_relu")
        self.embedding = nn.Embedding(classes, hidden)
        nn.init.normal_(self.embedding.weight, 0.0, 0.1)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` and classes ``(N,)`` to scores ``(N,)``."""
        features = self.body.features(x)
        scores: Tensor = self.body.head(features).squeeze(1)
        return scores + (features * self.embedding(label)).sum(dim=1)


class LabelledGame(AdversarialModule):
    """Both players see the class; takes batches with ``label``."""

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The objective on images with their own classes."""
        real, label = batch["image"], batch["label"]
        with torch.no_grad():
            fake = self.generator(self.asked(self.training_latents(len(real)), label))

        def score(images: Tensor) -> Tensor:
            return self.discriminator(images, label)

        real_scores, fake_scores = score(real), score(fake)
        self.note("discriminator/real_score", real_scores.mean())
        self.note("discriminator/fake_score", fake_scores.mean())
        adversarial = self.objective.discriminator_loss(real_scores, fake_scores)
        return {"adversarial": adversarial, **self.penalties(score, real, fake)}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The objective on fakes of the batch's classes."""
        label = batch["label"]
        fake = self.generator(self.asked(self.training_latents(len(label)), label))
        return {"adversarial": self.objective.generator_loss(self.discriminator(fake, label))}

    @property
    def num_classes(self) -> int:
        """How many classes can be asked for."""
        network: Any = self.generator
        return int(network.classes)

    def asked(self, z: Tensor, label: Tensor) -> Tensor:
        """Latents whose tail asks for ``label``."""
        one_hot = torch.nn.functional.one_hot(label, self.num_classes).to(z.dtype)
        return torch.cat([z[:, : -self.num_classes], one_hot], dim=1)

    def draw_latents(self, n: int, **options: Any) -> Tensor:
        """Latents that ask for the classes in turn."""
        z = super().draw_latents(n, **options)
        return self.asked(z, torch.arange(n, device=z.device) % self.num_classes)

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images of latents, whose tail asks for a class where ``labels`` do not."""
        with evaluating(self.sampler()) as network:
            images: Tensor = network(z if labels is None else self.asked(z, labels.to(z.device)))
        return images
