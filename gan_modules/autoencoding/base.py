"""The base of models with codes of images: what callbacks and commands may ask of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.engine.latent_game import LatentGame
from gan_modules.engine.sampling import evaluating


class AutoencodingModule(LatentGame):
    """A generator of which the way back is known: images to codes, and through it to images.

    The player that moves the generator is always called ``generator``, also where an encoder moves
    with it, so that ``trainer.max_steps`` counts its steps as everywhere. A variant calls
    ``keep_plain_hyperparameters(self)`` in its constructor and says who plays, when, for what, and
    how images are encoded if not by a network ``encoder``. Arguments: see :class:`LatentGame`.
    """

    def encode(self, images: Tensor) -> Tensor:
        """Codes ``(N, latent_dim)`` of images ``(N, C, H, W)`` in [-1, 1], without a graph.

        Networks are in eval mode inside, and a code is a function of its own image alone: the mean
        of an encoder that gives means and log-variances.
        """
        encoder = getattr(self, "encoder", None)
        if encoder is None:
            raise NotImplementedError(f"{type(self).__name__} must override encode()")
        with torch.no_grad(), evaluating(encoder):
            codes: Tensor = encoder(images)[:, : self.latent_dim]
        return codes

    def reconstruct(self, images: Tensor) -> Tensor:
        """Images of the codes of ``images``, ``(N, C, H, W)`` in [-1, 1], in eval mode.

        As all samples they come from the averaged generator, if there is one.
        """
        return self.decode(self.encode(images))


def check_encoder(
    owner: AutoencodingModule, name: str, encoder: nn.Module, gaussian: bool | None
) -> bool:
    """An encoder must fit the generator's latents, and the generator be told nothing else.

    Args:
        owner: has its generator already; named in errors.
        name: of the argument.
        encoder: has the attribute ``outputs``.
        gaussian: whether it must give means and log-variances (True), whose divergence from N(0, I)
            is taken, or codes (False); None: it may give either, for any prior.

    Returns:
        Whether it gives means and log-variances.

    Raises:
        ValueError: if it gives another number of outputs, if the prior is not the one that the
            divergence is taken from, or if the generator has classes.
    """
    kind, latent_dim, generator = type(owner).__name__, owner.latent_dim, owner.generator
    wanted = [latent_dim] * (gaussian is not True) + [2 * latent_dim] * (gaussian is not False)
    outputs = getattr(encoder, "outputs", None)
    if outputs not in wanted:
        raise ValueError(
            f"{kind}: {name} must give {' or '.join(map(str, wanted))} outputs for a latent_dim of "
            f"{latent_dim}, got {outputs}; set outputs: {wanted[-1]}"
        )
    if getattr(generator, "num_classes", 0):
        raise ValueError(
            f"{kind}: generator must be unconditional, got num_classes {generator.num_classes}; "
            "codes say nothing of classes, set num_classes: 0"
        )
    if gaussian and owner.latent != "normal":
        raise ValueError(
            f"{kind}: latent must be normal, got {owner.latent}; codes are pulled to N(0, I)"
        )
    return bool(outputs == 2 * latent_dim)
