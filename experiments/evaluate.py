"""``ganagerie evaluate``: score a run, or two folders of images."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from callbacks.drawing import weights_judged
from callbacks.metrics.folders import score_folders
from callbacks.metrics.scoring import ScoreSettings
from callbacks.metrics.spaces import CHOICES, choose_space
from callbacks.offers import draws, speaks, translates
from callbacks.run_folder import finite_or_none
from callbacks.subject_choice import Subject, subject_without_features
from callbacks.subjects import subject_for
from experiments.arguments import OneLineParser, count, seed
from experiments.errors import CommandError
from experiments.opening import OpenedRun, choose_device, open_run
from experiments.sentences import print_sweep, sweep

# What only a run has, with its default; None on the command line shows that it was not given.
_OF_RUNS = {
    "checkpoint": "best",
    "samples": 5000,
    "split": "train",
    "seed": 1,
    "temperatures": None,
}


def main(argv: Sequence[str]) -> int:
    """Score and print a table, or one JSON object with ``--json``."""
    parser = OneLineParser("ganagerie evaluate", description="Score a run or two folders.")
    parser.add_argument("run", nargs="?", help="run folder")
    parser.add_argument("--real", help="folder of real images, instead of a run")
    parser.add_argument("--fake", help="folder of generated images")
    parser.add_argument("--checkpoint", help="best, pre-collapse, last, a step or images=N (best)")
    parser.add_argument("--samples", type=count, help="generated images (5k)")
    parser.add_argument("--split", choices=("train", "held_out"), help="reals (train)")
    parser.add_argument("--space", choices=CHOICES, default="auto", help="feature space (auto)")
    parser.add_argument("--inception-weights", help="path of the published Inception weights")
    parser.add_argument(
        "--temperatures", type=float, nargs="+", help="of sentences: a table over temperatures"
    )
    parser.add_argument("--seed", type=seed, help="of the latents (1)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(argv)
    if (options.run is None) == (options.real is None and options.fake is None):
        raise CommandError("give a run folder, or --real FOLDER and --fake FOLDER, not both")
    if options.run is None and (options.real is None or options.fake is None):
        given, other = ("--fake", "--real") if options.real is None else ("--real", "--fake")
        raise CommandError(f"{given} goes together with {other}, got {given} alone; give both")
    for name, default in _OF_RUNS.items():
        given = getattr(options, name)
        if options.run is None and given is not None:
            raise CommandError(
                f"--{name} is for a run, got {given} with two folders, of which every image is "
                "scored; leave it out"
            )
        setattr(options, name, default if given is None else given)
    result = of_folders(options) if options.run is None else of_run(options)
    if options.json:
        print(json.dumps(result, allow_nan=False))
    elif "temperatures" in result:
        print_sweep(result)
    else:
        print_table(result)
    return 0


def of_run(options: Any) -> dict[str, Any]:
    """Scores of one checkpoint against the run's own data."""
    opened = open_run(options.run, options.checkpoint, options.device)
    data = opened.data()
    if options.temperatures and not speaks(opened.module):
        raise CommandError(
            f"--temperatures must be left out for a {type(opened.module).__name__}, got "
            f"{options.temperatures[0]:g}; only sentences have one"
        )
    answers = subject_without_features(opened.module, data, options.samples)
    if answers is not None:
        return scored(opened, answers, options.seed)
    space = choose_space(data, options.inception_weights, options.space).to(opened.module.device)
    settings = ScoreSettings.published() if space.comparable_to_literature else ScoreSettings()
    if options.samples < settings.least_samples:
        raise CommandError(
            f"--samples must be at least {settings.least_samples}, got {options.samples}; "
            "5k is the default"
        )
    if not (draws(opened.module) or translates(opened.module)):
        raise CommandError(
            "run must make images or sentences or map words to be scored, got "
            f"{type(opened.module).__name__}; see its metrics.csv instead"
        )
    subject = subject_for(opened.module, data, space, options.samples, options.split, settings)
    if options.temperatures:
        return sweep(opened, subject, options.seed, options.temperatures)
    return scored(opened, subject, options.seed)


def scored(opened: OpenedRun, subject: Subject, seed: int) -> dict[str, Any]:
    """Scores of an opened checkpoint, with all that belongs to them."""
    protocol = subject.protocol(weights_judged(opened.module))
    return {
        "run": str(opened.run.path),
        "checkpoint": opened.entry["path"],
        "images_seen": opened.entry["images_seen"],
        "scores": finite_or_none(subject.scores(opened.module, seed)),
        "floor": finite_or_none(subject.floor),
        "floor_note": subject.floor_note,
        "protocol": protocol.to_dict(),
        "caveats": list(protocol.caveats()),
        "seed": seed,
    }


def of_folders(options: Any) -> dict[str, Any]:
    """Scores of one folder of images against another."""
    space = choose_space(None, options.inception_weights, options.space)
    space = space.to(choose_device(options.device))
    found = score_folders(options.real, options.fake, space)
    return {
        "real": options.real,
        "fake": options.fake,
        "n_real": found.n_real,
        "n_fake": found.n_fake,
        "scores": finite_or_none(found.scores),
        "protocol": found.protocol.to_dict(),
        "caveats": list(found.protocol.caveats()),
    }


def print_table(result: Mapping[str, Any]) -> None:
    """Scores beside their floor, the protocol below."""
    floor = result.get("floor", {})
    width = max(map(len, result["scores"]))
    heading = f"{'score':<{width}}  {'value':>12}"
    print(heading + (f"  {'real data':>12}" if floor else ""))
    for name, value in result["scores"].items():
        row = f"{name:<{width}}  {_number(value):>12}"
        print(row + (f"  {_number(floor.get(name)):>12}" if floor else ""))
    protocol = ", ".join(f"{key} {value}" for key, value in result["protocol"].items())
    print(f"protocol: {protocol}")
    if result.get("floor_note"):
        print(f"real data: {result['floor_note']}")
    for caveat in result["caveats"]:
        print(f"note: {caveat}", file=sys.stderr)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"
