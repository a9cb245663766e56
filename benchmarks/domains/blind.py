"""A discriminator that is told a sentence and does not read it: what GAN-CLS is compared with."""

import torch
from torch import Tensor

from gan_modules.networks.text_image import TextImageDiscriminator


class TextBlind(TextImageDiscriminator):
    """The same network and the same number of parameters, with zeros for every sentence."""

    def forward(self, images: Tensor, text: Tensor) -> Tensor:
        """Judge images ``(N, C, H, W)`` alone: raw scores ``(N,)``."""
        return super().forward(images, torch.zeros_like(text))
