"""Standing statistics: BatchNorm's means and variances at the truncation of the samples.

Brock et al., BigGAN, arXiv:1809.11096: running averages of training belong to untruncated
latents and, in an averaged generator, to other weights. Before sampling they are taken anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from gan_modules.engine.checks import check_positive
from gan_modules.engine.latent_game import LatentGame
from gan_modules.engine.sampling import evaluating


@contextmanager
def standing_statistics(
    module: LatentGame,
    truncation: float | None = None,
    batches: int = 16,
    batch_size: int = 64,
    seed: int = 0,
) -> Iterator[None]:
    """Inside, the sampling network's BatchNorm statistics are means over freshly drawn batches.

    ``sample`` and ``decode`` of the module see them; statistics, modes and momenta are put back
    after. A truncation sweep enters it once for each psi::

        with standing_statistics(module, truncation=0.5):
            images = module.decode(module.draw_latents(64, generator=own, truncation=0.5))

    Latents and labels come from a CPU generator, and each rank runs all batches: all ranks have the
    same statistics. A network without BatchNorm is left as it is. Enter
    :meth:`LatentGame.unaveraged` first to do it to the generator itself.

    Args:
        module: whose :meth:`~LatentGame.sampler` is meant.
        truncation: of the latents, see :meth:`LatentGame.draw_latents`; None for none.
        batches: how many are averaged, with equal weights.
        batch_size: latents of each, two or more.
        seed: of the latents, and of the labels, which are uniform over the classes.

    Raises:
        ValueError: if a number is out of range, or latents are truncated that are not normal.
    """
    check_positive(module, batches=batches)
    if batch_size < 2:
        raise ValueError(
            f"standing_statistics: batch_size must be at least 2, got {batch_size}; "
            "one sample has no variance"
        )
    network = module.sampler()
    norms = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    layers = [layer for layer in norms if layer.running_mean is not None]
    kept = [(buffer, buffer.clone()) for layer in layers for buffer in layer.buffers()]
    momenta = [(layer, layer.momentum) for layer in layers]
    try:
        if layers:
            _accumulate(module, layers, truncation, batches, batch_size, seed)
        yield
    finally:
        for layer, momentum in momenta:
            layer.momentum = momentum
        for buffer, value in kept:
            buffer.copy_(value)


@torch.no_grad()
def _accumulate(
    module: LatentGame,
    layers: list[_BatchNorm],
    truncation: float | None,
    batches: int,
    batch_size: int,
    seed: int,
) -> None:
    own = torch.Generator().manual_seed(seed)
    with evaluating(module.sampler()) as network:
        for layer in layers:
            layer.reset_running_stats()
            # None: the mean of all batches since the reset.
            layer.momentum = None
            layer.train()
        for _ in range(batches):
            latents = module.draw_latents(batch_size, generator=own, truncation=truncation)
            told = module.condition_in_turn(torch.arange(batch_size))
            if module.num_classes:
                told = (torch.randint(module.num_classes, (batch_size,), generator=own),)
            network(latents, *(rows.to(latents.device) for rows in told))
