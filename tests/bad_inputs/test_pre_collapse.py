"""Going back to before a collapse that never was, left nothing, or whose traces are damaged."""

from typing import Any

import pytest

from callbacks.run_folder import RunFolder
from tests.command_server import CommandServer
from tests.helpers_bad_inputs import (
    Case,
    Place,
    check,
    damaged,
    edited,
    half,
    one_byte,
    run,
    unfinished,
)

BACK = "resume run --from pre-collapse --set trainer.max_steps=60 --out new"
REBUILD = "resume --rebuild-index"
LR = "model.init_args.generator_lr"


def judged(state: str, onset: int | None = None) -> Any:
    """Let the index of the run say that a monitor has watched it.

    Args:
        state: of every checkpoint, and of the run; "collapsed" comes after healthy checkpoints.
        onset: of the collapse.
    """

    def change(index: dict[str, Any]) -> None:
        then = "healthy" if state == "collapsed" else state
        for number, row in enumerate(index["checkpoints"]):
            row["state"] = {"state": then, "probe": number, "score": 0.5, "armed": True}
        first = index["checkpoints"][0]
        chosen = then == "healthy" and (onset is None or first["images_seen"] < onset)
        index["health"] = {
            "state": state,
            "onset": onset,
            "alarm": onset,
            "pre_collapse": first["path"] if chosen else None,
        }

    return edited("run/index.json", change)


def gone(place: Place) -> None:
    """Delete the checkpoint that is the best before the collapse."""
    opened = RunFolder(place.path / "run")
    opened.file_of(opened.resolve("pre-collapse")).unlink()


def state_is(value: Any) -> Any:
    return edited("run/index.json", lambda index: index["checkpoints"][0].update(state=value))


def unwatched(place: Place) -> None:
    edited("run/index.json", lambda index: index.update(health=None))(place)


def health_is(value: Any) -> Any:
    return edited("run/index.json", lambda index: index.update(health=value))


def probe_without_verdict(place: Place) -> None:
    path = place.path / "run" / "evaluations.jsonl"
    path.write_text(path.read_text() + '{"kind": "probe", "images_seen": 30}\n')


# fmt: off
NONE = (
    Case(
        "no monitor", BACK, "'pre-collapse' must be of a run with a collapse monitor", "got run",
        "use 'best' or 'last'", make=(run(), unwatched),
    ),
    Case(
        "no monitor, sample", "sample run --checkpoint pre-collapse", "'pre-collapse'",
        "got run, which had none", "use 'best' or 'last'", make=(run(), unwatched),
    ),
    Case(
        "never healthy", BACK, "'pre-collapse' must name a checkpoint", "the newest was warmup",
        "start again with lower rates", make=(run(), judged("warmup")),
    ),
    Case(
        "never learned, evaluate", "evaluate run --checkpoint pre-collapse", "from before the coll",
        "got none in run .*the newest was never learned", "start again",
        make=(run(), judged("never_learned")),
    ),
    Case(
        "collapse right after arming", BACK, "'pre-collapse'",
        r"first healthy checkpoint is of [\d,]+ images, the fall began at 5", "start again",
        make=(run(), judged("collapsed", onset=5)),
    ),
    Case(
        "misspelt", "resume run --from precollapse --out new", "checkpoint must be one",
        "'precollapse'", "'pre-collapse', or one of these", make=(run(),),
    ),
    Case(
        "nothing left to train", "resume run --from last --reset-d opt", r"trainer\.max_steps",
        "got 30", r"--set trainer\.max_steps=60", make=(run(), judged("healthy")),
    ),
)

DAMAGED = (
    Case(
        "chosen file is gone", BACK, r"checkpoints/images=.*\.ckpt", "no such file",
        "choose another checkpoint", make=(run(), judged("healthy"), gone),
    ),
    Case(
        "chosen file is cut", BACK, r"\.ckpt", r"\d+ bytes", "choose another checkpoint",
        make=(run(), judged("healthy"), damaged("run/checkpoints/*.ckpt", half)),
    ),
    Case(
        "chosen file is altered", "interpolate run --checkpoint pre-collapse", r"\.ckpt", "altered",
        "choose another", make=(run(), judged("healthy"), damaged("run/checkpoints/*", one_byte)),
    ),
    Case(
        "health is a word", BACK, r"run/index\.json", "health without a known state", REBUILD,
        make=(run(), health_is("fine")),
    ),
    Case(
        "health of an unknown state", "sample run", r"run/index\.json", "without a known state",
        REBUILD, make=(run(), health_is({"state": "fine"})),
    ),
    Case(
        "onset that is no number", BACK, r"run/index\.json", "onset 'late'", REBUILD,
        make=(run(), health_is({"state": "healthy", "onset": "late"})),
    ),
    Case(
        "pins that are no list", "evaluate run", r"run/index\.json", "no list of paths", REBUILD,
        make=(run(), health_is({"state": "healthy", "pinned": "all"})),
    ),
    Case(
        "state of a checkpoint is a number", BACK, r"run/index\.json", "checkpoint 0 with the sta",
        REBUILD, make=(run(), state_is(3)),
    ),
    Case(
        "probe without a verdict", "resume run", r"evaluations\.jsonl", "verdict", "delete",
        make=(run(), unfinished("run", 30), probe_without_verdict),
    ),
)

OPTIONS = (
    Case(
        "reset of something else", "resume run --reset-d all", "--reset-d", "'all'", "opt.*weights",
        make=(run(),),
    ),
    Case("reset of nothing", "resume run --reset-d", "--reset-d", "expected one", "--help"),
    Case(
        "factor on a text", "resume run --set loggers.project*=2", r"loggers\.project\*=2",
        "got 'ganagerie'", "set it with", make=(run(),),
    ),
    Case(
        "factor on null", f"resume run --set {LR}*=0.5 --set model.init_args.lr_decay*=2",
        r"lr_decay\*=2", "got None", "set it with", make=(run(),),
    ),
    Case(
        "factor that is a word", f"resume run --set {LR}*=half", rf"{LR}\*=", "'half'",
        r"as in --set .*\*=0\.5", make=(run(),),
    ),
    Case(
        "factor on a misspelt setting", "resume run --set model.init_args.generator_rate*=0.5",
        r"generator_rate\*=", "none of this name", r"config\.yaml", make=(run(),),
    ),
    Case(
        "factor without a key", "resume run --set *=0.5", "--set", r"'\*=0\.5'", "KEY=VALUE",
        make=(run(),),
    ),
    Case(
        "factor that makes half a step", "resume run --set trainer.max_steps*=0.55 --out new",
        r"trainer\.max_steps", r"16\.5", "whole number", make=(run(),),
    ),
    Case(
        "factor of 0 on a rate", f"resume run --set {LR}*=0 --out new", "generator_lr", "got 0",
        "above 0", make=(run(),),
    ),
)
# fmt: on


@pytest.mark.parametrize("case", [*NONE, *DAMAGED, *OPTIONS], ids=lambda case: case.id)
def test_going_back_is_refused_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
