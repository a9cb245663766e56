"""Parts that do not go together, and training that goes wrong."""

import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_inputs import Case, Place, check, pictures, run, settings

FIT = "fit --config toy.yaml --run_dir new"
BAD = "fit --config bad.yaml --run_dir new"
NETWORKS = "gan_modules.networks"
FOLDER = {"class_path": "ImageFolder", "init_args": {"folder": "pictures", "batch_size": 8}}
RING = {"class_path": "Ring", "init_args": {"length": 200, "batch_size": 16}}


def dcgan(player: str, **options: object) -> dict[str, object]:
    """A small DCGAN network for 32 px RGB."""
    init_args = {"size": 32, "channels": 3, "width": 4, **options}
    return {"class_path": f"{NETWORKS}.dcgan.DCGAN{player}", "init_args": init_args}


def game(variant: str, generator: object = None, discriminator: object = None, **more: object):
    """``bad.yaml`` with a variant on a folder of pictures."""
    return settings(
        model={
            "class_path": variant,
            "init_args": {
                "generator": generator or dcgan("Generator"),
                "discriminator": discriminator or dcgan("Discriminator"),
                **more,
            },
        },
        data=FOLDER,
    )


def toy_game(variant: str, data: object = RING, **more: object):
    """``bad.yaml`` with a variant that makes points."""
    return settings(
        data=data,
        model={
            "class_path": variant,
            "init_args": {
                "generator": {
                    "class_path": f"{NETWORKS}.mlp.MLPGenerator",
                    "init_args": {"latent_dim": 2, "out_shape": [2], "hidden": 4},
                },
                "discriminator": {
                    "class_path": f"{NETWORKS}.mlp.MLPDiscriminator",
                    "init_args": {"in_shape": [2], "hidden": 4},
                },
                **more,
            },
        },
    )


def part(name: str, **init_args: object) -> dict[str, object]:
    home = "objectives" if name in ("Hinge", "Wasserstein", "NonSaturating") else "regularizers"
    return {"class_path": f"gan_modules.{home}.{name}", "init_args": init_args}


# fmt: off
RULES = (
    Case(
        "BatchNorm with a penalty", BAD, r"WGANGP: discriminator\.layers", "BatchNorm2d",
        "normalization: layer", make=(game("WGANGP"),),
    ),
    Case(
        "BatchNorm with R1", BAD, r"AdversarialModule: discriminator\.layers", "BatchNorm2d.*R1",
        "normalization: layer",
        make=(
            game("AdversarialModule", objective=part("Hinge"), regularizers=[part("R1", gamma=1)]),
        ),
    ),
    Case(
        "Wasserstein without a bound", BAD, "AdversarialModule: the Wasserstein objective",
        "got none", "add GradientPenalty",
        make=(toy_game("AdversarialModule", objective=part("Wasserstein")),),
    ),
    Case(
        "SNGAN without spectral norm", BAD, "SNGAN: discriminator", "DCGANDiscriminator",
        "normalization: spectral", make=(game("SNGAN"),),
    ),
    Case(
        "GAN with another objective", BAD, "GAN: objective", "Hinge",
        "class_path: AdversarialModule", make=(toy_game("GAN", objective=part("Hinge")),),
    ),
    Case(
        "one regularizer twice", BAD, "regularizers must differ", "r1", "leave one out",
        make=(
            toy_game(
                "AdversarialModule", objective=part("Hinge"), regularizers=[part("R1"), part("R1")]
            ),
        ),
    ),
    Case(
        "regularizer misspelt", BAD, r"regularizers\.init_args\.gama", "R1", "did you mean gamma",
        make=(
            toy_game(
                "AdversarialModule", objective=part("Hinge"), regularizers=[part("R1", gama=1)]
            ),
        ),
    ),
    Case(
        "penalty without weight", BAD, "GradientPenalty: weight", "got 0",
        "leave the regularizer out", make=(toy_game("WGANGP", penalty_weight=0),),
    ),
    Case(
        "target below the other", BAD, "NonSaturating: real_target", "got -1", "usual targets",
        make=(toy_game("GAN", objective=part("NonSaturating", real_target=-1)),),
    ),
    Case(
        "generator for a discriminator", BAD, "discriminator", "MLPGenerator",
        "did you mean out_shape",
        make=(
            game(
                "GAN",
                discriminator={
                    "class_path": f"{NETWORKS}.mlp.MLPGenerator",
                    "init_args": {"in_shape": [2]},
                },
            ),
        ),
    ),
    Case(
        "base class for a variant", BAD, "model must be a variant", "Game", "ganagerie list",
        make=(settings(model={"class_path": "gan_modules.engine.game.Game"}),),
    ),
    Case(
        "discriminator for a generator", BAD, "GAN: generator", "latent_dim", "choose a generator",
        make=(game("GAN", generator=dcgan("Discriminator")),),
    ),
    Case(
        "ddp", f"{FIT} --trainer.strategy ddp", r"trainer\.strategy", "ddp",
        r"set trainer\.strategy: gan_ddp",
    ),
    Case(
        "Lightning's clipping", f"{FIT} --trainer.gradient_clip_val 1",
        r"trainer\.gradient_clip_val", "got 1", "generator_clip_norm",
    ),
    Case(
        "Lightning's accumulation", f"{FIT} --trainer.accumulate_grad_batches 2",
        r"trainer\.accumulate_grad_batches", "got 2", "micro_batches",
    ),
    Case(
        "fast_dev_run", f"{FIT} --trainer.fast_dev_run true", r"trainer\.fast_dev_run", "got True",
        r"trainer\.max_steps",
    ),
    Case(
        "parts that do not divide the batch", f"{FIT} --model.init_args.micro_batches 3",
        "micro_batches", "got 3 for 16", "divide",
    ),
    Case(
        "betas of no Adam", f"{FIT} --model.init_args.betas=[0.5,1.5]", "beta", r"1\.5",
        r"betas lie in \[0, 1\)",
    ),
)

