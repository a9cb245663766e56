"""The choice of a feature space: by name, or by what the data and the user can offer."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from callbacks.metrics.cache import cache_path, read_arrays, write_arrays
from callbacks.metrics.distributed import on_rank_zero
from callbacks.metrics.efflite import EffLiteSpace
from callbacks.metrics.features import FeatureSpace, IdentitySpace
from callbacks.metrics.inception import PUBLISHED_FILE, CleanInceptionSpace, InceptionSpace
from callbacks.metrics.rand_vgg import RandVGGSpace
from callbacks.metrics.reading import ReferenceData, held_out_or_none, read_all
from callbacks.metrics.sentence_space import PpmiSpace
from callbacks.metrics.trained_classifier import ClassifierSpace, InaccurateClassifierError

_log = logging.getLogger(__name__)

CHOICES = (
    "auto",
    "identity",
    "rand_vgg",
    "efflite0",
    "cls",
    "inception_v3_tf",
    "inception_clean",
    "ppmi64",
)


#: Kinds of data that have one space alone.
_ONLY = {"2-D points": "identity", "sentences": "ppmi64"}


def choose_space(
    data: ReferenceData | None,
    inception_weights: str | Path | None = None,
    name: str = "auto",
    force: bool = False,
    folder: Path | None = None,
) -> FeatureSpace:
    """Return the space in which samples of some data shall be scored.

    ``auto`` takes ``identity`` for points and ``ppmi64`` for sentences, whose data module has a
    ``vocabulary``; the Inception network where its weights are given; the classifier of the data
    (``cls``) where there are labels that it can learn, and held-out images to show it; ``rand_vgg``
    otherwise. For two folders of images (``data`` is None) it ends with ``efflite0`` instead, which
    is slower and knows ImageNet. Every rank must call it.

    Args:
        data: the data module; None for folders of RGB images.
        inception_weights: path of the Inception weights file; None when there is none.
        name: one of :data:`CHOICES`.
        force: accept a classifier below an accuracy of 0.90.
        folder: cache folder; None for the default.

    Raises:
        ValueError: for an unknown name, or one that does not suit the data.
    """
    if name not in CHOICES:
        raise ValueError(
            f"choose_space: name must be one of {', '.join(CHOICES)}, got {name!r}; "
            "auto suits most data"
        )
    if name == "auto":
        return _automatic(data, inception_weights, force, folder)
    kind, only = _kind_of(data)
    if name != only and (only or name in _ONLY.values()):
        raise ValueError(
            f"choose_space: name must suit {kind}, got {name!r}; choose {only or 'rand_vgg'}"
        )
    if name == "identity":
        return IdentitySpace()
    if name == "ppmi64":
        return _ppmi(data, folder)
    if name == "efflite0":
        return EffLiteSpace()
    if name == "rand_vgg":
        return _rand_vgg(data)
    if name == "cls":
        if data is None:
            raise ValueError(
                "choose_space: name must not be 'cls' for folders without labels, got 'cls'; "
                "choose efflite0 or rand_vgg"
            )
        return ClassifierSpace.for_data(data, force=force, folder=folder)
    if inception_weights is None:
        raise ValueError(
            f"choose_space: inception_weights must be a path when name is {name!r}, got None; "
            f"give the path of {PUBLISHED_FILE}"
        )
    inception = CleanInceptionSpace if name == "inception_clean" else InceptionSpace
    return inception(inception_weights)


def _automatic(
    data: ReferenceData | None,
    inception_weights: str | Path | None,
    force: bool,
    folder: Path | None,
) -> FeatureSpace:
    _, only = _kind_of(data)
    if only:
        return _ppmi(data, folder) if only == "ppmi64" else IdentitySpace()
    if inception_weights is not None:
        return InceptionSpace(inception_weights)
    if data is None:
        return EffLiteSpace()
    # A classifier whose accuracy cannot be measured is no measure.
    measurable = held_out_or_none(lambda: data.reference("held_out")) is not None
    if len(data.class_names or ()) > 1 and measurable:
        try:
            return ClassifierSpace.for_data(data, force=force, folder=folder)
        except InaccurateClassifierError as error:
            # The scores say rand_vgg, so nobody can take them for the classifier's.
            _log.warning("%s; scoring with rand_vgg", error)
    return _rand_vgg(data)


def _rand_vgg(data: ReferenceData | None) -> RandVGGSpace:
    channels, side = (3, 64) if data is None else (data.image_shape[0], max(data.image_shape[1:]))
    size = 32 if side <= 32 else 64
    return RandVGGSpace(size, channels=3 if channels == 1 else channels)


def _kind_of(data: ReferenceData | None) -> tuple[str, str]:
    """What the samples are, and the one space that suits them; empty for images."""
    if data is None or len(data.image_shape) > 1:
        return "images", ""
    kind = "sentences" if hasattr(data, "vocabulary") else "2-D points"
    return kind, _ONLY[kind]


def _ppmi(data: Any, folder: Path | None) -> PpmiSpace:
    """Fit the word vectors on rank 0, or read them from the cache: the same on all ranks."""
    key = {"data": data.name, "fingerprint": data.fingerprint(), "version": 1}
    path = cache_path("ppmi", key, folder)

    def load_or_fit() -> dict[str, np.ndarray]:
        arrays = read_arrays(path, key)
        if arrays is None:
            tokens = read_all(data.reference("train"))
            space = PpmiSpace.fitted(tokens, len(data.vocabulary), data.special_tokens)
            arrays = space.to_arrays()
            write_arrays(path, key, arrays)
        return arrays

    return PpmiSpace.from_arrays(on_rank_zero(load_or_fit))
