"""``ganagerie COMMAND``, also ``python -m experiments COMMAND``: finds the command and runs it.

Nothing heavy is imported here: ``--help`` and ``list`` answer without torch.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence

from experiments import errors

COMMANDS = {
    "fit": ("experiments.fit", "train a variant from a YAML file"),
    "resume": ("experiments.resume", "go on with a run, or fork it with changed settings"),
    "evaluate": ("experiments.evaluate", "score a run, or two folders of images"),
    "sample": ("experiments.sample", "draw images from a run"),
    "translate": ("experiments.translate", "lead images, sentences or speech into another domain"),
    "interpolate": (
        "experiments.interpolate",
        "walk between latents or styles: a grid, a GIF or an MP4",
    ),
    "truncation": ("experiments.truncation", "the same latents at several truncations"),
    "mix": ("experiments.mix", "coarse styles of one image with fine styles of another"),
    "project": ("experiments.project", "the latents whose images come closest to given ones"),
    "path-length": ("experiments.path_length", "how fast images change between latents"),
    "reconstruct": ("experiments.reconstruct", "images through the codes of an autoencoder"),
    "health": ("experiments.health", "states, collapses, and the checkpoint to go back to"),
    "memorization": ("experiments.memorization", "whether samples are copies of training images"),
    "probe": ("experiments.probe", "whether a translation hides or ignores its input"),
    "report": ("experiments.report", "one static HTML page for one or several runs"),
    "study": ("experiments.study.command", "compare variants over many settings and seeds"),
    "timelapse": ("experiments.timelapse", "how the samples changed in training, as a GIF or MP4"),
    "list": ("experiments.listing", "the catalogue of variants"),
    "doctor": ("experiments.doctor", "check the environment, the data and the GPUs"),
}


def usage() -> str:
    """The overview that ``--help`` prints."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items())
    return (
        "usage: ganagerie COMMAND [options]\n\n"
        f"commands:\n{rows}\n\n"
        "first steps:\n"
        "  ganagerie fit --config experiments/configs/demo.yaml\n"
        "  ganagerie COMMAND --help\n\n"
        "--debug after any command shows the traceback of a failure."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: without the program's name; None takes the process's own.

    Returns:
        0; 2 for what a user can mend, in one line on stderr; 1 for a defect of ours; 143 when a
        signal stopped a training run that was saved.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        print(version("ganagerie"))
        return 0
    name, rest = words[0], words[1:]
    debug = "--debug" in rest
    rest = [word for word in rest if word != "--debug"]
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        known = ", ".join(COMMANDS)
        error = errors.CommandError(f"unknown command {name!r}; {meant}the commands are {known}")
        return errors.report(error, debug)
    try:
        return int(importlib.import_module(COMMANDS[name][0]).main(rest))
    except KeyboardInterrupt:
        print("ganagerie: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else errors.USER
    except Exception as error:
        return errors.report(error, debug)


if __name__ == "__main__":
    sys.exit(main())
