"""A run folder as commands need it: its module from a checkpoint, its data from its settings."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
import yaml

import gan_modules
from callbacks.checkpoint_index import CheckpointEntry
from callbacks.offers import draws, speaks
from callbacks.run_folder import RunFolder
from experiments.errors import CommandError


@dataclass
class OpenedRun:
    """A run, one of its checkpoints, and the module in it.

    Attributes:
        run: the folder.
        entry: the row of the index.
        module: in eval mode, on ``device``.
        settings: the resolved YAML.
    """

    run: RunFolder
    entry: CheckpointEntry
    module: Any
    settings: dict[str, Any]
    _data: Any = field(default=None, init=False, repr=False)

    def data(self) -> Any:
        """The run's data module, set up; the same at every call.

        Raises:
            CommandError: its class cannot be imported, or the data have another shape now.
            ValueError: the data refuse, for example because a folder is gone.
        """
        if self._data is None:
            self._data = self._opened_data()
        return self._data

    def _opened_data(self) -> Any:
        data = build(self.settings["data"])
        data.prepare_data()
        data.setup("fit")
        if not draws(self.module) or speaks(self.module):
            self.module.check_batch(data.preview())
            self._require_vocabulary(data)
            return data
        made = list(self.module.sample(1, generator=torch.Generator().manual_seed(0)).shape[1:])
        if made != list(data.image_shape):
            raise CommandError(
                f"data of {self.run.path} must have the shape {made} of its generator, got "
                f"{list(data.image_shape)}; they have changed since it was trained, restore them"
            )
        return data

    def _require_vocabulary(self, data: Any) -> None:
        """Numbers of other words would be read as the run's own."""
        own = tuple(getattr(self.module, "vocabulary", ()))
        if own and own != tuple(getattr(data, "vocabulary", own)):
            raise CommandError(
                f"data of {self.run.path} must have the {len(own)} words of the run, got "
                f"{len(data.vocabulary)}, not the same; they have changed since it was trained, "
                "restore them"
            )


def open_run(path: str, which: str, device: str = "auto") -> OpenedRun:
    """Open a run folder at one checkpoint.

    Args:
        path: folder of the run.
        which: ``best``, ``last``, ``pre-collapse``, a number of generator steps, ``images=N`` or a
            file; ``best`` falls back to ``last`` where nothing has been evaluated.
        device: ``auto`` takes a GPU if there is one.

    Raises:
        ValueError: no run folder, no such checkpoint, or one that is damaged or altered.
    """
    run = RunFolder.open(path)
    index = run.read_index()
    if which == "best" and index["best"] is None:
        which = "last"
    entry = run.resolve(which)
    module = gan_modules.load(run.verify(entry))
    variant = f"{type(module).__module__}.{type(module).__qualname__}"
    if variant != run.read_run()["variant"]:
        raise CommandError(
            f"checkpoint {run.file_of(entry)} is of {variant}, but the run {run.path} is of "
            f"{run.read_run()['variant']}; the files of two runs are mixed, use their own folders"
        )
    return OpenedRun(run, entry, module.to(choose_device(device)), read_settings(run))


def choose_device(name: str) -> torch.device:
    """A device of this machine.

    Args:
        name: ``auto`` takes a GPU if there is one.

    Raises:
        CommandError: there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        # Names of devices that this build of torch knows are not yet devices.
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = shorten(" ".join(str(error).split()), 100, placeholder=" ...")
        raise CommandError(
            f"--device must be auto, cpu or a GPU of this machine, got {name!r} ({reason}); "
            "'ganagerie doctor' shows what there is"
        ) from error
    return device


@contextmanager
def writing_to(out: Path) -> Iterator[None]:
    """Say in one line where a command could not write, and leave no half of its work there.

    Args:
        out: a folder; one that was there before is not removed.

    Raises:
        CommandError: the disk refuses.
    """
    new = not out.exists()
    try:
        yield
    except Exception as error:
        if new:
            shutil.rmtree(out, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        raise CommandError(
            f"--out must be a place that can be written, got {out} "
            f"({(error.strerror or str(error)).lower()}); choose another one, or free space there"
        ) from error


def require_latents(module: Any) -> None:
    """Refuse a module that nothing can be drawn from.

    Raises:
        CommandError: naming the command that suits it.
    """
    if not draws(module):
        raise CommandError(
            f"run must draw from latents, got {type(module).__name__}; "
            "use ganagerie translate, or look at its report"
        )


def require_images(opened: OpenedRun) -> None:
    """Refuse a run that makes no images.

    Raises:
        CommandError: naming what it makes, and the command that suits it.
    """
    require_latents(opened.module)
    kind = "sentences" if speaks(opened.module) else "points"
    if opened.module.sample(1, generator=torch.Generator().manual_seed(0)).dim() != 4:
        raise CommandError(
            f"run must make images, got {opened.run.path}, which makes {kind}; use ganagerie sample"
        )


def read_settings(run: RunFolder) -> dict[str, Any]:
    """The resolved settings of a run.

    Raises:
        CommandError: config.yaml is missing or damaged.
    """
    remedy = "restore it from a backup, or start a new run with fit"
    try:
        settings = yaml.safe_load(run.config_path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(
            f"{run.config_path} cannot be read ({error.strerror}); {remedy}"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        where = " ".join(str(error).split())[:120]
        raise CommandError(f"{run.config_path} is no valid YAML ({where}); {remedy}") from error
    if not isinstance(settings, dict) or not {"model", "data", "trainer"} <= set(settings):
        raise CommandError(f"{run.config_path} lacks model, data or trainer; {remedy}")
    return settings


def build(part: dict[str, Any]) -> Any:
    """An object from ``class_path`` and ``init_args``, which may hold more of the kind.

    Raises:
        CommandError: the class cannot be imported, or has other arguments.
    """
    home, _, name = part["class_path"].rpartition(".")
    try:
        cls = getattr(importlib.import_module(home), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise CommandError(
            f"class {part['class_path']} cannot be imported ({error}); run where it is installed"
        ) from error
    init_args = {name: _built(value) for name, value in (part.get("init_args") or {}).items()}
    try:
        return cls(**init_args)
    except TypeError as error:
        raise CommandError(
            f"settings of {part['class_path']} in config.yaml must be its own, got {error}; "
            "restore the file, or run the version of Ganagerie that wrote it"
        ) from error


def _built(value: Any) -> Any:
    """A part of its own where the settings name its class, such as an encoder of sentences."""
    if isinstance(value, list):
        return [_built(one) for one in value]
    return build(value) if isinstance(value, dict) and "class_path" in value else value


def default_out(run: RunFolder, name: str) -> Path:
    """Where a command writes when it is not told: below the run folder."""
    return run.path / name
