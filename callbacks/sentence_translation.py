"""What is scored of sentences that are led from language to language, and of summaries.

Neither needs pairs to rank checkpoints. Of translations the way there and back shall lead to where
it began (arXiv:1711.00043, section 4.4); a model that copies does so too, so the share of copies
stands beside. A summary shall be likely among summaries, and the article likely for it: together
they are how many nats it takes to tell the article by way of its summary.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean
from typing import Any, ClassVar

from torch import Tensor

from callbacks.metrics.language_model import KneserNey
from callbacks.metrics.reading import read_all
from callbacks.metrics.recognition import rouge
from callbacks.metrics.sentences import Words, ngrams
from callbacks.metrics.style_transfer import content_bleu
from callbacks.rewriting import Rewritings
from callbacks.rewritten import RewrittenSentences, rewritten


class SentenceTranslations(RewrittenSentences):
    """``round_trip_bleu4`` of the way there and back, ``copied``, and against true counterparts.

    These are ``reference_bleu4`` and ``reference_exact``, the share of translations that are the
    counterpart word for word, and, with ``copy_`` in front, what copies of the inputs score. The
    floor is that of the counterparts themselves, whose BLEU is below 1 for short sentences.

    Args:
        data: see :class:`RewrittenSentences`.
        samples: see there.
    """

    settings: ClassVar[str] = "bleu=4 method1"

    def __init__(self, data: Any, samples: int) -> None:
        super().__init__(data, samples)
        found = {side: self._against_truth(self.words(self.inputs[side]), side) for side in "ab"}
        self.floor = self.named(found) if self.paired else {}

    def scored(self, module: Any) -> dict[str, dict[str, float]]:
        """Translate there and back; see the class."""
        found = {}
        for source, target in module.directions:
            rows = self.inputs[source]
            made = rewritten(module, rows, source, target)
            back = rewritten(module, made, target, source)
            inputs, outputs = self.words(rows), self.words(made)
            copies = self._against_truth(inputs, target)
            found[target] = {
                "round_trip_bleu4": content_bleu(inputs, self.words(back)),
                "copied": _share_equal(inputs, outputs),
                **self._against_truth(outputs, target),
                **{f"copy_{key}": value for key, value in copies.items()},
            }
        return found

    def _against_truth(self, outputs: list[list[int]], target: str) -> dict[str, float]:
        if not self.paired:
            return {}
        true = self.words(self.inputs[target])
        return {
            "reference_bleu4": content_bleu(true, outputs),
            "reference_exact": _share_equal(true, outputs),
        }


class WrittenSummaries(RewrittenSentences):
    """``nll_channel``, ROUGE against the true summaries and that of leads, and what else tells.

    ``nll_channel``: nats an article, of the summary among summaries (a language model of counts)
    and of the article for the summary (the reconstructor); ``nll_language`` and
    ``nll_reconstruction`` are its parts, in nats a token. ``compression``: words of summaries per
    word of articles. ``novel_pairs``: pairs of words that the article does not have, of all in
    summaries. ``lead_rouge1`` and so on: the first words of the article, as many as summaries have
    on average. The floor is that of true summaries.

    Args:
        data: see :class:`RewrittenSentences`; a are articles, b summaries.
        samples: see there.
    """

    settings: ClassVar[str] = "lm=kn4 rouge=F"

    def __init__(self, data: Any, samples: int) -> None:
        super().__init__(data, samples)
        known = self.words(read_all(data.reference("train", "b")))
        self.language = KneserNey(known)
        self.lead = max(1, round(fmean(map(len, known))))
        self.articles = self.words(self.inputs["a"])
        true = self.inputs["b"]
        self.floor = self.named({"b": self._of_words(self.words(true))}) if self.paired else {}

    def scored(self, module: Any) -> dict[str, dict[str, float]]:
        """Summarize; see the class."""
        made = rewritten(module, self.inputs["a"], "a", "b")
        summaries = self.words(made)
        leads = [article[: self.lead] for article in self.articles]
        nll, told = self._told(module, made), self.language.log_probability
        lengths = [len(article) + 1 for article in self.articles]
        of_articles = [one * length for one, length in zip(nll, lengths, strict=True)]
        return {
            "b": {
                "nll_channel": fmean(of_articles) - fmean(map(told, summaries)),
                **self._of_words(summaries),
                "nll_reconstruction": sum(of_articles) / sum(lengths),
                **{f"lead_{key}": value for key, value in self._rouge(leads).items()},
            }
        }

    def _of_words(self, summaries: list[list[int]]) -> dict[str, float]:
        pairs = zip(self.articles, summaries, strict=True)
        novel = [
            pair not in set(ngrams(article, 2)) for article, one in pairs for pair in ngrams(one, 2)
        ]
        words = sum(map(len, summaries))
        return {
            **self._rouge(summaries),
            "nll_language": self.language.nll(summaries),
            "compression": words / sum(map(len, self.articles)),
            "novel_pairs": fmean(novel) if novel else 0.0,
        }

    def _rouge(self, summaries: list[list[int]]) -> dict[str, float]:
        return rouge(self.words(self.inputs["b"]), summaries) if self.paired else {}

    def _told(self, module: Any, made: Tensor) -> list[float]:
        """Nats a token of each article, for its summary."""
        rows, found = self.inputs["a"].to(module.device), made.to(module.device)
        parts = zip(rows.split(256), found.split(256), strict=True)
        return [-float(one) for a, b in parts for one in module.reconstruction(a, b)]


def rewriting_subject(module: Any, data: Any, samples: int) -> Rewritings | RewrittenSentences:
    """What is scored of a module that rewrites, by its ``purpose``.

    Args:
        module: has ``rewrite``, ``directions`` and ``purpose``.
        data: of two domains of sentences, with something held out.
        samples: sentences of each domain that are rewritten.
    """
    kinds: dict[str, Callable[[Any, int], Rewritings | RewrittenSentences]] = {
        "style": Rewritings,
        "translation": SentenceTranslations,
        "summary": WrittenSummaries,
    }
    return kinds[module.purpose](data, samples)


def _share_equal(some: list[list[int]], others: list[list[Any]] | list[Words]) -> float:
    return fmean(list(one) == list(other) for one, other in zip(some, others, strict=True))
