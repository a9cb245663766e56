"""YAML that a user wrote, refused in one line where it is none; without torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from experiments.errors import CommandError


def composed(path: Path, what: str, example: str) -> tuple[str, yaml.Node | None]:
    """Read a file as far as its tree.

    Args:
        path: the file.
        what: it is, with its name, for the messages, such as "config file my.yaml".
        example: what to do instead.

    Returns:
        Its text, and its tree; None where it holds nothing.

    Raises:
        CommandError: it is no text, no YAML, or names a key twice.
    """
    with told(what, example):
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    _refuse_twice(tree, what)
    return text, tree


@contextmanager
def told(what: str, example: str) -> Iterator[None]:
    """Tell what is wrong with YAML that is read inside.

    Args:
        what: see :func:`composed`.
        example: likewise.

    Raises:
        CommandError: it is no text or no YAML.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise CommandError(f"{what} must be YAML, got no text; {example}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "unknown place"
        problem = getattr(error, "problem", None) or "unreadable"
        raise CommandError(
            f"{what} must be YAML, got '{problem}' at {where}; mend that line or the one before it"
        ) from error


def _refuse_twice(tree: yaml.Node | None, what: str) -> None:
    """YAML keeps the last of two equal keys and says nothing."""
    if isinstance(tree, yaml.SequenceNode):
        for part in tree.value:
            _refuse_twice(part, what)
    if not isinstance(tree, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for name, part in tree.value:
        # Several merges are one after the other.
        if isinstance(name.value, str) and name.value != "<<":
            if name.value in seen:
                raise CommandError(
                    f"{what} names {name.value} twice, at lines {seen[name.value]} and "
                    f"{name.start_mark.line + 1}; keep it once"
                )
            seen[name.value] = name.start_mark.line + 1
        _refuse_twice(part, what)
