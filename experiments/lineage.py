"""Where a fork comes from, and where it goes."""

from __future__ import annotations

from pathlib import Path

from callbacks.checkpoint_index import CheckpointEntry
from callbacks.run_folder import RunFolder


def parent_of(run: RunFolder, entry: CheckpointEntry) -> dict[str, str]:
    """Where a fork comes from, for its run.json and for W&B.

    Returns:
        ``run`` and ``checkpoint``; ``forked_from`` names the same as W&B knows it, ``group`` all
        that descends from one run.
    """
    record = run.read_run()
    shown, above = record["wandb"] or {}, record["parent"] or {}
    name = shown.get("id") or record["id"]
    return {
        "run": str(run.path),
        "checkpoint": entry["path"],
        "forked_from": f"{name}@{entry['images_seen']}",
        "group": shown.get("group") or above.get("group") or name,
    }


def child_of(run: RunFolder) -> Path:
    """The first free ``RUN-fork<n>``."""
    number = 1
    while (path := run.path.with_name(f"{run.path.name}-fork{number}")).exists():
        number += 1
    return path
