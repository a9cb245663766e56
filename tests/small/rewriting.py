"""Variants that rewrite sentences of one domain as sentences of another."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.aligned_autoencoder import AlignedAutoencoder
from gan_modules.networks.embedding_rewriter import EmbeddingRewriter, ResidualTextJudge
from gan_modules.networks.rewriter import GRURewriter
from gan_modules.networks.text_cnn import TextCNN
from gan_modules.networks.transformer_judge import TransformerJudge
from gan_modules.networks.transformer_rewriter import TransformerRewriter
from tests.small.sizes import WIDTH, WORDS, WORDS_LENGTH


def rewriter(styles: int = 0) -> GRURewriter:
    return GRURewriter(WORDS, WORDS_LENGTH, WIDTH, WIDTH, styles)


def judge() -> TextCNN:
    return TextCNN(WORDS, WORDS_LENGTH, WIDTH, WIDTH, (1, 2, 3))


def text_cycle_gan(normalization: str) -> dict[str, Any]:
    """Two rounds of eight sentences in each stage before the game."""
    return {
        "generator_ab": rewriter(),
        "generator_ba": rewriter(),
        "discriminator_a": judge(),
        "discriminator_b": judge(),
        "restoring_samples": 16,
        "discriminator_samples": 16,
        "discriminator_steps": 2,
    }


def style_transformer(normalization: str) -> dict[str, Any]:
    """Each side once in turn."""
    return {
        "generator": TransformerRewriter(WORDS, WORDS_LENGTH, 8, 2, styles=2, layers=1),
        "discriminator": TransformerJudge(WORDS, WORDS_LENGTH, 8, 2, layers=1, classes=3),
        "restoring_samples": 16,
        "discriminator_steps": 1,
        "generator_steps": 1,
    }


def cross_aligned(normalization: str) -> dict[str, Any]:
    """Both discriminators are at work however undecided they are."""
    return {
        "generator": AlignedAutoencoder(WORDS, WORDS_LENGTH, WIDTH, 3, 5),
        "discriminator_a": state_judge(),
        "discriminator_b": state_judge(),
        "most_loss": 2.0,
    }


def embedding_cycle_gan(normalization: str) -> dict[str, Any]:
    return {
        "generator_ab": EmbeddingRewriter(WORDS, WORDS_LENGTH, 5, 8),
        "generator_ba": EmbeddingRewriter(WORDS, WORDS_LENGTH, 5, 8),
        "discriminator_a": ResidualTextJudge(WORDS_LENGTH, 5, 8, 1),
        "discriminator_b": ResidualTextJudge(WORDS_LENGTH, 5, 8, 1),
        "restoring_samples": 16,
        "discriminator_steps": 2,
    }


def state_judge() -> TextCNN:
    return TextCNN(8, WORDS_LENGTH + 1, WIDTH, WIDTH, (1, 2, 3))


#: By class name: ``normalization``, which no such network has, to arguments.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "TextCycleGAN": text_cycle_gan,
    "StyleTransformer": style_transformer,
    "CrossAlignedAE": cross_aligned,
    "EmbeddingCycleGAN": embedding_cycle_gan,
}
