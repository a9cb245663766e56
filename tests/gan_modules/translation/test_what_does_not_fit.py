"""Batches and networks that a translation is not made for."""

import pytest

from gan_modules.networks.dcgan import DCGANGenerator
from tests.small.batches import FixedBatches
from tests.small_variants import build


@pytest.mark.parametrize("name", ["Pix2Pix", "Pix2PixHD"])
def test_a_translation_of_pairs_refuses_domains_without_pairs(name: str) -> None:
    """The shapes fit: without a word it would learn noise."""
    module = build(name)
    module.check_batch(FixedBatches("PairedImages").batch(2))
    batch = FixedBatches("UnpairedImages").batch(2)
    shapes = {key: batch[key] for key in ("index_a", "index_b") if key in batch}
    assert shapes
    pairs = FixedBatches("PairedImages").batch(2)
    with pytest.raises(ValueError, match=f"{name}: batch must be of pairs, got the keys"):
        module.check_batch({"a": pairs["a"], "b": pairs["b"], **shapes})


def test_a_translator_of_latents_is_refused() -> None:
    with pytest.raises(ValueError, match="CycleGAN: translator ba must lead images to images, got"):
        build("CycleGAN", generator_ba=DCGANGenerator(32, 1, 4, 4))
