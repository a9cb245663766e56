"""Which process of a run this is, how many another program has started, and how they agree."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch.distributed as dist

from experiments.errors import CommandError, is_user_error

if TYPE_CHECKING:
    from experiments.cli import GanCLI

#: What the first process has found, for those that it starts itself.
_FOUND = "GANAGERIE_FOUND"


def is_rank_zero() -> bool:
    """Whether this process is the one of all nodes that writes, as its environment says."""
    for name in ("RANK", "SLURM_PROCID"):
        if name in os.environ:
            return os.environ[name] == "0"
    # Lightning starts the other processes of a node itself; a node is told its number by hand.
    node = os.environ.get("NODE_RANK", os.environ.get("GROUP_RANK", "0"))
    return node == "0" and os.environ.get("LOCAL_RANK", "0") == "0"


def started_elsewhere() -> bool:
    """Whether another program starts the processes of this run: torchrun or srun."""
    return "TORCHELASTIC_RUN_ID" in os.environ or "SLURM_PROCID" in os.environ


def settle(trainer: Any) -> None:
    """Let ``devices: auto`` on one node stand for what torchrun or srun has started.

    Args:
        trainer: its settings, of which ``devices`` and ``num_nodes`` are filled in.

    Raises:
        CommandError: they are given, and are not those: each process would train for itself.
    """
    started = _started()
    if started is None:
        return
    program, processes, nodes = started
    a_node, rest = divmod(processes, nodes)
    devices, num_nodes = trainer.get("devices"), int(trainer.get("num_nodes") or 1)
    if rest == 0 and str(devices) in ("auto", "-1") and num_nodes == 1:
        trainer.devices, trainer.num_nodes = a_node, nodes
    elif rest or _number_of(devices) * num_nodes != processes:
        remedy = (
            "start equally many on each"
            if rest
            else (f"leave both out, or set --trainer.devices {a_node} --trainer.num_nodes {nodes}")
        )
        raise CommandError(
            f"trainer.devices x trainer.num_nodes must be the {processes} processes that {program} "
            f"has started on {nodes} node{'s' * (nodes > 1)}, got {devices} x {num_nodes}; {remedy}"
        )


def _started() -> tuple[str, int, int] | None:
    """Program, processes and nodes."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        names = ("torchrun", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    elif "SLURM_PROCID" in os.environ:
        names = ("srun", "SLURM_NTASKS", "SLURM_NNODES")
    else:
        return None
    program, total, parts = names
    if total not in os.environ or parts not in os.environ:
        return None
    processes, of_parts = int(os.environ[total]), int(os.environ[parts])
    # Of an uneven lot the number of nodes is not known; any that does not divide will do.
    return program, processes, of_parts if program == "srun" else -(-processes // of_parts)


def _number_of(devices: Any) -> int:
    if isinstance(devices, (list, tuple)):
        return len(devices)
    text = str(devices)
    if "," in text:
        return len([part for part in text.split(",") if part])
    return int(text) if text.lstrip("-").isdigit() and int(text) > 0 else 0


def agreed(cli: GanCLI, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the first process of all nodes finds in the file system, on all of them.

    Args:
        cli: parsed and built.
        find: looks and decides; called on rank 0 only. Its result is plain data.

    Returns:
        The same on all ranks.

    Raises:
        CommandError: several nodes without torchrun or srun; or what rank 0 refused.
    """
    if not started_elsewhere():
        return _handed_down(cli, find)
    if cli.trainer.world_size == 1:
        return find()
    # The trainer would connect the processes a moment later, and finds it done.
    cli.trainer.strategy.setup_environment()
    outcome: list[Any] = [None, None]
    failure: Exception | None = None
    if cli.trainer.is_global_zero:
        try:
            outcome[0] = find()
        except Exception as error:
            failure, outcome[1] = error, (str(error), is_user_error(error))
    dist.broadcast_object_list(outcome, src=0)
    if failure is not None:
        raise failure
    if outcome[1] is not None:
        text, of_user = outcome[1]
        raise CommandError(text) if of_user else RuntimeError(text)
    found: dict[str, Any] = outcome[0]
    return found


def _handed_down(cli: GanCLI, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """By the environment, to the processes that the first one starts on its own machine."""
    if cli.trainer.num_nodes > 1:
        raise CommandError(
            f"auto_resume on several nodes needs torchrun or srun, got trainer.num_nodes "
            f"{cli.trainer.num_nodes} without; see experiments/launch"
        )
    if not is_rank_zero():
        found: dict[str, Any] = json.loads(os.environ[_FOUND])
        return found
    found = find()
    os.environ[_FOUND] = json.dumps(found)
    return found


def forget() -> None:
    """Leave nothing of this run in the environment."""
    os.environ.pop(_FOUND, None)
