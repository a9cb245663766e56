"""What a batch holds: the one image contract of the library, and its way to bytes and back.

Images are float32 ``(N, C, H, W)`` in [-1, 1]; the points of a 2-D toy set take their place as
float32 ``(N, 2)``. Sentences are int64 ``(N, T)`` numbers of words. Batches are dictionaries, so
that collating, pinning and moving to a device work without our help and a key may be absent.
"""

import torch
from torch import Tensor
from typing_extensions import NotRequired, TypedDict


class Images(TypedDict):
    """A batch of images.

    Attributes:
        image: float32 ``(N, C, H, W)`` in [-1, 1].
        label: int64 ``(N,)`` class indices; absent when the data have no classes.
        index: int64 ``(N,)`` places of the images in the training part, for what is learned for
            each image.
    """

    image: Tensor
    label: NotRequired[Tensor]
    index: NotRequired[Tensor]


class Points(TypedDict):
    """A batch of points of a 2-D toy distribution.

    Attributes:
        image: float32 ``(N, 2)``, in the units of the distribution (not bounded by 1).
        label: int64 ``(N,)`` index of the mixture component that each point was drawn from.
        index: int64 ``(N,)`` places of the points in the training part.
    """

    image: Tensor
    label: NotRequired[Tensor]
    index: NotRequired[Tensor]


class PairedImages(TypedDict):
    """Images of one domain beside their counterparts in another.

    Attributes:
        a: float32 ``(N, C_a, H, W)`` in [-1, 1]: the input, such as line art.
        b: float32 ``(N, C_b, H, W)`` in [-1, 1]: what it becomes; cropped and mirrored as ``a``.
        index: int64 ``(N,)`` places of the pairs in the training part.
    """

    a: Tensor
    b: Tensor
    index: NotRequired[Tensor]


class UnpairedImages(TypedDict):
    """Images of two domains; which of them stand beside each other means nothing.

    Attributes:
        a: float32 ``(N, C_a, H, W)`` in [-1, 1].
        b: float32 ``(N, C_b, H, W)`` in [-1, 1].
        label_a: int64 ``(N,)`` classes of ``a``, for variants that need them (DTN), where known.
        label_b: int64 ``(N,)`` classes of ``b``.
        index_a: int64 ``(N,)`` places in the training part of the first domain.
        index_b: int64 ``(N,)`` places in the training part of the second.
    """

    a: Tensor
    b: Tensor
    label_a: NotRequired[Tensor]
    label_b: NotRequired[Tensor]
    index_a: NotRequired[Tensor]
    index_b: NotRequired[Tensor]


class DomainImages(TypedDict):
    """Images of any number of domains, told by attributes.

    Attributes:
        image: float32 ``(N, C, H, W)`` in [-1, 1].
        domain: int64 ``(N,)`` which domain, where domains exclude each other.
        attributes: float32 ``(N, K)`` of 0 and 1; one-hot ``domain`` where domains exclude each
            other.
        attribute_mask: float32 ``(N, K)``: 1 where an attribute is known, for several data sets.
        index: int64 ``(N,)`` places in the training part.
    """

    image: Tensor
    domain: NotRequired[Tensor]
    attributes: Tensor
    attribute_mask: NotRequired[Tensor]
    index: NotRequired[Tensor]


class CaptionedImages(TypedDict):
    """Images with a sentence each, and images that another sentence fits.

    Attributes:
        image: float32 ``(N, C, H, W)`` in [-1, 1].
        text: float32 ``(N, E)`` embeddings of the captions, by a frozen encoder.
        mismatched_image: float32 ``(N, C, H, W)``: a real image of another class, or with another
            caption where there are no classes.
        label: int64 ``(N,)`` classes of ``image``; its number among the captions where there are no
            classes.
        mismatched_label: int64 ``(N,)`` of ``mismatched_image``, never equal to ``label``.
        index: int64 ``(N,)`` places in the training part; the captions are the data module's.
    """

    image: Tensor
    text: Tensor
    mismatched_image: Tensor
    label: Tensor
    mismatched_label: Tensor
    index: NotRequired[Tensor]


class SoundImages(TypedDict):
    """Images with a sound each.

    Attributes:
        image: float32 ``(N, C, H, W)`` in [-1, 1].
        sound: float32 ``(N, 1, M, F)`` standardised log-mel spectrograms: M bands, F frames.
        label: int64 ``(N,)`` what is heard and seen.
        index: int64 ``(N,)`` places in the training part.
    """

    image: Tensor
    sound: Tensor
    label: Tensor
    index: NotRequired[Tensor]


class LabelSets(TypedDict):
    """Images with any number of labels each.

    Attributes:
        image: float32 ``(N, C, H, W)`` in [-1, 1].
        labels: float32 ``(N, K)`` of 0 and 1.
        index: int64 ``(N,)`` places in the training part.
    """

    image: Tensor
    labels: Tensor
    index: NotRequired[Tensor]


