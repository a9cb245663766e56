"""Variants that read sentences of one kind and write them as another: languages, summaries."""

from collections.abc import Callable
from typing import Any

from gan_modules.language.excerpts import Excerpts
from gan_modules.networks.mlp import MLPDiscriminator
from gan_modules.networks.pointer_rewriter import PointerRewriter
from gan_modules.networks.rewriter import GRURewriter
from gan_modules.networks.step_discriminator import StepDiscriminator
from tests.small.sizes import WIDTH, WORDS, WORDS_LENGTH


def unsupervised_translation(normalization: str) -> dict[str, Any]:
    """Two rounds of eight sentences before the game."""
    return {
        "generator": GRURewriter(WORDS, WORDS_LENGTH, 8, 8, styles=2, told="writer"),
        "discriminator": MLPDiscriminator([8], 8, 2, "leaky_relu"),
        "restoring_weights": [[0, 1.0], [4, 0.5]],
        "restoring_samples": 16,
    }


def unsupervised_summarizer(normalization: str) -> dict[str, Any]:
    """Two rounds of eight articles in each stage before the game; both sides are as long."""
    return {
        "generator": PointerRewriter(WORDS, WORDS_LENGTH, 0.9, embedding=8, width=8),
        "reconstructor": GRURewriter(WORDS, WORDS_LENGTH, WIDTH, WIDTH),
        # No dropout: each rank draws its own.
        "discriminator": StepDiscriminator(WORDS, WIDTH, WIDTH, 3, 0.0),
        "excerpts": Excerpts((1, 3), 2, 0.2, 2.0),
        "restoring_samples": 16,
        "discriminator_samples": 16,
        "discriminator_steps": 2,
    }


#: By class name: ``normalization``, which no such network has, to arguments.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "UnsupervisedTranslation": unsupervised_translation,
    "UnsupervisedSummarizer": unsupervised_summarizer,
}
