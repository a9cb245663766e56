"""Hyperparameters as plain data, so that checkpoints load with ``weights_only=True``."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from pytorch_lightning import LightningModule

_PLAIN = (bool, int, float, str, type(None))


def keep_plain_hyperparameters(module: LightningModule) -> None:
    """``save_hyperparameters`` for the calling ``__init__``, without what would be pickled.

    Under LightningCLI networks and objectives arrive as class path and numbers and are kept. Built
    in Python they are objects: these are left out, and loading asks for them again.
    """
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    caller = frame.f_back
    with warnings.catch_warnings():
        # It advises what is done two lines below.
        warnings.filterwarnings("ignore", message="Attribute .* is an instance of `nn.Module`")
        module.save_hyperparameters(frame=caller)
    objects = [name for name, value in module.hparams.items() if not is_plain(value)]
    if objects:
        module.save_hyperparameters(frame=caller, ignore=objects)


def is_plain(value: Any) -> bool:
    """Whether ``value`` is made of numbers, strings, lists, tuples and dicts only."""
    if isinstance(value, dict):
        return all(is_plain(key) and is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(is_plain(item) for item in value)
    return type(value) in _PLAIN
