"""A parser's complaint as one line: which setting, what value, what is accepted, what was meant.

jsonargparse tells the whole tree of types that it tried. Read from the top, the first branch leads
to the setting that is wrong; what that setting accepts is asked of the parser, not of the message.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import pkgutil
import re
import textwrap
from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse import ArgumentParser

import gan_modules.networks

_KEY = re.compile(r'Parser key "([^"]+)":')
_CLASS = re.compile(r"Problem with given class_path '([^']+)'")
_UNKNOWN = re.compile(r"(?:Group '(?P<group>[^']+)' does not accept o|O)ption '(?P<name>[^']+)'")
_UNRECOGNIZED = re.compile(r"unrecognized arguments: (\S+)")
_REQUIRED = re.compile(r"the following arguments are required: (.+)")
_NO_CLASS = re.compile(r"Expected a dot import path string: (.*)")
_NO_IMPORT = re.compile(r"has no attribute|No module named|gan_modules has no")
_NO_MAPPING = re.compile(r"'(\w+)' object has no attribute '(?:keys|items)'")
_OTHER_CLASS = re.compile(
    r"Import path ((?P<path>\S+) )?does not correspond to a subclass|Not a valid subclass"
)
_NO_CONFIG = re.compile(r"Unable to load config '(.*)'")
_VALUE = re.compile(r"(?:.*Got value|Given value): (.*)")
_NESTED = re.compile(r"NestedArg\(key='.*?', val=(.*)\)$")
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_KINDS = {"Game": "variant", "LightningDataModule": "data module", "Module": "torch.nn.Module"}
_OURS = ("gan_modules", "datamodules", "callbacks")


def explain(message: str, parser: ArgumentParser) -> str:
    """Put a complaint into one line.

    Args:
        message: what the parser said.
        parser: knows the settings and their types.

    Returns:
        What is wrong, the value and what to do; the shortened message where it is of no known kind.
    """
    key, owner, hint, default = "", "", None, None
    lines = [line.strip(" -") for line in message.splitlines()]
    for number, line in enumerate(lines):
        if found := _KEY.match(line):
            name = found[1]
            key = f"{key}.init_args.{name}" if owner else name
            hint, default = _accepted(owner, parser).get(name, (None, None))
            owner = ""
        if found := _NO_CONFIG.match(line):
            return f"{key} must be settings or a YAML file of them, got {found[1]!r}; see --help"
        if found := _CLASS.match(line):
            owner = found[1]
        elif (found := _UNKNOWN.match(line)) and "not accept" in line:
            return _unknown(found["name"], found["group"], key, owner, parser)
        elif found := _UNRECOGNIZED.match(line):
            return _unrecognized(found[1], parser)
        elif found := _REQUIRED.match(line):
            return _required(found[1], key, owner)
        elif found := _NO_CLASS.match(line):
            return _no_class(found[1], "", key, hint)
        elif key and (found := _NO_MAPPING.match(line)):
            given = "null" if found[1] == "NoneType" else f"a value of type {found[1]}"
            return f"{key}.init_args must be settings, got {given}; leave it out for the defaults"
        elif key and _NO_IMPORT.search(line):
            return _no_class(owner or _value(lines[number:]), line, key, hint)
        elif found := _OTHER_CLASS.search(line):
            return _other_class(found["path"] or _value(lines[number:]), key, hint)
        elif key and hint is not None and (found := _VALUE.match(line)):
            accepted = " or ".join(dict.fromkeys(describe(hint)))
            known = "" if default is None else f"; the default is {default}"
            return f"{key} must be {accepted}, got {_value([line])!r}{known}"
    text = textwrap.shorten("; ".join(line for line in lines if line), 300, placeholder=" ...")
    return f"{text}; see ganagerie fit --help"


def describe(hint: Any) -> list[str]:
    """What a type accepts, in words, one for each alternative."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        named = [choice for i in inner if get_origin(i) is Literal for choice in get_args(i)]
        rest = [word for i in inner if get_origin(i) is not Literal for word in describe(i)]
        return [*([_one_of(named)] if named else []), *rest]
    if origin is Literal:
        return [_one_of(inner)]
    if hint in (NoneType, None):
        return ["null"]
    if origin is tuple and Ellipsis not in inner:
        return [f"{len(inner)} values: {', '.join(' or '.join(describe(i)) for i in inner)}"]
    if inner and isinstance(origin, type) and issubclass(origin, Iterable):
        return [f"a list, each {' or '.join(describe(inner[0]))}"]
    if hint in _WORDS:
        return [_WORDS[hint]]
    return [f"the class_path of a {_kind(hint)}"]


def _one_of(choices: Iterable[Any]) -> str:
    names = list(dict.fromkeys(str(choice) for choice in choices))
    return f"one of {', '.join(names)}" if len(names) > 1 else names[0]


def accepts_null(hint: Any) -> bool:
    """Whether a setting of this type may be null."""
    return hint in (Any, None, NoneType) or "null" in describe(hint)


def settings_of(class_path: str) -> dict[str, tuple[Any, Any]]:
    """The arguments of a class as the parser sees them, those of its bases included.

    Returns:
        Type and default by name; nothing where the class cannot be imported.
    """
    home, _, name = class_path.rpartition(".")
    try:
        part = getattr(importlib.import_module(home), name)
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(part, fail_untyped=False)
    except Exception:  # Whatever an import may raise: then there is nothing to suggest.
        return {}
    return options_of(parser)


