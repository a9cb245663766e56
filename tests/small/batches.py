"""A data set of each batch type, the same in every process."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from datamodules.batches import EOS, PAD
from tests.small.sizes import (
    BANDS,
    CLASSES,
    FEATURES,
    FRAMES,
    PHONEMES,
    SIZE,
    TEXT,
    WORDS,
    WORDS_LENGTH,
)

#: Columns of ``length`` rows each, by key of the batch.
Columns = dict[str, Tensor]


def smooth(length: int, seed: int = 99) -> Tensor:
    """Grey images ``(length, 1, SIZE, SIZE)`` in [-1, 1]."""
    own = torch.Generator().manual_seed(seed)
    coarse = torch.rand(length, 1, 4, 4, generator=own) * 2 - 1
    return nn.functional.interpolate(coarse, SIZE, mode="bilinear")


def images(length: int) -> Columns:
    index = torch.arange(length)
    return {"image": smooth(length), "label": index % CLASSES, "index": index}


def captioned(length: int) -> Columns:
    """The mismatch of each image is its neighbour, which has another label."""
    columns = images(length)
    neighbour = columns["index"] ^ 1
    own = torch.Generator().manual_seed(98)
    return {
        "image": columns["image"],
        "text": torch.randn(length, TEXT, generator=own),
        "mismatched_image": columns["image"][neighbour],
        "label": columns["label"],
        "mismatched_label": columns["label"][neighbour],
        "index": columns["index"],
    }


def sounding(length: int) -> Columns:
    own = torch.Generator().manual_seed(97)
    sound = torch.randn(length, 1, BANDS, FRAMES, generator=own)
    columns = images(length)
    return {"image": columns.pop("image"), "sound": sound, **columns}


def label_sets(length: int) -> Columns:
    own = torch.Generator().manual_seed(96)
    labels = torch.randint(2, (length, CLASSES), generator=own).float()
    return {"image": smooth(length), "labels": labels, "index": torch.arange(length)}


def paired(length: int) -> Columns:
    a = smooth(length)
    return {"a": a, "b": a.flip(3).neg(), "index": torch.arange(length)}


def unpaired(length: int) -> Columns:
    """The second domain has other images, in another order."""
    index = torch.arange(length)
    other = index.flip(0)
    return {
        "a": smooth(length),
        "b": smooth(length, seed=95)[other],
        "label_a": index % CLASSES,
        "label_b": other % CLASSES,
        "index_a": index,
        "index_b": other,
    }


def of_domains(length: int) -> Columns:
    index = torch.arange(length)
    attributes = nn.functional.one_hot(index % CLASSES, CLASSES).float()
    return {
        "image": smooth(length),
        "domain": index % CLASSES,
        "attributes": attributes,
        "attribute_mask": torch.ones_like(attributes),
        "index": index,
    }


def clips(length: int) -> Columns:
    """Six frames that move to the right; the mismatch of each clip is the one before it."""
    first = smooth(length, seed=94)
    frames = torch.stack([first.roll(2 * time, 3) for time in range(6)], 1)
    return {"frames": frames, "mismatched": frames.roll(1, 0), "index": torch.arange(length)}


def heads(length: int) -> Columns:
    """Persons differ in brightness; landmarks are what is moved over it."""
    index = torch.arange(length)
    landmarks = torch.stack([smooth(length, seed=seed) for seed in (91, 92, 93)], 1)
    frames = 0.5 * landmarks + 0.4 * (index % CLASSES - 1).view(-1, 1, 1, 1, 1)
    return {
        "support": frames[:, :2],
        "support_landmarks": landmarks[:, :2],
        "target": frames[:, 2],
        "target_landmarks": landmarks[:, 2],
        "video": index % CLASSES,
        "index": index,
    }


def written(length: int, seed: int = 90) -> Tensor:
    """Sentences of unlike lengths, ``EOS``, and ``PAD``."""
    own = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, WORDS, (length, WORDS_LENGTH), generator=own)
    end = torch.randint(1, WORDS_LENGTH, (length, 1), generator=own)
    place = torch.arange(WORDS_LENGTH)
    return tokens.where(place < end, torch.tensor(EOS)).where(place <= end, torch.tensor(PAD))


def sentences(length: int) -> Columns:
    return {"tokens": written(length), "index": torch.arange(length)}


def unpaired_sentences(length: int) -> Columns:
    index = torch.arange(length)
    return {
        "tokens_a": written(length),
        "tokens_b": written(length, seed=89),
        "index_a": index,
        "index_b": index.flip(0),
    }


def word_vectors(length: int) -> Columns:
    """The second language is the first in another order, with its coordinates swapped."""
    own = torch.Generator().manual_seed(88)
    a, index = torch.randn(length, TEXT, generator=own), torch.arange(length)
    other = index.flip(0)
    return {"a": a, "b": a[other].flip(1), "index_a": index, "index_b": other}


def speech_and_text(length: int) -> Columns:
    """Utterances of two to seven pieces, each of a cluster, and other text of unlike lengths."""
    own = torch.Generator().manual_seed(87)
    index = torch.arange(length)
    clusters = torch.randint(FEATURES, (length, 7), generator=own)
    pieces = torch.randint(2, 8, (length, 1), generator=own)
    sounds = torch.randint(2, 7, (length, 1), generator=own)
    return {
        "speech": nn.functional.one_hot(clusters, FEATURES).float(),
        "speech_mask": torch.arange(7) < pieces,
        "tokens": torch.randint(PHONEMES, (length, 6), generator=own),
        "token_mask": torch.arange(6) < sounds,
        "index_a": index,
        "index_b": index.flip(0),
    }


#: By name of the batch type, the fourth field of a row of the catalogue.
KINDS: dict[str, Callable[[int], Columns]] = {
    "Images": images,
    "CaptionedImages": captioned,
    "SoundImages": sounding,
    "LabelSets": label_sets,
    "PairedImages": paired,
    "UnpairedImages": unpaired,
    "DomainImages": of_domains,
    "Videos": clips,
    "TalkingHeads": heads,
    "Sequences": sentences,
    "UnpairedSequences": unpaired_sentences,
    "SpeechAndText": speech_and_text,
    "WordVectors": word_vectors,
}


class FixedBatches(Dataset):
    """``length`` rows of a batch type; items as the samplers ask.

    Args:
        kind: name of the batch type.
        length: number of rows, even.
        dtype: of all floats.
    """

    def __init__(
        self, kind: str = "Images", length: int = 160, dtype: torch.dtype = torch.float32
    ) -> None:
        self.columns = {
            key: column.to(dtype) if column.is_floating_point() else column
            for key, column in KINDS[kind](length).items()
        }

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, item: int | tuple[int, int]) -> dict[str, Tensor]:
        index = item[0] if isinstance(item, tuple) else item
        return {key: column[index] for key, column in self.columns.items()}

    def batch(self, n: int = 4, first: int = 0) -> dict[str, Tensor]:
        """``n`` rows from ``first``, as a loader collates them."""
        return {key: column[first : first + n].clone() for key, column in self.columns.items()}
