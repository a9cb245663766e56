"""Options of the commands that read runs and folders of images."""

import pytest
import torch

from tests.command_server import CommandServer
from tests.helpers_bad_inputs import (
    Case,
    Place,
    check,
    damaged,
    folder,
    half,
    pictures,
    run,
    text_file,
)

TWO = "evaluate --real real --fake fake"
BOTH = (pictures("real", 12), pictures("fake", 12))
WEIGHTS = "--inception-weights weights.pth"


def inception(place: Place) -> None:
    """Random weights in the layout of the published file."""
    from tests.callbacks.metrics.helpers_inception import write_random_inception

    write_random_inception(place.path / "weights.pth")


def tensors(name: str, content: object):
    return lambda place: torch.save(content, place.path / name)


# fmt: off
COMMANDS = (
    Case("unknown command", "fitt --config toy.yaml", "command", "'fitt'", "did you mean fit"),
    Case(
        "misspelt option of sample", "sample run --smaples 5", "--smaples", "no option",
        "there is .*--n", make=(run(),),
    ),
    Case(
        "beginning of an option", "evaluate run --sample 50", "--sample ", "no option",
        "did you mean --samples", make=(run(),),
    ),
    Case("misspelt option of list", "list --jsn", "--jsn", "no option", "did you mean --json"),
    Case(
        "misspelt option of doctor", "doctor --trian", "--trian", "no option",
        "did you mean --train",
    ),
    Case("word for list", "list GAN", "list", "GAN", "there is --help, --json"),
    Case("no run for report", "report", "report", "RUN", "report --help"),
)

SAMPLING = (
    Case("no images", "sample run --n 0", "--n", "'0'", "at least 1", make=(run(),)),
    Case("word for a number", "sample run --n many", "--n", "many", "whole number", make=(run(),)),
    Case("no columns", "sample run --columns=-2", "--columns", "-2", "at least 1", make=(run(),)),
    Case(
        "word for a seed", "sample run --seed x", "--seed", "'x'", "whole number", make=(run(),),
    ),
    Case(
        "seed too large", "sample run --seed 99999999999999999999", "--seed", "'9{20}'",
        "whole number in 0", make=(run(),),
    ),
    Case(
        "seed below 0", "interpolate images --seed=-1", "--seed", "'-1'", "whole number in 0",
        make=(run("images", "images"),),
    ),
    Case(
        "sample among other images", "sample images --n 4 --out mine", "--out",
        "mine, which holds files", "choose another",
        make=(run("images", "images"), pictures("mine", 3)),
    ),
    Case(
        "sample beside a foreign grid", "sample images --n 4 --out mine", "--out",
        "mine, beside which there is mine-grid.png", "choose another",
        make=(run("images", "images"), text_file("mine-grid.png", "notes")),
    ),
    Case(
        "sample to a name too long", f"sample run --out {'x' * 300}", r"x{60} \.\.\. \(300",
        "file name too long", "choose another name", make=(run(),),
    ),
    Case(
        "sample to a file", "sample run --out toy.yaml", "--out", r"toy\.yaml", "choose another",
        make=(run(),),
    ),
    Case(
        "sample below a file", "sample run --out toy.yaml/images", "--out", r"toy\.yaml/images",
        "choose another", make=(run(),),
    ),
    Case(
        "sample where nothing can be written", "sample images --out /proc/images", "--out",
        "/proc/images", "choose", make=(run("images", "images"),),
    ),
    Case(
        "device that there is not", "sample run --device abacus", "--device", "abacus", "auto, cpu",
        make=(run(),),
    ),
    Case(
        "GPU that there is not", "sample run --device cuda", "--device", "cuda", "cpu",
        make=(run(),), env=(("CUDA_VISIBLE_DEVICES", ""),),
    ),
    Case(
        "bad ending", "interpolate images --out walk.jpeg", "--out", r"walk\.jpeg",
        r"\.png, \.gif or \.mp4", make=(run("images", "images"),),
    ),
    Case(
        "no frames a second", "interpolate images --fps 0", "--fps", r"got 0\.0", r"\(0, 120\]",
        make=(run("images", "images"),),
    ),
    Case(
        "NaN frames a second", "interpolate images --out a.gif --fps nan", "--fps", "nan",
        r"\(0, 120\]", make=(run("images", "images"),),
    ),
    Case(
        "way that there is not", "interpolate images --way straight", "--way", "straight", "slerp",
        make=(run("images", "images"),),
    ),
    Case(
        "walk between points", "interpolate run", "which makes points", "got run",
        "ganagerie sample", make=(run(),),
    ),
    Case(
        "walk into a folder", "interpolate images --out walk.png", r"walk\.png", "Is a directory",
        "choose", make=(run("images", "images"), folder("walk.png")),
    ),
    Case(
        "walk where nothing can be written", "interpolate images --out /proc/a.mp4", "writable",
        r"/proc/a\.mp4", "choose", make=(run("images", "images"),),
    ),
)

