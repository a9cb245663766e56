"""How a probe looks at a generator of sentences: at their places among real ones, and at the words.

A language may be small: that two sentences are the same, or made of the same words, is no collapse
by itself. So copies are not told by distances here, see ``sentence_rules.py``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median, pstdev
from typing import Any

from callbacks.collapse.probes import ProbeSignals, SampleProber
from callbacks.collapse.records import WHOLE, Band, Spread
from callbacks.metrics.bank import BankBuilder, FeatureBank
from callbacks.metrics.bleu import self_bleu
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.reading import ReferenceSet, read_all
from callbacks.metrics.sentences import Words, some, word_lists
from callbacks.metrics.text_diversity import top_share, unique_share, vocabulary_use
from callbacks.sentence_subject import token_mean
from gan_modules.language.sentences import sentence_mask

#: Sets of real sentences that say what is usual: each costs what a probe does.
_SETS = 8
_ORDER = 4


class SentenceProber(SampleProber):
    """A generator of sentences.

    Beside the signals of all samples there are, of the whole: ``self_bleu4``, ``unique_share``,
    ``vocabulary_use``, ``top_share`` of the most frequent sentence, and ``token_entropy``, nats of
    choice in a word, where the module can say. ``duplicates`` are not looked for.

    Args:
        space: on the module's device.
        reals: the real sentences.
        samples: N of a light probe.
        special_tokens: whether sentences end.

    Raises:
        TooFewRealsError: (a ValueError) there are fewer than 48 reals.
    """

    def __init__(
        self, space: FeatureSpace, reals: ReferenceSet, samples: int, special_tokens: bool
    ) -> None:
        super().__init__(space, reals, samples)
        self.special_tokens = special_tokens
        tokens = read_all(reals)
        sentences = word_lists(tokens, self.special_tokens)
        self._words = {word for sentence in sentences for word in sentence}
        rows = [self._counted(some(sentences, self.samples, seed)) for seed in range(_SETS)]
        self._band = {name: _spread([row[name] for row in rows]) for name in rows[0]}
        # A language has at least the sentences that are known, one as likely as another.
        tokens_each = float(sentence_mask(tokens, self.special_tokens).sum(1).double().mean())
        known = len({tuple(sentence) for sentence in sentences})
        self._band["token_entropy"] = _spread([math.log(max(known, 2)) / tokens_each])
        self._entropy: float | None = None

    @property
    def band(self) -> Band:
        """See :class:`Prober`."""
        return {WHOLE: {**super().band[WHOLE], **self._band}}

    def describe(self, module: Any, probe: int, seed: int) -> dict[str, BankBuilder]:
        """See :class:`Prober`."""
        builders = super().describe(module, probe, seed)
        assert self.latest is not None
        self.lines = module.words(self.latest)
        if hasattr(module, "token_entropy"):
            self._entropy = token_mean(module.token_entropy, self.latest, self.special_tokens)
        return builders

    def signals(self, banks: Mapping[str, FeatureBank], seed: int) -> ProbeSignals:
        """See :class:`Prober`."""
        assert self.latest is not None
        found = super().signals(banks, seed)
        counted = self._counted(word_lists(self.latest.cpu(), self.special_tokens))
        found[WHOLE] |= {**counted, "duplicates": None, "token_entropy": self._entropy}
        return found

    def _counted(self, sentences: Sequence[Words]) -> dict[str, float]:
        return {
            "self_bleu4": self_bleu(sentences, _ORDER)[_ORDER],
            "unique_share": unique_share(sentences),
            "vocabulary_use": vocabulary_use(sentences, self._words),
            "top_share": top_share(sentences),
        }


def _spread(values: list[float]) -> Spread:
    return {"median": median(values), "low": min(values), "sd": pstdev(values, fmean(values))}
