"""Run folders that are damaged, mixed up, or none; resume and its options."""

import json
import pickle

import pytest
import torch

from tests.command_server import CommandServer
from tests.helpers_bad_inputs import (
    Case,
    Place,
    changed_text,
    check,
    damaged,
    deleted,
    edited,
    folder,
    half,
    one_byte,
    run,
    text_file,
    unfinished,
)

RESUME = "resume run --set trainer.max_steps=60 --out new"
REBUILD = "resume --rebuild-index"


class Bomb:
    """Pickles to code that writes a file when it is loaded."""

    def __reduce__(self):
        return exec, ("open('bomb', 'w').write('exploded')",)


def last(place: Place) -> str:
    return json.loads((place.path / "run" / "index.json").read_text())["last"]


def pickled_code(place: Place) -> None:
    """Put code into the last checkpoint, and its new hash into the index."""
    path = place.path / "run" / last(place)
    content = torch.load(path, weights_only=True)
    torch.save({**content, "extra": Bomb()}, path)
    fit_index(place, path.name)


def plain_pickle(place: Place) -> None:
    path = place.path / "run" / last(place)
    path.write_bytes(pickle.dumps(Bomb()))
    fit_index(place, path.name)


def foreign_checkpoint(place: Place) -> None:
    """A checkpoint of something else than this library."""
    path = place.path / "run" / last(place)
    torch.save({"state_dict": {}, "epoch": 3}, path)
    fit_index(place, path.name)


def other_variant(place: Place) -> None:
    """The last checkpoint of another run under this one's name."""
    path = place.path / "run" / last(place)
    other = place.runs["images"]
    name = json.loads((other / "index.json").read_text())["last"]
    path.write_bytes((other / name).read_bytes())
    fit_index(place, path.name)


def fit_index(place: Place, name: str) -> None:
    """Let the index agree with a file that was exchanged."""
    from callbacks.run_folder import RunFolder

    opened = RunFolder(place.path / "run")
    index = opened.read_index()
    for row in index["checkpoints"]:
        if row["path"].endswith(name):
            row.update(opened.describe(opened.file_of(row)))
    opened.write_index(index)


def no_scores(index: dict) -> None:
    index["best"] = None
    for row in index["checkpoints"]:
        row["scores"] = row["protocol"] = None


def no_checkpoints(place: Place) -> None:
    for path in (place.path / "run" / "checkpoints").iterdir():
        path.unlink()
    edited("run/index.json", lambda index: index.update(checkpoints=[], best=None, last=None))(
        place
    )


