"""Two folders without pairs, and CycleGANs that do not go with them."""

import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_domains import (
    AB,
    cycle,
    folders,
    judge,
    network,
    noise_pictures,
    translator,
)
from tests.helpers_bad_inputs import Case, Place, check, damaged, folder, half, text_file

BAD = "fit --config bad.yaml --run_dir new"
CORRUPTIONS = "gan_modules.corruptions"


# fmt: off
FOLDERS = (
    Case(
        "empty folder", BAD, "UnpairedFolders: folder_a must hold images", "got .?A", "put files",
        make=(folder("A"), noise_pictures("B"), cycle()),
    ),
    Case(
        "missing folder", BAD, "UnpairedFolders: folder_b must be a folder", "'B'",
        "existing folder", make=(noise_pictures("A"), cycle()),
    ),
    Case(
        "file for a folder", BAD, "folder_b must be a folder", r"'toy\.yaml'", "existing folder",
        make=(noise_pictures("A"), cycle(folders(folder_b="toy.yaml"))),
    ),
    Case(
        "one folder twice", BAD, "folder_b must be another folder than folder_a", r"A/\.\./A",
        "give two folders", make=(noise_pictures("A"), cycle(folders(folder_b="A/../A"))),
    ),
    Case(
        "one folder in the other", BAD, "folder_b must lie beside folder_a", "A/B", "move one",
        make=(noise_pictures("A"), noise_pictures("A/B"), cycle(folders(folder_b="A/B"))),
    ),
    Case(
        "text called .jpg", BAD, "files must be readable images", r"A/notes\.jpg",
        "repair or remove", make=(*AB, text_file("A/notes.jpg", "no image"), cycle()),
    ),
    Case(
        "corrupt JPEG", BAD, "files must be readable images", r"1 \(B/003\.jpg", "skip_unreadable",
        make=(
            noise_pictures("A"),
            noise_pictures("B", size=(40, 40), ending="jpg"),
            damaged("B/003.jpg", half),
            cycle(),
        ),
    ),
    Case(
        "nothing readable", BAD, "hold images that can be read for a", "got 0", "repair the files",
        make=(
            text_file("A/notes.jpg", "no image"),
            noise_pictures("B"),
            cycle(folders(skip_unreadable=True)),
        ),
    ),
    Case(
        "grey among colour", BAD, "channels_b must be set", r"000\.png \(3\) and .*050\.png \(1\)",
        "set channels_b: 3", make=(*AB, noise_pictures("B", 2, mode="L", first=50), cycle()),
    ),
    Case(
        "channels that there are not", BAD, "channels_a must be 1, 2, 3 or 4", "got 5",
        "set channels_a: 3", make=(*AB, cycle(folders(channels_a=5))),
    ),
    Case(
        "sizes that differ without size", BAD, "size must be set", "16x16.*40x30", "set size: 16",
        make=(
            *AB, noise_pictures("A", 1, (40, 30), first=50), cycle(folders(size="left out")),
        ),
    ),
    Case(
        "domain smaller than a batch", BAD, "batch_size must be at most", "got 8", "lower",
        make=(
            noise_pictures("A"), noise_pictures("B", 5), cycle(folders(batch_size=8)),
        ),
        told=True,
    ),
    Case(
        "no length", BAD, "UnpairedFolders: length", "got 0", "set length: max",
        make=(*AB, cycle(folders(length=0))),
    ),
    Case(
        "length in other words", BAD, "length", "longest", "max",
        make=(*AB, cycle(folders(length="longest"))),
    ),
    Case(
        "load_size below size", BAD, "load_size must be at least size", "got 12",
        "set load_size: 18", make=(*AB, cycle(folders(load_size=12))),
    ),
    Case(
        "load_size without size", BAD, "size must be set with load_size", "got None",
        "set size: 16", make=(*AB, cycle(folders(size="left out", load_size=18))),
    ),
    Case(
        "batch of nothing", BAD, "batch_size", "got 0", "batch_size",
        make=(*AB, cycle(folders(batch_size=0))),
    ),
    Case(
        "everything held out", BAD, "held_out_share", r"got 1\.5", "held_out_share",
        make=(*AB, cycle(folders(held_out_share=1.5))),
    ),
)

