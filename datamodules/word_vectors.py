"""Word vectors of two languages without pairs: a generated set with a hidden rotation, and files.

For word alignment (Lample et al., 2017, arXiv:1710.04087).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.base import held_out_mask
from datamodules.batches import WordVectors
from datamodules.images import slug_of
from datamodules.source import DataSource
from datamodules.two_domains import single
from datamodules.unpaired_order import SIDES, UnpairedSampler, check_length
from datamodules.word_files import read_dictionary, read_vectors

Normalization = Literal["unit", "centre"]

_DRAW_SEED = 17100408


@dataclass(frozen=True)
class Languages:
    """Two vocabularies.

    Attributes:
        words: of ``a`` and ``b``, the most frequent first.
        vectors: float32 ``(N, d)`` of each, as they came.
        pairs: int64 ``(P, 2)`` places of translations; None where nobody knows any.
    """

    words: dict[str, tuple[str, ...]]
    vectors: dict[str, NDArray[np.float32]]
    pairs: NDArray[np.int64] | None


class WordVectorSet(Dataset[WordVectors]):
    """The words that training draws from.

    Args:
        a: ``(N, d)`` vectors of the first language.
        b: ``(M, d)`` of the second.
    """

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self.a, self.b = a, b

    def __len__(self) -> int:
        """Number of words of the larger language."""
        return max(len(self.a), len(self.b))

    def __getitem__(self, item: tuple[int, ...]) -> WordVectors:
        """Return one word of each, as :class:`UnpairedSampler` asks for them."""
        return cast(WordVectors, single(cast(dict, self.__getitems__([item]))))

    def __getitems__(self, items: Sequence[tuple[int, ...]]) -> WordVectors:
        """Return a whole batch for N rows (index_a, pass_a, index_b, pass_b)."""
        rows = torch.tensor(items, dtype=torch.int64).reshape(-1, 4)
        index_a, index_b = rows[:, 0].clone(), rows[:, 2].clone()
        return {
            "a": self.a[index_a],
            "b": self.b[index_b],
            "index_a": index_a,
            "index_b": index_b,
        }


class WordVectorData(DataSource):
    """Two vocabularies, trained on without pairs: batches of :class:`WordVectors`.

    The game sees all words. What is held out is a part of the dictionary, for scores alone; the
    rest of it is for those who want a map from pairs, or from a seed dictionary. All translations
    of a word are on one side.

    Args:
        normalize: what is done to the vectors of each language, one after another: ``"unit"``
            length, and ``"centre"``, which takes their mean off.
        most_frequent: training draws from the first so many words of each language; None: all.
        length: words in an epoch: "max" of the two languages, "min" of them, or a number.
        batch_size: words of each language per batch and rank.
        **kwargs: see :class:`datamodules.source.DataSource`.

    Raises:
        ValueError: when an argument is out of range.
    """

    class_names: tuple[str, ...] | None = None

    def __init__(
        self,
        normalize: Sequence[Normalization] = (),
        most_frequent: int | None = 75_000,
        length: Literal["max", "min"] | int = "max",
        batch_size: int = 32,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size=batch_size, **kwargs)
        for name in ("mirror", "dequantize"):
            if getattr(self, name):
                raise self._refusal(name, "be false for words", True, f"set {name}: false")
        if unknown := [one for one in normalize if one not in get_args(Normalization)]:
            raise self._refusal(
                "normalize", "hold unit and centre alone", unknown[0], "set normalize: [unit]"
            )
        if most_frequent is not None and most_frequent < 1:
            raise self._refusal(
                "most_frequent", "be at least 1", most_frequent, "null draws from all words"
            )
        check_length(type(self).__name__, length)
        self.normalize, self.most_frequent, self.length = tuple(normalize), most_frequent, length
        self._loaded: Languages | None = None
        self._vectors: dict[str, Tensor] = {}

    def load_languages(self) -> Languages:
        """Open both vocabularies and the dictionary.

        Raises:
            ValueError: when they cannot be used; the message says why.
            FileNotFoundError: when they are not where they should be.
        """
        own = type(self).__name__
        raise self._refusal("class", "be a data set", own, "choose one that has its own words")

    @property
    def dim(self) -> int:
        """Length d of a vector."""
        return self.vectors("a").shape[1]

    def words(self, side: str) -> tuple[str, ...]:
        """Return the words of one language, ``"a"`` or ``"b"``, in the order of its vectors."""
        return self._opened().words[side]

    def vectors(self, side: str) -> Tensor:
        """Return float32 ``(N, d)``: the vectors of one language, normalised."""
        self._opened()
        return self._vectors[side]

    def pairs(self, split: Literal["train", "held_out"]) -> Tensor | None:
        """Return int64 ``(P, 2)`` places of translations; None where none are known.

        Args:
            split: ``"train"`` for maps from pairs, ``"held_out"`` for scores.

        Raises:
            ValueError: when the name is another one.
        """
        if split not in ("train", "held_out"):
            raise self._refusal("split", "be train or held_out", split, "ask for one of the two")
        pairs = self._opened().pairs
        if pairs is None:
            return None
        held_out = held_out_mask(len(pairs), self.held_out_share, families=pairs[:, 0])
        chosen = pairs[held_out if split == "held_out" else ~held_out]
        return torch.from_numpy(chosen) if len(chosen) else None

    def prepare_data(self) -> None:
        """Open the vocabularies once, so that a fault is told before training."""
        self._opened()

    def preview(self, count: int = 2) -> WordVectors:
        """Return the first words as batches hold them, without a loader and its workers."""
        part = self._training_set()
        rows = range(min(count, len(part.a), len(part.b)))
        return part.__getitems__([(row, 0, row, 0) for row in rows])

    def fingerprint(self) -> str:
        """Return 16 digits that change with the words, their vectors or the dictionary's split."""
        languages = self._opened()
        digest = hashlib.sha256(repr((self.normalize, self.held_out_share)).encode())
        for side in SIDES:
            digest.update("\n".join(languages.words[side]).encode())
            digest.update(np.ascontiguousarray(languages.vectors[side]).data)
        if languages.pairs is not None:
            digest.update(np.ascontiguousarray(languages.pairs).data)
        return digest.hexdigest()[:16]

    def _opened(self) -> Languages:
        if self._loaded is None:
            languages = self.load_languages()
            widths = {side: languages.vectors[side].shape[1] for side in SIDES}
            if widths["a"] != widths["b"]:
                raise self._refusal(
                    "vectors",
                    "be as long in both languages",
                    f"{widths['a']} numbers for a and {widths['b']} for b",
                    "take vectors of one length for both",
                )
            self._vectors = {side: self._normalized(languages.vectors[side]) for side in SIDES}
            self._loaded = languages
        return self._loaded

    def _normalized(self, vectors: NDArray[np.float32]) -> Tensor:
        own = vectors.astype(np.float64)
        for step in self.normalize:
            if step == "unit":
                own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
            else:
                own -= own.mean(0)
        return torch.from_numpy(own.astype(np.float32))

    def _training_set(self) -> WordVectorSet:
        return WordVectorSet(*(self.vectors(side)[: self.most_frequent] for side in SIDES))

    def _sampler(self) -> UnpairedSampler:
        rank, world_size = self._rank_and_world_size()
        part = self._training_set()
        return UnpairedSampler(
            len(part.a), len(part.b), self.batch_size, rank, world_size, self.seed, self.length
        )


