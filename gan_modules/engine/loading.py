"""A module from a checkpoint file, whatever its class."""

from __future__ import annotations

import importlib
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch


def read_checkpoint(path: Path, map_location: Any | None = "cpu") -> dict[str, Any]:
    """Read a checkpoint file without running any code that it may hold.

    Args:
        path: the file.
        map_location: device of the tensors.

    Returns:
        The checkpoint: ``state_dict``, optimizers, loops, counters, random states.

    Raises:
        ValueError: the file is missing, cut short, no checkpoint, or holds pickled code; the
            message is one line that names the file and the remedy.
    """
    if not path.is_file():
        raise ValueError(
            f"checkpoint must be an existing file, got {path}; `resume RUN` "
            "goes on from the last one of a run"
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"checkpoint must be a whole file written by `fit`, got {path}, "
            f"whose {path.stat().st_size} bytes are truncated or no checkpoint; choose another "
            "checkpoint of the run"
        )
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"checkpoint must hold only tensors and plain data, got pickled "
            f"code ({_forbidden(error)}) in {path}; nothing was executed, use a file from a source "
            "that you trust, saved without Python objects"
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"checkpoint must be a whole file written by `fit`, got {path}, "
            f"which is damaged ({' '.join(str(error).split())[:80]}); choose another checkpoint of "
            "the run"
        ) from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise ValueError(
            f"checkpoint must hold a 'state_dict', got a "
            f"{type(checkpoint).__name__} without it in {path}; pass a checkpoint written by `fit`"
        )
    return checkpoint


def _forbidden(error: Exception) -> str:
    """Pick the name of the refused object out of torch's long explanation."""
    words = str(error).replace("GLOBAL ", "global ").split("global ", 1)
    return words[1].split()[0].strip("`'.,") if len(words) == 2 and words[1].split() else "unknown"


def read_game_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of one of our modules.

    Raises:
        ValueError: it is of something else; see also :func:`read_checkpoint`.
    """
    content = read_checkpoint(path)
    if "game" not in content:
        raise ValueError(
            f"checkpoint must be one of ganagerie, got {path} without its entry 'game'; "
            "pass a file from the checkpoints of a run"
        )
    return content


def load_module(path: Path, replacements: dict[str, Any]) -> Any:
    """See :func:`gan_modules.load`."""
    class_path = read_game_checkpoint(path)["game"]["class_path"]
    module_name, _, class_name = class_path.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"checkpoint {path} is of {class_path}, which cannot be imported ({error}); "
            "run where that class is installed"
        ) from error
    try:
        module = cls.load_from_checkpoint(
            path, map_location="cpu", weights_only=True, **replacements
        )
    except TypeError as error:
        raise ValueError(
            f"checkpoint {path} does not hold all arguments of {class_name} ({error}); "
            "pass those that were objects, such as generator=... and discriminator=..."
        ) from error
    return module.eval()
