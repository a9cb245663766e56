"""Two machines in one: network namespaces that are joined by a virtual cable.

Each has its own addresses, ports and loopback, so processes in them meet as those of two nodes do.
What is made here carries this process's id in its name and is removed here, whatever happens.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PORT = 29500


class Node:
    """One of the two.

    Args:
        number: 0 or 1; the first one hosts the rendezvous.
        home: the folder in which its commands run: a file system of its own.
    """

    def __init__(self, number: int, home: Path) -> None:
        pid = os.getpid()
        self.number, self.home = number, home
        self.name = f"ganagerie-{pid}-{number}"
        self.cable = f"gan{pid}-{number}"
        # Only these two namespaces know the network, so any will do.
        self.address = f"10.213.77.{number + 1}"
        self.agents: list[subprocess.Popen[bytes]] = []
        home.mkdir(parents=True, exist_ok=True)

    def torchrun(self, first: "Node", words: list[str], restarts: int = 0) -> None:
        """Start ``torchrun ... -m experiments WORDS`` in here, as one process of two nodes."""
        is_host = "true" if self is first else "false"
        options = [
            *("--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", str(restarts)),
            *("--rdzv-backend", "c10d", "--rdzv-endpoint", f"{first.address}:{PORT}"),
            *("--rdzv-id", first.name, "--local-addr", self.address),
            # A node that is gone is noticed after three seconds instead of fifteen.
            *(
                "--rdzv-conf",
                f"is_host={is_host},keep_alive_interval=1",
                "--monitor-interval",
                "0.1",
            ),
        ]
        environment = {
            "GLOO_SOCKET_IFNAME": self.cable,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "WANDB_MODE": "disabled",
            # Else a node that comes back waits for a store announced in an earlier round.
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        }
        log = self.home / f"agent{len(self.agents)}.log"
        with log.open("wb") as out:
            agent = subprocess.Popen(
                [
                    *(_ip(), "netns", "exec", self.name, sys.executable),
                    *("-m", "torch.distributed.run", *options, "-m", "experiments", *words),
                ],
                cwd=self.home,
                env=os.environ | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                # A group of its own: a node is killed with all that runs on it.
                start_new_session=True,
            )
        self.agents.append(agent)

    def kill(self) -> None:
        """End all that runs on the node at once, as a power cut does."""
        for agent in self.agents:
            for process in (agent.pid, *_descendants(agent.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            agent.wait()

    @property
    def output(self) -> str:
        """What all agents and their processes have printed."""
        logs = sorted(self.home.glob("agent*.log"))
        return "".join(log.read_text(errors="replace") for log in logs)


@contextlib.contextmanager
def two_nodes(folder: Path) -> Iterator[tuple[Node, Node]]:
    """Two namespaces, joined; removed at the end with all that runs in them.

    Raises:
        NoNamespacesError: they cannot be made here.
    """
    nodes = (Node(0, folder / "node0"), Node(1, folder / "node1"))
    try:
        for node in nodes:
            _run("netns", "add", node.name)
        first, second = nodes
        _run(
            *("link", "add", first.cable, "netns", first.name, "type", "veth"),
            *("peer", "name", second.cable, "netns", second.name),
        )
        for node in nodes:
            inside = ("-n", node.name)
            _run(*inside, "addr", "add", f"{node.address}/24", "dev", node.cable)
            _run(*inside, "link", "set", node.cable, "up")
            _run(*inside, "link", "set", "lo", "up")
        yield nodes
    finally:
        for node in nodes:
            node.kill()
            # With the namespace its end of the cable goes, and with that the other end.
            subprocess.run([_ip(), "netns", "del", node.name], capture_output=True)


class NoNamespacesError(Exception):
    """Network namespaces cannot be made here."""


def _run(*words: str) -> None:
    done = subprocess.run([_ip(), *words], capture_output=True, text=True)
    if done.returncode:
        raise NoNamespacesError(
            f"two nodes need network namespaces, which root on Linux can make: ip {' '.join(words)}"
            f": {' '.join(done.stderr.split())}"
        )


def _ip() -> str:
    found = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise NoNamespacesError("two nodes need the command `ip` (iproute2), which is not here")
    return found


def _descendants(pid: int) -> list[int]:
    """Processes below one that still runs; torchrun's workers have sessions of their own."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # After the name, which may hold anything: state, parent.
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def wait_until(true: Callable[[], bool], seconds: float, node: Node) -> None:
    """Wait for something that the processes of a node bring about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end and node.agents[-1].poll() is None, node.output
        time.sleep(0.01)
