"""Objectives that compare real with generated samples instead of judging each on its own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_modules.objectives import Objective


class RelativisticPairing(Objective):
    """Cross entropy of which one of a pair, a real and a generated sample, is the real one.

    Jolicoeur-Martineau, arXiv:1807.00734, as taken up by Huang et al., arXiv:2501.05441, section 2:
    with ``d_i = s_real,i - s_fake,i`` D minimises ``E sp(-d)`` and G minimises ``E sp(d)``, where
    ``sp`` is the softplus. Each fake must score near a real sample, not beyond one border, so that
    no fake gets a good loss by sitting where other modes are already passed. Pairs are formed by
    position in the batch. A constant added to all scores changes nothing: 0 has no meaning here.
    """

    compares = True

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """``E sp(s_fake - s_real)``: log 2 where D cannot tell."""
        return F.softplus(self._lead(fake_scores, real_scores)).mean()

    def generator_loss(self, fake_scores: Tensor, real_scores: Tensor | None = None) -> Tensor:
        """``E sp(s_real - s_fake)``: the same comparison, won the other way round.

        Raises:
            ValueError: without ``real_scores``, or with another number of them.
        """
        if real_scores is None:
            raise ValueError(
                "RelativisticPairing: generator_loss must get real_scores, got None; score the "
                "real batch in the generator's turn too"
            )
        return F.softplus(self._lead(real_scores, fake_scores)).mean()

    @staticmethod
    def _lead(one: Tensor, other: Tensor) -> Tensor:
        """How far each score of ``one`` is above its partner, in at least float32."""
        if one.shape != other.shape:
            raise ValueError(
                "RelativisticPairing: real and fake scores must pair one to one, got shapes "
                f"{tuple(one.shape)} and {tuple(other.shape)}; draw one fake for each real sample"
            )
        # The difference of two bf16 scores has two significant digits left.
        precise = torch.promote_types(one.dtype, torch.float32)
        return one.to(precise) - other.to(precise)
