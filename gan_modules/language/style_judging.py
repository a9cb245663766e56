"""What a discriminator of styles is asked, and what the rewriter wants it to answer.

Dai, Liang, Qiu, Huang, "Style Transformer: Unpaired Text Style Transfer without Disentangled Latent
Representation", 2019, arXiv:1905.05621, section 3.4 and algorithm 1, in both forms.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class StyleJudging(ABC):
    """Two losses of one discriminator; styles are numbers ``(N,)`` from 0 on."""

    @abstractmethod
    def check(self, owner: str, judge: Any, styles: int) -> None:
        """Refuse a discriminator of another form.

        Args:
            owner: named in errors.
            judge: the network.
            styles: how many there are.

        Raises:
            ValueError: naming what must be set.
        """

    @abstractmethod
    def discriminator_loss(
        self, judge: nn.Module, real: Tensor, kept: Tensor, changed: Tensor, style: Tensor
    ) -> Tensor:
        """The discriminator's loss.

        Args:
            judge: the network.
            real: sentences, ``(N, T)``.
            kept: what the rewriter made of them in their own style, weights ``(N, T, V)``.
            changed: what it made of them in the other style.
            style: of the real ones; the other one is ``1 - style``.
        """

    @abstractmethod
    def generator_loss(self, judge: nn.Module, changed: Tensor, style: Tensor) -> Tensor:
        """The rewriter's loss.

        Args:
            judge: the network.
            changed: weights ``(N, T, V)`` in the new style.
            style: the new style.
        """


class MultiClassJudging(StyleJudging):
    """Classes are: made in a new style, and each style: class s + 1 is style s.

    Sentences that are only said again count as of their style.
    """

    def check(self, owner: str, judge: Any, styles: int) -> None:
        """One class more than there are styles."""
        if getattr(judge, "classes", 0) != styles + 1 or getattr(judge, "styles", 0):
            raise ValueError(
                f"{owner}: discriminator must have classes {styles + 1} and styles 0, got "
                f"{getattr(judge, 'classes', None)} and {getattr(judge, 'styles', None)}; choose "
                f"TransformerJudge(classes={styles + 1}), or judging: ConditionalJudging"
            )

    def targets(self, style: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Classes of real sentences, of those said again, and of those in a new style."""
        return style + 1, style + 1, torch.zeros_like(style)

    def discriminator_loss(
        self, judge: nn.Module, real: Tensor, kept: Tensor, changed: Tensor, style: Tensor
    ) -> Tensor:
        """Cross entropy of the three kinds, a mean over all of them."""
        shown = zip((real, kept, changed), self.targets(style), strict=True)
        return torch.stack([F.cross_entropy(judge(x), target) for x, target in shown]).mean()

    def generator_loss(self, judge: nn.Module, changed: Tensor, style: Tensor) -> Tensor:
        """Cross entropy with the class of the new style."""
        return F.cross_entropy(judge(changed), style + 1)


class ConditionalJudging(StyleJudging):
    """Is this sentence a real one of this style?"""

    def check(self, owner: str, judge: Any, styles: int) -> None:
        """One score, and told as many styles as there are."""
        if getattr(judge, "classes", 0) or getattr(judge, "styles", 0) != styles:
            raise ValueError(
                f"{owner}: discriminator must have classes 0 and styles {styles}, got "
                f"{getattr(judge, 'classes', None)} and {getattr(judge, 'styles', None)}; choose "
                f"TransformerJudge(styles={styles}), or judging: MultiClassJudging"
            )

    def questions(self, style: Tensor) -> tuple[tuple[int, Tensor, float], ...]:
        """Which of (real, said again, changed) is asked about which style, and the answer."""
        return (0, style, 1.0), (0, 1 - style, 0.0), (1, style, 1.0), (2, 1 - style, 0.0)

    def discriminator_loss(
        self, judge: nn.Module, real: Tensor, kept: Tensor, changed: Tensor, style: Tensor
    ) -> Tensor:
        """Binary cross entropy of the four questions, a mean over all of them."""
        shown = (real, kept, changed)
        return torch.stack(
            [_answered(judge(shown[i], s), answer) for i, s, answer in self.questions(style)]
        ).mean()

    def generator_loss(self, judge: nn.Module, changed: Tensor, style: Tensor) -> Tensor:
        """Binary cross entropy with yes, asked about the new style."""
        return _answered(judge(changed, style), 1.0)


def _answered(scores: Tensor, answer: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, answer))