GAMES = (
    Case(
        "size that the network cannot halve", BAD, "ResnetTranslator: height and width", "15x15",
        "resize the images or set downs to 0", make=(*AB, cycle(folders(size=15))), told=True,
    ),
    Case(
        "size too small for the judge", BAD, "PatchDiscriminator: images must have at least 24 px",
        "16x16", "set layers: 2",
        make=(*AB, cycle(discriminator_a=judge(layers=3), discriminator_b=judge(layers=3))),
        told=True,
    ),
    Case(
        "identity between unlike channels", BAD, "CycleGAN: identity_weight must be 0",
        r"0\.5 for 1 and 3", "set identity_weight: 0",
        make=(
            *AB,
            cycle(
                folders(channels_a=1), generator_ab=translator(1, 3), generator_ba=translator(3, 1),
                discriminator_a=judge(1),
            ),
        ),
        told=True,
    ),
    Case(
        "translators of other channels", BAD, "ResnetTranslator: input must have shape",
        r"\(N, 1, H, W\), got \(1, 3, 16, 16\)", "match the channels",
        make=(*AB, cycle(generator_ab=translator(1, 1), generator_ba=translator(1, 1))), told=True,
    ),
    Case(
        "translator into other channels", BAD, r"CycleGAN: domain b has the shape \[3, 16, 16\]",
        r"makes \[1, 16, 16\]", "set channels",
        make=(*AB, cycle(generator_ab=translator(3, 1))), told=True,
    ),
    Case(
        "judge of other channels", BAD, "PatchDiscriminator: input must have shape",
        r"\(N, 1, H, W\), got \(\d, 3, 16, 16\)", "match the channels",
        make=(*AB, cycle(discriminator_b=judge(1))), told=True,
    ),
    Case(
        "guesser of other channels", BAD, "PatchDiscriminator: input must have shape",
        r"\(N, 3, H, W\), got \(\d, 6, 16, 16\)", "match the channels",
        make=(*AB, cycle(guesser_a=judge(3), guesser_b=judge(3))), told=True,
    ),
    Case(
        "one guesser", BAD, "CycleGAN: guessers must be two", "got True and False",
        "give guesser_a and guesser_b, or none", make=(*AB, cycle(guesser_a=judge(6))),
    ),
    Case(
        "corruption that there is not", BAD, "corruption", "gan_modules.corruptions.Blur",
        "NoisyWay|BlurredWay|choose",
        make=(*AB, cycle(corruption={"class_path": f"{CORRUPTIONS}.Blur"})),
    ),
    Case(
        "corruption that is none", BAD, "corruption", "Hinge", "Corruption",
        make=(*AB, cycle(corruption={"class_path": "gan_modules.objectives.Hinge"})),
    ),
    Case(
        "corruption that is a word", BAD, "corruption", "'noise'", "did you mean NoisyWay",
        make=(*AB, cycle(corruption="noise")),
    ),
    Case(
        "corruption of no strength", BAD, "NoisyWay: sigma must be positive", "got -1", r"0\.1",
        make=(
            *AB,
            cycle(corruption={"class_path": f"{CORRUPTIONS}.NoisyWay",
                              "init_args": {"sigma": -1}}),
        ),
    ),
    Case(
        "pool below nothing", BAD, "ImagePool: size|pool_size", "got -1", "0 switches it off",
        make=(*AB, cycle(pool_size=-1)),
    ),
    Case(
        "cycle below nothing", BAD, "CycleGAN: cycle_weight must not be negative", "got -1",
        "0 switches it off", make=(*AB, cycle(cycle_weight=-1)),
    ),
    Case(
        "parts of a batch", BAD, "CycleGAN: micro_batches must be 1", "got 2", "batch_size lower",
        make=(*AB, cycle(micro_batches=2)),
    ),
    Case(
        "Wasserstein without a bound", BAD, "CycleGAN: the Wasserstein objective", "got none",
        "add GradientPenalty",
        make=(*AB, cycle(objective={"class_path": "gan_modules.objectives.Wasserstein"})),
    ),
    Case(
        "one translator left out", BAD, "generator_ba", "CycleGAN|None|null", "generator_ba",
        make=(*AB, cycle(generator_ba=None)),
    ),
    Case(
        "generator of latents for a translator", BAD,
        "CycleGAN: translator ab must lead images to images", "got DCGANGenerator",
        "such as ResnetTranslator",
        make=(
            *AB,
            cycle(generator_ab=network("dcgan.DCGANGenerator", size=32, channels=3, latent_dim=4,
                                       width=4)),
        ),
    ),
    Case(
        "judge for a translator", BAD, "CycleGAN: domain b has the shape", r"makes \[1, ",
        "set channels and size", make=(*AB, cycle(generator_ab=judge(3))), told=True,
    ),
    Case(
        "judge of points", BAD, "MLPDiscriminator", "16", "match|in_shape",
        make=(
            *AB,
            cycle(discriminator_a=network("mlp.MLPDiscriminator", in_shape=[2], hidden=4)),
        ),
        told=True,
    ),
)

SECTIONS = (
    Case(
        "memorization of a translation", f"{BAD} --memorization.at_end true",
        "Memorization: the model must draw from latents", "got CycleGAN",
        "set memorization.at_end: false", make=(*AB, cycle()), told=True,
    ),
    Case(
        "classifier for domains without classes", f"{BAD} --evaluation.space cls",
        "ClassifierSpace: data|choose_space", "0 classes|cls", "rand_vgg", make=(*AB, cycle()),
        told=True,
    ),
    Case(
        "points for domains", f"{BAD} --evaluation.space identity", "choose_space: name",
        "identity", "choose rand_vgg", make=(*AB, cycle()), told=True,
    ),
    Case(
        "probe of a direction that is not learned",
        f"{BAD} --steganography.at_end true --steganography.directions [[a,c]]",
        "SteganographyProbe: directions must be among", r"got \[a, c\]", "directions: null",
        make=(*AB, cycle()), told=True,
    ),
    Case(
        "probe of a direction that is none",
        f"{BAD} --input_use.at_end true --input_use.directions [a]",
        "input_use.directions", "a", "directions", make=(*AB, cycle()),
    ),
    Case(
        "probe of too few images", f"{BAD} --input_use.at_end true --input_use.samples 5",
        "InputUseProbe: samples must be at least 16", "got 5", "256", make=(*AB, cycle()),
    ),
    Case(
        "probe where there are too few images",
        f"{BAD} --input_use.every_n_images 8 --steganography.at_end false",
        "TranslationProbe: data must have 16 images", "12 of a|1[01] of a", "add images",
        make=(
            noise_pictures("A", 12), noise_pictures("B"), cycle(),
        ),
        told=True,
    ),
    Case(
        "too few images to score", BAD, "Evaluation|real_statistics|held_out|images", "got",
        "add images|lower|leave",
        make=(noise_pictures("A", 5), noise_pictures("B", 5), cycle()), told=True,
    ),
)
# fmt: on


@pytest.mark.parametrize("case", [*FOLDERS, *GAMES, *SECTIONS], ids=lambda case: case.id)
def test_two_domains_are_refused_in_one_line(
    case: Case, place: Place, server: CommandServer
) -> None:
    check(case, place, server)
