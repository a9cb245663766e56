"""Files that survive a kill: written beside the target, flushed to the disk, renamed over it.

A rename within one folder is atomic, so a reader sees the old content or the new content and never
half of either. Only the flush of the file before the rename, and of the folder after it, makes that
hold through a power cut as well.
"""

import contextlib
import os
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

TEMPORARY_PATTERN = ".*.tmp"


class StorageError(ValueError):
    """The disk refused a write; the message is one line that names the path and the remedy."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the place of ``path`` when the block ends without an error.

    Args:
        path: the target; its folder is made when missing.

    Yields:
        A binary file open for writing, in the same folder as the target.

    Raises:
        StorageError: the disk is full, read-only or not ours; the target is left as it was.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise storage_error(path, error) from error


def storage_error(path: Path, error: Exception) -> StorageError:
    """Put an error of the file system into the words of the run folder."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        # torch wraps the failing write in an error about its archive.
        cause = cause.__cause__ or cause.__context__
    reason = getattr(cause, "strerror", None) or " ".join(str(error).split()) or repr(error)
    return StorageError(
        f"RunFolder: {path} must be writable, got '{reason}'; free space on that disk, or choose "
        "a folder that you may write to"
    )


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of ``path`` in one step.

    Raises:
        StorageError: the disk refused; the old content is still there.
    """
    with replacing(path) as file:
        file.write(data)


def append_line(path: Path, line: bytes) -> None:
    r"""Append one line and wait until it is on the disk.

    A line that an earlier kill left without its end is removed first, because the new one would
    otherwise be glued to it and both would be lost.

    Args:
        path: a text file of lines; made when missing.
        line: without a line end.

    Raises:
        StorageError: the disk refused.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        drop_torn_line(path)
        with open(path, "ab", buffering=0) as file:
            size = file.tell()
            try:
                _write_all(file, line + b"\n")
                os.fsync(file.fileno())
            except OSError:
                # The caller may try again, and must not find half of its line there.
                file.truncate(size)
                raise
        if new:
            sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error


def _write_all(file: RawIOBase, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def drop_torn_line(path: Path) -> None:
    """Cut a file back to the end of its last whole line; a missing file is left missing."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.flush()
        os.fsync(file.fileno())


def whole_lines(path: Path) -> list[str]:
    """Read the lines of a text file, without one that a kill left unfinished.

    Args:
        path: UTF-8 text; a missing file has no lines.

    Returns:
        The lines without their ends.
    """
    if not path.exists():
        return []
    # Not splitlines(): it also breaks at characters that may stand inside a value.
    return path.read_bytes().decode("utf-8", errors="replace").split("\n")[:-1]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can do that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
