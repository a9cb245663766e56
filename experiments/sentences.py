"""Sentences of a run: drawn for ``ganagerie sample``, scored by temperature for ``evaluate``."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from callbacks.drawing import weights_judged
from callbacks.durable import replacing
from callbacks.run_folder import finite_or_none
from experiments.asked import rows_asked
from experiments.errors import CommandError
from experiments.opening import OpenedRun

TEXT = ".txt"
_STACK = 256
#: Beginnings of the scores that are told of each temperature.
_TOLD = ("fd_", "bleu4@", "self_bleu4@")


def say(opened: OpenedRun, options: Namespace) -> int:
    """Print sentences, one a line, and write them where that is asked for.

    Args:
        opened: a run that makes sentences.
        options: of ``ganagerie sample``.

    Raises:
        CommandError: an option is for images, or out of range.
    """
    rows_asked(opened, options)
    if options.columns is not None:
        raise CommandError(
            f"--columns must be left out for sentences, got {options.columns}; they are lines"
        )
    if options.out is not None and options.out.suffix.lower() != TEXT:
        raise CommandError(
            f"--out must end in {TEXT} for sentences, got {options.out}; choose such a name"
        )
    temperature = 1.0 if options.temperature is None else options.temperature
    check_temperature("--temperature", temperature)
    lines = list(sentences(opened.module, options.n, options.seed, temperature))
    if options.out is not None:
        with replacing(options.out) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
    print("\n".join(lines))
    where = f": {options.out}" if options.out else ""
    print(f"{len(lines)} sentences of {opened.entry['path']}{where}", file=sys.stderr)
    return 0


def sentences(module: Any, n: int, seed: int, temperature: float = 1.0) -> Iterator[str]:
    """``n`` sentences in words; sentence i does not depend on ``n``.

    Args:
        module: makes sentences.
        n: how many.
        seed: of the latents.
        temperature: that the logits are divided by.
    """
    own = torch.Generator().manual_seed(seed)
    for start in range(0, n, _STACK):
        # One latent at a time: a generator fills larger requests in another order.
        each = [module.draw_latents(1, generator=own) for _ in range(min(_STACK, n - start))]
        yield from module.words(module.decode(torch.cat(each), temperature=temperature))


def check_temperature(option: str, value: float) -> None:
    """Refuse what no choice can be made at.

    Raises:
        CommandError: it is not a positive number.
    """
    if not 0.0 < value < float("inf"):
        raise CommandError(f"{option} must be positive, got {value:g}; 1 is as it was trained")


class AtTemperature:
    """A module whose sentences are drawn at another temperature; all else is its own.

    Args:
        module: makes sentences.
        temperature: that the logits are divided by.
    """

    def __init__(self, module: Any, temperature: float) -> None:
        self._module, self._temperature = module, temperature

    def decode(self, z: Tensor) -> Tensor:
        """See ``SequenceModule.decode``."""
        tokens: Tensor = self._module.decode(z, temperature=self._temperature)
        return tokens

    def __getattr__(self, name: str) -> Any:
        """What is not asked of the sentences."""
        return getattr(self._module, name)


def sweep(
    opened: OpenedRun, subject: Any, seed: int, temperatures: Sequence[float]
) -> dict[str, Any]:
    """Quality and diversity by temperature: one number at one temperature compares nothing.

    Caccia et al., "Language GANs Falling Short", 2018, arXiv:1811.02549.

    Args:
        opened: a run that makes sentences.
        subject: what is scored, see ``callbacks/sentence_subject.py``.
        seed: of the latents, the same at all temperatures.
        temperatures: positive.

    Returns:
        Scores by temperature, the floor and the protocol, as plain data.

    Raises:
        CommandError: a temperature is out of range.
    """
    for value in temperatures:
        check_temperature("--temperatures", value)
    rows = {}
    for value in dict.fromkeys(temperatures):
        found = finite_or_none(subject.scores(AtTemperature(opened.module, value), seed))
        rows[f"{value:g}"] = _told(found)
    return {
        "run": str(opened.run.path),
        "checkpoint": opened.entry["path"],
        "images_seen": opened.entry["images_seen"],
        "temperatures": rows,
        "floor": _told(finite_or_none(subject.floor)),
        "protocol": subject.protocol(weights_judged(opened.module)).to_dict(),
        "seed": seed,
    }


def print_sweep(result: Mapping[str, Any]) -> None:
    """A line for each temperature, and one for real sentences."""
    rows = {**result["temperatures"], "real data": result["floor"]}
    names = list(next(iter(rows.values())))
    print("  ".join([f"{'temperature':<11}", *(f"{name:>14}" for name in names)]))
    for title, scores in rows.items():
        # The floor may carry its own, smaller number of samples.
        by_stem = {name.partition("@")[0]: value for name, value in scores.items()}
        cells = [by_stem.get(name.partition("@")[0]) for name in names]
        shown = ["-" if value is None else f"{value:.4g}" for value in cells]
        print("  ".join([f"{title:<11}", *(f"{text:>14}" for text in shown)]))


def _told(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: value for name, value in scores.items() if name.startswith(_TOLD)}
