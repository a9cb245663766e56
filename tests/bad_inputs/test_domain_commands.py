"""Commands about domains, sentences and moments, on runs and files that they do not suit."""

import shutil

import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_domains import AB, noise_pictures
from tests.helpers_bad_inputs import (
    Case,
    Place,
    array,
    check,
    damaged,
    folder,
    half,
    run,
)

CYCLE = (run("cycle", "cycle"), *AB, noise_pictures("mine", 2, (20, 24)))
LEAD = "translate cycle mine --to b"


def no_pictures(place: Place) -> None:
    shutil.rmtree(place.path / "run" / "media")


# fmt: off
TRANSLATE = (
    Case(
        "translate by a GAN", "translate images mine", "run must be of a translation", "got DCGAN",
        "use ganagerie sample", make=(run("images", "images"), noise_pictures("mine", 1)),
    ),
    Case(
        "translate nothing", "translate cycle nowhere", "nowhere", "no such file", "image or a fol",
        make=CYCLE,
    ),
    Case(
        "translate an empty folder", "translate cycle void --to b", "void must hold images",
        "none", "known endings", make=(*CYCLE, folder("void")),
    ),
    Case(
        "translate a damaged image", LEAD, "readable image", r"mine/001\.png", "repair or remove",
        make=(*CYCLE, damaged("mine/001.png", half)),
    ),
    Case(
        "translate text", "translate cycle toy.yaml --to b", "image", r"toy\.yaml",
        "endings|repair|image", make=CYCLE,
    ),
    Case(
        "translate an array of 5 channels", "translate cycle five.npy --to b",
        "must have 1 to 4 channels", r"five\.npy must .* got 5", "save it as grey or colour",
        make=(*CYCLE, array("five.npy", [[[0] * 5] * 9] * 9)),
    ),
    Case(
        "translate floats beyond the range", "translate cycle far.npy --to b",
        r"must lie in \[-1, 1\]", r"far\.npy must .* up to 9", "scale it",
        make=(*CYCLE, array("far.npy", [[[9.0] * 3] * 9] * 9)),
    ),
    Case(
        "translate to nowhere", "translate cycle mine --to c", "--to must be a domain of the run",
        "got 'c'", r"there is a \(A\), b \(B\)", make=CYCLE,
    ),
    Case(
        "translate either way", "translate cycle mine", "--to must be given", "A to B, B to A",
        "--to", make=CYCLE,
    ),
    Case(
        "translate to itself", "translate cycle mine --from b --to b", "--to must be a direction",
        "got b to b", "there is A to B, B to A", make=CYCLE,
    ),
    Case("no tile", f"{LEAD} --tile 0", "--tile", "'0'", "at least 1", make=CYCLE),
    Case(
        "tile that cannot be halved", f"{LEAD} --tile 7", "height and width must be multiples",
        "7x7", "resize the images|--tile", make=CYCLE,
    ),
    Case(
        "translate among other images", f"{LEAD} --out full", "--out must be a new or empty folder",
        "full, which holds files", "choose another name", make=(*CYCLE, noise_pictures("full", 1)),
    ),
    Case(
        "translate to a file", f"{LEAD} --out toy.yaml", "--out must be a new", r"toy\.yaml",
        "choose another name", make=CYCLE,
    ),
    Case(
        "translate where nothing can be written", f"{LEAD} --out /proc/made", "--out", "/proc/made",
        "choose", make=CYCLE,
    ),
    Case(
        "two images of one name", "translate cycle mine other --to b", "differ in their names",
        r"got 000\.png twice", "one folder at a time",
        make=(*CYCLE, noise_pictures("other", 1, ending="jpg")),
    ),
    Case(
        "two images of one name in a folder", LEAD, "differ in their names", r"got 000\.png twice",
        "one folder at a time|rename", make=(*CYCLE, noise_pictures("mine", 1, ending="jpg")),
    ),
)

PROBE = (
    Case(
        "probe when a domain is gone", "probe cycle", "folder_b must be a folder of images", "'B'",
        "existing folder", make=(run("cycle", "cycle"), noise_pictures("A")),
    ),
    Case(
        "probe of a GAN", "probe images", "run must be of a module that translates", "got DCGAN",
        "ganagerie memorization", make=(run("images", "images"),),
    ),
    Case(
        "probe of an unknown direction", "probe cycle --direction a:c --samples 16",
        "directions must be among", r"got \[a, c\]", "correct it", make=CYCLE,
    ),
    Case(
        "probe of half a direction", "probe cycle --direction ab", "--direction", "'ab'",
        "such as a:b", make=CYCLE,
    ),
    Case(
        "probe into a file", "probe cycle --out toy.yaml", "--out must be a folder", r"toy\.yaml",
        "choose another", make=CYCLE,
    ),
    Case(
        "probe when the data are gone", "probe cycle --samples 16", "folder_a must be a folder",
        "'A'", "existing folder", make=(run("cycle", "cycle"),),
    ),
    Case(
        "probe of too few images", "probe cycle --samples 16", "data must have 16 images", "9 of a",
        "add images",
        make=(run("cycle", "cycle"), noise_pictures("A", 10), noise_pictures("B", 10)), told=True,
    ),
    Case(
        "probe when the data have other channels", "probe cycle --samples 16",
        "ResnetTranslator: input must have shape", r"\(N, 3, H, W\)", "match the channels",
        make=(run("cycle", "cycle"), noise_pictures("A", mode="L"), noise_pictures("B", mode="L")),
        told=True,
    ),
)

