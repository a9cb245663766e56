"""How many words are translated rightly, among the first k (arXiv:1710.04087, table 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from callbacks.metrics.names import count_suffix
from gan_modules.language.word_maps import nearest


def precision_at(found: Tensor, words: Tensor, pairs: Tensor, k: int) -> float:
    """Share of words one of whose true translations is among their first k.

    Args:
        found: ``(Q, K)`` places of translations, best first.
        words: ``(Q,)`` places of the words that were translated, each once.
        pairs: int64 ``(P, 2)`` true translations; a word may have several.
        k: at most K.

    Raises:
        ValueError: if there are fewer than k translations, or no word.
    """
    if not 1 <= k <= found.shape[1] or not len(words):
        raise ValueError(
            f"precision_at: k must lie in 1..{found.shape[1]} and there must be a word, got k {k} "
            f"and {len(words)} words; ask for more translations or words"
        )
    truth: dict[int, set[int]] = {}
    for word, translation in pairs.tolist():
        truth.setdefault(word, set()).add(translation)
    rows = zip(words.tolist(), found[:, :k].tolist(), strict=True)
    return sum(bool(truth.get(word, set()) & set(row)) for word, row in rows) / len(words)


def translation_scores(
    mapped: Tensor, candidates: Tensor, pairs: Tensor, ks: Sequence[int] = (1, 5)
) -> dict[str, float]:
    """P@1 and P@5 of a dictionary, by CSLS and by the cosine: ``p1_csls@300`` of 300 words.

    Args:
        mapped: ``(N, d)`` all mapped words of the first language.
        candidates: ``(M, d)`` all words of the second.
        pairs: int64 ``(P, 2)`` true translations; only words that are in them are translated.
        ks: of the precisions; those above M are left out.
    """
    words = torch.unique(pairs[:, 0])
    suffix, scores = count_suffix(len(words)), {}
    known = [k for k in ks if k <= len(candidates)]
    for name, scaled in (("csls", True), ("nn", False)):
        asked = mapped[words.to(mapped.device)]
        found = nearest(asked, candidates, max(known), scaled, among=mapped)
        for k in known:
            scores[f"p{k}_{name}@{suffix}"] = precision_at(found, words, pairs, k)
    return scores
