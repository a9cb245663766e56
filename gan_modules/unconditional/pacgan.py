"""PacGAN: D judges several images at once, so that it sees when they are too much alike.

Lin, Khetan, Fanti, Oh, "PacGAN: The power of two samples in generative adversarial networks", 2017,
arXiv:1712.04086. What changes from the GAN of 2014 (``gan.py``): D's input, and nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from gan_modules.base import AdversarialModule
from gan_modules.objectives import NonSaturating, Objective


class PacGAN(AdversarialModule):
    """Section 2 of arXiv:1712.04086: D maps a pack, all real or all generated, to one score.

    Packs are consecutive images of the batch of each rank, one behind the other along the channels
    (the coordinates, for points). Each image is augmented before it is packed; penalties see whole
    packs and the slope along all of their members. The rest is as it would be without packing, as
    in section 2: objective, networks but for D's first layer, rates. A batch of N images makes
    N / packing decisions, so the paper multiplies its batches by ``packing``.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1]; no classes.
        discriminator: packs ``(N, packing * C, H, W)`` to raw scores ``(N,)``: give it
            ``channels`` or ``in_shape`` of a whole pack.
        packing: images that are judged together, the paper's m; 1 is no packing.
        objective: None is NonSaturating, as in the paper's code; any other part may be used.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: if ``packing`` is below 1, or the networks are class-conditional. With the first
            batch: if ``packing`` does not divide it, or the discriminator takes no such packs.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        packing: int = 2,
        objective: Objective | None = None,
        **kwargs: Any,
    ) -> None:
        if packing < 1:
            raise ValueError(
                f"PacGAN: packing must be at least 1, got {packing}; the paper takes 2 to 4"
            )
        super().__init__(generator, discriminator, objective or NonSaturating(), **kwargs)
        if self.num_classes:
            raise ValueError(
                f"PacGAN: generator must have no classes, got num_classes {self.num_classes}, for "
                "a pack has no one label; use num_classes: 0, or another variant"
            )
        self.packing = packing

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Also: whole packs in every part of the batch, and a D that takes them."""
        super().check_batch(batch)
        images, whole = batch["image"], self.packing * self.micro_batches
        if len(images) % whole:
            parts = f" in {self.micro_batches} micro-batches" if self.micro_batches > 1 else ""
            raise ValueError(
                f"PacGAN: the batch of a rank must hold whole packs of {self.packing}{parts}, got "
                f"{len(images)} images; set batch_size to a multiple of {whole}"
            )
        takes = getattr(self.discriminator, "image_shape", None)
        takes = takes or getattr(self.discriminator, "sample_shape", None)
        pack = tuple(self.packed(images[: self.packing]).shape[1:])
        if takes is not None and tuple(takes) != pack:
            raise ValueError(
                f"PacGAN: discriminator must take packs of shape {list(pack)}, got one for "
                f"{list(takes)}; give it {self.packing} times the channels of an image"
            )

    def packed(self, images: Tensor) -> Tensor:
        """Images ``(N, C, ...)`` to packs ``(N // packing, packing * C, ...)``; a rest is left out.

        Raises:
            ValueError: if they do not fill one pack.
        """
        packs = len(images) // self.packing
        if not packs:
            raise ValueError(
                f"PacGAN: scores are of packs of {self.packing}, got {len(images)} images; "
                "give more"
            )
        return images[: packs * self.packing].reshape(packs, -1, *images.shape[2:])

    def unpacked(self, packs: Tensor) -> Tensor:
        """Inverse of :meth:`packed`."""
        shape = (packs.shape[1] // self.packing, *packs.shape[2:])
        return packs.reshape(len(packs) * self.packing, *shape)

    def score(self, images: Tensor, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """Raw scores ``(N // packing,)`` of the packs of images ``(N, C, H, W)``."""
        return super().score(self.packed(images))

    def smooth_score(self, condition: tuple[Tensor, ...] = ()) -> Callable[[Tensor], Tensor]:
        """Packs to scores; the augmentation inside changes each member on its own."""
        return lambda packs: self.discriminator(self.packed(self.shown(self.unpacked(packs))))

    def penalties(
        self, score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor
    ) -> dict[str, Tensor]:
        """The penalties at packs: the norms and coefficients are those of a pack."""
        return super().penalties(score, self.packed(real), self.packed(fake))
