"""Gradient Origin Network: the gradient at the origin of the latent space is the code of an image.

Bond-Taylor, Willcocks, "Gradient Origin Networks", 2020, arXiv:2007.02798. What changes from an
autoencoder (``autoencoding/vae.py``): no encoder. One gradient of the reconstruction error, at the
latent of zeros, says where the image lies; training follows it through a second derivative.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.autoencoding.base import AutoencodingModule
from gan_modules.codes import RunningGaussian, differentiating, require_unconditional
from gan_modules.engine import checks
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.precision import fp32_island
from gan_modules.engine.schedule import Stage, Turn


class GON(AutoencodingModule):
    """Section 3 of arXiv:2007.02798, with the optimizer of the authors' code.

    ``z = -latent_scale * d/dz |F(z) - x|^2`` at ``z = 0``, the error summed over channels and
    averaged over pixels. The authors average over the batch too, so that their codes shrink with
    its size: ``latent_scale: 0.015625`` is their batch of 64. Departing from that, a code here does
    not depend on how many images or ranks there are, and 1 is the default. (On images in [-1, 1],
    not their [0, 1], gradients are 4 times larger.) Of the paper's variants this is the plain one;
    the variational and the implicit one are not here. Precision is full throughout.

    Args:
        generator: the paper's F, codes ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1];
            with smooth activations, such as :class:`gan_modules.networks.elu.ELUGenerator`. With
            BatchNorm, codes depend on their batch while training, and on the ranks.
        latent_scale: factor of the gradient.
        code_half_life_images: samples come from a normal law fitted to the codes of the training;
            after so many images a code counts half in it.
        generator_lr: Adam's alpha.
        betas: Adam's beta1 and beta2.
        generator_clip_norm: gradient norm limit; None is off.
        **kwargs: see :class:`LatentGame`: decay, micro-batches, the averaged generator.

    Raises:
        ValueError: if a number is out of range, the generator has classes or rectifies.
    """

    def __init__(
        self,
        generator: nn.Module,
        latent_scale: float = 1.0,
        code_half_life_images: float = 5000.0,
        generator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        generator_clip_norm: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, betas, latent="normal", **kwargs)
        keep_plain_hyperparameters(self)
        require_unconditional(self)
        for name, layer in generator.named_modules():
            if isinstance(layer, (nn.ReLU, nn.LeakyReLU)):
                raise ValueError(
                    f"GON: generator must have smooth activations, got {type(layer).__name__} as "
                    f"{name}; its gradient knows nothing of the latent, take ELU, SiLU or tanh"
                )
        checks.check_positive(
            self,
            latent_scale=latent_scale,
            code_half_life_images=code_half_life_images,
            generator_lr=generator_lr,
        )
        self.latent_scale = latent_scale
        self.generator_lr, self.generator_clip_norm = generator_lr, generator_clip_norm
        self.codes = RunningGaussian(self.latent_dim, code_half_life_images)

    def players(self) -> tuple[Player, ...]:
        """The generator alone."""
        return (self.player("generator", self.generator),)

    def schedule(self) -> tuple[Stage, ...]:
        """The generator in every round."""
        return (Stage((Turn("generator"),), name="reconstruction"),)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The error of each image after one gradient, differentiated through that gradient."""
        images = batch["image"]
        with fp32_island(self.device.type):
            codes = self.gradient_codes(self.generator, images, create_graph=True)
            error = pixel_errors(self.generator(codes), images).mean()
        self.codes.update(codes.detach())
        return {"reconstruction": error}

    def gradient_codes(
        self, network: nn.Module, images: Tensor, *, create_graph: bool = False
    ) -> Tensor:
        """Codes ``(N, latent_dim)``: one step of descent from the origin.

        Args:
            network: the generator, or its average.
            images: ``(N, C, H, W)`` in [-1, 1].
            create_graph: whether gradients of the codes will be taken.
        """
        origin = images.new_zeros(len(images), self.latent_dim).requires_grad_()
        # A sum: the gradient of each code is that of its own image's error.
        total = pixel_errors(network(origin), images).sum()
        (slope,) = torch.autograd.grad(total, origin, create_graph=create_graph)
        return -self.latent_scale * slope

    def draw_latents(self, n: int, **options: Any) -> Tensor:
        """Codes ``(n, latent_dim)`` from the normal law of recent ones; see :class:`LatentGame`."""
        noise = super().draw_latents(n, **options)
        return self.codes.draw(noise)

    def encode(self, images: Tensor) -> Tensor:
        """Codes ``(N, latent_dim)`` of images ``(N, C, H, W)``, exactly and in one step."""
        with differentiating(self.sampler()) as network:
            return self.gradient_codes(network, images.clone()).detach()


def pixel_errors(fake: Tensor, real: Tensor) -> Tensor:
    """Squared errors ``(N,)``, summed over channels and averaged over pixels."""
    return (fake - real).square().sum(dim=1).reshape(len(fake), -1).mean(dim=1)
