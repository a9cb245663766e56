"""Folders that are taken, disks that are full or refuse, and environments that lack something."""

import pytest

from tests.command_server import FILE_LIMIT, CommandServer
from tests.helpers_bad_inputs import (
    Case,
    Place,
    changed_text,
    check,
    disk,
    folder,
    pictures,
    run,
    text_file,
    trained_on,
    unfinished,
)

FIT = "fit --config toy.yaml"
TORCHRUN = (("TORCHELASTIC_RUN_ID", "x"), ("RANK", "0"), ("WORLD_SIZE", "1"))

# fmt: off
TAKEN = (
    Case(
        "run_dir of no letters", "fit --config toy.yaml --run_dir ''", "--run_dir", "got ''",
        "leave it out",
    ),
    Case(
        "run_dir too long", f"fit --config toy.yaml --run_dir {'x' * 300}", r"x{60} \.\.\. \(300",
        "file name too long", "choose another name",
    ),
    Case("run_dir is a file", f"{FIT} --run_dir toy.yaml", "path", r"toy\.yaml", "choose another"),
    Case(
        "run_dir holds files", f"{FIT} --run_dir mine", "path", "mine with files", "choose another",
        make=(text_file("mine/thesis.tex", "all of it"),),
    ),
    Case(
        "run_dir is a run", f"{FIT} --run_dir run", "path", "run with a run", "`resume`",
        make=(run(),),
    ),
    Case(
        "run_dir below a file", f"{FIT} --run_dir toy.yaml/run", r"toy\.yaml/run", "is a file",
        "choose",
    ),
    Case(
        "run_dir where nothing can be made", f"{FIT} --run_dir /proc/run", "/proc/run",
        "No such file", "choose",
    ),
    Case("run_dir without a name", f"{FIT} --run_dir", "--run_dir", "expected one", "argument"),
    Case(
        "torchrun without run_dir", FIT, "run_dir", "torchrun", "add --run_dir FOLDER",
        env=TORCHRUN,
    ),
)

TAKEN_BACK = (
    Case(
        "new folders in new folders", f"{FIT} --run_dir a/b/new --evaluation.space beauty",
        "choose_space", "beauty", "auto suits",
    ),
    Case(
        "folder that was there before", f"{FIT} --run_dir new --evaluation.space beauty",
        "choose_space", "beauty", "auto suits", make=(folder("new"),),
    ),
    Case(
        "resume in place", "resume run", "choose_space", "beauty", "auto suits",
        make=(
            run(),
            unfinished("run", 30),
            changed_text("run/config.yaml", "space: auto", "space: beauty"),
        ),
    ),
)

REFUSING = (
    Case(
        "read-only disk", f"{FIT} --run_dir disk/new", "disk/new", "Read-only file system",
        "choose", make=(disk("disk", options="ro"),),
    ),
    Case(
        "sample to a read-only disk", "sample run --out disk/drawn", "--out",
        "disk/drawn.*read-only", "choose", make=(run(), disk("disk", options="ro")),
    ),
    Case(
        "report to a read-only disk", "report run --out disk/report.html", r"disk/report\.html",
        "Read-only", "choose", make=(run(), disk("disk", options="ro")),
    ),
    Case(
        "disk full before the first file", f"{FIT} --run_dir disk/new", "disk/new", "No space left",
        "free space", make=(disk("disk", free=0),),
    ),
    Case(
        "disk full before the first round", f"{FIT} --run_dir disk/new", "disk/new",
        "No space left", "free space", make=(disk("disk", free=20_000),),
    ),
    Case(
        "disk full at the first checkpoint", f"{FIT} --run_dir disk/new", "disk/new/checkpoints",
        r"got 0\.\d MB", "free space", make=(disk("disk", free=600_000),), began=True,
        new="disk/new",
    ),
    Case(
        "disk full at a later checkpoint", f"{FIT} --run_dir disk/new", "disk/new", r"got 1\.0 MB",
        "free space", make=(disk("disk", size="4m", free=1_330_000),), began=True, new="disk/new",
    ),
    Case(
        "disk full for sample", "sample images --n 400 --out disk/drawn", "--out", "no space left",
        "free space", make=(run("images", "images"), disk("disk", free=0)),
    ),
    Case(
        "disk full for interpolate", "interpolate images --out disk/walk.gif", r"disk/walk\.gif",
        "No space left", "free space", make=(run("images", "images"), disk("disk", free=0)),
    ),
    Case(
        "files may not grow", f"{FIT} --run_dir new", "new/", "File too large", "choose a folder",
        env=((FILE_LIMIT, "42000"),), began=True,
    ),
    Case(
        "cache where nothing can be made", "fit --config bad.yaml", "cache: folder", "/proc/cache",
        "set GANAGERIE_CACHE", make=(pictures(), trained_on("ImageFolder", folder="pictures")),
        env=(("GANAGERIE_CACHE", "/proc/cache"),),
    ),
    Case(
        "cache on a full disk", "fit --config bad.yaml", "cache: folder", "No space left",
        "set GANAGERIE_CACHE",
        make=(
            pictures(),
            trained_on("ImageFolder", folder="pictures"),
            disk("disk", free=0),
            folder("disk/datasets"),
        ),
        env=(("GANAGERIE_CACHE", "disk"),),
    ),
    Case(
        "current folder on a full disk", "fit --config ../toy.yaml", "runs/", "No space left",
        "free space", make=(disk("disk", free=0),), cwd="disk",
    ),
)
# fmt: on


@pytest.mark.parametrize("case", [*TAKEN, *TAKEN_BACK, *REFUSING], ids=lambda case: case.id)
def test_storage_is_refused_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
