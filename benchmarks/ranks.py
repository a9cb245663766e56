"""Two processes of one job on loopback, as torchrun would start them."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """A port of loopback that nobody listens on, nor is given to another who asks like this."""
    with socket.socket() as probe, socket.socket() as caller:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        probe.listen(1)
        caller.connect(probe.getsockname())
        # The end of a connection that is closed first keeps its port for a minute; who knows the
        # port may listen there, and the system offers it to nobody.
        probe.accept()[0].close()
        return int(probe.getsockname()[1])


def rank_environment(rank: int, port: int, world: int = 2) -> dict[str, str]:
    """What torchrun sets for one process of a job on one machine.

    Args:
        rank: of the process.
        port: where rank 0 waits for the others.
        world: number of processes.
    """
    return {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(world),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "GROUP_RANK": "0",
        "LOCAL_WORLD_SIZE": str(world),
        "TORCHELASTIC_RUN_ID": "loopback",
    }


def run_two(words: Sequence[object], timeout: float = 300.0) -> None:
    """Run ``python WORDS`` as two ranks from the root of the repository, to their end.

    Args:
        words: arguments of the interpreter, such as ``-m module``.
        timeout: seconds until both are ended.

    Raises:
        RuntimeError: a rank failed; with the end of what both printed.
    """
    port = free_port()
    ranks = [
        subprocess.Popen(
            [sys.executable, *map(str, words)],
            env=os.environ | rank_environment(rank, port) | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        logs = [rank.communicate(timeout=timeout)[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    codes = [rank.returncode for rank in ranks]
    if any(codes):
        raise RuntimeError(f"the ranks ended with {codes}:\n" + "\n".join(logs)[-6000:])