class RotatedWords(WordVectorData):
    """One cloud of words twice, the second time rotated, with a little noise and in another order.

    The cloud is a mixture of Gaussians with distinct centres and unlike weights, drawn from a flat
    Dirichlet distribution: marginals tell the rotation only if the cloud is not symmetric. The
    dictionary is exact, and the draw the same for every run.

    Args:
        words: of each language.
        dim: d.
        centres: of the mixture.
        spread: standard deviation around a centre; those of the centres have 1.
        noise: standard deviation of what is added to the second language.
        draw: number of the cloud and its rotation.
        **kwargs: see :class:`WordVectorData`.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(
        self,
        words: int = 3000,
        dim: int = 10,
        centres: int = 40,
        spread: float = 0.3,
        noise: float = 0.05,
        draw: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value, least in (
            ("words", words, 1),
            ("dim", dim, 2),
            ("centres", centres, 1),
            ("draw", draw, 0),
        ):
            if value < least:
                raise self._refusal(name, f"be at least {least}", value, f"set {name}: {least}")
        for name, size in (("spread", spread), ("noise", noise)):
            if not 0.0 <= size < float("inf"):
                raise self._refusal(name, "be 0 or more", size, f"set {name}: 0.01")
        self.count, self.width, self.centres = words, dim, centres
        self.spread, self.noise, self.draw = spread, noise, draw

    def slug(self) -> str:
        """rotated-words-<dim>."""
        return f"rotated-words-{self.width}"

    @property
    def rotation(self) -> Tensor:
        """The hidden Q, float64 ``(d, d)`` with determinant 1: ``b = Q a`` and noise."""
        return torch.from_numpy(self._drawn()[2])

    def load_languages(self) -> Languages:
        """Draw both languages; see :class:`WordVectorData`."""
        cloud, order, rotation, noise = self._drawn()
        other = (cloud @ rotation.T + self.noise * noise)[order]
        pairs = np.stack([order, np.arange(self.count)], 1)
        return Languages(
            words={
                "a": tuple(f"a{number}" for number in range(self.count)),
                "b": tuple(f"b{number}" for number in order),
            },
            vectors={"a": cloud.astype(np.float32), "b": other.astype(np.float32)},
            pairs=pairs[np.argsort(order)].astype(np.int64),
        )

    def _drawn(self) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[Any], NDArray[Any]]:
        """The cloud, the order of the second language, the rotation, and noise of size 1."""
        draws = np.random.Generator(np.random.PCG64([_DRAW_SEED, self.draw]))
        centres = draws.standard_normal((self.centres, self.width))
        weights = draws.dirichlet(np.ones(self.centres))
        chosen = draws.choice(self.centres, self.count, p=weights)
        cloud = centres[chosen] + self.spread * draws.standard_normal((self.count, self.width))
        q, r = np.linalg.qr(draws.standard_normal((self.width, self.width)))
        # Signs make it uniform over all orthogonal matrices, and then a rotation.
        q *= np.sign(np.diag(r))
        q[:, 0] *= np.sign(np.linalg.det(q))
        noise = draws.standard_normal(cloud.shape)
        return cloud, draws.permutation(self.count), q, noise


class VectorFiles(WordVectorData):
    """Two text files of word vectors, as fastText, GloVe and word2vec write them.

    Lines are ``word v1 v2 ...``, after an optional first line ``count dim``, in UTF-8, the most
    frequent word first. Of a word that comes twice the first line counts.

    Args:
        vectors_a: file of the first language.
        vectors_b: file of the second.
        dictionary: lines ``word_a word_b``, for scores and maps from pairs; None: scores are those
            that need no dictionary.
        max_words: of each language; the paper has 200000. The time of an evaluation rises with the
            square.
        **kwargs: see :class:`WordVectorData`.

    Raises:
        ValueError: when a file cannot be used, or an argument is out of range; the message says
            which line.
        FileNotFoundError: when there is no such file.
    """

    def __init__(
        self,
        vectors_a: str,
        vectors_b: str,
        dictionary: str | None = None,
        max_words: int = 20_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_words < 1:
            raise self._refusal("max_words", "be at least 1", max_words, "set max_words: 20000")
        self.files = {"a": Path(vectors_a), "b": Path(vectors_b)}
        self.dictionary = None if dictionary is None else Path(dictionary)
        self.max_words = max_words

    def slug(self) -> str:
        """<vectors_a>-<vectors_b>."""
        return "-".join(slug_of(path) for path in self.files.values())

    def load_languages(self) -> Languages:
        """Read the files; see :class:`WordVectorData`."""
        own = type(self).__name__
        read = {
            side: read_vectors(own, f"vectors_{side}", path, self.max_words)
            for side, path in self.files.items()
        }
        words = {side: found[0] for side, found in read.items()}
        pairs = None
        if self.dictionary is not None:
            pairs = read_dictionary(own, self.dictionary, words["a"], words["b"])
        return Languages(words, {side: found[1] for side, found in read.items()}, pairs)