SCORING = (
    Case(
        "run and folders", "evaluate run --real real --fake fake", "run folder", "not both",
        "not both", make=(run(), *BOTH),
    ),
    Case(
        "number of samples for folders", f"{TWO} --samples 100", "--samples", "got 100",
        "leave it out", make=BOTH,
    ),
    Case(
        "checkpoint for folders", f"{TWO} --checkpoint last", "--checkpoint", "got last",
        "leave it out", make=BOTH,
    ),
    Case(
        "GPU that there is not, for folders", f"{TWO} --device cuda", "--device", "cuda", "cpu",
        make=BOTH, env=(("CUDA_VISIBLE_DEVICES", ""),),
    ),
    Case("neither run nor folders", "evaluate", "run folder", "--real", "give"),
    Case(
        "one folder alone", "evaluate --real real", "--real goes together", "alone", "give both",
        make=BOTH,
    ),
    Case(
        "missing folder", "evaluate --real real --fake nowhere", "folder", "nowhere",
        "check the path", make=BOTH,
    ),
    Case(
        "empty folder", TWO, "folder must hold images", "none in fake", r"endings are.*\.png",
        make=(pictures("real", 12), folder("fake")),
    ),
    Case(
        "corrupt image", TWO, "readable image", r"fake/007\.png", "replace or remove",
        make=(*BOTH, damaged("fake/007.png", half)),
    ),
    Case(
        "one image", TWO + " --space rand_vgg", "folder must hold at least 6", "got 1 in fake",
        "add images", make=(pictures("real", 12), pictures("fake", 1)),
    ),
    Case(
        "unequal sizes where one is needed", f"{TWO} --space inception_v3_tf {WEIGHTS}",
        "images must share one size", r"32x32.*40x40", "resize them, or choose",
        make=(*BOTH, pictures("real/large", 2, size=40), inception),
    ),
    Case("unknown space", f"{TWO} --space beauty", "--space", "beauty", "efflite0", make=BOTH),
    Case(
        "classifier for folders", f"{TWO} --space cls", "name", "'cls'", "choose efflite0",
        make=BOTH,
    ),
    Case(
        "points for folders", f"{TWO} --space identity", "name", "identity", "choose rand_vgg",
        make=BOTH,
    ),
    Case(
        "Inception without weights", f"{TWO} --space inception_v3_tf", "inception_weights",
        "inception_v3_tf", "give the path", make=BOTH,
    ),
    Case(
        "Inception weights missing", f"{TWO} {WEIGHTS}", "weights must be a file", r"weights\.pth",
        "give the path", make=BOTH,
    ),
    Case(
        "Inception weights that are none", f"{TWO} {WEIGHTS}", "weights must be a file of tensors",
        r"weights\.pth", "give the path", make=(*BOTH, text_file("weights.pth", "nothing")),
    ),
    Case(
        "weights of another network", f"{TWO} {WEIGHTS}", "layout of the published file",
        r"weights\.pth", "give the path",
        make=(*BOTH, tensors("weights.pth", {"layer.weight": torch.zeros(3)})),
    ),
    Case(
        "space of images for a run of points", "evaluate run --space rand_vgg", "name", "rand_vgg",
        "choose identity", make=(run(),),
    ),
    Case(
        "weights for a run of points", f"evaluate run --space inception_v3_tf {WEIGHTS}", "name",
        "inception_v3_tf", "choose identity", make=(run(), text_file("weights.pth", "none")),
    ),
    Case(
        "too few samples", "evaluate run --samples 3", "--samples", "got 3", "at least 6",
        make=(run(),),
    ),
    Case(
        "split that there is not", "evaluate run --split test", "--split", "test",
        "train.*held_out", make=(run(),),
    ),
    Case(
        "data gone", "evaluate images", "ImageFolder: folder", "pictures", "existing folder",
        make=(run("images", "images"),),
    ),
    Case(
        "data changed", "evaluate images", r"shape \[3, 32, 32\]", r"got \[4, 32, 32\]", "restore",
        make=(run("images", "images"), pictures(mode="RGBA")),
    ),
)

REPORTING = (
    Case("report of nothing", "report nowhere", "run", "nowhere", "pass the folder"),
    Case(
        "report of a foreign folder", "report pictures", "run", "pictures", "pass the folder",
        make=(pictures(),),
    ),
    Case(
        "report of one run twice", "report run ./run", "runs must differ", "run twice", "once",
        make=(run(),),
    ),
    Case(
        "report over a foreign file", "report run --out notes.html", "out must be", r"notes\.html",
        "choose another name", make=(run(), text_file("notes.html", "<p>mine</p>")),
    ),
    Case(
        "report with a bad ending", "report run --out report.pdf", "out must be an .html",
        r"report\.pdf", "name one", make=(run(),),
    ),
    Case(
        "report where nothing can be written", "report run --out /proc/a/report.html", "/proc/a",
        "must be writable", "choose a folder", make=(run(),),
    ),
    Case(
        "report with a damaged record", "report run", r"run/run\.json", "damaged", "restore",
        make=(run(), damaged("run/run.json", half)),
    ),
)
# fmt: on


@pytest.mark.parametrize(
    "case", [*COMMANDS, *SAMPLING, *SCORING, *REPORTING], ids=lambda case: case.id
)
def test_commands_refuse_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
