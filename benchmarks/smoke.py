"""Does every variant train on this device: in fp32 and in bf16, as it is and compiled?

``python -m benchmarks.smoke [--device cuda]``. Each variant of the catalogue trains two generator
steps from its own YAML through the command ``fit``, so that data, evaluation, sample grid,
checkpoint and report run on the device too. Then its weights must be finite, each player must have
moved, what the checkpoint makes must be sound (finite images in [-1, 1], from latents or from the
other domain; words of the vocabulary; finite vectors), and the first losses and gradient norms of
the compiled run must be those of the plain one. The exit code is 1 when any case fails.
"""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
import yaml
from torch._inductor import config as inductor

import gan_modules
from benchmarks.engine import parse
from callbacks.offers import draws, maps_words, rewrites, speaks, transcribes, translates
from callbacks.run_folder import RunFolder
from experiments.cli import RUN_DIR, GanCLI, quiet_lightning
from experiments.errors import report
from experiments.fit import train
from gan_modules.base import AdversarialModule
from gan_modules.sequence.base import SequenceModule

ROOT = Path(__file__).parents[1]
# Kernels add in another order, and inductor keeps float32 between fused operations of bf16.
TOLERANCE = {"32-true": 1e-2, "bf16-mixed": 1e-1}
COMPARED = ("/adversarial", "/grad_norm")
#: Settings that say how long a phase before the game lasts.
PHASES = (
    "pretraining_images",
    "likelihood_samples",
    "restoring_samples",
    "discriminator_samples",
)


def settings(row: gan_modules.Variant, precision: str, options: argparse.Namespace) -> list[str]:
    """The options of ``fit`` for one case, but for ``compile`` and the run folder."""
    config = ROOT / "experiments" / "configs" / row.config
    # One round of each phase before the game, so that the second is of the game.
    signature = inspect.signature(getattr(gan_modules, row.name))
    chosen = {name: one.default for name, one in signature.parameters.items()}
    chosen |= yaml.safe_load(config.read_text())["model"]["init_args"]
    alone = [f"--model.init_args.{name}={options.batch}" for name in PHASES if chosen.get(name, 0)]
    return [
        f"--config={config}",
        *alone,
        f"--trainer.accelerator={'gpu' if options.device == 'cuda' else 'cpu'}",
        "--trainer.devices=1",
        "--trainer.max_steps=2",
        "--trainer.log_every_n_steps=1",
        "--trainer.enable_progress_bar=false",
        f"--trainer.precision={precision}",
        f"--data.init_args.batch_size={options.batch}",
        f"--evaluation.samples={options.samples}",
        "--loggers.wandb=disabled",
    ]


def may_compile(row: gan_modules.Variant) -> bool:
    """Whether the variant has the setting, and its networks stay the same from step to step."""
    found = getattr(gan_modules, row.name)
    heeds = issubclass(found, AdversarialModule) and not issubclass(found, SequenceModule)
    return heeds and row.name not in ("ProgressiveGAN", "StyleGAN")


def first_numbers(run: RunFolder) -> dict[str, float]:
    """Each player's loss and gradient norm when it played first."""
    found: dict[str, float] = {}
    for row in run.read_metrics():
        for name, value in row.items():
            if name.startswith("train/") and name.endswith(COMPARED) and value is not None:
                found.setdefault(name, float(value))
    return found


def assert_close(found: dict[str, float], plain: dict[str, float], tolerance: float) -> None:
    """A gradient norm to its own scale, a loss to 1: Wasserstein losses begin near zero."""
    for name, value in plain.items():
        scale = abs(value) if name.endswith("grad_norm") else max(1.0, abs(value))
        assert abs(found[name] - value) <= tolerance * scale, (
            f"{name} is {found[name]:.6g} compiled and {value:.6g} as it is"
        )


def play(path: Path, words: Sequence[str], device: str) -> dict[str, float]:
    """Train one case and look at what it left; returns its first numbers.

    Args:
        path: a new run folder.
        words: options of ``fit``.
        device: where the module must have been.

    Raises:
        AssertionError: if something is not as it must be.
    """
    cli = GanCLI(words, run_dir=path)
    before = {name: value.detach().clone() for name, value in cli.model.named_parameters()}
    devices: set[str] = set()
    stepped = cli.model.player_stepped

    def look(name: str) -> None:
        devices.update(p.device.type for p in cli.model.parameters())
        stepped(name)

    cli.model.player_stepped = look
    with redirect_stderr(StringIO()):  # where to look for what is gone in a moment
        assert train(cli) == 0, "the run did not finish"
    assert devices == {device}, f"weights were on {sorted(devices)}, not on {device}"
    after = {name: value.detach().cpu() for name, value in cli.model.named_parameters()}
    for name, value in after.items():
        assert value.isfinite().all(), f"{name} is not finite"
    for player in cli.model.steps:
        moved = [not torch.equal(after[n], before[n]) for n in after if n.startswith(f"{player}.")]
        assert any(moved), f"the {player} did not move"
    run = RunFolder(path)
    module = gan_modules.load(path / run.resolve("last")["path"])
    for one in made(module, cli.datamodule.preview(4)):
        check_made(module, one)
    if any(asks(module) for asks in (draws, translates, rewrites, transcribes, maps_words)):
        assert run.read_evaluations()[-1]["scores"], "nothing was evaluated"
    return first_numbers(run)