# fmt: off
FOLDERS = (
    Case("no such run", "resume nowhere", "run must be", "nowhere", "pass the folder"),
    Case(
        "folder that is no run", "resume plain", "made by `fit`", "plain", "pass the folder",
        make=(folder("plain"),),
    ),
    Case("file for a run", "sample toy.yaml", "run must be", r"toy\.yaml", "pass the folder"),
    Case(
        "folder of runs", "report .", "run must be a run folder", r"holds runs", "name the runs",
        make=(run(),),
    ),
    Case(
        "run.json damaged", "resume run", r"run/run\.json", "damaged", "restore it",
        make=(run(), damaged("run/run.json", half)),
    ),
    Case(
        "run.json of something else", "sample run", r"run/run\.json", "neither", "made by `fit`",
        make=(run(), text_file("run/run.json", '{"name": "my-package"}')),
    ),
    Case(
        "run.json that is no text", "report run", r"run/run\.json", "damaged", "restore it",
        make=(run(), text_file("run/run.json", bytes(range(256)))),
    ),
    Case(
        "config.yaml missing", RESUME, r"run/config\.yaml", "No such file", "restore it",
        make=(run(), deleted("run/config.yaml")),
    ),
    Case(
        "config.yaml damaged", RESUME, r"run/config\.yaml", "no valid YAML", "restore it",
        make=(run(), text_file("run/config.yaml", "trainer: {max_steps: 3\nmodel: [")),
    ),
    Case(
        "config.yaml without a model", "evaluate run", r"run/config\.yaml", "lacks model",
        "restore it", make=(run(), text_file("run/config.yaml", "trainer: {}\ndata: {}\n")),
    ),
    Case(
        "config.yaml of another version", "evaluate run", r"Ring in config\.yaml", "lenght",
        "restore", make=(run(), changed_text("run/config.yaml", " length: ", " lenght: ")),
    ),
    Case(
        "config.yaml that is no text", RESUME, r"run/config\.yaml", "no valid YAML",
        "restore it", make=(run(), text_file("run/config.yaml", bytes(range(256)))),
    ),
    Case(
        "index.json damaged", RESUME, r"run/index\.json", "damaged", REBUILD,
        make=(run(), damaged("run/index.json", half)),
    ),
    Case(
        "index.json empty", "sample run", r"run/index\.json", "damaged", REBUILD,
        make=(run(), text_file("run/index.json", "")),
    ),
    Case(
        "index.json missing", RESUME, r"run/index\.json", "no such file", REBUILD,
        make=(run(), deleted("run/index.json")),
    ),
    Case(
        "index.json of another format", RESUME, r"run/index\.json", "99", "version",
        make=(run(), edited("run/index.json", lambda index: index.update(format=99))),
    ),
    Case(
        "index.json with half a row", RESUME, r"run/index\.json", "sha256", REBUILD,
        make=(run(), edited("run/index.json", lambda i: i["checkpoints"][-1].pop("sha256"))),
    ),
    Case(
        "index.json with a word for a row", RESUME, r"run/index\.json", "damaged", REBUILD,
        make=(run(), edited("run/index.json", lambda i: i["checkpoints"].append("last"))),
    ),
    Case(
        "evaluations.jsonl damaged", "resume run", r"evaluations\.jsonl", "line 1", "delete",
        make=(
            run(),
            unfinished("run", 30),
            damaged("run/evaluations.jsonl", lambda data: b"{\n" + data),
        ),
    ),
)

CHECKPOINTS = (
    Case(
        "no checkpoint yet", "sample run", "must hold a checkpoint", "got none", "fit",
        make=(run(), no_checkpoints),
    ),
    Case(
        "fork without a checkpoint", RESUME, "must hold a checkpoint", "got none", "fit",
        make=(run(), no_checkpoints),
    ),
    Case(
        "checkpoint missing", RESUME, r"\.ckpt", "no such file", "choose another checkpoint",
        make=(run(), lambda place: (place.path / "run" / last(place)).unlink()),
    ),
    Case(
        "checkpoint truncated", RESUME, r"\.ckpt", r"\d+ bytes", "choose another checkpoint",
        make=(run(), damaged("run/checkpoints/*.ckpt", half)),
    ),
    Case(
        "checkpoint truncated, sample", "sample run", r"\.ckpt", r"\d+ bytes",
        "choose another checkpoint", make=(run(), damaged("run/checkpoints/*.ckpt", half)),
    ),
    Case(
        "checkpoint empty", "evaluate run", r"\.ckpt", "0 bytes", "choose another checkpoint",
        make=(run(), damaged("run/checkpoints/*.ckpt", lambda data: b"")),
    ),
    Case(
        "checkpoint altered by a byte", RESUME, r"\.ckpt", "sha256.*altered", "choose another",
        make=(run(), damaged("run/checkpoints/*.ckpt", one_byte)),
    ),
    Case(
        "checkpoint altered, sample", "sample run --checkpoint last", r"\.ckpt", "altered",
        "choose another", make=(run(), damaged("run/checkpoints/*.ckpt", one_byte)),
    ),
    Case("pickled code", RESUME, r"\.ckpt", "pickled code", "use a", make=(run(), pickled_code)),
    Case(
        "pickled code, sample", "sample run --checkpoint last", r"\.ckpt", "pickled code", "use a",
        make=(run(), pickled_code),
    ),
    Case(
        "plain pickle", "sample run --checkpoint last", r"\.ckpt", "no checkpoint",
        "choose another", make=(run(), plain_pickle),
    ),
    Case(
        "checkpoint of something else", RESUME, r"\.ckpt", "'game'", "pass a file",
        make=(run(), foreign_checkpoint),
    ),
    Case(
        "checkpoint of another variant", "sample run --checkpoint last", r"DCGAN", "WGANGP",
        "own folders", make=(run(), other_variant),
    ),
    Case(
        "checkpoint of another variant, resume", RESUME, r"DCGAN", "WGANGP", "its own run",
        make=(run(), other_variant),
    ),
    Case(
        "step that there is not", "resume run --from 7 --out new", "checkpoint must be one", "'7'",
        "generator steps: .*30", make=(run(),),
    ),
    Case(
        "moment that there is not", "sample run --checkpoint images=5", "checkpoint must be one",
        "images=5", "generator steps: .*30", make=(run(),),
    ),
    Case(
        "best without evaluation", "resume run --from best --out new", "'best'", "without any",
        "use 'last'", make=(run(), edited("run/index.json", no_scores)),
    ),
)