SAMPLE = (
    Case(
        "class of a translation", "sample cycle --class 1", "run must draw from latents",
        "got CycleGAN", "ganagerie translate", make=CYCLE,
    ),
    Case(
        "sentence for a translation", "sample cycle --text cat", "run must draw from latents",
        "got CycleGAN", "ganagerie translate", make=CYCLE,
    ),
    Case(
        "sentence for a GAN", "sample images --text cat", "--text must be left out for a DCGAN",
        "got 'cat'", "nothing but latents", make=(run("images", "images"),),
    ),
    Case(
        "sound for a GAN", "sample images --audio a.wav", "--audio must be left out for a DCGAN",
        r"got 'a\.wav'", "nothing but latents", make=(run("images", "images"),),
    ),
    Case(
        "sentence of nothing", "sample images --text '  '", "--text", "got '  ?'",
        "must be a sentence", make=(run("images", "images"),),
    ),
    Case(
        "class where there are none", "sample images --class 1 --out mine",
        "--class must be a class of the run", "got 1, it has none", "leave --class out",
        make=(run("images", "images"),),
    ),
    Case(
        "class where there are none, drawn before", "sample images --class 1",
        "--class must be a class of the run", "got 1, it has none", "leave --class out",
        make=(run("images", "images"), noise_pictures("images/samples", 3)),
    ),
    Case(
        "walk of a translation", "interpolate cycle --out walk.png", "run must draw from latents",
        "got CycleGAN", "ganagerie translate", make=CYCLE,
    ),
    Case(
        "copies of a translation", "memorization cycle", "run must draw from latents",
        "got CycleGAN", "ganagerie translate", make=CYCLE,
    ),
    Case(
        "score a translation by a classifier", "evaluate cycle --space cls", "data|name",
        "0 classes|cls", "rand_vgg", make=CYCLE, told=True,
    ),
    Case(
        "score a translation when the data are gone", "evaluate cycle", "folder_a must be a folder",
        "'A'", "existing folder", make=(run("cycle", "cycle"),),
    ),
)

TIMELAPSE = (
    Case("film of nothing", "timelapse nowhere", "run", "nowhere", "pass the folder"),
    Case(
        "film of pictures that there are not", "timelapse run --key scores",
        "--key must be of pictures that the run has", "got 'scores'", "there is .*samples",
        make=(run(),),
    ),
    Case(
        "film of another folder", "timelapse run --key ../checkpoints", "media key must be names",
        r"got '\.\./checkpoints'", "such as 'samples'", make=(run(),),
    ),
    Case(
        "film with a bad ending", "timelapse run --out film.avi", "--out must end in",
        r"got film\.avi", r"\.gif or \.mp4", make=(run(),),
    ),
    Case(
        "film without an ending", "timelapse run --out film", "--out must end in", "got film",
        r"\.gif or \.mp4", make=(run(),),
    ),
    Case(
        "film into a folder", "timelapse run --out film.gif", r"film\.gif", "Is a directory",
        "choose", make=(run(), folder("film.gif")),
    ),
    Case(
        "film where nothing can be written", "timelapse run --out /proc/a.mp4", "writable",
        r"/proc/a\.mp4", "choose", make=(run(),),
    ),
    Case(
        "no pictures in a second", "timelapse run --fps 0", "--fps", r"got 0\.0", r"\(0, 120\]",
        make=(run(),),
    ),
    Case(
        "pictures of no size", "timelapse run --edge 0", "--edge", "'0'", "at least 1",
        make=(run(),),
    ),
    Case(
        "film of a damaged picture", "timelapse run", "readable image",
        r"media/samples/000000000000\.png", "repair or remove",
        make=(run(), damaged("run/media/samples/000000000000.png", half)),
    ),
    Case(
        "film without pictures", "timelapse run", "--key must be of pictures", "got 'samples'",
        "there is none; train it with", make=(run(), no_pictures),
    ),
)
# fmt: on


@pytest.mark.parametrize(
    "case", [*TRANSLATE, *PROBE, *SAMPLE, *TIMELAPSE], ids=lambda case: case.id
)
def test_commands_refuse_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