def made(module: Any, batch: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    """What a module makes of latents, of noise in each direction, or of what it is fed."""
    if draws(module):
        return [module.sample(4)]
    if translates(module):
        return [
            module.translate(torch.rand(4, *module.image_shapes[source]) * 2 - 1, source, target)
            for source, target in module.directions
        ]
    if rewrites(module):
        return [
            module.rewrite(batch[f"tokens_{source}"], source, target)
            for source, target in module.directions
        ]
    if transcribes(module):
        heard = module.transcribe(batch["speech"], batch["speech_mask"])
        return [torch.tensor(one, dtype=torch.int64) for one in heard]
    return [module.map_words(batch["a"])] if maps_words(module) else []


def check_made(module: Any, one: torch.Tensor) -> None:
    """Words are of the vocabulary; images, points and vectors finite, images in [-1, 1].

    Raises:
        AssertionError: it is not so.
    """
    if speaks(module) or rewrites(module) or transcribes(module):
        assert one.dtype == torch.int64, f"words are {one.dtype}"
        size = module.vocabulary_size if transcribes(module) else len(module.vocabulary)
        assert ((one >= 0) & (one < size)).all(), "words are not of the vocabulary"
        return
    assert one.dtype == torch.float32, f"images are {one.dtype}"
    bounded = one.dim() != 4 or one.abs().max() <= 1  # Points and vectors have no range.
    assert one.isfinite().all() and bounded, "images are not in [-1, 1]"


def case(
    name: str, words: Sequence[str], device: str, plain: dict[str, float] | None, tolerance: float
) -> dict[str, Any]:
    """Run one case: its first numbers, seconds, and what is wrong with it.

    Args:
        name: shown beside a failure.
        words: options of ``fit``.
        device: ``"cpu"`` or ``"cuda"``.
        plain: numbers that these must equal; None when there are none to compare with.
        tolerance: how far they may be from them, relative.
    """
    torch._dynamo.reset()
    result: dict[str, Any] = {}
    began = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            result["first"] = play(Path(folder) / "run", words, device)
        assert_close(result["first"], plain or {}, tolerance)
    except Exception as error:  # each case is its own, and all are to be seen
        print(f"{name}:", file=sys.stderr)
        report(error, debug=True)
        result["failure"] = f"{type(error).__name__}: {shorten(str(error), 200)}"
    finally:
        os.environ.pop(RUN_DIR, None)
    result["seconds"] = round(time.perf_counter() - began, 1)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line a case, then all of it as one JSON object; 1 when a case failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [row.name for row in gan_modules.CATALOGUE]
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--variants", nargs="+", choices=names, default=names)
    parser.add_argument("--precision", nargs="+", choices=tuple(TOLERANCE), default=[*TOLERANCE])
    parser.add_argument("--compile", nargs="+", choices=("off", "G", "GD"), default=["off", "GD"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--samples", type=int, default=64)
    options = parse(parser, argv)
    warnings.simplefilter("ignore")
    # Dropout draws as it does uncompiled, so that the two runs can be compared.
    inductor.fallback_random = True
    quiet_lightning()
    for name in ("callbacks", "experiments"):
        logging.getLogger(name).setLevel(logging.WARNING)
    cases: dict[str, dict[str, Any]] = {}
    for row in (row for row in gan_modules.CATALOGUE if row.name in options.variants):
        for precision in options.precision:
            plain = None
            for choice in options.compile if may_compile(row) else ["off"]:
                name = f"{row.name}/{precision}/{choice}"
                words = settings(row, precision, options)
                if choice != "off":
                    words.append(f"--model.init_args.compile={choice}")
                result = case(name, words, options.device, plain, TOLERANCE[precision])
                plain = result.get("first") if choice == "off" else plain
                cases[name] = result
                print(f"{name}: {result.get('failure', 'ok')}", file=sys.stderr)
    failed = [name for name, result in cases.items() if "failure" in result]
    print(
        json.dumps(
            {
                "benchmark": "smoke",
                "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
                "passed": len(cases) - len(failed),
                "failed": failed,
                "cases": cases,
            }
        )
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
