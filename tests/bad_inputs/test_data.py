"""Data that are missing, damaged, unlike each other or too few."""

import numpy as np
import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_inputs import (
    Case,
    Place,
    array,
    check,
    damaged,
    folder,
    half,
    pictures,
    run,
    text_file,
    trained_on,
    unfinished,
)

BAD = "fit --config bad.yaml --run_dir new"
FIT = "fit --config toy.yaml --run_dir new"


def of_folder(**init_args: object):
    return trained_on("ImageFolder", **{"folder": "pictures", **init_args})


def palette16(place: Place) -> None:
    """A PNG whose header says palette with 16 bits, which the format forbids."""
    file = place.path / "pictures" / "000.png"
    content = bytearray(file.read_bytes())
    content[24], content[25] = 16, 3
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    file.write_bytes(content)


# fmt: off
FOLDERS = (
    Case(
        "missing folder", BAD, "ImageFolder: folder", "nowhere", "existing folder",
        make=(of_folder(folder="nowhere"),),
    ),
    Case(
        "folder that is a file", BAD, "ImageFolder: folder", r"toy\.yaml", "existing folder",
        make=(of_folder(folder="toy.yaml"),),
    ),
    Case(
        "empty folder", BAD, "ImageFolder: folder", "pictures", r"put files in it.*\.png",
        make=(folder("pictures"), of_folder()),
    ),
    Case(
        "folder without images", BAD, "ImageFolder: folder", "pictures", r"put files in it.*\.png",
        make=(text_file("pictures/notes.txt", "no image"), of_folder()),
    ),
    Case(
        "first image corrupt", BAD, "readable image", r"pictures/000\.png", "repair or remove",
        make=(pictures(), damaged("pictures/000.png", lambda data: b"no picture"), of_folder()),
    ),
    Case(
        "middle image truncated", BAD, "readable image", r"pictures/020\.png", "repair or remove",
        make=(pictures(), damaged("pictures/020.png", half), of_folder()),
    ),
    Case(
        "empty image file", BAD, "readable image", r"pictures/039\.png", "repair or remove",
        make=(pictures(), damaged("pictures/039.png", lambda data: b""), of_folder()),
    ),
    Case(
        "mixed sizes without resize", BAD, "ImageFolder: size", r"32x32.*40x40", "set size: 32",
        make=(pictures(), pictures("pictures/large", 3, size=40), of_folder()),
    ),
    Case(
        "mixed sizes with resize: none", BAD, "ImageFolder: resize", r"40x40",
        "set resize: center_crop",
        make=(
            pictures(),
            pictures("pictures/large", 3, size=40),
            of_folder(size=32, resize="none"),
        ),
    ),
    Case(
        "mixed channels", BAD, "ImageFolder: channels", r"000\.png \(3\) and .*grey/000\.png \(1\)",
        "set channels: 3", make=(pictures(), pictures("pictures/grey", 3, mode="L"), of_folder()),
    ),
    Case(
        "channels that there are not", BAD, "ImageFolder: channels", "got 7", "set channels: 3",
        make=(pictures(), of_folder(channels=7)),
    ),
    Case(
        "16-bit palette", BAD, "readable image", r"pictures/000\.png", "repair or remove",
        make=(pictures(), palette16, of_folder()),
    ),
    Case(
        "image beside classes", BAD, "ImageFolder: labels", r"pictures/000\.png", "labels: false",
        make=(
            pictures(count=1),
            pictures("pictures/cats", 20),
            pictures("pictures/dogs", 20),
            of_folder(),
        ),
    ),
    Case(
        "NaN in an array", BAD, "must be finite", r"pictures/x\.npy", "repair or remove",
        make=(array("pictures/x.npy", np.full((40, 32, 32, 3), np.nan, np.float32)), of_folder()),
    ),
    Case(
        "one infinity in an array", BAD, "must be finite", r"pictures/y\.npy", "repair or remove",
        make=(
            array("pictures/x.npy", np.full((30, 32, 32, 3), -0.5, np.float32)),
            array("pictures/y.npy", np.full((1, 32, 32, 3), np.inf, np.float32)),
            of_folder(),
        ),
    ),
    Case(
        "floats beyond the range", BAD, "ImageFolder: float_range", "got '-1 to 5",
        "set float_range",
        make=(
            array(
                "pictures/x.npy",
                np.linspace(-1, 255, 40 * 32 * 32 * 3, dtype=np.float32).reshape(40, 32, 32, 3),
            ),
            of_folder(),
        ),
    ),
    Case(
        "array of words", BAD, "readable image", r"x\.npy \(type", "repair or remove",
        make=(array("pictures/x.npy", [["a", "b"], ["c", "d"]]), of_folder()),
    ),
    Case(
        "array of objects", BAD, "readable image", r"x\.npy", "repair or remove",
        make=(array("pictures/x.npy", np.array([{"a": 1}, None], dtype=object)), of_folder()),
    ),
    Case(
        "channels first", BAD, "readable image", r"x\.npy \(shape \(40, 3, 32, 32\)", "transpose",
        make=(array("pictures/x.npy", np.zeros((40, 3, 32, 32), np.uint8)), of_folder()),
    ),
    Case(
        "fewer images than a batch", BAD, "batch_size must be at most", "got 8", "add data",
        make=(pictures(count=4), of_folder()),
    ),
)

