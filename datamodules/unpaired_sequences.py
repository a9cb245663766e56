"""Sentences of two domains without pairs, in one vocabulary."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import UnpairedSequences
from datamodules.cache import LabelledImages, content_hash
from datamodules.corpora import LoadedCorpora, UnpairedSentenceSet, divide, hide_pairs
from datamodules.sets import ReferenceSet, TrainingSet
from datamodules.source import DataSource
from datamodules.two_domains import Domain, PairedReference, Split
from datamodules.unpaired import UnpairedSet
from datamodules.unpaired_order import SIDES, UnpairedSampler, side_seed


class UnpairedSentences(DataSource):
    """Sentences of the domains ``a`` and ``b`` with a part of each held out.

    Batches are :class:`datamodules.batches.UnpairedSequences`; an epoch is as long as the larger
    domain. Where counterparts are known, no family is trained on in both domains, and the held-out
    part is the same in both: see :meth:`paired_reference`. The domains may differ in T.

    Args:
        **kwargs: see :class:`datamodules.source.DataSource`; nothing is mirrored or dequantized.

    Raises:
        ValueError: when an argument is out of range.
    """

    domains: tuple[Domain, ...] = ("a", "b")
    class_names: tuple[str, ...] | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("mirror", "dequantize"):
            if getattr(self, name):
                raise self._refusal(name, "be false for sentences", True, f"set {name}: false")
        self._loaded: LoadedCorpora | None = None
        self._sides: dict[str, LabelledImages] = {}
        self._rows: dict[str, dict[str, NDArray[np.int64]]] = {}

    def load_corpora(self) -> LoadedCorpora:
        """Read or make both domains.

        Raises:
            ValueError: when the data cannot be used; the message says why.
            FileNotFoundError: when they are not where they should be.
        """
        own = type(self).__name__
        raise self._refusal("class", "override load_corpora()", own, "choose one that has text")

    @property
    def domain_titles(self) -> dict[str, str]:
        """What people call the domains, such as "negative" and "positive"."""
        return {domain: domain for domain in self.domains}

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words of both domains, by their numbers."""
        return self._opened().vocabulary

    @property
    def special_tokens(self) -> bool:
        """Whether sentences end with ``EOS`` and are filled with ``PAD``."""
        return self._opened().special_tokens

    @property
    def image_shapes(self) -> dict[str, tuple[int, ...]]:
        """(T,) of the sentences of each domain."""
        return {domain: tuple(self._side(domain).array.shape[1:]) for domain in self.domains}

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(T,) of ``b``, what translations into it are held against."""
        return self.image_shapes["b"]

    def prepare_data(self) -> None:
        """Read or make the sentences, which shows what is wrong with them before training."""
        self._opened()

    def preview(self, count: int = 2) -> UnpairedSequences:
        """Return some training sentences as batches hold them.

        Args:
            count: how many; no more than the smaller domain has.
        """
        part = self._training_set()
        count = min(count, *(len(self._part(domain, "train")) for domain in self.domains))
        return part.__getitems__([(row, 0, row, 0) for row in range(count)])

    def reference(self, split: Split, domain: Domain = "b") -> ReferenceSet:
        """Return one domain of one side of the split; tokens ``(T,)`` take the place of the image.

        Args:
            split: which side.
            domain: which domain.

        Raises:
            ValueError: when a name is another one, or nothing is held out.
        """
        self._check_split(split)
        if domain not in self.domains:
            raise self._refusal("domain", "be a or b", domain, "ask for one of the two")
        rows, side = self._part(domain, split), self._side(domain)
        if not len(rows):
            raise self._refusal(
                "held_out_share",
                f"hold out some of the {len(side.array)} sentences of {domain}",
                self.held_out_share,
                "set held_out_share: 0.1 or more, or add sentences",
            )
        return ReferenceSet(side, rows)

    def paired_reference(self, split: Split) -> PairedReference | None:
        """Return held-out sentences ``{"a": (T_a,), "b": (T_b,)}`` with their true counterparts.

        Args:
            split: which side; None is returned for the training part, and where nobody knows them.

        Raises:
            ValueError: when the name is another one, or nothing is held out.
        """
        self._check_split(split)
        if split == "train" or not self._opened().paired:
            return None
        return PairedReference(self.reference(split, "a"), self.reference(split, "b"))

    def fingerprint(self) -> str:
        """Return 16 digits that change with the sentences, the vocabulary or the split."""
        loaded = self._opened()
        digest = hashlib.sha256(f"{loaded.vocabulary}{loaded.special_tokens}".encode())
        for domain in self.domains:
            digest.update(self._side(domain).content.encode())
            for split in ("train", "held_out"):
                digest.update(np.ascontiguousarray(self._part(domain, split)).data)
                digest.update(b"|")
        return digest.hexdigest()[:16]

    def _opened(self) -> LoadedCorpora:
        if self._loaded is None:
            self._loaded = self.load_corpora()
        return self._loaded

    def _side(self, domain: str) -> LabelledImages:
        """Return a domain as a data module of images would hold it."""
        if domain not in self._sides:
            loaded = self._opened()
            tokens, families = loaded.tokens[domain], (loaded.families or {}).get(domain)
            self._sides[domain] = LabelledImages(
                tokens, None, None, families, None, content_hash(tokens, families)
            )
        return self._sides[domain]

    def _part(self, domain: str, split: str) -> NDArray[np.int64]:
        if not self._rows:
            sides: dict[str, LabelledImages] = {name: self._side(name) for name in self.domains}
            division = hide_pairs if self._opened().paired else divide
            self._rows = division(sides, self.held_out_share)
        return self._rows[domain][split]

    def _training_set(self) -> UnpairedSentenceSet:
        return UnpairedSentenceSet(UnpairedSet(*(self._training_side(side) for side in SIDES)))

    def _training_side(self, side: str) -> TrainingSet:
        rows, seed = self._part(side, "train"), side_seed(self.seed, side)
        return TrainingSet(self._side(side), rows, None, seed, mirror=False, dequantize=False)

    def _sampler(self) -> UnpairedSampler:
        rank, world_size = self._rank_and_world_size()
        length_a, length_b = (len(self._part(side, "train")) for side in SIDES)
        return UnpairedSampler(length_a, length_b, self.batch_size, rank, world_size, self.seed)

    def _check_split(self, split: str) -> None:
        if split not in ("train", "held_out"):
            raise self._refusal("split", "be train or held_out", split, "ask for one of the two")

    def _check_least(self, name: str, value: int, least: int, usual: int) -> None:
        """Refuse a number that is too small."""
        if value < least:
            raise self._refusal(name, f"be at least {least}", value, f"set {name}: {usual}")

    def _check_fits(self, name: str, length: int, longest: int) -> None:
        """Refuse a length that has no room for the longest sentence and its end."""
        if length <= longest:
            raise self._refusal(
                name,
                f"be at least {longest + 1}, the longest sentence and its end",
                length,
                f"set {name}: {longest + 1}",
            )
