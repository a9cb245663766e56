"""Style transfer of sentences: has the style changed, and nothing else?

Content is kept where the output shares words (BLEU) or meaning (cosine) with the input. Copying the
input keeps all of it, so what copies would score stands beside.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from callbacks.metrics.bleu import sentence_bleu
from callbacks.metrics.sentence_space import PpmiSpace
from callbacks.metrics.sentences import Words
from callbacks.metrics.style import StyleClassifier


def content_bleu(inputs: Sequence[Words], outputs: Sequence[Words], order: int = 4) -> float:
    """Mean sentence BLEU of outputs against their own inputs, in [0, 1].

    A copy scores 1, but for sentences of fewer than ``order`` words.

    Args:
        inputs: sentences before the transfer, at least 1.
        outputs: the same sentences after it.
        order: longest run of words.

    Raises:
        ValueError: for unlike numbers of both, or none.
    """
    if not inputs or len(inputs) != len(outputs):
        raise ValueError(
            f"content_bleu: inputs and outputs must be equally many and not none, got "
            f"{len(inputs)} and {len(outputs)}; give one output for each input"
        )
    pairs = zip(inputs, outputs, strict=True)
    return math.fsum(sentence_bleu(new, [old], order) for old, new in pairs) / len(inputs)


def content_cosine(space: PpmiSpace, inputs: Tensor, outputs: Tensor) -> float:
    """Mean cosine of the weighted means of word vectors, in [-1, 1]; 0 for an empty sentence.

    It forgives another word of like use, and does not see a negation.

    Args:
        space: of both styles together.
        inputs: int64 ``(N, T)`` sentences before the transfer.
        outputs: int64 ``(N, U)`` the same sentences after it.

    Raises:
        ValueError: for unlike numbers of both, or none.
    """
    if len(inputs) == 0 or len(inputs) != len(outputs):
        raise ValueError(
            f"content_cosine: inputs and outputs must be equally many and not none, got "
            f"{len(inputs)} and {len(outputs)}; give one output for each input"
        )
    old, new = space.mean_vectors(inputs).double(), space.mean_vectors(outputs).double()
    return float(torch.cosine_similarity(old, new, dim=1).mean())


class TransferScores(NamedTuple):
    """Style and content of transferred sentences, and what copies of the inputs would score.

    Attributes:
        accuracy: share of outputs that are taken for the target style.
        content: mean BLEU-4 of outputs against their inputs.
        copy_accuracy: share of inputs that are taken for the target style already.
        copy_content: the content of copies.
        judge_accuracy: of the classifier on held-out sentences: no accuracy means more than that.
    """

    accuracy: float
    content: float
    copy_accuracy: float
    copy_content: float
    judge_accuracy: float

    @property
    def both(self) -> float:
        """Geometric mean of accuracy and content: copying and forgetting both score low."""
        return math.sqrt(self.accuracy * self.content)

    @classmethod
    def of(
        cls, judge: StyleClassifier, inputs: Sequence[Words], outputs: Sequence[Words], style: int
    ) -> "TransferScores":
        """Score the outputs of one direction.

        Args:
            judge: of both styles.
            inputs: sentences before the transfer, at least 1.
            outputs: the same sentences after it.
            style: the target.

        Raises:
            ValueError: for unlike numbers of both, or none, or a style that there is not.
        """
        return cls(
            accuracy=judge.share(outputs, style),
            content=content_bleu(inputs, outputs),
            copy_accuracy=judge.share(inputs, style),
            copy_content=content_bleu(inputs, inputs),
            judge_accuracy=judge.accuracy,
        )
