"""The catalogue: one row per variant, by chapter, with its paper; and :func:`load`.

``from gan_modules import WGANGP`` works for every row; torch is imported only then, so that
listing the catalogue is quick. A new variant is its file, its YAML under ``experiments/configs``
and one row here.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NamedTuple


class Variant(NamedTuple):
    """One row.

    Attributes:
        name: of the class.
        module: below ``gan_modules``.
        number: arXiv id; of a paper that is not there, ``<where>:<its id there>``.
        batch: what a batch holds.
    """

    name: str
    module: str
    number: str
    batch: str

    @property
    def paper(self) -> str:
        """Where the paper is found: ``arXiv:1406.2661``, or ``OpenReview:rJedV3R5tm``."""
        return self.number if ":" in self.number else f"arXiv:{self.number}"

    @property
    def arxiv(self) -> str | None:
        """The arXiv id, if it has one."""
        return None if ":" in self.number else self.number

    @property
    def family(self) -> str:
        """The folder: unconditional, autoencoding, conditional, translation or sequence."""
        return self.module.split(".")[0]

    @property
    def config(self) -> str:
        """The YAML that runs it, below ``experiments/configs``."""
        return f"{self.module.replace('.', '/')}.yaml"


#: Rows by chapter, in the order of the lectures.
CHAPTERS: dict[str, tuple[Variant, ...]] = {
    "The game of 2014 and its first good networks": (
        Variant("GAN", "unconditional.gan", "1406.2661", "Images"),
        Variant("DCGAN", "unconditional.dcgan", "1511.06434", "Images"),
    ),
    "Theory: other distances between distributions": (
        Variant("LSGAN", "unconditional.lsgan", "1611.04076", "Images"),
        Variant("FGAN", "unconditional.fgan", "1606.00709", "Images"),
        Variant("WGAN", "unconditional.wgan", "1701.07875", "Images"),
    ),
    "Tips: discriminators that stay smooth": (
        Variant("WGANGP", "unconditional.wgan_gp", "1704.00028", "Images"),
        Variant("DRAGAN", "unconditional.dragan", "1705.07215", "Images"),
        Variant("WGANLP", "unconditional.wgan_lp", "1709.08894", "Images"),
        Variant("WGANCT", "unconditional.wgan_ct", "1803.01541", "Images"),
        Variant("SNGAN", "unconditional.sngan", "1802.05957", "Images"),
    ),
    "Against mode collapse": (
        Variant("ImprovedGAN", "unconditional.improved_gan", "1606.03498", "Images"),
        Variant("UnrolledGAN", "unconditional.unrolled_gan", "1611.02163", "Images"),
        Variant("PacGAN", "unconditional.pacgan", "1712.04086", "Images"),
    ),
    "Large and growing networks": (
        Variant("ProgressiveGAN", "unconditional.progressive_gan", "1710.10196", "Images"),
        Variant("StyleGAN", "unconditional.stylegan", "1812.04948", "Images"),
        Variant("StyleGAN2", "unconditional.stylegan2", "1912.04958", "Images"),
        Variant("SAGAN", "unconditional.sagan", "1805.08318", "Images"),
        Variant("BigGAN", "unconditional.biggan", "1809.11096", "Images"),
        Variant("R3GAN", "unconditional.r3gan", "2501.05441", "Images"),
    ),
    "Conditions: classes, words, sounds": (
        Variant("CGAN", "conditional.cgan", "1411.1784", "Images"),
        Variant("ACGAN", "conditional.acgan", "1610.09585", "Images"),
        Variant("ProjectionGAN", "conditional.projection_gan", "1802.05637", "Images"),
        Variant("GANCLS", "conditional.gan_cls", "1605.05396", "CaptionedImages"),
        Variant("GANINT", "conditional.gan_int", "1605.05396", "CaptionedImages"),
        Variant("SoundToImage", "conditional.sound_to_image", "1808.04108", "SoundImages"),
        Variant("MultiLabelGAN", "conditional.multi_label_gan", "1811.04689", "LabelSets"),
    ),
    "Moving pictures": (
        Variant("VideoPrediction", "conditional.video_prediction", "1511.05440", "Videos"),
        Variant("TalkingHead", "conditional.talking_head", "1905.08233", "TalkingHeads"),
    ),
    "From picture to picture, with pairs": (
        Variant("Pix2Pix", "translation.pix2pix", "1611.07004", "PairedImages"),
        Variant("Pix2PixHD", "translation.pix2pix_hd", "1711.11585", "PairedImages"),
    ),
    "From domain to domain, without pairs": (
        Variant("DirectTransform", "translation.direct_transform", "1709.00074", "UnpairedImages"),
        Variant(
            "FeaturePreserving", "translation.feature_preserving", "1611.02200", "UnpairedImages"
        ),
        Variant("DTN", "translation.dtn", "1611.02200", "UnpairedImages"),
        Variant("CycleGAN", "translation.cycle_gan", "1703.10593", "UnpairedImages"),
        Variant("DiscoGAN", "translation.disco_gan", "1703.05192", "UnpairedImages"),
        Variant("DualGAN", "translation.dual_gan", "1704.02510", "UnpairedImages"),
        Variant("StarGAN", "translation.star_gan", "1711.09020", "DomainImages"),
        Variant("CoGAN", "translation.co_gan", "1606.07536", "UnpairedImages"),
        Variant("UNIT", "translation.unit", "1703.00848", "UnpairedImages"),
        Variant("LatentDomainGAN", "translation.latent_domain", "1706.00409", "UnpairedImages"),
        Variant("UGATIT", "translation.ugatit", "1907.10830", "UnpairedImages"),
        Variant("CUT", "translation.cut", "2007.15651", "UnpairedImages"),
    ),
    "Autoencoders and likelihoods beside GANs": (
        Variant("VAE", "autoencoding.vae", "1312.6114", "Images"),
        Variant("VAEGAN", "autoencoding.vae_gan", "1512.09300", "Images"),
        Variant("AlphaGAN", "autoencoding.alpha_gan", "1706.04987", "Images"),
        Variant("VEEGAN", "autoencoding.veegan", "1705.07761", "Images"),
        Variant("NormalizingFlow", "autoencoding.flow", "1807.03039", "Images"),
        Variant("GLO", "autoencoding.glo", "1707.05776", "Images"),
        Variant("GON", "autoencoding.gradient_origin", "2007.02798", "Images"),
    ),
    "Words and speech: discrete generators": (
        Variant("SeqGAN", "sequence.seqgan", "1609.05473", "Sequences"),
        Variant("MaliGAN", "sequence.maligan", "1702.07983", "Sequences"),
        Variant("RankGAN", "sequence.rankgan", "1705.11001", "Sequences"),
        Variant("ScratchGAN", "sequence.scratchgan", "1905.09922", "Sequences"),
        Variant("GumbelTextGAN", "sequence.gumbel_text_gan", "1611.04051", "Sequences"),
        Variant("RelGAN", "sequence.relgan", "OpenReview:rJedV3R5tm", "Sequences"),
        Variant("TextWGANGP", "sequence.text_wgan_gp", "1704.00028", "Sequences"),
        Variant("TextCycleGAN", "sequence.text_cycle_gan", "1804.02504", "UnpairedSequences"),
        Variant(
            "StyleTransformer", "sequence.style_transformer", "1905.05621", "UnpairedSequences"
        ),
        Variant("CrossAlignedAE", "sequence.cross_aligned", "1705.09655", "UnpairedSequences"),
        Variant(
            "EmbeddingCycleGAN", "sequence.embedding_cycle_gan", "1804.02504", "UnpairedSequences"
        ),
        Variant(
            "UnsupervisedTranslation",
            "sequence.unsupervised_translation",
            "1711.00043",
            "UnpairedSequences",
        ),
        Variant(
            "UnsupervisedSummarizer",
            "sequence.unsupervised_summarization",
            "1810.02851",
            "UnpairedSequences",
        ),
        Variant("MappingGAN", "sequence.mapping_gan", "1804.00316", "SpeechAndText"),
        Variant("Wav2vecU", "sequence.wav2vec_u", "2105.11084", "SpeechAndText"),
        Variant("WordAlignment", "sequence.word_alignment", "1710.04087", "WordVectors"),
    ),
}
CATALOGUE = tuple(row for rows in CHAPTERS.values() for row in rows)

_HOMES = {row.name: f"{__name__}.{row.module}" for row in CATALOGUE}
_HOMES["AdversarialModule"] = f"{__name__}.base"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"gan_modules has no {name}; it has {', '.join(_HOMES)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]


def load(path: str | Path, **replacements: Any) -> Any:
    """Rebuild any variant from a checkpoint, on the CPU, in eval mode.

    Args:
        path: a ``.ckpt`` file that this library wrote.
        **replacements: constructor arguments. Networks that were passed as objects in Python are
            not in the file and must be given here; those of a YAML run are rebuilt.

    Returns:
        The module, of the class that was trained.

    Raises:
        ValueError: if the file is missing, damaged, holds pickled code or is not ours.
    """
    from gan_modules.engine.loading import load_module

    return load_module(Path(path), replacements)
