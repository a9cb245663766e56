"""Speech without transcripts beside text without sound, in phonemes: what all such sets share.

Nobody reads the transcripts in training. Where they are known, those of held-out utterances serve
to say how many phonemes a recogniser gets wrong, and nothing else: see
:meth:`SpeechAndTextData.transcripts`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.base import held_out_mask
from datamodules.batches import SpeechAndText
from datamodules.cache import content_hash
from datamodules.source import DataSource
from datamodules.two_domains import Split, single
from datamodules.unpaired_order import SIDES, UnpairedSampler

#: The phoneme of pauses: at both ends of every text and utterance, and between some words.
SILENCE = "SIL"


@dataclass(frozen=True)
class SpeechCorpus:
    """Utterances and texts of other utterances, before the former are split.

    Attributes:
        speech: float32 ``(N, S, F)``: features of pieces, 0 behind the end of an utterance.
        pieces: int64 ``(N,)``: how many pieces each utterance has, at least 1.
        text: numbers of phonemes, of each text.
        vocabulary: the phonemes; :data:`SILENCE` is that of pauses, where there are any.
        transcripts: numbers of phonemes of each utterance; None where nobody knows them.
        families: int64 ``(N,)``: utterances of one sentence share a number and stay on one side of
            the split; None: all differ.
    """

    speech: NDArray[np.float32]
    pieces: NDArray[np.int64]
    text: Sequence[tuple[int, ...]]
    vocabulary: tuple[str, ...]
    transcripts: Sequence[tuple[int, ...]] | None
    families: NDArray[np.int64] | None = None


class SpeechAndTextSet(Dataset[SpeechAndText]):
    """What training draws from.

    Args:
        speech: float32 ``(N, S, F)``.
        speech_mask: bool ``(N, S)``.
        tokens: int64 ``(M, T)``.
        token_mask: bool ``(M, T)``.
    """

    def __init__(
        self, speech: Tensor, speech_mask: Tensor, tokens: Tensor, token_mask: Tensor
    ) -> None:
        self.speech, self.speech_mask = speech, speech_mask
        self.tokens, self.token_mask = tokens, token_mask

    def __len__(self) -> int:
        """Number of utterances or texts, whichever are more."""
        return max(len(self.speech), len(self.tokens))

    def __getitem__(self, item: tuple[int, ...]) -> SpeechAndText:
        """Return one of each, as :class:`UnpairedSampler` asks for them."""
        return cast(SpeechAndText, single(cast(dict, self.__getitems__([item]))))

    def __getitems__(self, items: Sequence[tuple[int, ...]]) -> SpeechAndText:
        """Return a whole batch for N rows (index_a, pass_a, index_b, pass_b)."""
        rows = torch.tensor(items, dtype=torch.int64).reshape(-1, 4)
        index_a, index_b = rows[:, 0].clone(), rows[:, 2].clone()
        return {
            "speech": self.speech[index_a],
            "speech_mask": self.speech_mask[index_a],
            "tokens": self.tokens[index_b],
            "token_mask": self.token_mask[index_b],
            "index_a": index_a,
            "index_b": index_b,
        }


class SpeechAndTextData(DataSource):
    """Utterances, a part of them held out, and texts of others: batches of :class:`SpeechAndText`.

    An epoch is as long as the larger side. All rows of a side are as long as its longest one.

    Args:
        **kwargs: see :class:`datamodules.source.DataSource`; nothing is mirrored or dequantized.

    Raises:
        ValueError: when an argument is out of range.
    """

    class_names: tuple[str, ...] | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("mirror", "dequantize"):
            if getattr(self, name):
                raise self._refusal(name, "be false for speech", True, f"set {name}: false")
        self._loaded: SpeechCorpus | None = None
        self._rows: dict[str, NDArray[np.int64]] = {}

    def load_corpus(self) -> SpeechCorpus:
        """Read or make both sides.

        Raises:
            ValueError: when the data cannot be used; the message says why.
            FileNotFoundError: when they are not where they should be.
        """
        own = type(self).__name__
        raise self._refusal("class", "be a data set", own, "choose one that has its own speech")

    def hear(self, file: Path) -> tuple[Tensor, Tensor]:
        """Return speech ``(1, S, F)`` and its mask of a WAV file, as this set's own was made.

        Args:
            file: of any rate and number of channels.

        Raises:
            ValueError: the file cannot be used, or the pieces of this set cannot be found in sound.
        """
        own = type(self).__name__
        raise self._refusal(
            "data", "be cut into pieces by what is heard", own, "train on clusters of real sound"
        )

    @property
    def features(self) -> int:
        """F, width of a piece of speech."""
        return int(self._opened().speech.shape[2])

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The phonemes by their numbers."""
        return self._opened().vocabulary

    @property
    def silence(self) -> int | None:
        """Number of the phoneme of pauses; None where there are none."""
        return self.vocabulary.index(SILENCE) if SILENCE in self.vocabulary else None

    def text(self) -> list[list[int]]:
        """Return all texts that are trained on, as numbers of phonemes."""
        return [list(row) for row in self._opened().text]

    def utterances(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return speech float32 ``(N, S, F)`` of one side of the split, and its mask ``(N, S)``.

        Args:
            split: which side.

        Raises:
            ValueError: when the name is another one, or nothing is held out.
        """
        rows = self._part(split)
        if not len(rows):
            raise self._refusal(
                "held_out_share",
                f"hold out some of the {len(self._opened().pieces)} utterances",
                self.held_out_share,
                "set held_out_share: 0.1 or more, or add utterances",
            )
        return self._speech(rows)

    def transcripts(self, split: Split) -> list[list[int]] | None:
        """Return what was said in :meth:`utterances`, for scores; None where nobody knows it.

        Args:
            split: which side; of the training part it is for looking, too.

        Raises:
            ValueError: when the name is another one.
        """
        rows, known = self._part(split), self._opened().transcripts
        return None if known is None else [list(known[row]) for row in rows.tolist()]

    def decode(self, transcripts: Sequence[Sequence[int]]) -> list[str]:
        """Write numbers as phonemes with blanks between them.

        Args:
            transcripts: numbers of phonemes.
        """
        return [" ".join(self.vocabulary[number] for number in row) for row in transcripts]

    def prepare_data(self) -> None:
        """Read or make both sides, which shows what is wrong with them before training."""
        self._opened()

    def preview(self, count: int = 2) -> SpeechAndText:
        """Return the first rows as batches hold them, without a loader and its workers.

        Args:
            count: how many; no more than the smaller side has.
        """
        part = self._training_set()
        rows = range(min(count, len(part.speech), len(part.tokens)))
        return part.__getitems__([(row, 0, row, 0) for row in rows])

    def fingerprint(self) -> str:
        """Return 16 digits that change with speech, text, transcripts or the split."""
        loaded = self._opened()
        digest = hashlib.sha256(repr((loaded.vocabulary, loaded.text)).encode())
        digest.update(repr(loaded.transcripts).encode())
        digest.update(content_hash(loaded.speech, loaded.pieces, loaded.families).encode())
        for split in ("train", "held_out"):
            digest.update(np.ascontiguousarray(self._part(split)).data)
            digest.update(b"|")
        return digest.hexdigest()[:16]

    def _opened(self) -> SpeechCorpus:
        if self._loaded is None:
            self._loaded = self._checked(self.load_corpus())
        return self._loaded

    def _checked(self, loaded: SpeechCorpus) -> SpeechCorpus:
        """Refuse what would be trained on in vain."""
        for name, sizes in (("speech", loaded.pieces), ("text", [len(t) for t in loaded.text])):
            if not len(sizes) or min(sizes) < 1:
                number = int(np.argmin(sizes)) if len(sizes) else "nothing"
                raise self._refusal(
                    name, "hold something in every row", f"an empty row, {number}", "remove it"
                )
        if not np.isfinite(loaded.speech).all():
            bad = int(np.flatnonzero(~np.isfinite(loaded.speech).all((1, 2)))[0])
            raise self._refusal("speech", "be finite", f"utterance {bad} with nan", "remove it")
        return loaded

    def _part(self, split: str) -> NDArray[np.int64]:
        if split not in ("train", "held_out"):
            raise self._refusal("split", "be train or held_out", split, "ask for one of the two")
        if not self._rows:
            loaded = self._opened()
            held_out = held_out_mask(
                len(loaded.pieces), self.held_out_share, families=loaded.families
            )
            self._rows = {
                "train": np.flatnonzero(~held_out),
                "held_out": np.flatnonzero(held_out),
            }
        return self._rows[split]

    def _speech(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        loaded = self._opened()
        pieces = torch.from_numpy(loaded.pieces[rows])
        mask = torch.arange(loaded.speech.shape[1]) < pieces[:, None]
        return torch.from_numpy(loaded.speech[rows]), mask

    def _training_set(self) -> SpeechAndTextSet:
        return SpeechAndTextSet(
            *self._speech(self._part("train")), *padded_text(self._opened().text)
        )

    def _sampler(self) -> UnpairedSampler:
        rank, world_size = self._rank_and_world_size()
        lengths = {"a": len(self._part("train")), "b": len(self._opened().text)}
        length_a, length_b = (lengths[side] for side in SIDES)
        return UnpairedSampler(length_a, length_b, self.batch_size, rank, world_size, self.seed)

    def _check_range(self, **bounds: tuple[float, float, float, Any]) -> None:
        """Refuse numbers out of range; by name: value, lowest, highest, what to set."""
        for name, (value, low, high, usual) in bounds.items():
            if not low <= value <= high:
                rule = f"be at least {low:g}" if high == np.inf else f"lie in {low:g}..{high:g}"
                raise self._refusal(name, rule, value, f"set {name}: {usual}")


def padded_text(text: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Bring texts to one length: int64 ``(M, T)``, 0 behind the end, and bool ``(M, T)``.

    Args:
        text: numbers of phonemes, at least 1 text.
    """
    lengths = torch.tensor([len(row) for row in text])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    tokens = torch.zeros(mask.shape, dtype=torch.int64)
    tokens[mask] = torch.tensor([number for row in text for number in row])
    return tokens, mask


def padded_speech(
    utterances: Sequence[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Bring utterances to one length: float32 ``(N, S, F)``, 0 behind the end, and their lengths.

    Args:
        utterances: ``(S_i, F)`` each, at least 1.
    """
    pieces = np.array([len(one) for one in utterances], np.int64)
    speech = np.zeros((len(utterances), int(pieces.max()), utterances[0].shape[1]), np.float32)
    for row, one in zip(speech, utterances, strict=True):
        row[: len(one)] = one
    return speech, pieces
