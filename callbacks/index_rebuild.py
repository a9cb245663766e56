"""A new ``index.json`` from the checkpoints themselves, for when the old one is lost or damaged."""

from typing import cast

from callbacks.checkpoint_index import FILE_NAME, CheckpointEntry, Index
from callbacks.checkpoint_io import NOTE, read_checkpoint
from callbacks.collapse.health import Health
from callbacks.retention import Retention
from callbacks.run_folder import RunFolder


def rebuild_index(run: RunFolder, keep: Retention | None = None) -> tuple[Index, list[str]]:
    """Write a new index from the files in ``checkpoints/``.

    Scores, and the health of the run, come back from ``evaluations.jsonl``, the state at each
    checkpoint from the checkpoint. Nothing is deleted: a file that cannot be read is left out of
    the index, and told to the caller.

    Args:
        run: the run folder; its index may be damaged or missing.
        keep: the rule that says what is best; None takes the defaults.

    Returns:
        The index as written, and one line for each file that was left out.

    Raises:
        ValueError: ``evaluations.jsonl`` is damaged.
        StorageError: the disk refused.
    """
    evaluations = {row["images_seen"]: row for row in run.read_evaluations()}
    rows: list[CheckpointEntry] = []
    left_out = []
    for file in run.checkpoint_files():
        match = FILE_NAME.fullmatch(file.name)
        assert match is not None
        try:
            note = read_checkpoint(file).get(NOTE, {})
        except ValueError as error:
            left_out.append(str(error))
            continue
        images_seen, generator_step = map(int, match.groups())
        evaluation = evaluations.get(images_seen)
        entry = {
            "images_seen": images_seen,
            "generator_step": generator_step,
            "round": note.get("round", 0),
            "epoch": note.get("epoch", 0),
            "reasons": note.get("reasons", []),
            "scores": evaluation["scores"] if evaluation else None,
            "protocol": evaluation["protocol"] if evaluation else None,
            "state": note.get("state"),
            **run.describe(file),
        }
        rows.append(cast(CheckpointEntry, entry))
    health = Health.of_history(run.read_history())
    return run.replace_checkpoints((), rows, keep or Retention(), health), left_out
