"""What every game of rewriters refuses."""

import pytest

from gan_modules.language.word_noise import WordNoise
from tests.small_variants import build


@pytest.mark.parametrize("name", ["EmbeddingCycleGAN", "UnsupervisedSummarizer"])
def test_noise_on_words_that_nothing_would_heed_is_refused(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"{name}: word_noise must be null, got WordNoise: no word"
    ):
        build(name, word_noise=WordNoise())


@pytest.mark.parametrize("name", ["TextCycleGAN", "StyleTransformer", "UnsupervisedTranslation"])
def test_noise_on_words_is_taken_where_it_is_heeded(name: str) -> None:
    noise = WordNoise(0.2, 0.0, 1)
    assert build(name, word_noise=noise).word_noise is noise
