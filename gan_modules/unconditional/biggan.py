"""BigGAN: wide class-conditional networks in large batches, watched until they collapse.

Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
2018, arXiv:1809.11096. What changes from SAGAN (``sagan.py``): the latent reaches every block of
G, orthogonal regularisation of G, an average of G, two D steps; samples may be truncated.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.engine.checks import check_positive, has_spectral_norm
from gan_modules.networks.singular_values import SingularValues
from gan_modules.objectives import Hinge
from gan_modules.regularizers import Orthogonal


class BigGAN(AdversarialModule):
    """Section 3 and appendix C of arXiv:1809.11096, with the defaults of its 128 px runs.

    The paper's batch is 2048; ``micro_batches`` accumulates gradients, while batch and spectral
    norms advance with each part. The authors' PyTorch code takes one D step and rates of 1e-4 and
    4e-4. To trade variety for quality, draw truncated latents inside
    :func:`~gan_modules.engine.standing.standing_statistics`.

    Args:
        generator: latents ``(N, latent_dim)``, and labels ``(N,)`` if it has ``num_classes``, to
            images ``(N, C, H, W)`` in [-1, 1]; spectrally normalised, such as
            :class:`~gan_modules.networks.biggan.BigGANGenerator`.
        discriminator: images, and labels, to raw scores ``(N,)``; spectrally normalised.
        orthogonal_weight: the paper's beta, on all weights of G but embeddings of classes.
        sv_log_interval: G steps between two looks at the three largest singular values of each
            weight, logged as ``generator/sv0/<layer>`` and so on: growth is the first sign of a
            collapse. None logs none.
        discriminator_steps: D updates per G update.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        betas: Adam's beta1 and beta2.
        ema_half_life_images: the paper's decay of 0.9999 a step at its batch of 2048.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: if a network has no spectrally normalised layer, or a number is out of range.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        orthogonal_weight: float = 1e-4,
        sv_log_interval: int | None = 10,
        discriminator_steps: int = 2,
        generator_lr: float = 5e-5,
        discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.0, 0.999),
        ema_half_life_images: float | None = 14.2e6,
        **kwargs: Any,
    ) -> None:
        for role, network in (("generator", generator), ("discriminator", discriminator)):
            if not has_spectral_norm(network):
                raise ValueError(
                    f"BigGAN: {role} must be spectrally normalised, got {type(network).__name__}, "
                    "which has no such layer; take the networks of gan_modules.networks.biggan"
                )
        super().__init__(
            generator,
            discriminator,
            Hinge(),
            [Orthogonal(orthogonal_weight, kind="off_diagonal", player="generator")],
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            ema_half_life_images=ema_half_life_images,
            **kwargs,
        )
        check_positive(self, sv_log_interval=sv_log_interval)
        self.sv_log_interval = sv_log_interval
        self.spectra = nn.ModuleDict()
        if sv_log_interval is not None:
            self.spectra["generator"] = SingularValues(generator)
            self.spectra["discriminator"] = SingularValues(discriminator)

    def player_stepped(self, name: str) -> None:
        """Every ``sv_log_interval`` G steps: the largest singular values of both networks."""
        super().player_stepped(name)
        interval = self.sv_log_interval
        if name != "generator" or interval is None or self.steps["generator"] % interval:
            return
        for player, watched in self.spectra.items():
            assert isinstance(watched, SingularValues)
            for layer, values in watched.look(getattr(self, player)).items():
                for place, value in enumerate(values):
                    self.note(f"{player}/sv{place}/{layer}", value)
