"""Noisy labels: D's targets are drawn anew for each sample, and sometimes the wrong way round."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.objectives import NonSaturating, Objective, cross_entropy, require_finite


class NoisyLabels(NonSaturating):
    """Cross entropy whose D is kept unsure by random targets; G plays as in NonSaturating.

    From the collection "How to train a GAN? Tips and tricks to make GANs work" (Chintala et al.,
    2016, number 6), which names these ranges. It softens D like the one-sided smoothing of
    arXiv:1606.03498, whose fixed target 0.9 is ``NonSaturating(real_target=0.9)``. In the mean over
    the draws the loss is that of the mean targets, so what noise adds is the variance of steps.

    Draws are the engine's, one row a sample: they do not depend on the number of ranks.

    Args:
        real_targets: range of the uniform targets of real samples; above 1 is allowed.
        fake_targets: range of those of generated samples.
        flip_probability: how often a sample gets a target out of the other range; 0 is off.

    Raises:
        ValueError: if a range falls or is not finite, if the middle of ``fake_targets`` is not
            below that of ``real_targets``, or a flip is not rarer than a half.
    """

    def __init__(
        self,
        real_targets: tuple[float, float] = (0.7, 1.2),
        fake_targets: tuple[float, float] = (0.0, 0.3),
        flip_probability: float = 0.0,
    ) -> None:
        for name, (low, high) in {
            "real_targets": real_targets,
            "fake_targets": fake_targets,
        }.items():
            require_finite("NoisyLabels", **{f"{name}[0]": low, f"{name}[1]": high})
            if low > high:
                raise ValueError(
                    f"NoisyLabels: {name} must be a rising range, got {[low, high]}; "
                    "give the smaller number first"
                )
        if not 0 <= flip_probability < 0.5:
            raise ValueError(
                f"NoisyLabels: flip_probability must be at least 0 and below 0.5, got "
                f"{flip_probability}; D learns nothing from labels that are as often wrong as right"
            )
        if sum(fake_targets) >= sum(real_targets):
            raise ValueError(
                f"NoisyLabels: real_targets must lie above fake_targets, got {list(real_targets)} "
                f"and {list(fake_targets)}; the usual ranges are [0.7, 1.2] and [0, 0.3]"
            )
        super().__init__(sum(real_targets) / 2, sum(fake_targets) / 2)
        self.real_targets, self.fake_targets = real_targets, fake_targets
        self.flip_probability = flip_probability

    def drawn(self, scores: Tensor, noise: Noise) -> Objective:
        """The loss with one target for each real and each generated sample."""
        dtype = torch.promote_types(scores.dtype, torch.float32)
        draws = noise.uniform(len(scores), 4, device=scores.device, dtype=dtype)
        where, flips = draws[:, :2], draws[:, 2:] < self.flip_probability
        lows = where.new_tensor([self.real_targets[0], self.fake_targets[0]])
        highs = where.new_tensor([self.real_targets[1], self.fake_targets[1]])
        own = torch.lerp(lows, highs, where)
        others = torch.lerp(lows.flip(0), highs.flip(0), where)
        targets = torch.where(flips, others, own)
        rest = (1,) * (scores.dim() - 1)
        return _Drawn(targets[:, 0].view(-1, *rest), targets[:, 1].view(-1, *rest))

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Refused: the targets of this step were not drawn.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "NoisyLabels: targets must be drawn before D's loss is taken, got none; call "
            "drawn(scores, noise).discriminator_loss(...), as AdversarialModule does"
        )


class _Drawn(NonSaturating):
    """:class:`NonSaturating` with a tensor of targets for each side."""

    def __init__(self, real_targets: Tensor, fake_targets: Tensor) -> None:
        super().__init__()
        self.real_targets, self.fake_targets = real_targets, fake_targets

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Binary cross entropy with the targets drawn, summed over the two halves."""
        return cross_entropy(real_scores, self.real_targets) + cross_entropy(
            fake_scores, self.fake_targets
        )