SHAPES = (
    Case(
        "networks of another size", BAD, "GAN: data have the shape",
        r"\[3, 32, 32\].*\[3, 64, 64\]", "set size and channels",
        make=(
            pictures(),
            game("GAN", dcgan("Generator", size=64), dcgan("Discriminator", size=64)),
        ),
    ),
    Case(
        "networks of other channels", BAD, "GAN: data have the shape",
        r"\[3, 32, 32\].*\[1, 32, 32\]", "set size and channels",
        make=(
            pictures(),
            game("GAN", dcgan("Generator", channels=1), dcgan("Discriminator", channels=1)),
        ),
    ),
    Case(
        "discriminator of another size", BAD, "DCGANDiscriminator: input", r"3, 64, 64.*3, 32, 32",
        "match size and channels",
        make=(pictures(), game("GAN", discriminator=dcgan("Discriminator", size=64))),
    ),
    Case(
        "images for networks of points", BAD, "data have the shape", r"\[3, 32, 32\].*\[2\]",
        "set size and channels", make=(pictures(), toy_game("WGANGP", data=FOLDER)),
    ),
    Case(
        "network size that there is not", BAD, "DCGANGenerator: size", "got 48", "32, 64, 128",
        make=(game("GAN", dcgan("Generator", size=48)),),
    ),
    Case(
        "batch larger than the data", f"{FIT} --data.init_args.batch_size 1000",
        "batch_size must be at most 179", "got 1000", "lower batch_size",
    ),
)
# fmt: on


# fmt: off
DIVERGED = (
    Case(
        "NaN in the loss", f"{FIT} --model.init_args.discriminator_lr 1e30",
        "train/discriminator/adversarial", "nan|inf", "lower the learning rate", began=True,
    ),
    Case(
        "NaN after some checkpoints",
        f"{FIT} --model.init_args.generator_lr 1e4 --checkpointing.every_n_images 16 "
        "--evaluation.every_n_images=null",
        r"train/\w+/|gradient norm of \w+", "nan|inf", "lower the learning rate", began=True,
    ),
    Case(
        "NaN in a fork",
        "resume run --set model.init_args.generator_lr=1e30 --set trainer.max_steps=60 --out new",
        r"train/\w+/", "nan|inf", "lower the learning rate", make=(run(),), began=True,
    ),
)
# fmt: on


@pytest.mark.parametrize("case", [*RULES, *SHAPES, *DIVERGED], ids=lambda case: case.id)
def test_games_are_refused_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
