"""Orthogonal maps between word vectors: Procrustes, CSLS, refinement, and a blind criterion.

Lample, Conneau, Ranzato, Denoyer, Jégou, "Word Translation Without Parallel Data", 2017,
arXiv:1710.04087, sections 2.2 to 3.4; the orthogonalisation is of Cisse et al., "Parseval
Networks", 2017, arXiv:1704.08847. Vectors are rows ``(N, d)``, sorted by falling frequency of their
words; a map is a matrix ``W (d, d)`` that takes the row x to ``W x``.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

#: Similarities that are in memory at a time.
_MOST = 1 << 24


def mapped(w: Tensor, vectors: Tensor) -> Tensor:
    """``W x`` of each row x: ``(N, d)``."""
    return vectors @ w.T


def procrustes(x: Tensor, y: Tensor) -> Tensor:
    """The orthogonal W that minimises ``|X W^T - Y|_F``: ``U V^T`` of ``Y^T X = U S V^T``.

    Args:
        x: ``(N, d)`` vectors of one language.
        y: ``(N, d)`` their translations, row by row.

    Raises:
        ValueError: if there is no pair, or the two have another shape.
    """
    if x.dim() != 2 or x.shape != y.shape or not len(x):
        raise ValueError(
            f"procrustes: x and y must be the two sides of at least one pair, (N, d) both, got "
            f"{list(x.shape)} and {list(y.shape)}; give as many translations as words"
        )
    u, _, v = torch.linalg.svd(y.double().T @ x.double())
    return (u @ v).to(x.dtype)


def orthogonalised(w: Tensor, beta: float) -> Tensor:
    """``(1 + beta) W - beta (W W^T) W``: one step towards the nearest orthogonal matrix.

    A singular value ``1 + e`` becomes ``1 + e - 2 beta e + O(e^2)``.

    Args:
        w: ``(d, d)``, with singular values below ``sqrt(1 + 1 / beta)``.
        beta: 0 leaves W as it is.
    """
    return (1 + beta) * w - beta * (w @ w.T) @ w


def mean_similarity(x: Tensor, y: Tensor, k: int = 10) -> Tensor:
    """Mean cosine ``(N,)`` of each row of x to its k nearest rows of y: high for hubs.

    Args:
        x: ``(N, d)``.
        y: ``(M, d)``.
        k: neighbours; all of y where there are fewer.
    """
    k = min(_counted("mean_similarity", "k", k), len(y))
    return torch.cat([part.topk(k, dim=1).values.mean(1) for part in _cosines(x, y)])


def csls(x: Tensor, y: Tensor, k: int = 10) -> Tensor:
    """Cross-domain similarity local scaling ``2 cos(x, y) - r_Y(x) - r_X(y)``, section 2.3.

    r is the mean cosine to the k nearest of the other language, so that a hub, near to everything,
    is nobody's translation.

    Args:
        x: ``(N, d)`` mapped vectors of one language.
        y: ``(M, d)`` vectors of the other.
        k: the paper's K.

    Returns:
        ``(N, M)``.
    """
    cosines = F.normalize(x, dim=1) @ F.normalize(y, dim=1).T
    return 2 * cosines - mean_similarity(x, y, k)[:, None] - mean_similarity(y, x, k)


def nearest(
    x: Tensor,
    y: Tensor,
    count: int = 1,
    scaled: bool = True,
    k: int = 10,
    among: Tensor | None = None,
) -> Tensor:
    """Places of the nearest rows of y, best first.

    Args:
        x: ``(N, d)`` mapped vectors.
        y: ``(M, d)`` candidates.
        count: how many for each row of x; all M where there are fewer.
        scaled: by CSLS; otherwise by the cosine.
        k: neighbours of CSLS.
        among: ``(L, d)`` the mapped vectors that tell which rows of y are hubs; None: x. Give the
            whole vocabulary where x is a part of it.

    Returns:
        int64 ``(N, count)``.
    """
    count = min(_counted("nearest", "count", count), len(y))
    # What CSLS takes off for x is the same for all candidates, and orders nothing.
    shift = mean_similarity(y, x if among is None else among, k) / 2 if scaled else 0.0
    return torch.cat([(part - shift).topk(count, dim=1).indices for part in _cosines(x, y)])


def translations(
    x: Tensor, y: Tensor, most_frequent: int | None = 15000, mutual: bool = False, k: int = 10
) -> Tensor:
    """A dictionary of the two languages, by CSLS among all words, section 2.2.

    Args:
        x: ``(N, d)`` mapped vectors, the most frequent word first.
        y: ``(M, d)`` vectors of the other language, likewise.
        most_frequent: pairs are of the first so many words of both; None: of all.
        mutual: keep the pairs alone whose words choose each other.
        k: neighbours of CSLS.

    Returns:
        int64 ``(P, 2)`` places in x and y, by rising place in x.
    """
    found = nearest(x[:most_frequent], y, scaled=True, k=k, among=x)[:, 0]
    pairs = torch.stack([torch.arange(len(found), device=found.device), found], 1)
    if most_frequent is not None:
        pairs = pairs[pairs[:, 1] < most_frequent]
    if mutual:
        back = nearest(y[pairs[:, 1]], x, scaled=True, k=k, among=y)[:, 0]
        pairs = pairs[back == pairs[:, 0]]
    return pairs


def refine(
    w: Tensor,
    a: Tensor,
    b: Tensor,
    rounds: int = 5,
    most_frequent: int | None = 15000,
    mutual: bool = False,
) -> Tensor:
    """Procrustes on a dictionary that the map itself makes, again and again, section 2.2.

    From a seed dictionary of places ``(P, 2)``, start with
    ``procrustes(a[seed[:, 0]], b[seed[:, 1]])``.

    Args:
        w: ``(d, d)`` to start from; need not be orthogonal.
        a: ``(N, d)`` vectors of one language, the most frequent word first.
        b: ``(M, d)`` of the other, likewise.
        rounds: of dictionary and Procrustes; fewer where the dictionary stays as it is.
        most_frequent: see :func:`translations`.
        mutual: see :func:`translations`.

    Returns:
        An orthogonal map.

    Raises:
        ValueError: without a round, or when no pair is left for a dictionary.
    """
    _counted("refine", "rounds", rounds)
    before: Tensor | None = None
    for _ in range(rounds):
        pairs = translations(mapped(w, a), b, most_frequent, mutual)
        if before is not None and torch.equal(pairs, before):
            break
        w, before = procrustes(a[pairs[:, 0]], b[pairs[:, 1]]), pairs
    return w


def criterion(w: Tensor, a: Tensor, b: Tensor, most_frequent: int = 10000) -> float:
    """The mean cosine of the translations that CSLS finds, section 3.4: needs no dictionary.

    It is by what runs and checkpoints are chosen. Only maps on one and the same pair of languages
    compare, and in few dimensions it is close to 1 for wrong maps too.

    Args:
        w: ``(d, d)``.
        a: ``(N, d)`` vectors of one language, the most frequent word first.
        b: ``(M, d)`` of the other, likewise.
        most_frequent: words of both that are looked at.

    Returns:
        In [-1, 1]; nan where no two frequent words are translations.
    """
    x = mapped(w, a)
    pairs = translations(x, b, most_frequent)
    return float(F.cosine_similarity(x[pairs[:, 0]], b[pairs[:, 1]]).mean())


def _cosines(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    """Rows of the matrix of cosines, as many at a time as memory allows."""
    x, y = F.normalize(x, dim=1), F.normalize(y, dim=1).T
    rows = max(1, _MOST // max(1, y.shape[1]))
    for part in x.split(rows):
        yield part @ y


def _counted(owner: str, name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{owner}: {name} must be at least 1, got {value}; the paper's K is 10")
    return value
