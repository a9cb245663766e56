"""What an evaluation scores of a generator of sentences: features, words and likelihoods.

All ranks draw, rank 0 reads, and all of them get its scores. Scores of a set of words depend on the
size of the set: generated and real sentences are equally many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any, Literal

import torch
from torch import Tensor

from callbacks.drawing import draw_share
from callbacks.metrics.bank import BankBuilder
from callbacks.metrics.bleu import References, self_bleu
from callbacks.metrics.distributed import gather_by_index, on_rank_zero
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.names import Protocol, count_suffix
from callbacks.metrics.reading import Split, held_out_or_none, read_all, strided_indices
from callbacks.metrics.real_statistics import real_statistics
from callbacks.metrics.scoring import ScoreSettings, score_bank
from callbacks.metrics.sentences import some, word_lists
from callbacks.metrics.text_diversity import TextDiversity
from gan_modules.language.sentences import sentence_mask

_ORDER = 4
#: Sentences that BLEU looks at, and at most so many that they are held against.
_HYPOTHESES, _REFERENCES = 500, 2000
#: Held-out sentences whose likelihood is asked for, and how many at a time.
_LIKELIHOODS, _STACK = 2000, 256
_COUNTED = ("distinct2", "unique_share", "vocabulary_use", "mean_length", "copy_rate")


class Sentences:
    """The sentences of a generator of latents, against the real ones of a split.

    Beside the scores of the features, by which checkpoints are ranked: ``bleu4`` against held-out
    sentences, ``self_bleu4``, ``distinct2``, ``unique_share``, ``vocabulary_use``, ``mean_length``,
    ``copy_rate`` (of training sentences); ``nll_test``, what the generator thinks of held-out
    sentences, in nats a token; ``nll_oracle``, what the network that made the data thinks of
    generated ones, and ``valid_share``, where the data module can tell.

    Args:
        data: has ``special_tokens``, and perhaps ``oracle`` and ``valid(tokens)``.
        space: on the module's device.
        samples: generated sentences of one evaluation.
        split: the real sentences that the features are compared with.
        settings: of the scores.

    Attributes:
        floor: scores of real sentences in place of generated ones.
        floor_note: which.
    """

    def __init__(
        self, data: Any, space: FeatureSpace, samples: int, split: Split, settings: ScoreSettings
    ) -> None:
        self.space, self.samples, self.settings = space, samples, settings
        self.real = real_statistics(data, space, samples, split=split, settings=settings)
        self.special_tokens = bool(data.special_tokens)
        self.oracle: Any = getattr(data, "oracle", None)
        self.valid: Any = getattr(data, "valid", None)
        train = read_all(data.reference("train"))
        self.count, self.length = min(samples, len(train)), train.shape[1]
        self.train = word_lists(train, self.special_tokens)
        self.real_words = {word for sentence in self.train for word in sentence}
        held_out = held_out_or_none(lambda: data.reference("held_out"))
        self.held_out: Tensor | None = None
        self.references: References | None = None
        if held_out is not None:
            tokens = read_all(held_out)
            self.held_out = tokens[strided_indices(len(tokens), _LIKELIHOODS)]
            known = some(word_lists(tokens, self.special_tokens), _REFERENCES, settings.seed)
            self.references = References(known, _ORDER)
        reals = train[strided_indices(len(train), self.count)]
        words = on_rank_zero(lambda: self._floor(reals))
        self.floor: Mapping[str, float] = {**self.real.floor, **words}
        self.floor_note = self.real.floor_note

    def scores(self, module: Any, seed: int) -> dict[str, float]:
        """Draw, describe, read and score; every rank calls it and gets the same."""
        builder = BankBuilder(self.space, self.samples)
        mine = [torch.empty(0, self.length, dtype=torch.int64)]
        for tokens in draw_share(module, builder.indices, self.samples, seed):
            builder.add(tokens)
            mine.append(tokens.cpu())
        bank = builder.finish()
        said = gather_by_index(torch.cat(mine), self.samples)[: self.count]
        return on_rank_zero(
            lambda: {
                **score_bank(self.real, bank, self.settings),
                **self._of_words(said),
                # One that says all words at once knows no likelihood.
                **self._likelihood(getattr(module, "log_likelihood", None)),
            }
        )

    def protocol(self, weights: Literal["raw", "ema"]) -> Protocol:
        """Without which the scores say nothing."""
        known = 0 if self.held_out is None else min(_REFERENCES, len(self.held_out))
        words = f"words={self.count} bleu_hypotheses={_HYPOTHESES} bleu_references={known}"
        settings = f"{self.settings.line()} {words}"
        return self.real.protocol(self.space, self.samples, weights, settings)

    def _of_words(self, tokens: Tensor) -> dict[str, float]:
        said, seed = word_lists(tokens, self.special_tokens), self.settings.seed
        found: dict[str, float] = {}
        if self.references is not None:
            chosen = some(said, _HYPOTHESES, seed)
            found["bleu4"] = fmean(self.references.bleu(sentence)[-1] for sentence in chosen)
        alike = self_bleu(said, _ORDER, _HYPOTHESES, _REFERENCES, seed)
        found["self_bleu4"] = alike[_ORDER]
        counted = TextDiversity.of(said, self.real_words, self.train)._asdict()
        found |= {name: counted[name] for name in _COUNTED}
        if self.oracle is not None:
            found["nll_oracle"] = float(self.oracle.nll(tokens))
        if self.valid is not None:
            found["valid_share"] = float(self.valid(tokens).double().mean())
        return {f"{name}@{count_suffix(len(said))}": value for name, value in found.items()}

    def _likelihood(self, ask: Callable[[Tensor], Tensor] | None) -> dict[str, float]:
        if self.held_out is None or ask is None:
            return {}
        name = f"nll_test@{count_suffix(len(self.held_out))}"
        return {name: -token_mean(ask, self.held_out, self.special_tokens)}

    def _floor(self, reals: Tensor) -> dict[str, float]:
        """Training sentences in place of generated ones; the oracle in place of the generator."""
        found = self._of_words(reals)
        copies = f"copy_rate@{count_suffix(len(reals))}"
        # Of training sentences it says nothing.
        del found[copies]
        if self.held_out is not None:
            others = word_lists(self.held_out, self.special_tokens)
            found[copies] = TextDiversity.of(others, self.real_words, self.train).copy_rate
            if self.oracle is not None:
                found |= self._likelihood(lambda rows: self.oracle.log_probabilities(rows).mean(1))
        return found


@torch.no_grad()
def token_mean(ask: Callable[[Tensor], Tensor], tokens: Tensor, special_tokens: bool) -> float:
    """The mean over all tokens of what is known as a mean over those of each sentence.

    Args:
        ask: sentences ``(n, T)`` to their means ``(n,)``.
        tokens: int64 ``(N, T)``, N at least 1.
        special_tokens: whether sentences end; ends count, and nothing behind them.
    """
    counts = sentence_mask(tokens, special_tokens).sum(1).double().cpu()
    means = torch.cat([ask(rows).double().cpu() for rows in tokens.split(_STACK)])
    return float((means * counts).sum() / counts.sum())
