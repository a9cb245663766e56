"""Studies that are misspelt or impossible, storages that are not there, folders of others."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.command_server import CommandServer
from tests.helpers_bad_inputs import DROPPED, Case, Make, Place, check, folder, text_file

RUN = "study run bad.yaml --out new"
LR = "model.init_args.generator_lr"
GOOD: dict[str, Any] = {
    "name": "tiny",
    "metric": "coverage",
    "draws": 2,
    "budget_images": 640,
    "samples": 100,
    "set": {"loggers.wandb": "disabled"},
    "variants": [
        {"label": "a", "config": "toy.yaml", "space": {LR: {"log_uniform": [1e-4, 1e-2]}}},
    ],
}


def study(**changes: Any) -> Make:
    """Write ``bad.yaml``: a good study with some settings changed."""
    values = {**GOOD, **changes}
    values = {name: value for name, value in values.items() if value is not DROPPED}
    return text_file("bad.yaml", yaml.safe_dump(values))


def variant(**changes: Any) -> Make:
    """The same with its one variant changed."""
    values = {**GOOD["variants"][0], **changes}
    values = {name: value for name, value in values.items() if value is not DROPPED}
    return study(variants=[values])


def space(path: str, distribution: Any) -> Make:
    return variant(space={path: distribution})


# fmt: off
AT_ONCE = (
    Case("no such file", "study run none.yaml", r"none\.yaml", "does not exist", "smoke"),
    Case("a folder", "study run empty", "empty", "is a folder", "smoke", make=(folder("empty"),)),
    Case("no YAML", RUN, r"bad\.yaml", "line 1", "mend that line",
         make=(text_file("bad.yaml", "name: [1"),)),
    Case("a list", RUN, r"bad\.yaml", "got a list", "is one",
         make=(text_file("bad.yaml", "- 1"),)),
    Case("a key twice", RUN, "draws twice", "lines 1 and 2", "keep it once",
         make=(text_file("bad.yaml", "draws: 1\ndraws: 2\n"),)),
    Case("unknown setting", RUN, "drws is no setting", "study", "did you mean draws",
         make=(study(drws=3),)),
    Case("no variants", RUN, "variants must be given", "none", r"smoke\.yaml",
         make=(study(variants=[]),)),
    Case("no budget", RUN, "budget_images must be given", "none", r"smoke\.yaml",
         make=(study(budget_images=DROPPED),)),
    Case("no draws at all", RUN, "draws must be", "got 0", "at least 1", make=(study(draws=0),)),
    Case("half a seed", RUN, "seeds must be", r"got 1\.5", "whole number",
         make=(study(seeds=1.5),)),
    Case("unknown metric", RUN, "metric must be one of", "'fdd'", "did you mean fd",
         make=(study(metric="fdd"),)),
    Case("wrong way", RUN, "direction must be max", "'min'", "leave it out",
         make=(study(direction="min"),)),
    Case("name that is a path", RUN, "name must be", "'a/b'", "names a folder",
         make=(study(name="a/b"),)),
    Case("labels alike", RUN, "labels must differ", "a twice", "of its own",
         make=(study(variants=GOOD["variants"] * 2),)),
    Case("unknown setting of a variant", RUN, "spce is no setting", "variant",
         "did you mean space", make=(variant(spce={}),)),
    Case("empty space", RUN, "space of variant a", "none", "write", make=(variant(space={}),)),
    Case("unknown distribution", RUN, LR, "normal", "one of log_uniform",
         make=(space(LR, {"normal": [0, 1]}),)),
    Case("falling range", RUN, LR, r"\[0\.1, 0\.01\]", "lower end first",
         make=(space(LR, {"uniform": [0.1, 0.01]}),)),
    Case("logarithm of zero", RUN, LR, "got 0", "above 0",
         make=(space(LR, {"log_uniform": [0, 1]}),)),
    Case("half of a range", RUN, LR, r"\[1\]", "LOW, HIGH", make=(space(LR, {"uniform": [1]}),)),
    Case("choice of nothing", RUN, LR, "none", "list two", make=(space(LR, {"choice": []}),)),
    Case("evaluations beyond the budget", RUN, "every_n_images", "1000 of 640", "lower it",
         make=(study(every_n_images=1000),)),
    Case("unknown state", RUN, "stop_early", "'sad'", "collapsed, never_learned",
         make=(study(stop_early=["sad"]),)),
    Case("no time at all", RUN, "time_limit_s", "got 0", "null sets no limit",
         make=(study(time_limit_s=0),)),
    Case("unknown storage", f"{RUN} --storage mysql://host/db", "storage must be", "mysql",
         "leave it out", make=(study(),)),
    Case("server that is not there", f"{RUN} --storage postgresql://me:pw@127.0.0.1:9/db",
         "storage must be reachable", r"me@127\.0\.0\.1:9/db", "start the server",
         make=(study(),)),
    Case("no workers", f"{RUN} --workers 0", "workers", "'0'", "at least 1", make=(study(),)),
    Case("folder of something else", "study run bad.yaml --out mine", "folder must be new",
         "mine", "choose another", make=(study(), text_file("mine/notes.txt", "mine"))),
    Case("folder of another study", "study run bad.yaml --out mine", "very study", "'other'",
         "choose another",
         make=(study(), text_file("mine/study.json", json.dumps({"name": "other"})))),
    Case("worker without a study", "study worker empty", "folder must be one", "empty",
         "--out", make=(folder("empty"),)),
    Case("status of nothing", "study status none", "folder must be one", "none", "--out"),
    Case("damaged record", "study report mine", r"study\.json", "damaged", "once more",
         make=(text_file("mine/study.json", "{"),)),
    Case("record whose file is gone", "study report mine", "storage of mine", "none",
         "add --storage", make=(text_file("mine/study.json", json.dumps({"name": "x"})),)),
    Case("no sub-command", "study", "required", "run", "--help"),
)
#: These are tried on the constructors, in a process of their own; a line says so first.
TRIED = (
    ("unknown parameter", space("model.init_args.generatr_lr", {"uniform": [0, 1]}),
     (r"variant a: space: model\.init_args\.generatr_lr is no setting", "did you mean")),
    ("range that the constructor refuses", space("model.init_args.penalty_weight",
     {"uniform": [-1, 1]}), ("variant a", "weight", r"-\d")),
    ("choice of another type", space("model.init_args.discriminator_steps",
     {"choice": ["many", 2]}), ("variant a", "discriminator_steps", "many")),
    ("metric that the data do not give", study(metric="cs"),
     ("metric cs must be one that its data", "coverage_identity")),
    ("config that is missing", variant(config="none.yaml"), (r"config none\.yaml", "list")),
    ("setting of the study's own", variant(set={"trainer.max_steps": 5}),
     (r"must leave trainer\.max_steps to the study", "budget_images")),
    ("budget below a step", study(budget_images=8), ("budget_images must hold", "raise it")),
)
# fmt: on


@pytest.mark.parametrize("case", AT_ONCE, ids=lambda case: case.id)
def test_it_is_refused_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)


# Lightning's own use of the parser, and of loaders; commands run outside of pytest's filter.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("make", "words"), [row[1:] for row in TRIED], ids=[r[0] for r in TRIED])
def test_it_is_refused_by_those_who_would_be_built(
    make: Make, words: tuple[str, ...], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.errors import CommandError
    from experiments.study.design import read_design
    from experiments.study.resolving import resolve

    make(place)
    monkeypatch.chdir(place.path)
    before = sorted(place.path.rglob("*"))
    design = read_design(place.path / "bad.yaml").to_dict()
    with pytest.raises(CommandError) as told:
        resolve(design)
    line = str(told.value)
    assert "\n" not in line and line.startswith("study: ") and len(line) < 600
    for word in words:
        assert re.search(word, line), line
    assert sorted(place.path.rglob("*")) == before
