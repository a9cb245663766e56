"""Cost of the framework for every variant: its own losses under Lightning over a bare loop.

``python -m benchmarks.engine --variant all``, or ``--config`` for YAML files of one's own. The
variant, networks, schedule and batch are those of the YAML. The bare loop takes the same losses,
hooks and optimizers in the order of the schedule and has nothing else: no trainer, no statistics,
no loggers. Stretches alternate as in :mod:`benchmarks.engine`, whose three cases compare with loops
written by hand.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import gan_modules
from benchmarks.engine import Alternation, clock_of, compared, peaks, under_lightning
from experiments.cli import GanCLI
from gan_modules.engine.game import Game

ROOT = Path(__file__).parents[1]


def chosen(options: argparse.Namespace) -> dict[str, Path]:
    """The YAML files of ``--variant`` and ``--config``, by the names that the rows get."""
    everything = "all" in options.variant
    files = {
        row.name: ROOT / "experiments" / "configs" / row.config
        for row in gan_modules.CATALOGUE
        if everything or row.name in options.variant
    }
    return files | {str(path): path for path in options.config}


def built(config: Path, settings: Sequence[str]) -> tuple[Game, list[dict[str, Tensor]], int]:
    """The module of a YAML, some settings changed, four real batches, and how many images are."""
    words = [f"--config={config}"]
    words += ["--trainer.accelerator=cpu", "--loggers.wandb=disabled"]
    words += [f"--{setting}" for setting in settings]
    with tempfile.TemporaryDirectory() as folder:
        cli = GanCLI(words, run_dir=Path(folder) / "run")
    data: Any = cli.datamodule
    data.prepare_data()
    data.setup("fit")
    size = data.batch_size
    images = data.preview(4 * size)
    batches = [
        {name: value[start : start + size] for name, value in images.items()}
        for start in range(0, 4 * size, size)
    ]
    module: Game = cli.model
    # Averaging is the user's choice, and the same work on both sides.
    return module, batches, len(data.train_dataloader().dataset)


def bare_loop(
    module: Game, batches: Sequence[dict[str, Tensor]], device: str, bf16: bool
) -> Callable[[int], None]:
    """The schedule by hand; returns ``run(rounds)``."""
    module.to(device)
    players = {player.name: player for player in module.players()}
    module.steps = dict.fromkeys(players, 0)
    module.note = lambda name, value: None  # type: ignore[method-assign]
    stages = module.schedule()
    on_device = [{name: value.to(device) for name, value in b.items()} for b in batches]

    def act(name: str, turn: Any, batch: dict[str, Tensor]) -> bool:
        player = players[name]
        others = [p for other in players.values() if other is not player for p in other.trainable]
        for parameter in others:
            parameter.requires_grad_(False)
        player.optimizer.zero_grad(set_to_none=True)
        losses = getattr(module, "_".join(filter(None, (name, turn.phase, "losses"))))
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            terms: dict[str, Tensor] = losses(batch)
        if terms:
            sum(terms.values(), torch.zeros((), device=device)).backward()
        for parameter in others:
            parameter.requires_grad_(True)
        return bool(terms)

    def run(rounds: int) -> None:
        for _ in range(rounds):
            batch = on_device[module.rounds % len(on_device)]
            size = len(next(iter(batch.values())))
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                shared: Any = module.prepare(batch)
            before = module.steps[module.primary_player]
            for turn in stages[module.position.stage].turns:
                if not turn.due(module.position.round):
                    continue
                for _ in range(turn.repeat):
                    acting = [name for name in turn.names if act(name, turn, shared)]
                    for name in acting:
                        players[name].optimizer.step()
                        module.steps[name] += int(turn.counted)
                        module.player_stepped(name)
            module.images_seen += size
            module.rounds += 1
            if module.position.advance(stages, size):
                module.stage_began(stages[module.position.stage])
            if module.steps[module.primary_player] > before:
                module.primary_stepped(size)

    return run


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One row a YAML file, printed as it is known."""
    rows: dict[str, Any] = {}
    for name, config in chosen(options).items():
        torch.manual_seed(0)
        module, batches, length = built(config, options.set)
        options.batch = len(next(iter(batches[0].values())))
        raw = bare_loop(copy.deepcopy(module), batches, options.device, options.bf16)
        alternation = Alternation(raw, options.rounds, clock_of(options.device))
        on_device = [{n: v.to(options.device) for n, v in b.items()} for b in batches]
        rounds = options.rounds * (options.repetitions + 1)
        under_lightning(module, on_device, options, rounds, [alternation], length)
        rows[name] = compared(alternation, options)
        if options.memory:
            settings = ["--set", *options.set] if options.set else []
            rows[name] |= peaks(["--config", str(config), *settings], options)
        print(f"{name}: {rows[name]}", file=sys.stderr)
    return rows


def play(options: argparse.Namespace, rounds: int) -> None:
    """Some rounds of one side of one YAML file, for a process whose memory is measured.

    Both have loaded the library of the dashboard, some 20 MiB: to use one is the user's choice.
    """
    import wandb  # noqa: F401

    (config,) = chosen(options).values()
    module, batches, length = built(config, options.set)
    if options.peak_of == "raw":
        bare_loop(module, batches, options.device, options.bf16)(rounds)
        return
    on_device = [{n: v.to(options.device) for n, v in b.items()} for b in batches]
    under_lightning(module, on_device, options, rounds, [], length)
