"""Reading and writing checkpoints so that a kill, a full disk or a hostile file does no harm.

Writing: a temporary file, flushed, then renamed. Reading: tensors and plain data only, never the
pickled code that a checkpoint from elsewhere may hold.
"""

import io
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO

from callbacks.durable import StorageError, replacing, storage_error
from callbacks.metrics.distributed import on_rank_zero, rank_and_world
from gan_modules.engine.loading import read_checkpoint

NOTE = "ganagerie"
"""Key under which a checkpoint tells its own moment: images_seen, round, epoch, reasons."""

_OVERHEAD_BYTES = 1 << 20
# What a GPU holds beside everything else while a checkpoint passes through it.
_PART_BYTES = 1 << 26


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
        """Read a checkpoint, on all ranks together; see :func:`read_on_all_ranks`.

        Args:
            path: the file.
            map_location: device of the tensors.
            weights_only: not used: only tensors and plain data are ever read.
        """
        return read_on_all_ranks(Path(path), map_location)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint file; a missing one is no error."""
        Path(path).unlink(missing_ok=True)


def read_on_all_ranks(path: Path, map_location: Any | None = "cpu") -> dict[str, Any]:
    """Rank 0 reads a checkpoint and sends its bytes to the others, which need not see the file.

    Every rank must call it. One reading cannot differ between ranks, and a file server is asked
    once for all of them. An error of rank 0 is raised on all ranks.

    Args:
        path: the file, on rank 0.
        map_location: device of the tensors.

    Raises:
        ValueError: see :func:`gan_modules.engine.loading.read_checkpoint`.
    """
    rank, world = rank_and_world()
    if world == 1:
        return read_checkpoint(path, map_location)
    own: list[dict[str, Any]] = []

    def length() -> int:
        own.append(read_checkpoint(path, map_location))
        return path.stat().st_size

    content = bytearray(on_rank_zero(length))
    if rank == 0:
        with path.open("rb") as file:
            file.readinto(content)
    carrier = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
    for part in torch.frombuffer(content, dtype=torch.uint8).split(_PART_BYTES):
        moved = part.to(carrier)
        dist.broadcast(moved, src=0)
        part.copy_(moved)
    if rank == 0:
        return own[0]
    # Rank 0 has parsed these bytes already, and refused what is more than tensors and plain data.
    parsed: dict[str, Any] = torch.load(
        io.BytesIO(content), map_location=map_location, weights_only=True
    )
    return parsed


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
