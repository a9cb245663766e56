"""Reading and writing checkpoints so that a kill, a full disk or a hostile file does no harm.

Writing: a temporary file, flushed, then renamed. Reading: tensors and plain data only, never the
pickled code that a checkpoint from elsewhere may hold.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO

from callbacks.durable import StorageError, replacing, storage_error
from gan_modules.engine.loading import read_checkpoint

NOTE = "ganagerie"
"""Key under which a checkpoint tells its own moment: images_seen, round, epoch, reasons."""

_OVERHEAD_BYTES = 1 << 20


class AtomicCheckpointIO(CheckpointIO):
    """Lightning plugin: whole checkpoints or none, and no pickled code."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint under its final name only when all of it is on the disk.

        Args:
            checkpoint: tensors and plain data.
            path: the file; its folder is made when missing.
            storage_options: not used; Lightning's interface has it.

        Raises:
            StorageError: too little space, or the disk refused; no file is left behind.
        """
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(target.parent, error) from error
        _check_free_space(target.parent, tensor_bytes(checkpoint) + _OVERHEAD_BYTES)
        try:
            with replacing(target) as file:
                torch.save(checkpoint, file)
        except RuntimeError as error:
            # torch reports a failing write of its archive as a RuntimeError of its own.
            target.with_name(f".{target.name}.tmp").unlink(missing_ok=True)
            raise storage_error(target, error) from error

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any | None = "cpu",
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint; see :func:`gan_modules.engine.loading.read_checkpoint`.

        Args:
            path: the file.
            map_location: device of the tensors.
            weights_only: not used: only tensors and plain data are ever read.
        """
        return read_checkpoint(Path(path), map_location)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint file; a missing one is no error."""
        Path(path).unlink(missing_ok=True)


def tensor_bytes(checkpoint: Any) -> int:
    """Count the bytes of all tensors in nested containers; shared storage counts once."""
    storages = {}
    for tensor in _tensors(checkpoint):
        storage = tensor.untyped_storage()
        storages[(tensor.device, storage.data_ptr())] = storage.nbytes()
    return sum(storages.values())


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _check_free_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"AtomicCheckpointIO: the disk of {folder} must have {needed / 1e6:.1f} MB free for a "
            f"checkpoint, got {free / 1e6:.1f} MB; free space there, lower keep_last and keep_best,"
            " or put the run on another disk"
        )
