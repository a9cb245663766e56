"""What all sets of images with captions share: embeddings, and images that the caption misfits."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules import draws
from datamodules.base import DataModule
from datamodules.batched import CHOICE_STREAM, PARTNER_STREAM, BatchedSet, Groups
from datamodules.batches import CaptionedImages
from datamodules.sets import TrainingSet
from datamodules.text_encoders import HashingEncoder, TextEncoder


class CaptionedSet(BatchedSet):
    """Training images with embedded captions; see :class:`CaptionedImages`.

    Args:
        base: the images.
        numbers: ``(N,)`` class of every image, or number of its captions: those of the batch.
        vectors: float32 ``(M, E)`` embeddings of all captions.
        own: rows of ``vectors`` that belong to each image.
        averaged: how many of an image's captions, drawn anew in every epoch, make its text.
    """

    def __init__(
        self,
        base: TrainingSet,
        numbers: NDArray[np.int64],
        vectors: Tensor,
        own: Sequence[NDArray[np.int64]],
        averaged: int,
    ) -> None:
        super().__init__(base)
        self.numbers, self.vectors, self.own, self.averaged = numbers, vectors, own, averaged
        self.groups = Groups(numbers)

    def __getitems__(  # type: ignore[override]
        self, items: Sequence[tuple[int, int]]
    ) -> CaptionedImages:
        """Return a batch for N pairs (index, epoch)."""
        plain = self.plain(items)
        rows = plain["index"].numpy()
        strangers = self.groups.others(rows, self.keys(items, PARTNER_STREAM))
        # A stranger looks as it does in this epoch: mirrored or not, whoever asks for it.
        others = [(int(row), epoch) for row, (_, epoch) in zip(strangers, items, strict=True)]
        keys = self.keys(items, CHOICE_STREAM)
        text = torch.stack([self._text(row, key) for row, key in zip(rows, keys, strict=True)])
        return {
            "image": plain["image"],
            "text": text,
            "mismatched_image": self.plain(others)["image"],
            "label": torch.from_numpy(self.numbers[rows]),
            "mismatched_label": torch.from_numpy(self.numbers[strangers]),
            "index": plain["index"],
        }

    def _text(self, row: int, key: np.uint64) -> Tensor:
        own = self.own[row]
        if len(own) > self.averaged:
            words = draws.words(np.array([key]), len(own))[0]
            # In the order of the captions, so that the sum does not depend on the draw's order.
            own = own[np.sort(np.argsort(words, kind="stable")[: self.averaged])]
        return self.vectors[torch.from_numpy(own)].mean(0)


class CaptionedData(DataModule):
    """Images with one or more captions each: batches of :class:`CaptionedImages`.

    The mismatched image of GAN-CLS (arXiv:1605.05396) is drawn from the training part: of another
    class, or of another caption where there are no classes.

    Args:
        encoder: of the captions, frozen; None: :class:`HashingEncoder`.
        captions_averaged: ``text`` is the mean of that many of the image's captions, drawn anew in
            every epoch; of all of them where it has fewer. The paper's code takes 4.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when ``captions_averaged`` is below 1 or the encoder has no ``embed``.
    """

    def __init__(
        self, encoder: TextEncoder | None = None, captions_averaged: int = 4, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if captions_averaged < 1:
            raise self._refusal(
                "captions_averaged", "be at least 1", captions_averaged, "set captions_averaged: 4"
            )
        if encoder is not None and not isinstance(encoder, TextEncoder):
            raise self._refusal(
                "encoder",
                "have a method embed(sentences)",
                type(encoder).__name__,
                "use HashingEncoder, or CallableEncoder for a function",
            )
        self.encoder: TextEncoder = HashingEncoder() if encoder is None else encoder
        self.captions_averaged = captions_averaged
        self._embedded: tuple[Tensor, dict[str, int]] | None = None

    def sentences(self) -> Sequence[Sequence[str]]:
        """Return the captions of every image of the whole set, in the order of :meth:`load`."""
        raise NotImplementedError

    def embed(self, sentences: list[str]) -> Tensor:
        """Embed sentences of the user's own: float32 ``(N, E)``.

        Raises:
            ValueError: when there is none.
        """
        if not sentences:
            raise self._refusal("sentences", "not be empty", sentences, "give at least one")
        return self.encoder.embed(list(sentences))

    @property
    def text_dim(self) -> int:
        """Length E of an embedding."""
        return self._vectors()[0].shape[1]

    def caption(self, index: int, split: Literal["train", "held_out"] = "train") -> str:
        """Return the first caption of an image, which ``index`` of a batch names."""
        return self.sentences()[self.reference(split).rows[index]][0]

    def captions(self, split: Literal["train", "held_out"]) -> list[str]:
        """Return the first caption of every image of :meth:`reference`, in its order."""
        sentences = self.sentences()
        return [sentences[row][0] for row in self.reference(split).rows]

    def _vectors(self) -> tuple[Tensor, dict[str, int]]:
        """Embed all captions, once, and number them."""
        if self._embedded is None:
            different = sorted({one for own in self.sentences() for one in own})
            vectors = self.encoder.embed(different)
            self._embedded = vectors, {one: place for place, one in enumerate(different)}
        return self._embedded

    def _numbers(self) -> NDArray[np.int64]:
        """Classes of all images, or numbers of their captions."""
        labels = self._opened().labels
        if labels is not None:
            return labels
        found: dict[tuple[str, ...], int] = {}
        return np.array([found.setdefault(tuple(own), len(found)) for own in self.sentences()])

    def _training_set(self) -> CaptionedSet:
        base = super()._training_set()
        vectors, places = self._vectors()
        sentences = self.sentences()
        numbers = self._numbers()[base.rows]
        if len(np.unique(numbers)) < 2:
            raise self._refusal(
                "captions",
                "differ, or belong to two classes at least, for mismatched images",
                f"one kind in {len(numbers)} training images",
                "add images with other captions",
            )
        own = [np.array([places[one] for one in sentences[row]]) for row in base.rows]
        return CaptionedSet(base, numbers, vectors, own, self.captions_averaged)
