"""One writer for a run folder: a run that is still training is not gone on with a second time.

The lock is the system's own, on the folder itself: it leaves no file behind, and it is free again
as soon as its process is gone, however that ended.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has other locks, which no folder can have.
    fcntl = None  # type: ignore[assignment]

_held: set[int] = set()


def _leave_locks_to_the_parent() -> None:
    """Loader workers outlive a killed process by seconds, and would hold its lock so long."""
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_locks_to_the_parent)


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold a run folder while training writes to it.

    Args:
        folder: of the run; it exists. Where the file system knows no locks, nothing is held.

    Raises:
        ValueError: another process holds it.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ValueError(
            f"RunFolder: run must be written by one process at a time, got {folder}, which is "
            "training now; wait for it, stop it with SIGTERM, or fork it with `resume --set`"
        ) from error
    except OSError:
        # Some network file systems lock no folders.
        pass
    _held.add(descriptor)
    try:
        yield
    finally:
        # Not in a forked child, where it is closed and its number may be another file's.
        if descriptor in _held:
            _held.discard(descriptor)
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)
