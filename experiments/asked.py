"""What samples of a run are asked for: a class, sentences, or sounds."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from datamodules.mel import fit_length, read_wave
from experiments.errors import CommandError
from experiments.opening import OpenedRun, build

#: The option for each kind of thing that a generator can be told.
OPTIONS = {"text": "--text", "sound": "--audio"}


def rows_asked(opened: OpenedRun, options: Namespace) -> Tensor | None:
    """What the generator is told of what was asked for.

    Args:
        opened: the run.
        options: ``label``, a class or None; ``texts``, sentences; ``sounds``, WAV files.

    Returns:
        A row for each class, sentence or sound, on the module's device; None where nothing was
        asked for.

    Raises:
        CommandError: the run is told something else, a file is missing, or the data have changed.
        ValueError: a file cannot be read, or the data refuse.
    """
    module = opened.module
    asked = {"text": options.texts, "sound": options.sounds}
    told = getattr(module, "told", None)
    for key, values in asked.items():
        if values and key != told:
            raise CommandError(
                f"{OPTIONS[key]} must be left out for a {type(module).__name__}, got "
                f"'{values[0]}'; {_instead(module, told)}"
            )
    if options.label is not None:
        return class_asked(module, options.label)
    if options.texts:
        rows = embedded(opened, options.texts)
    elif options.sounds:
        rows = heard(opened, options.sounds)
    else:
        return None
    if tuple(rows.shape[1:]) != module.told_shape:
        raise CommandError(
            f"data of {opened.run.path} must make {told} of the shape {list(module.told_shape)}, "
            f"got {list(rows.shape[1:])}; they have changed since it was trained, restore them"
        )
    return rows.to(module.device, module.float_dtype)


def class_asked(module: Any, label: int) -> Tensor:
    """One class as the one row.

    Raises:
        CommandError: a class is asked for that the run has not.
    """
    classes = getattr(module, "num_classes", 0)
    if label >= classes:
        have = f"0..{classes - 1}" if classes else "none"
        raise CommandError(
            f"--class must be a class of the run, got {label}, it has {have}; leave --class out"
        )
    return torch.tensor([label], device=module.device)


def sentence(text: str) -> str:
    """Words, as an option takes them.

    Raises:
        argparse.ArgumentTypeError: there are none.
    """
    if not text.strip():
        raise ArgumentTypeError(f"must be a sentence, got {text!r}")
    return text


def embedded(opened: OpenedRun, texts: Sequence[str]) -> Tensor:
    """Sentences by the encoder of the run's data, whose images need not be read for it."""
    data = build(opened.settings["data"])
    _require(data, "embed")
    rows: Tensor = data.embed(list(texts))
    return rows


def heard(opened: OpenedRun, files: Sequence[Path]) -> Tensor:
    """Sounds as the run's data hear them: cut or filled to their length, and standardised."""
    for file in files:
        if not file.is_file():
            raise CommandError(f"--audio must be a WAV file, got {file}, no such file; check it")
    waves = [read_wave(file) for file in files]
    data = opened.data()
    _require(data, "spectrograms")
    length = data.sounds("train")[0].shape[1]
    rows: Tensor = data.spectrograms(torch.stack([fit_length(wave, length) for wave in waves]))
    return rows


def _require(data: Any, method: str) -> None:
    if not hasattr(data, method):
        raise CommandError(
            f"data of the run must have the method {method}, got {type(data).__name__}; write one, "
            "or call sample() of the module in Python"
        )


def _instead(module: Any, told: str | None) -> str:
    if told in OPTIONS:
        return f"it is told what {OPTIONS[told]} gives"
    return "use --class" if getattr(module, "num_classes", 0) else "it is told nothing but latents"
