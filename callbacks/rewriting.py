"""What is scored and shown of sentences that are led from domain to domain.

Has the style changed, by a judge that no generator learned to fool, and has nothing else? Copies
keep everything and are of the wrong style; sentences that have nothing to do with the input may be
of the right one. Checkpoints are ranked by the geometric mean of both, which needs no pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, ClassVar

from callbacks.metrics.reading import read_all, strided_indices
from callbacks.metrics.sentences import Words
from callbacks.metrics.style import StyleClassifier
from callbacks.metrics.style_transfer import TransferScores, content_bleu
from callbacks.rewritten import RewrittenSentences, rewritten

_SIDES = ("a", "b")


class Rewritings(RewrittenSentences):
    """Style and content of held-out sentences that were rewritten, and those of copies of them.

    For each domain that is led to, and as a mean: ``style_content``, the geometric mean of
    ``style_accuracy``, the share that a classifier of words and pairs takes for the target, and
    ``content_bleu4`` against the inputs; ``reference_bleu4`` and ``reference_exact`` against the
    true counterparts, where the data module knows them; and, with ``copy_`` in front, what copies
    of the inputs score. The floor is that of the true counterparts, or of other real sentences of
    the target, of which only the accuracy means anything.

    Args:
        data: see :class:`RewrittenSentences`.
        samples: see there.
    """

    settings: ClassVar[str] = "judge=words+pairs bleu=4 method1"

    def __init__(self, data: Any, samples: int) -> None:
        super().__init__(data, samples)
        train, held_out = (
            [self.words(read_all(data.reference(split, side))) for side in _SIDES]
            for split in ("train", "held_out")
        )
        self.judge = StyleClassifier.fitted(train, held_out)
        self.floor: Mapping[str, float] = self._floor()
        self.floor_note = (
            f"{'true counterparts' if self.paired else 'other real sentences'}; the classifier of "
            f"styles is right on {100 * self.judge.accuracy:.1f} % of held-out sentences"
        )

    def scored(self, module: Any) -> dict[str, dict[str, float]]:
        """Rewrite; see the class."""
        found: dict[str, dict[str, float]] = {}
        for source, target in module.directions:
            rows = self.inputs[source]
            inputs = self.words(rows)
            outputs = self.words(rewritten(module, rows, source, target))
            of_both = TransferScores.of(self.judge, inputs, outputs, _SIDES.index(target))
            found[target] = {
                "style_content": of_both.both,
                "style_accuracy": of_both.accuracy,
                "content_bleu4": of_both.content,
                **self._against_truth(outputs, target),
                "copy_style_accuracy": of_both.copy_accuracy,
                **{f"copy_{k}": v for k, v in self._against_truth(inputs, target).items()},
            }
        return found

    def _against_truth(self, outputs: Sequence[Words], target: str) -> dict[str, float]:
        if not self.paired:
            return {}
        true = self.words(self.inputs[target])
        same = fmean(list(one) == list(other) for one, other in zip(true, outputs, strict=True))
        return {"reference_bleu4": content_bleu(true, outputs), "reference_exact": same}

    def _floor(self) -> dict[str, float]:
        found = {}
        for source, target in (("a", "b"), ("b", "a")):
            real = self.words(self.inputs[target])
            accuracy = self.judge.share(real, _SIDES.index(target))
            found[target] = {"style_accuracy": accuracy}
            if self.paired:
                content = content_bleu(self.words(self.inputs[source]), real)
                both = {"style_content": math.sqrt(accuracy * content), "content_bleu4": content}
                found[target] |= both
        return self.named(found)


def rewriting_columns(module: Any, data: Any, count: int) -> dict[str, list[str]]:
    """Fixed held-out sentences and what becomes of them, as columns of a table.

    Args:
        module: has ``rewrite``, ``directions`` and ``words``.
        data: its data module; where nothing is held out training sentences are shown.
        count: sentences of each direction.

    Returns:
        ``domain``, ``sentence``, ``rewritten``, and ``true`` where counterparts are known.
    """
    split = "held_out" if _holds_out(data) else "train"
    pairs = data.paired_reference(split)
    titles = getattr(data, "domain_titles", {side: side for side in _SIDES})
    columns: dict[str, list[str]] = {"from": [], "sentence": [], "rewritten": []}
    columns |= {} if pairs is None else {"true": []}
    for source, target in module.directions:
        rows = read_all(data.reference(split, source))
        chosen = strided_indices(len(rows), count)
        inputs = rows[chosen]
        columns["from"] += [titles[source]] * len(inputs)
        columns["sentence"] += module.words(inputs)
        columns["rewritten"] += module.words(module.rewrite(inputs, source, target))
        if pairs is not None:
            columns["true"] += module.words(read_all(data.reference(split, target))[chosen])
    return columns


def _holds_out(data: Any) -> bool:
    try:
        data.reference("held_out", "a"), data.reference("held_out", "b")
    except ValueError:
        return False
    return True
