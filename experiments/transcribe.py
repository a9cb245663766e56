"""``ganagerie translate`` for runs of speech: phonemes of the user's own WAV files."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from callbacks.durable import write_atomically
from experiments.errors import CommandError
from experiments.opening import OpenedRun, writing_to
from experiments.sample import refuse_taken


def transcribe(opened: OpenedRun, options: Namespace) -> int:
    """Write down what WAV files say: a line of phonemes each, in their order.

    Args:
        opened: of a module that transcribes.
        options: ``inputs``, files and folders of them; ``source``, ``to``, ``out``, ``tile``.

    Raises:
        CommandError: an option does not suit the run, or there is no file.
        ValueError: a file cannot be used, or the run's pieces cannot be found in sound.
    """
    for option, value in (
        ("--tile", options.tile),
        ("--from", options.source),
        ("--to", options.to),
    ):
        if value is not None:
            raise CommandError(
                f"{option} must be left out for speech, which becomes phonemes, got {value}"
            )
    if options.out is not None:
        refuse_taken(options.out)
    data = opened.data()
    lines = []
    files = sounds_of(options.inputs)
    for file in files:
        speech, mask = data.hear(file)
        lines += data.decode(opened.module.transcribe(speech, mask))
    if options.out is None:
        print("\n".join(lines))
    else:
        with writing_to(options.out.parent):
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(options.out, ("\n".join(lines) + "\n").encode())
    where = "" if options.out is None else f": {options.out}"
    print(f"{len(files)} files, by {opened.entry['path']}{where}", file=sys.stderr)
    return 0


def sounds_of(inputs: list[str]) -> list[Path]:
    """WAV files as they are named, and those in folders, in order.

    Raises:
        CommandError: one is missing, or a folder has none.
    """
    found: list[Path] = []
    for given in inputs:
        path = Path(given).expanduser()
        if path.is_dir():
            inside = sorted(f for f in path.iterdir() if f.suffix.lower() in (".wav", ".wave"))
            if not inside:
                raise CommandError(f"{given} must hold .wav files, got none; convert your sound")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise CommandError(f"{given} must be a WAV file or a folder of them, got none there")
    return found
