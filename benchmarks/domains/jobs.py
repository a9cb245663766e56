"""The trainings: each variant's own YAML, with another budget or another side of a comparison."""

from __future__ import annotations

from typing import Any

from benchmarks.trained.task import Job


def _decayed(steps: int, **settings: Any) -> dict[str, Any]:
    """A budget, and a rate that falls to zero in its second half."""
    return {
        "trainer.max_steps": steps,
        "model.init_args.lr_decay": [steps // 2, steps],
        **{f"model.init_args.{name}": value for name, value in settings.items()},
    }


#: Of the four methods without pairs: the same images and the same number of steps for each.
_SMALL = {"data.init_args.size": 32, "data.init_args.batch_size": 4}
_SPOKEN = {
    "class_path": "SpokenDigits",
    "init_args": {"size": 32, "batch_size": 32},
}
_SPOKEN_NETS = {
    f"model.init_args.{player}.init_args.{name}": value
    for player, parts in {
        "generator": {"channels": 1, "frames": 63, "num_classes": 10},
        "discriminator": {"channels": 1, "num_classes": 10, "width": 24},
    }.items()
    for name, value in parts.items()
}


def _direct(name: str, blocks: int) -> Job:
    """A direct transform of so many residual blocks."""
    settings = _decayed(3000) | _SMALL | {"model.init_args.generator.init_args.blocks": blocks}
    return Job(name, "translation/direct_transform.yaml", settings)


#: A discriminator alone; the same training is one of the depth sweep.
_DIRECT = _direct("direct-transform", 1)
PAIRED = (
    Job("pix2pix", "translation/pix2pix.yaml", _decayed(2500)),
    # The paper's L1 + GAN: the discriminator does not see the line art.
    Job(
        "pix2pix-unconditional",
        "translation/pix2pix.yaml",
        _decayed(2500, terms="l1+gan") | {"model.init_args.discriminator.init_args.channels": 3},
    ),
    Job("l1-only", "translation/pix2pix.yaml", _decayed(2500, terms="l1", discriminator=None)),
)
UNPAIRED = (
    Job("cyclegan", "translation/cycle_gan.yaml", _decayed(3000) | _SMALL),
    # At the paper's rate of 1e-4, made for a million steps, it draws stripes by then.
    Job(
        "unit",
        "translation/unit.yaml",
        _decayed(3000, generator_lr=5e-4, discriminator_lr=5e-4) | _SMALL,
    ),
    Job("cut", "translation/cut.yaml", _decayed(3000) | _SMALL),
    _DIRECT,
)
#: The same CycleGAN with noise on the image in between.
DEFENDED = (
    Job(
        "cyclegan-noise",
        "translation/cycle_gan.yaml",
        _decayed(3000, corruption={"class_path": "NoisyWay", "init_args": {"sigma": 0.1}}) | _SMALL,
    ),
)
_GREY_TRANSLATOR = {
    "class_path": "gan_modules.networks.resnet_translator.ResnetTranslator",
    "init_args": {"in_channels": 1, "out_channels": 1, "width": 12, "blocks": 2, "downs": 1},
}
# Without normalisation, which would make the faintest trace on a blank sheet as loud as any.
_GREY_JUDGE = {
    "class_path": "gan_modules.networks.patchgan.PatchDiscriminator",
    "init_args": {"channels": 1, "width": 16, "layers": 2, "normalization": "none"},
}


def _erasing(sheets: str, corruption: dict[str, Any] | None = None) -> dict[str, Any]:
    """CycleGAN from digits to sheets; the way back has little weight: sheets shall become clean."""
    return {
        "trainer.max_steps": 3000,
        "model.init_args": {
            "generator_ab": _GREY_TRANSLATOR,
            "generator_ba": _GREY_TRANSLATOR,
            "discriminator_a": _GREY_JUDGE,
            "discriminator_b": _GREY_JUDGE,
            "identity_weight": 0.0,
            "cycle_weight": 0.2,
            "discriminator_lr": 4.0e-4,
            "lr_decay": [1500, 3000],
            "corruption": corruption,
        },
        "data": {
            "class_path": "benchmarks.domains.sheets.DigitsAndSheets",
            "init_args": {"sheets": sheets, "batch_size": 8},
        },
    }


#: Digits that are erased and come back: with nothing in the way, with noise on the way, and a
#: control in which nothing need be hidden.
ERASED = (
    Job("erased", "translation/cycle_gan.yaml", _erasing("blank")),
    Job(
        "erased-noise",
        "translation/cycle_gan.yaml",
        _erasing("blank", {"class_path": "NoisyWay", "init_args": {"sigma": 0.1}}),
    ),
    Job("negative", "translation/cycle_gan.yaml", _erasing("negative")),
)
#: Residual blocks of the direct transform.
DEPTHS = (
    _direct("direct-0-blocks", 0),
    _DIRECT,
    *(_direct(f"direct-{blocks}-blocks", blocks) for blocks in (2, 4, 9)),
)
TONES = (Job("stargan", "translation/star_gan.yaml", _decayed(2000)),)
TEXT = (
    Job("gan-cls", "conditional/gan_cls.yaml", {"trainer.max_steps": 1500}),
    Job(
        "blind-discriminator",
        "conditional/gan_cls.yaml",
        {
            "trainer.max_steps": 1500,
            "model.init_args.mismatch_weight": 0.0,
            "model.init_args.discriminator.class_path": "benchmarks.domains.blind.TextBlind",
        },
    ),
)
SOUND = (
    Job(
        "sound-to-image",
        "conditional/sound_to_image.yaml",
        {
            "trainer.max_steps": 2000,
            "data": _SPOKEN,
            **_SPOKEN_NETS,
            # The encoder learns to name the words first, and goes on learning with G.
            "model.init_args.encoder_training": "finetune",
            "model.init_args.pretraining_images": 16_000,
        },
    ),
    Job("tones-and-shapes", "conditional/sound_to_image.yaml", {"trainer.max_steps": 1500}),
)
VIDEO = (
    Job("adversarial", "conditional/video_prediction.yaml", _decayed(4000)),
    Job(
        "l2-only",
        "conditional/video_prediction.yaml",
        _decayed(4000, adversarial_weight=0.0, gradient_weight=0.0),
    ),
)
HEADS = (Job("talking-head", "conditional/talking_head.yaml", _decayed(1500)),)
