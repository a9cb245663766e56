"""What is refused before anything is built: YAML that is none, nulls, settings that cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace

from experiments.errors import CommandError
from experiments.option_errors import accepts_null, describe, options_of, settings_of
from experiments.yaml_text import composed

ROOT = Path(__file__).parents[1]
_SECTIONS = (
    "trainer",
    "loggers",
    "sample_grid",
    "evaluation",
    "checkpointing",
    "collapse_monitor",
    "memorization",
    "steganography",
    "input_use",
)
# Lightning's, which would act beside the players' own.
_REPLACED = {
    "gradient_clip_val": "model.init_args.generator_clip_norm and discriminator_clip_norm",
    "accumulate_grad_batches": "model.init_args.micro_batches",
    "logger": "loggers.wandb and loggers.tensorboard",
    "fast_dev_run": "trainer.max_steps: 2",
    "overfit_batches": "a small data set, as data.init_args.length or folder",
    "enable_checkpointing": "checkpointing.every_n_images: null",
    "barebones": "sample_grid, evaluation and checkpointing, whose every_n_images may be null",
}
_HARMLESS = {"logger": False, "gradient_clip_val": 0, "enable_checkpointing": True}
# Others wrap the module, or start its processes in ways that a game does not survive.
_STRATEGIES = ("auto", "gan_ddp", "ddp_find_unused_parameters_true")
# Weights of 16 bits leave no full precision for penalties, averages and Adam's steps.
_PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")
_MOST_SEED = 2**32 - 1
_COUNTS = ("max_steps", "max_epochs", "limit_train_batches", "log_every_n_steps")


def locate_configs(argv: Sequence[str]) -> list[str]:
    """Let ``--config`` name a file of the current folder or one that came with the install.

    Raises:
        CommandError: a file is missing, or holds no settings.
    """
    words = list(argv)
    for i, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option not in ("--config", "-c"):
            continue
        given = value if equals else (words[i + 1] if i + 1 < len(words) else "")
        if not given:
            raise CommandError("--config needs a file, for example experiments/configs/demo.yaml")
        path = Path(given)
        if not path.exists():
            path = ROOT / given
        if not path.is_file():
            wrong = "is a folder" if path.is_dir() else "is no plain file"
            wrong = wrong if path.exists() else "does not exist"
            raise CommandError(
                f"config file {given} {wrong}; 'ganagerie list' names those that ship"
            )
        refuse_config(path)
        words[i if equals else i + 1] = f"{option}={path}" if equals else str(path)
    return words


def refuse_config(path: Path) -> None:
    """Read a YAML file of settings as far as its sections.

    Raises:
        CommandError: it is no text, no YAML, empty, not made of sections, or names a key twice.
    """
    example = "write sections such as trainer:, model: and data:"
    text, tree = composed(path, f"config file {path}", example)
    if tree is None:
        raise CommandError(f"config file {path} must hold settings, got an empty file; {example}")
    if not isinstance(tree, yaml.MappingNode):
        kind = "a list" if isinstance(tree, yaml.SequenceNode) else "a single value"
        raise CommandError(f"config file {path} must hold sections, got {kind}; {example}")
    for name, part in ((name.value, part) for name, part in tree.value):
        if name in _SECTIONS and not isinstance(part, yaml.MappingNode):
            given = text[part.start_mark.index : part.end_mark.index].strip() or "null"
            raise CommandError(
                f"config file {path}: {name} must be a mapping of settings, got {given[:80]}; "
                "write key: value below it, or leave it out"
            )


def refuse_settings(config: Namespace, parser: ArgumentParser) -> None:
    """Refuse what the types allow and no run can be made of.

    Raises:
        CommandError: a null where a value is needed, nothing to train, or one of Lightning's
            settings that another one replaces here.
    """
    if config.get("run_dir") == "":
        raise CommandError("--run_dir must name a folder, got ''; leave it out for one below runs/")
    seed = config.get("seed_everything")
    if not isinstance(seed, bool) and not 0 <= seed <= _MOST_SEED:
        raise CommandError(
            f"seed_everything must lie in 0..{_MOST_SEED}, got {seed}; any number in there will do"
        )
    for name in ("model", "data", *_SECTIONS):
        if config.get(name) is None:
            raise CommandError(f"{name} must be settings, got null; set it, or leave it out")
    for name, (hint, default) in options_of(parser).items():
        value = config.get(name)
        if value is None and hint is not None and default is not None:
            _refuse_null(name, hint, default)
        _refuse_nulls_inside(name, value)
    _refuse_trainer(config.trainer, options_of(parser))


def _refuse_null(name: str, hint: Any, default: Any) -> None:
    if not accepts_null(hint):
        raise CommandError(
            f"{name} must be {' or '.join(describe(hint))}, got null; the default is {default}"
        )


def _refuse_nulls_inside(key: str, value: Any) -> None:
    """Look into a class_path's arguments, and into lists of such."""
    for part in value if isinstance(value, (list, tuple)) else [value]:
        if not isinstance(part, Namespace) or "class_path" not in part:
            continue
        given = part.get("init_args")
        settings = settings_of(part["class_path"])
        for name, inner in (vars(given) if given else {}).items():
            hint, default = settings.get(name, (Any, None))
            if inner is None and hint is not None and default is not None:
                _refuse_null(f"{key}.init_args.{name}", hint, default)
            _refuse_nulls_inside(f"{key}.init_args.{name}", inner)


def _refuse_trainer(trainer: Namespace, options: Mapping[str, tuple[Any, Any]]) -> None:
    for name in _COUNTS:
        value = trainer.get(name)
        # Lightning's -1 stands for a run without that end.
        endless = value == -1 and name in ("max_steps", "max_epochs")
        if value is not None and value <= 0 and not endless:
            raise CommandError(
                f"trainer.{name} must be above 0, got {value}: nothing would be trained or logged; "
                "leave it out for its default"
            )
    for name, instead in _REPLACED.items():
        if trainer.get(name) not in (options[f"trainer.{name}"][1], _HARMLESS.get(name)):
            raise CommandError(
                f"trainer.{name} must be left out, got {trainer.get(name)}; use {instead} instead"
            )
    precision = str(trainer.get("precision"))
    if precision.startswith("transformer-engine") or precision in ("16-true", "bf16-true"):
        raise CommandError(
            f"trainer.precision must be one of {', '.join(_PRECISIONS)}, got {precision!r}; "
            "bf16-mixed keeps the weights in float32"
        )
    strategy = trainer.get("strategy")
    if isinstance(strategy, str) and strategy not in _STRATEGIES:
        raise CommandError(
            f"trainer.strategy must be one of {', '.join(_STRATEGIES)}, got {strategy!r}; set "
            "trainer.strategy: gan_ddp, under which only the acting player's gradients are reduced"
        )
