"""The search of a study as sweeps of Weights & Biases, for those who run agents of it.

One file a variant, because a sweep has one command. An agent draws for itself, so the settings are
others of the same distributions; a place in a list, which no command line can name, becomes a
choice of whole lists at evenly spaced values.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import CommandError
from experiments.study.design import Design, VariantDesign
from experiments.study.plan import probe_settings, study_settings
from experiments.study.reading import locate, read_yaml, require
from experiments.study.space import Distribution

_STEPS = 32
_KINDS = {
    "log_uniform": "log_uniform_values",
    "uniform": "uniform",
    "int_uniform": "int_uniform",
}


def write_sweeps(design: Design, folder: Path) -> list[Path]:
    """Write one file for each variant; returns them.

    Raises:
        CommandError: a file is there already, or a setting cannot be put into a command line.
    """
    content = {folder / f"{one.label}.yaml": sweep_of(design, one) for one in design.variants}
    for file in content:
        if file.exists():
            raise CommandError(f"study: --out must not hold {file} yet; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for file, sweep in content.items():
        head = f"# wandb sweep {file}, then: wandb agent SWEEP_ID\n"
        file.write_text(head + yaml.safe_dump(sweep, sort_keys=False), encoding="utf-8")
    return list(content)


def sweep_of(design: Design, variant: VariantDesign) -> dict[str, Any]:
    """One sweep, as W&B's YAML has it."""
    if locate(variant.config) is None:
        raise CommandError(
            f"study: variant {variant.label}: config {variant.config} does not exist; 'ganagerie "
            "list' names those that ship"
        )
    fixed = {**probe_settings(design), **design.set, **variant.set, **study_settings(design)}
    # An agent's run has no end by images: an epoch limit would be another budget for each.
    fixed = {path: value for path, value in fixed.items() if path not in _LEFT}
    words = [f"--{path}={_word(value)}" for path, value in fixed.items()]
    parameters = dict(_parameter(design, variant, path, one) for path, one in variant.space.items())
    parameters["seed_everything"] = {"distribution": "int_uniform", "min": 0, "max": 2**31 - 1}
    return {
        "name": f"{design.name}-{variant.label}",
        "method": "random",
        "run_cap": design.draws * design.seeds,
        "command": ["${env}", "ganagerie", "fit", "--config", variant.config, *words, "${args}"],
        "parameters": parameters,
    }


_LEFT = ("trainer.max_epochs", "trainer.max_time")


def _parameter(
    design: Design, variant: VariantDesign, path: str, one: Distribution
) -> tuple[str, dict[str, Any]]:
    home, _, last = path.rpartition(".")
    if last.isdecimal():
        whole = _list_of(design, variant, home)
        shares = [(n + 0.5) / _STEPS for n in range(_STEPS)]
        places = list(one.values) if one.kind == "choice" else [one.draw(s) for s in shares]
        lists = [[*whole[: int(last)], place, *whole[int(last) + 1 :]] for place in places]
        return home, {"values": [_word(value) for value in lists]}
    if one.kind == "choice":
        return path, {"values": [_word(value) for value in one.values]}
    return path, {"distribution": _KINDS[one.kind], "min": one.values[0], "max": one.values[1]}


def _list_of(design: Design, variant: VariantDesign, path: str) -> list[Any]:
    """The list of which one place is searched: as the YAML has it, or as the class defaults."""
    for settings in (variant.set, design.set):
        if path in settings:
            return list(settings[path])
    try:
        return list(require(read_yaml(Path(variant.config)), path, "study"))
    except CommandError:
        pass
    from experiments.cli import RUN_DIR, GanCLI

    cli = GanCLI(["--config", variant.config], run_dir=Path("runs/never-made"))
    os.environ.pop(RUN_DIR, None)
    return list(require(yaml.safe_load(cli.dump_config()), path, "study"))


def _word(value: Any) -> Any:
    """A value as the command line takes it: YAML in one line for what is nested."""
    if value is None or isinstance(value, bool | list | dict):
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip()
        return text.removesuffix("\n...").strip()
    return value
