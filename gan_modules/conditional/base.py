"""The base of the variants that are told something richer than a class: a sentence, a sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.base import AdversarialModule
from gan_modules.condition_bank import ConditionBank
from gan_modules.objectives import Objective


class ToldModule(AdversarialModule):
    """A game whose batch has a key with what the generator is told; a sentence, unless overridden.

    ``sample(n, text=...)``, with the name of that key, draws what is asked for. Without it samples
    are told, in turn, what the first batches of training held; zeros before the first.

    Args:
        generator: latents and what it is told to images; has ``told_shape``, that of one row.
        discriminator: see :class:`AdversarialModule`.
        objective: see :class:`AdversarialModule`.
        bank_size: rows kept for samples that nobody asked anything of.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: as :class:`AdversarialModule`, or if ``bank_size`` is not positive.
    """

    #: The key of the batch, and the name by which samples are asked for.
    told = "text"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        bank_size: int = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, objective, **kwargs)
        told_shape: Any = generator.told_shape
        self.told_shape: tuple[int, ...] = tuple(told_shape)
        self.bank = ConditionBank(bank_size, *self.told_shape)

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The first batches of a run fill the bank."""
        self.bank.observe(batch[self.told])
        return batch

    def condition(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """What the batch tells, ``(N, *told_shape)``."""
        return (batch[self.told],)

    def condition_in_turn(self, indices: Tensor) -> tuple[Tensor, ...]:
        """Rows of the bank, by the number of the sample."""
        return (self.bank.take(indices),)

    def sample(
        self, n: int, *, generator: torch.Generator | None = None, **asked: Tensor | None
    ) -> Tensor:
        """``n`` images ``(n, C, H, W)`` in [-1, 1], from the averaged generator if there is one.

        Args:
            n: how many.
            generator: a CPU generator; given the same one, every rank draws the same images.
            **asked: by the name of the batch's key, n rows to be told; None: those of the bank in
                turn.

        Raises:
            ValueError: for another name or another number of rows.
        """
        name = type(self).__name__
        if unknown := set(asked) - {self.told}:
            raise ValueError(
                f"{name}: samples are told {self.told}, got {sorted(unknown)[0]}; "
                f"call sample(n, {self.told}=...)"
            )
        rows = asked.get(self.told)
        if rows is not None and len(rows) != n:
            raise ValueError(
                f"{name}: {self.told} must have {n} rows for {n} samples, got {len(rows)}; "
                "give one for each"
            )
        return self.decode(self.draw_latents(n, generator=generator), rows)

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Also: the key is there and has the shape that the networks take."""
        name, wanted = type(self).__name__, self.told_shape
        if self.told not in batch:
            raise ValueError(
                f"{name}: batch must have the key {self.told}, got {sorted(batch)}; choose a data "
                "module that gives it, 'ganagerie list' names what each variant takes"
            )
        given = tuple(batch[self.told].shape[1:])
        if given != wanted:
            raise ValueError(
                f"{name}: {self.told} of the data has the shape {list(given)} but the networks "
                f"take {list(wanted)}; set their sizes to those of the data"
            )
        if not torch.isfinite(batch[self.told]).all():
            raise ValueError(
                f"{name}: {self.told} of the first batch holds NaN or infinite values; clean it"
            )
        super().check_batch(batch)
