"""Variants that make sentences."""

from collections.abc import Callable
from typing import Any

from torch import nn

from gan_modules.networks.conv_speaker import ConvSpeaker
from gan_modules.networks.lstm_discriminator import LSTMDiscriminator
from gan_modules.networks.lstm_speaker import LSTMSpeaker
from gan_modules.networks.representations import RepresentationDiscriminator
from gan_modules.networks.step_discriminator import StepDiscriminator
from gan_modules.networks.text_cnn import TextCNN
from tests.small.sizes import WIDTH, WORDS, WORDS_LENGTH

#: Stages before the game, in sentences: two ranks of four and one process of eight play rounds of
#: eight, so two rounds of each.
PRETRAINING = {"likelihood_samples": 16, "discriminator_samples": 16}


def speaker() -> LSTMSpeaker:
    return LSTMSpeaker(WORDS, WORDS_LENGTH, WIDTH, WIDTH)


def judge() -> TextCNN:
    return TextCNN(WORDS, WORDS_LENGTH, WIDTH, WIDTH, (1, 2, 3))


def pretrained(discriminator: Callable[[], nn.Module], **options: Any) -> Callable[..., Any]:
    """A variant that plays after both stages."""

    def parts(normalization: str) -> dict[str, Any]:
        return {**at_once(discriminator, **options)(normalization), **PRETRAINING}

    return parts


def at_once(discriminator: Callable[[], nn.Module], **options: Any) -> Callable[..., Any]:
    """A variant that plays from its first step on."""

    def parts(normalization: str) -> dict[str, Any]:
        own = {"generator": speaker(), "discriminator": discriminator()}
        return {**own, "discriminator_steps": 1, **options}

    return parts


#: By class name: ``normalization``, which no such network has, to arguments.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "SeqGAN": pretrained(judge, rollouts=2),
    "MaliGAN": pretrained(judge),
    "RankGAN": pretrained(judge, reference_share=0.5),
    # No dropout: each rank draws its own.
    "ScratchGAN": at_once(lambda: StepDiscriminator(WORDS, WIDTH, WIDTH, 3, 0.0)),
    "GumbelTextGAN": at_once(
        lambda: LSTMDiscriminator(WORDS, WIDTH, WIDTH), sharpness_range=(0.5, 2.0)
    ),
    "RelGAN": pretrained(
        lambda: RepresentationDiscriminator(WORDS, WORDS_LENGTH, 5, 1, WIDTH, (2, 3), 0.0)
    ),
    "TextWGANGP": lambda normalization: {
        "generator": ConvSpeaker(WORDS, WORDS_LENGTH, 5, WIDTH, 1, 3),
        "discriminator": judge(),
        "discriminator_steps": 2,
        # Ten is too steep for the plain SGD of the test with two ranks.
        "penalty_weight": 0.1,
    },
}
