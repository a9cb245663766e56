"""Failures of other processes of a run, told as what happened and how to go on."""

from __future__ import annotations

from pathlib import Path

#: Where a process talks to its data loading workers. What a worker itself met arrives as a text,
#: raised anew by the loader, so a traceback through these files means that the line went dead.
_LINES_TO_WORKERS = (
    "multiprocessing/connection.py",
    "multiprocessing/queues.py",
    "torch/multiprocessing/reductions.py",
)
#: What the system says of a process group's dead line.
_DEAD_LINES = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "timed out")


class LostRankError(RuntimeError):
    """Another process of the run is gone."""


class LostWorkerError(RuntimeError):
    """A data loading worker is gone."""


def lost_process(error: BaseException, run: Path) -> RuntimeError | None:
    """What to raise instead of an error that another process's end caused; None for any other.

    Args:
        error: what ended the training.
        run: the folder of the run, for the command that goes on.
    """
    text = " ".join(str(error).split())[:160]
    if _is_of_worker(error):
        return LostWorkerError(
            f"a data loading worker was killed ({text or type(error).__name__}); usually memory "
            f"ran out: lower num_workers, then go on with: ganagerie resume {run}"
        )
    if isinstance(error, RuntimeError) and _is_of_rank(str(error)):
        return LostRankError(
            f"another process of this run ended or is unreachable ({text}); look at its "
            f"output, then go on with: ganagerie resume {run}"
        )
    return None


def _is_of_worker(error: BaseException) -> bool:
    text = str(error)
    if isinstance(error, RuntimeError):
        return "DataLoader worker" in text and (
            "exited unexpectedly" in text or "killed by signal" in text
        )
    # One that died while it handed over a batch: no such socket, reset, or at its end too early.
    return isinstance(error, (OSError, EOFError)) and _passed_line_to_worker(error)


def _passed_line_to_worker(error: BaseException) -> bool:
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename.replace("\\", "/")
        if file.endswith(_LINES_TO_WORKERS):
            return True
        step = step.tb_next
    return False


def _is_of_rank(text: str) -> bool:
    return any(sign in text for sign in _DEAD_LINES) and ("gloo" in text or "nccl" in text.lower())
