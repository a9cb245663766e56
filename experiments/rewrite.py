"""``ganagerie translate`` for runs of sentences: the user's own, from one domain into another."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from callbacks.durable import write_atomically
from datamodules.batches import UNK
from experiments.errors import CommandError
from experiments.opening import OpenedRun, build, writing_to
from experiments.sample import refuse_taken
from experiments.ways import Domains
from gan_modules.language.vocabulary import numbered

_STACK = 256


def rewrite(opened: OpenedRun, options: Namespace) -> int:
    """Rewrite sentences, in their order: a line each, printed or written to a text file.

    Args:
        opened: of a module that rewrites.
        options: ``inputs``, sentences and names of text files; ``source``, ``to``, ``out``,
            ``tile``.

    Raises:
        CommandError: a file, a sentence or an option does not suit the run.
    """
    if options.tile is not None:
        raise CommandError(
            f"--tile must be left out for sentences, got {options.tile}; it is for images"
        )
    module, data = opened.module, data_or_none(opened)
    if not module.special_tokens:
        raise CommandError(
            f"run must be of sentences of words, got raw numbers of {type(module).__name__}; call "
            "rewrite() in Python: gan_modules.load(...)"
        )
    titles = getattr(data, "domain_titles", None) or {}
    domains = Domains(module, {d: titles.get(d, d) for d in module.domains}, {})
    source, target = domains.chosen(options.source, options.to)
    sentences = sentences_of(options.inputs)
    tokens = torch.cat([tokens_of(one, module, data, source) for one in sentences])
    made = [module.rewrite(rows, source, target).cpu() for rows in tokens.split(_STACK)]
    decode = getattr(data, "decode", None) or module.words
    lines = decode(torch.cat(made))
    if options.out is None:
        print("\n".join(lines))
    else:
        refuse_taken(options.out)
        with writing_to(options.out.parent):
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(options.out, ("\n".join(lines) + "\n").encode())
    where = "" if options.out is None else f": {options.out}"
    unknown = int((tokens == UNK).sum())
    note = f" ({unknown} words are unknown to it)" if unknown else ""
    ways = f"{domains.titles[source]} to {domains.titles[target]}"
    told = f"{len(lines)} sentences, {ways}, by {opened.entry['path']}{note}{where}"
    print(told, file=sys.stderr)
    return 0


def data_or_none(opened: OpenedRun) -> Any:
    """The run's data module, for titles and for how it cuts words; None where it is gone."""
    try:
        data = build(opened.settings["data"])
        return data if tuple(data.vocabulary) == opened.module.vocabulary else None
    except (ValueError, OSError, CommandError):
        return None


def sentences_of(inputs: Sequence[str]) -> list[str]:
    """Sentences as they are, and the lines of text files; empty lines are left out.

    Raises:
        CommandError: a text file is missing or no text, or nothing is left.
    """
    sentences: list[str] = []
    for given in inputs:
        if not given.endswith(".txt"):
            sentences.append(given)
            continue
        try:
            sentences += Path(given).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "no UTF-8 text"
            raise CommandError(
                f"{given} must be a text file with a sentence a line, got {reason.lower()}; give "
                "its path, or a sentence"
            ) from error
    sentences = [one for one in sentences if one.strip()]
    if not sentences:
        raise CommandError(
            f"sentences must be at least 1, got none in {', '.join(inputs)}; give a sentence in "
            'quotes, or a text file: "the food was good" or FILE.txt'
        )
    return sentences


def tokens_of(sentence: str, module: Any, data: Any, source: str) -> Tensor:
    """A sentence of ``source`` as int64 ``(1, T)``, cut into words as the data are.

    Raises:
        ValueError: it has more words than the run's sentences.
    """
    if hasattr(data, "encode"):
        rows: Tensor = data.encode([sentence])
        return rows
    known = set(module.vocabulary)
    words = [one if one in known else one.lower() for one in sentence.split()]
    return numbered(" ".join(words), module.vocabulary, module.lengths[source])
