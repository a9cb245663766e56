"""What a user can get wrong about memorization."""

import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_inputs import (
    Case,
    Place,
    check,
    damaged,
    deleted,
    half,
    run,
    settings,
    text_file,
)

# fmt: off
CASES = (
    Case("no run", "memorization", "run", "required", "--help"),
    Case("run that is none", "memorization nowhere", "run", "nowhere", "pass the folder"),
    Case(
        "too few held out", "memorization run", "must hold out at least 100", "got 21",
        "held_out_share.*--no-holdout", make=(run(),),
    ),
    Case(
        "too few samples", "memorization run --samples 99", "--samples must be at least 100",
        "got 99", "1000 is the default", make=(run(),),
    ),
    Case(
        "samples that are no number", "memorization run --samples many", "--samples", "many",
        "whole number", make=(run(),),
    ),
    Case(
        "checkpoint that there is not", "memorization run --checkpoint 12345", "checkpoint",
        "12345", "last", make=(run(),),
    ),
    Case(
        "damaged checkpoint", "memorization run", "checkpoint", r"\.ckpt", "resume|another|choose",
        make=(run(), damaged("run/checkpoints/*.ckpt", half)),
    ),
    Case(
        "settings gone", "memorization run", r"config\.yaml", "cannot be read", "restore",
        make=(run(), deleted("run/config.yaml")),
    ),
    Case(
        "space of images for points", "memorization run --space rand_vgg", "name", "rand_vgg",
        "choose identity", make=(run(),),
    ),
    Case(
        "unknown change", "memorization run --augment all", "--augment", "all", "flip",
        make=(run(),),
    ),
    Case(
        "out is a file", "memorization run --out taken", "--out must be a folder", "taken",
        "choose another", make=(run(), text_file("taken", "x")),
    ),
    Case(
        "out that cannot be written", "memorization run --no-holdout --out /proc/x", "/proc/x",
        "writable|written", "choose", make=(run(),),
    ),
    Case(
        "device that there is not", "memorization run --device tpu", "--device", "tpu", "doctor",
        make=(run(),),
    ),
    Case(
        "section that is no mapping", "fit --config bad.yaml", "memorization must be a mapping",
        "got true", "key: value", make=(text_file("bad.yaml", "memorization: true\n"),),
    ),
    Case(
        "few samples while training", "fit --config bad.yaml --run_dir new", "samples must be",
        "got 7", "1000", make=(settings(memorization={"samples": 7}),),
    ),
    Case(
        "unknown change while training", "fit --config bad.yaml --run_dir new",
        "memorization.augment", "everything", "full|flip",
        make=(settings(memorization={"augment": "everything"}),),
    ),
    Case(
        "misspelt setting", "fit --config bad.yaml --run_dir new", "memorization", "at_ned",
        "at_end", make=(settings(memorization={"at_ned": True}),),
    ),
)
# fmt: on


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_memorization_refuses_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
