"""A module from a checkpoint file, whatever its class."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, tensors on the CPU; code in it is never run.

    Raises:
        ValueError: if the file is missing, damaged, holds pickled code or is not ours.
    """
    if not path.is_file():
        raise ValueError(f"checkpoint {path} does not exist; list them with: ganagerie report RUN")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a different type for each kind of damage
        if "weights_only" in str(error).lower() or "unsupported global" in str(error).lower():
            raise ValueError(
                f"checkpoint {path} holds pickled code, which is not run; "
                "use a checkpoint that ganagerie wrote"
            ) from error
        raise ValueError(
            f"checkpoint {path} is damaged or no checkpoint ({type(error).__name__}); "
            "use another one of the run"
        ) from error
    if not isinstance(content, dict) or "game" not in content:
        raise ValueError(f"checkpoint {path} is not one of ganagerie; it has no entry 'game'")
    return content


def load_module(path: Path, replacements: dict[str, Any]) -> Any:
    """See :func:`gan_modules.load`."""
    class_path = read_checkpoint(path)["game"]["class_path"]
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
