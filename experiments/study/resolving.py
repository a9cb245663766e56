"""From a design to runs that are known to be possible: settings are tried on the constructors.

Works in a process that has imported the library; see :mod:`experiments.study.children`.
"""

from __future__ import annotations

import copy
import math
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from callbacks.collapse.pace import planned_images
from callbacks.metrics.names import count_suffix
from callbacks.metrics.scoring import ScoreSettings
from callbacks.metrics.spaces import choose_space
from callbacks.offers import draws, speaks
from callbacks.subjects import subject_for
from experiments.cli import RUN_DIR, GanCLI, quiet_lightning
from experiments.errors import CommandError
from experiments.first_look import look
from experiments.opening import build
from experiments.study.design import Design, VariantDesign, design_of
from experiments.study.plan import (
    RESERVED,
    planned_runs,
    probe_settings,
    settings_of_run,
    study_settings,
)
from experiments.study.reading import locate, put, read_yaml, require
from experiments.study.scores import score_name_in


def resolve(given: dict[str, Any]) -> dict[str, Any]:
    """Check a whole study before anything of it exists.

    Args:
        given: ``Design.to_dict()``.

    Returns:
        ``trees``, the resolved settings by label; ``score`` and ``reported``, the full names of the
        metric against either split; ``protocol``, of the choosing scores.

    Raises:
        ValueError: one line that says what is impossible, and for which variant.
    """
    quiet_lightning()
    design = design_of(given)
    trees: dict[str, Any] = {}
    measure: dict[str, Any] = {}
    for variant in design.variants:
        trees[variant.label], cli = resolved(design, variant)
        own = _measured(design, variant, cli)
        if measure and own != measure:
            raise CommandError(
                f"study: all variants must be scored alike, got {own['score']} for {variant.label} "
                "on other data or with other settings than those before it; put data and "
                "evaluation under the set: of the study"
            )
        measure = own
        for changes in _corners(variant):
            tree = copy.deepcopy(trees[variant.label])
            for path, value in changes.items():
                put(tree, path, value)
            _parsed(variant, tree)
    for run in planned_runs(design):
        budget_steps(design, run.variant, trees[run.variant], run.setting)
    return {"trees": trees, **measure}


def resolved(design: Design, variant: VariantDesign) -> tuple[dict[str, Any], GanCLI]:
    """The settings of a variant with every default filled in, and what was built of them."""
    where = f"study: variant {variant.label}"
    if locate(variant.config) is None:
        raise CommandError(
            f"{where}: config {variant.config} does not exist; 'ganagerie list' names those that "
            "ship"
        )
    tree = read_yaml(Path(variant.config))
    for path, value in probe_settings(design).items():
        put(tree, path, value)
    for path, value in {**design.set, **variant.set}.items():
        _refuse_reserved(f"{where}: set", path)
        put(tree, path, copy.deepcopy(value))
    for path, value in study_settings(design).items():
        put(tree, path, value)
    put(tree, "trainer.max_steps", 1)
    found, cli = _parsed(variant, tree)
    for path in variant.space:
        _refuse_reserved(f"{where}: space", path)
        require(found, path, f"{where}: space")
    return found, cli


def _refuse_reserved(where: str, path: str) -> None:
    for reserved, instead in RESERVED.items():
        if path == reserved or path.startswith(f"{reserved}."):
            raise CommandError(f"{where} must leave {path} to the study; use {instead}")