class TalkingHeads(TypedDict):
    """Frames of one person each, with landmarks drawn as pictures.

    Attributes:
        support: float32 ``(N, K, C, H, W)`` in [-1, 1]: K frames that show who it is.
        support_landmarks: float32 ``(N, K, C, H, W)`` their landmarks.
        target: float32 ``(N, C, H, W)`` another frame of the same person.
        target_landmarks: float32 ``(N, C, H, W)`` its landmarks.
        video: int64 ``(N,)`` which person.
        index: int64 ``(N,)`` places in the training part.
    """

    support: Tensor
    support_landmarks: Tensor
    target: Tensor
    target_landmarks: Tensor
    video: Tensor
    index: NotRequired[Tensor]


class Videos(TypedDict):
    """Short clips.

    Attributes:
        frames: float32 ``(N, T, C, H, W)`` in [-1, 1], in order of time.
        mismatched: float32 ``(N, T, C, H, W)`` another clip, for discriminators that judge whether
            a frame follows a history.
        index: int64 ``(N,)`` places in the training part.
    """

    frames: Tensor
    mismatched: NotRequired[Tensor]
    index: NotRequired[Tensor]


#: Numbers that are no words, in sets of sentences: filling behind the end of a sentence, its
#: beginning (which is never in a batch), its end, and a word that the vocabulary lacks.
PAD, BOS, EOS, UNK = 0, 1, 2, 3


class Sequences(TypedDict):
    """Sentences as numbers of words.

    Attributes:
        tokens: int64 ``(N, T)``. Where the set has special tokens, a sentence ends with ``EOS``
            and is filled with ``PAD``; elsewhere all T numbers count.
        label: int64 ``(N,)`` class indices; absent when the data have no classes.
        index: int64 ``(N,)`` places in the training part.
    """

    tokens: Tensor
    label: NotRequired[Tensor]
    index: NotRequired[Tensor]


class UnpairedSequences(TypedDict):
    """Sentences of two domains; which of them stand beside each other means nothing.

    Attributes:
        tokens_a: int64 ``(N, T)``, as in :class:`Sequences`.
        tokens_b: int64 ``(N, T)``, of the same vocabulary.
        index_a: int64 ``(N,)`` places in the training part of the first domain.
        index_b: int64 ``(N,)`` places in the training part of the second.
    """

    tokens_a: Tensor
    tokens_b: Tensor
    index_a: NotRequired[Tensor]
    index_b: NotRequired[Tensor]


class WordVectors(TypedDict):
    """Word vectors of two languages; which of them stand beside each other means nothing.

    Attributes:
        a: float32 ``(N, d)`` vectors of words of the first language, not bounded.
        b: float32 ``(N, d)`` of the second; the dictionary is the data module's, for scores alone.
        index_a: int64 ``(N,)`` places in the vocabulary of the first language.
        index_b: int64 ``(N,)`` places in the vocabulary of the second.
    """

    a: Tensor
    b: Tensor
    index_a: NotRequired[Tensor]
    index_b: NotRequired[Tensor]


class SpeechAndText(TypedDict):
    """Speech without transcripts beside text without sound, in phonemes; no pairs.

    Attributes:
        speech: float32 ``(N, S, F)`` features of pieces of speech, such as segments, in order.
        speech_mask: bool ``(N, S)``: which pieces there are; the first ones of each row.
        tokens: int64 ``(N, T)`` phonemes of other utterances, all below the size of the vocabulary.
        token_mask: bool ``(N, T)``: which there are; the first ones of each row.
        index_a: int64 ``(N,)`` places of the speech in its training part.
        index_b: int64 ``(N,)`` places of the text in its training part.
    """

    speech: Tensor
    speech_mask: Tensor
    tokens: Tensor
    token_mask: Tensor
    index_a: NotRequired[Tensor]
    index_b: NotRequired[Tensor]


def to_uint8(images: Tensor) -> Tensor:
    """Quantise images to the bytes of a PNG.

    Rounds to the nearest level; truncating instead would darken every image by half a level and
    shift each score that is computed from bytes.

    Args:
        images: floats of any shape in [-1, 1]; values outside are clamped.

    Returns:
        uint8 of the same shape and device: -1 becomes 0, and 1 becomes 255.
    """
    return ((images.float() + 1.0) * 127.5).round_().clamp_(0.0, 255.0).to(torch.uint8)


def from_uint8(images: Tensor) -> Tensor:
    """Return bytes to the range that networks see; the inverse of :func:`to_uint8`.

    Args:
        images: uint8 of any shape.

    Returns:
        float32 of the same shape and device in [-1, 1]: 0 becomes -1, and 255 becomes 1.
    """
    return images.to(torch.float32).div_(127.5).sub_(1.0)
