"""YAML files and trees of settings by dotted paths, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import CommandError
from experiments.yaml_text import composed, told

ROOT = Path(__file__).parents[2]


def locate(given: str | Path) -> Path | None:
    """A file of the current folder, or one that came with the install; None: there is none."""
    for path in (Path(given), ROOT / given):
        if path.is_file():
            return path
    return None


def read_yaml(given: Path) -> dict[str, Any]:
    """The settings in a file.

    Raises:
        CommandError: it is missing, no YAML, or holds no settings.
    """
    path = locate(given)
    example = "experiments/configs/studies/smoke.yaml is one"
    if path is None:
        wrong = "is a folder" if Path(given).is_dir() else "does not exist"
        raise CommandError(f"study file {given} {wrong}; {example}")
    what = f"study file {given}"
    text, _ = composed(path, what, example)
    with told(what, example):
        content = yaml.safe_load(text)
    if not isinstance(content, dict):
        kind = "an empty file" if content is None else f"a {type(content).__name__}"
        raise CommandError(f"study file {given} must hold settings, got {kind}; {example}")
    return content


def put(tree: dict[str, Any], path: str, value: Any) -> None:
    """Set what a path names, and make the sections on the way to it.

    Args:
        tree: nested settings, changed in place.
        path: such as ``model.init_args.generator_lr``; a number names a place in a list.
        value: replaces what is there as a whole.
    """
    *parents, last = path.split(".")
    part: Any = tree
    for name in parents:
        if isinstance(part, list):
            part = part[int(name)]
            continue
        if not isinstance(part.get(name), dict | list):
            part[name] = {}
        part = part[name]
    if isinstance(part, list):
        part[int(last)] = value
    else:
        part[last] = value


def require(tree: Mapping[str, Any], path: str, where: str) -> Any:
    """What a path names in fully resolved settings.

    Raises:
        CommandError: there is no such setting.
    """
    part: Any = tree
    names = path.split(".")
    for number, name in enumerate(names):
        if isinstance(part, Mapping) and name in part:
            part = part[name]
        elif isinstance(part, list) and name.isdecimal() and int(name) < len(part):
            part = part[int(name)]
        else:
            raise CommandError(f"{where}: {path} is no setting; {_instead(part, names, number)}")
    return part


def _instead(part: Any, names: list[str], number: int) -> str:
    before = "".join(f"{name}." for name in names[:number])
    if isinstance(part, Mapping):
        if close := get_close_matches(names[number], list(part), n=1):
            return f"did you mean {before}{close[0]}?"
        return f"there is {', '.join(map(str, part))}"[:200]
    if isinstance(part, list):
        return f"{before[:-1]} has the places 0 to {len(part) - 1}"
    return f"{before[:-1]} is {part!r}, with nothing inside"