SETS = (
    Case(
        "torchvision set that is not there", BAD, "CIFAR10: folder", "cifar-10-batches-py",
        "download: true", make=(trained_on("CIFAR10", folder="nothing"),),
    ),
    Case(
        "torchvision set that is damaged", BAD, "CIFAR10: folder", "cifar-10-batches-py",
        "download: true",
        make=(
            text_file("sets/cifar-10-batches-py/data_batch_1", b"half a batch"),
            trained_on("CIFAR10", folder="sets"),
        ),
    ),
    Case(
        "LSUN with download", BAD, "LSUN: download", "got True", "unpack",
        make=(trained_on("LSUN", folder="sets", download=True),),
    ),
    Case(
        "base class for data", BAD, "DataModule: class", "got 'DataModule'", "choose one",
        make=(trained_on("datamodules.base.DataModule"),),
    ),
    Case(
        "digits of no size", BAD, "MNIST5k: size", "got 2", "set size: 32",
        make=(trained_on("MNIST5k", colours=1, size=2),),
    ),
    Case(
        "levels for points", f"{FIT} --data.init_args.dequantize true", "Ring: dequantize",
        "got True", "set dequantize: false",
    ),
    Case(
        "fewer points than modes", f"{FIT} --data.init_args.length 5", "Ring: length", "got 5",
        "set length: 100000",
    ),
)

HELD_OUT = (
    Case(
        "nothing held out", f"{FIT} --data.init_args.held_out_share 0 --evaluation.split held_out",
        "Ring: held_out_share", r"got 0\.0", r"set held_out_share: 0\.1",
    ),
    Case(
        "too few held out to score",
        f"{FIT} --data.init_args.held_out_share 0.01 --evaluation.split held_out", "held_out_share",
        r"got 0\.01", "add images",
    ),
    Case(
        "space of images for points", f"{FIT} --evaluation.space rand_vgg", "choose_space: name",
        "rand_vgg", "choose identity",
    ),
    Case(
        "space of points for images", BAD, "choose_space: name", "identity", "choose rand_vgg",
        make=(
            pictures(),
            trained_on(
                "ImageFolder", folder="pictures", evaluation={"samples": 12, "space": "identity"}
            ),
        ),
    ),
    Case(
        "classifier without classes", BAD, "ClassifierSpace: data", "0 classes", "rand_vgg",
        make=(
            pictures(),
            trained_on(
                "ImageFolder", folder="pictures", evaluation={"samples": 12, "space": "cls"}
            ),
        ),
    ),
    Case(
        "space unknown", f"{FIT} --evaluation.space beauty", "choose_space: name", "beauty",
        "auto suits",
    ),
    Case(
        "Inception without weights", BAD, "inception_weights", "inception_v3_tf", "give the path",
        make=(
            pictures(),
            trained_on(
                "ImageFolder",
                folder="pictures",
                evaluation={"samples": 12, "space": "inception_v3_tf"},
            ),
        ),
    ),
    Case(
        "Inception weights missing", f"{FIT} --evaluation.inception_weights none.pth",
        "Evaluation: inception_weights", r"none\.pth", "published weights",
    ),
    Case(
        "too few samples to score", f"{FIT} --evaluation.samples 4", "Evaluation: samples",
        "got 4", "at least 6",
    ),
    Case(
        "data gone at resume in place", "resume images", "ImageFolder: folder", "pictures",
        "existing folder", make=(run("images", "images"), unfinished("images", 2)),
    ),
    Case(
        "data gone at resume", "resume images --set trainer.max_steps=9 --out new",
        "ImageFolder: folder", "pictures", "existing folder", make=(run("images", "images"),),
    ),
)
# fmt: on


@pytest.mark.parametrize("case", [*FOLDERS, *SETS, *HELD_OUT], ids=lambda case: case.id)
def test_data_are_refused_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
