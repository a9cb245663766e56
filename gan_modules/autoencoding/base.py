"""The base of models with codes of images: what callbacks and commands may ask of them."""

from __future__ import annotations

from torch import Tensor

from gan_modules.engine.latent_game import LatentGame


class AutoencodingModule(LatentGame):
    """A generator of which the way back is known: images to codes, and through it to images.

    The player that moves the generator is always called ``generator``, also where an encoder moves
    with it, so that ``trainer.max_steps`` counts its steps as everywhere. A variant calls
    ``keep_plain_hyperparameters(self)`` in its constructor and says who plays, when, for what, and
    how images are encoded. Arguments: see :class:`LatentGame`.
    """

    def encode(self, images: Tensor) -> Tensor:
        """Codes ``(N, latent_dim)`` of images ``(N, C, H, W)`` in [-1, 1], without a graph.

        Networks are in eval mode inside, and a code is a function of its own image alone.
        """
        raise NotImplementedError(f"{type(self).__name__} must override encode()")

    def reconstruct(self, images: Tensor) -> Tensor:
        """Images of the codes of ``images``, ``(N, C, H, W)`` in [-1, 1], in eval mode."""
        return self.decode(self.encode(images))
