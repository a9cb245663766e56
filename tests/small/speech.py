"""Variants that recognise speech without transcripts."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.recognizer import PhonemeDiscriminator, Recognizer
from tests.small.sizes import FEATURES, PHONEMES, WIDTH


def mapping_gan(normalization: str) -> dict[str, Any]:
    return {
        "generator": Recognizer(FEATURES, PHONEMES, kernel=1),
        "discriminator": PhonemeDiscriminator(PHONEMES, WIDTH, 3, 1),
        "discriminator_steps": 1,
    }


def wav2vec_u(normalization: str) -> dict[str, Any]:
    return {
        "generator": Recognizer(FEATURES, PHONEMES, kernel=3),
        "discriminator": PhonemeDiscriminator(PHONEMES, WIDTH, 3, 2),
    }


#: By class name: ``normalization``, which no such network has, to arguments.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "MappingGAN": mapping_gan,
    "Wav2vecU": wav2vec_u,
}