def _parsed(variant: VariantDesign, tree: dict[str, Any]) -> tuple[dict[str, Any], GanCLI]:
    """Let the parser of ``fit`` read settings, and build what they say."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "settings.yaml"
        file.write_text(yaml.safe_dump(tree), encoding="utf-8")
        try:
            cli = GanCLI(["--config", str(file)], run_dir=Path(folder) / "run")
        except (ValueError, CommandError, TypeError) as error:
            text = " ".join(str(error).split())
            raise CommandError(f"study: variant {variant.label}: {text}") from error
        finally:
            os.environ.pop(RUN_DIR, None)
    found: dict[str, Any] = yaml.safe_load(cli.dump_config())
    found["trainer"]["default_root_dir"] = None
    return found, cli


def _corners(variant: VariantDesign) -> list[dict[str, Any]]:
    """Settings at the ends of all ranges, and with every value that may be chosen."""
    ends = {path: one.extremes() for path, one in variant.space.items()}
    most = max(len(values) for values in ends.values())
    return [
        {path: values[min(n, len(values) - 1)] for path, values in ends.items()}
        for n in range(most)
    ]


def _measured(design: Design, variant: VariantDesign, cli: GanCLI) -> dict[str, Any]:
    """Look at the data, and make what all runs read from the cache; names and protocol."""
    where = f"study: variant {variant.label}"
    try:
        look(cli)
        if not draws(cli.model) or speaks(cli.model):
            raise ValueError(
                f"model must make images or points of latents, got {type(cli.model).__name__}; "
                "leave the variant out"
            )
        options = cli.config.evaluation
        space = choose_space(cli.datamodule, options.inception_weights, options.space)
        subjects = [
            subject_for(cli.model, cli.datamodule, space, design.samples, split, ScoreSettings())
            for split in (design.choosing_split, design.reporting_split)
        ]
    except (ValueError, CommandError) as error:
        raise CommandError(f"{where}: {' '.join(str(error).split())}") from error
    floor = subjects[0].floor or subjects[1].floor
    name = score_name_in(floor, design.metric, space.id)
    if floor and name is None:
        names = sorted({one.partition("@")[0] for one in floor})
        raise CommandError(
            f"{where}: metric {design.metric} must be one that its data and feature space give, "
            f"which are {', '.join(names)}; choose one of them, or set evaluation.space"
        )
    stem = (name or f"{design.metric}_{space.id}").partition("@")[0]
    protocols = [subject.protocol("raw").to_dict() for subject in subjects]
    names = [_named(stem, design, protocol["n_real"]) for protocol in protocols]
    # Whether the average or the raw weights are judged is the variant's own.
    protocol = {key: value for key, value in protocols[0].items() if key != "generator"}
    return {"score": names[0], "reported": names[1], "protocol": protocol}


def _named(stem: str, design: Design, reals: int) -> str:
    """A score with its number of samples; neighbours are sought among as many of either side."""
    balanced = design.metric in ("precision", "recall", "density", "coverage")
    return f"{stem}@{count_suffix(min(design.samples, reals) if balanced else design.samples)}"


def budget_steps(design: Design, label: str, tree: dict[str, Any], setting: dict[str, Any]) -> int:
    """Generator steps in which a run sees the images of the budget.

    Raises:
        CommandError: the setting is none for the variant's constructor.
    """
    tree = copy.deepcopy(tree)
    for path, value in setting.items():
        put(tree, path, value)
    shown = ", ".join(f"{path} {value}" for path, value in setting.items())
    try:
        module = build(tree["model"])
        batch = int(tree["data"]["init_args"]["batch_size"])
        trainer = SimpleNamespace(
            train_dataloader=SimpleNamespace(batch_size=batch),
            world_size=1,
            max_steps=0,
            max_epochs=0,
        )
        per_step = planned_images(trainer, module)[1]
    except (ValueError, CommandError, TypeError) as error:
        raise CommandError(
            f"study: variant {label} with {shown}: {' '.join(str(error).split())}"
        ) from error
    if per_step > design.budget_images:
        raise CommandError(
            f"study: budget_images must hold a generator step, got {design.budget_images} of "
            f"{per_step} for {label} with {shown}; raise it"
        )
    return math.ceil(design.budget_images / per_step)


def settings_for(given: dict[str, Any], tree: dict[str, Any], run: Any) -> dict[str, Any]:
    """The settings of a run whose setting is known; see :func:`settings_of_run`."""
    design = design_of(given)
    steps = budget_steps(design, run.variant, tree, run.setting)
    return settings_of_run(tree, design, run, steps)
