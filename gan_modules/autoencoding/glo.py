"""GLO: a generator and a learned code for every training image; no encoder, no discriminator.

Bojanowski, Joulin, Lopez-Paz, Szlam, "Optimizing the Latent Space of Generative Networks", 2017,
arXiv:1707.05776. What changes from DCGAN (``unconditional/dcgan.py``): the same generator without
its game. Each image is the image of a code of its own, so nothing is left out; what is lost is the
prior, for which a normal law fitted to the codes stands in.
"""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from gan_modules.autoencoding.base import AutoencodingModule
from gan_modules.codes import (
    Remembered,
    differentiating,
    normal_law,
    project,
    require_unconditional,
)
from gan_modules.engine import checks
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.precision import fp32_island
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.laplacian import laplacian_distance


class GLO(AutoencodingModule):
    """Section 2 of arXiv:1707.05776: codes in the unit ball, the Laplacian pyramid's distance.

    Takes batches of :class:`datamodules.batches.Images` with ``index``; leave ``mirror`` off, a
    code has one image. Codes move by plain SGD: momentum would move those that are not in the
    batch. All ranks reduce the gradient of all codes, ``codes * latent_dim`` numbers a step.

    Args:
        generator: codes ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        codes: number of training images.
        levels: of the Laplacian pyramid.
        squared_weight: of the mean squared error beside it.
        generator_lr: of G's SGD, for losses that are means over the batch; the paper's is 128.
        codes_lr: of the codes' SGD, for the same losses.
        encode_steps: of Adam, to find the code of an unseen image.
        encode_lr: its alpha.
        **kwargs: see :class:`LatentGame`: decay, micro-batches, the averaged generator.

    Raises:
        ValueError: if a number is out of range, or the generator has classes.
    """

    def __init__(
        self,
        generator: nn.Module,
        codes: int,
        levels: int = 3,
        squared_weight: float = 0.0,
        generator_lr: float = 1.0,
        codes_lr: float = 10.0,
        encode_steps: int = 200,
        encode_lr: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, betas=(0.0, 0.999), latent="normal", **kwargs)
        keep_plain_hyperparameters(self)
        require_unconditional(self)
        rates = {"generator_lr": generator_lr, "codes_lr": codes_lr, "encode_lr": encode_lr}
        checks.check_positive(self, codes=codes, levels=levels, encode_steps=encode_steps, **rates)
        if not squared_weight >= 0:
            raise ValueError(
                f"GLO: squared_weight must be at least 0, got {squared_weight}; 0 leaves it out"
            )
        self.levels, self.squared_weight = levels, squared_weight
        self.generator_lr, self.codes_lr = generator_lr, codes_lr
        self.encode_steps, self.encode_lr = encode_steps, encode_lr
        self.codes = nn.Embedding(codes, self.latent_dim)
        project(self.codes.weight)
        self._normal_law = Remembered(normal_law)

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """SGD without momentum, for both players; the betas are Adam's, and of no use."""
        return SGD(parameters, lr=lr)

    def players(self) -> tuple[Player, ...]:
        """The generator and the codes."""
        return self.player("generator", self.generator), self.player("codes", self.codes)

    def schedule(self) -> tuple[Stage, ...]:
        """Both in every round, by gradients that are taken before either moves."""
        return (Stage((Turn(("generator", "codes")),), name="fitting"),)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """How far the images of the codes are from the batch."""
        return self._distances(self.generator(self.codes(batch["index"])), batch["image"])

    def codes_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same loss."""
        return self.generator_losses(batch)

    def player_stepped(self, name: str) -> None:
        """Codes stay in the unit ball."""
        if name == "codes":
            project(self.codes.weight)

    def draw_latents(self, n: int, **options: Any) -> Tensor:
        """Codes ``(n, latent_dim)`` from the normal law that fits the learned ones."""
        noise = super().draw_latents(n, **options)
        mean, root = self._normal_law(self.codes.weight)
        return mean + noise @ root

    def encode(self, images: Tensor) -> Tensor:
        """Codes of images by ``encode_steps`` of descent, from the mean of the learned codes."""
        mean, _ = self._normal_law(self.codes.weight)
        with differentiating(self.sampler()) as network:
            codes, images = mean.repeat(len(images), 1).requires_grad_(), images.clone()
            descent = Adam([codes], lr=self.encode_lr)
            for _ in range(self.encode_steps):
                distances = torch.stack([*self._distances(network(codes), images).values()])
                # Times N: a code's gradient is that of its own image's loss.
                (codes.grad,) = torch.autograd.grad(len(images) * distances.sum(), codes)
                descent.step()
                project(codes)
        return codes.detach()

    def on_train_start(self) -> None:
        """Refuse data of another number of images."""
        super().on_train_start()
        images = len(cast(Any, self.trainer.train_dataloader).dataset)
        if images != self.codes.num_embeddings:
            raise ValueError(
                f"GLO: codes must be the number of training images, {images}, got "
                f"{self.codes.num_embeddings}; set model.init_args.codes: {images}"
            )

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """As every module; and images need their places."""
        super().check_batch(batch)
        if "index" not in batch:
            raise ValueError(
                f"GLO: batch must have the key index, got {sorted(batch)}; add each image's place"
            )

    def _distances(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        with fp32_island(self.device.type):
            terms = {"laplacian": laplacian_distance(fake, real, self.levels)}
        if self.squared_weight:
            terms["squared"] = self.squared_weight * (fake - real).square().mean()
        return terms
