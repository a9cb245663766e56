"""Who a worker is, so that others on its host can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    """Who is working, so that others on this host can tell whether it still lives."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "boot": _boot(), "pid": pid, "born": _born(pid)}


def known_dead(worker: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    """Whether a worker of this host has ended; of others nothing is known."""
    if (worker["host"], worker["boot"]) != (here["host"], here["boot"]) or not worker["born"]:
        return False
    return _born(int(worker["pid"])) != worker["born"]


def _boot() -> str:
    """Changes when a host begins anew, and differs between containers of one name."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _born(pid: int) -> str:
    """When a process began, in ticks of the kernel; empty where there is none, or no such file."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