def options_of(parser: ArgumentParser) -> dict[str, tuple[Any, Any]]:
    """Type and default of everything that a parser takes, by name."""
    return {
        action.dest: (getattr(action, "_typehint", None), action.default)
        for action in parser._actions
        if not action.dest.endswith("help") and action.dest != "print_config"
    }


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant."""
    by_lower = {name.lower(): name for name in names}
    found = difflib.get_close_matches(word.lower(), by_lower, n=3, cutoff=0.6)
    # Letters in another order are more likely than another letter.
    found.sort(key=lambda name: sorted(name) != sorted(word.lower()))
    return by_lower[found[0]] if found else None


def _accepted(owner: str, parser: ArgumentParser) -> dict[str, tuple[Any, Any]]:
    return settings_of(owner) if owner else options_of(parser)


def _unknown(name: str, group: str | None, key: str, owner: str, parser: ArgumentParser) -> str:
    """A setting that the class, or the section, does not have."""
    name = name.removesuffix(".class_path")
    if owner:
        full, names = f"{key}.init_args.{name}", list(settings_of(owner))
    else:
        prefix = f"{group}." if group else ""
        full = prefix + name
        names = [n.removeprefix(prefix) for n in options_of(parser) if n.startswith(prefix)]
        names = [n for n in names if "." not in n]
    of = f" of {owner.rpartition('.')[2]}" if owner else ""
    return f"{full} is no setting{of}; {_meant(name, names)}"


def _unrecognized(word: str, parser: ArgumentParser) -> str:
    option = word.partition("=")[0]
    if not option.startswith("-"):
        return f"{word!r} belongs to no setting; settings are given as --KEY VALUE, see --help"
    head, _, tail = option.lstrip("-").partition(".")
    sections = {name.partition(".")[0] for name in options_of(parser)}
    if head not in sections and (section := nearest(head, sections)):
        # The rest may be right, and a long right rest would outweigh the wrong beginning.
        return f"{option} is no setting; did you mean --{section}{'.' if tail else ''}{tail}?"
    names = [f"--{name}" for name in options_of(parser)]
    return f"{option} is no setting; {_meant(option, names)}"


def _required(names: str, key: str, owner: str) -> str:
    if owner:
        first = names.partition(",")[0]
        return (
            f"{key} needs {names.replace(', ', ' and ')}, without which there is no "
            f"{owner.rpartition('.')[2]}; set {key}.init_args.{first}"
        )
    return (
        f"fit needs {' and '.join(sorted(names.split(', ')))}, got none; start from a file, as in "
        "ganagerie fit --config experiments/configs/demo.yaml ('ganagerie list' names more)"
    )


def _no_class(value: str, reason: str, key: str, hint: Any) -> str:
    home, _, name = value.rpartition(".")
    paths = _class_paths(hint)
    try:
        inside = vars(importlib.import_module(home))
        paths += [f"{home}.{n}" for n, part in inside.items() if isinstance(part, type)]
    except (ImportError, ValueError):
        pass
    why = f" ({reason.partition(';')[0]})" if reason else ""
    meant = _class(name, paths)
    return f"{key} must name a class that can be imported, got {value!r}{why}; {meant}"


def _other_class(value: str, key: str, hint: Any) -> str:
    if value.startswith("{"):
        try:
            given = ", ".join(set(ast.literal_eval(value)) - {"class_path", "init_args"})
        except (ValueError, SyntaxError):
            given = value[:80]
        return (
            f"{key} must be class_path and init_args of a {_kind(_base(hint))}, got "
            f"{given or value}; write class_path: NAME and below it init_args:"
        )
    return (
        f"{key} must be a {_kind(_base(hint))}, got {value!r}; "
        f"{_class(value.rpartition('.')[2], _class_paths(hint))}"
    )


def _meant(word: str, names: Sequence[str]) -> str:
    if close := nearest(word, names):
        return f"did you mean {close}?"
    return _there_is(name for name in names if "." not in name)


def _class(name: str, paths: Sequence[str]) -> str:
    """As :func:`_meant`, for classes: their own names count, not those of their modules."""
    by_name = {path.rpartition(".")[2]: path for path in paths}
    close = nearest(name, by_name)
    return f"did you mean {by_name[close]}?" if close else _there_is(paths)


def _there_is(names: Iterable[str]) -> str:
    listed = ", ".join(names) or "nothing of the kind"
    return f"there is {textwrap.shorten(listed, 300, placeholder=' ...')}"


def _value(lines: Sequence[str]) -> str:
    found = next((found[1] for line in lines if (found := _VALUE.match(line))), "nothing")
    if nested := _NESTED.search(found):
        found = nested[1]
    return found.strip("'\"")


def _kind(part: Any) -> str:
    name = str(getattr(part, "__name__", part))
    return _KINDS.get(name, name)


def _base(hint: Any) -> type:
    """The class that a setting's value must be of."""
    parts = [hint, *(part for inner in get_args(hint) for part in (inner, *get_args(inner)))]
    # On Python 3.10, list[int] is an instance of type too.
    classes = (p for p in parts if isinstance(p, type) and get_origin(p) is None)
    return next((p for p in classes if p is not NoneType), object)


def _class_paths(hint: Any) -> list[str]:
    """What of ours a setting accepts: short names, or full paths where YAML needs them."""
    base = _base(hint)
    if base.__name__ == "Game":
        return [*(row.name for row in gan_modules.CATALOGUE), "AdversarialModule"]
    if base.__name__ == "Module":
        for module in pkgutil.iter_modules(gan_modules.networks.__path__):
            importlib.import_module(f"gan_modules.networks.{module.name}")
    found, waiting = [], [base] if base is not object else []
    while waiting:
        part = waiting.pop()
        waiting += part.__subclasses__()
        if part.__subclasses__() or not part.__module__.startswith(_OURS):
            continue
        if base.__name__ != "Module":
            found.append(part.__name__)
        elif part.__name__.endswith(("Generator", "Discriminator")):
            found.append(f"{part.__module__}.{part.__name__}")
    return sorted(found)