RESUMING = (
    Case(
        "set of the folder", "resume run --set run_dir=other", "--set", "run_dir=other",
        "use --out", make=(run(),),
    ),
    Case(
        "set without =", "resume run --set trainer.max_steps", "--set", "trainer.max_steps'",
        "KEY=VALUE", make=(run(),),
    ),
    Case(
        "set with a misspelt key", "resume run --set trainer.max_stpes=60 --out new",
        r"trainer\.max_stpes", "no setting", r"did you mean --trainer\.max_steps", make=(run(),),
    ),
    Case(
        "set with a wrong type", "resume run --set model.init_args.generator_lr=fast --out new",
        r"model\.init_args\.generator_lr", "fast", "a number", make=(run(),),
    ),
    Case(
        "set that changes networks",
        "resume run --set model.init_args.generator.init_args.hidden=32 "
        "--set trainer.max_steps=60 --out new",
        r"checkpoint .*\.ckpt", r"first at generator", "start a new run", make=(run(),),
    ),
    Case(
        "set that changes the variant", "resume run --set model.class_path=WGAN --out new",
        r"wgan_gp\.WGANGP", r"wgan\.WGAN;", "its own run", make=(run(),),
    ),
    Case(
        "set that changes the batch in an epoch",
        "resume run --set data.init_args.batch_size=7 --set trainer.max_steps=60 --out new",
        "batch_size", "got 7", "global batch of the checkpoint", make=(run(),),
    ),
    Case(
        "fork with nothing to train", "resume run --set model.init_args.generator_lr=1e-5",
        r"trainer\.max_steps", "got 30", r"--set trainer\.max_steps=60", make=(run(),),
    ),
    Case(
        "seed that is none", "resume run --seed tomorrow", "--seed", "tomorrow", "0 or more",
        make=(run(),),
    ),
    Case("seed below 0", "resume run --seed=-3", "--seed", "-3", "0 or more", make=(run(),)),
    Case(
        "out without a change", "resume run --out new", "--out", "fork", "change something",
        make=(run(),),
    ),
    Case(
        "fork into a run", "resume run --seed 5 --set trainer.max_steps=60 --out run",
        "path must be a new or empty folder", "run with a run in it", "choose another",
        make=(run(),),
    ),
    Case(
        "fork under torchrun without a folder", "resume run --seed 5", "--out", "torchrun",
        "add --out FOLDER", make=(run(),), env=(("TORCHELASTIC_RUN_ID", "x"), ("RANK", "0")),
    ),
    Case("resume of nothing", "resume", "run", "required", "--help"),
)
# fmt: on


@pytest.mark.parametrize("case", [*FOLDERS, *CHECKPOINTS, *RESUMING], ids=lambda case: case.id)
def test_runs_are_refused_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
