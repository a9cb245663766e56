"""Runs tests on a changed library: in a fork of a process that has imported everything else."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Sequence
from types import CodeType
from typing import Any, Literal

from benchmarks.mutants.mutant import ROOT, Mutant

Outcome = Literal["noticed", "missed", "hung", "broken"]


def preload() -> None:
    """Import what takes seconds and is not ours, so that each fork starts at once."""
    import pytest  # noqa: F401
    import pytorch_lightning  # noqa: F401
    import torch
    import torchmetrics  # noqa: F401
    import torchvision  # noqa: F401

    torch.set_num_threads(1)
    ours = [name for name in sys.modules if name.split(".")[0] in _OURS]
    assert not ours, f"{ours} would stay as they are"


_OURS = ("gan_modules", "datamodules", "callbacks", "experiments", "tests")


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from a text instead of its file."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self.text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.text, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one changed module."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.text = mutant.source()

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        """The changed module's spec; None for every other name."""
        if fullname != self.mutant.module:
            return None
        file = str(ROOT / self.mutant.file)
        return importlib.util.spec_from_file_location(
            fullname, file, loader=_Changed(fullname, file, self.text)
        )


class Trial:
    """Tests in a fork of this process.

    Args:
        tests: for pytest.
        mutant: what is changed there; None runs the library as it is.
        limit: seconds until it is taken to hang.
    """

    def __init__(
        self, tests: Sequence[str], mutant: Mutant | None = None, limit: float = 300.0
    ) -> None:
        self.mutant, self.tests = mutant, tuple(tests)
        self.deadline = time.monotonic() + limit
        if mutant is not None:
            mutant.source()
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._run())

    def _run(self) -> int:
        import pytest

        os.setsid()
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        if self.mutant is not None:
            sys.meta_path.insert(0, _Finder(self.mutant))
        words = ["-x", "-q", "-p", "no:cacheprovider", "-m", "slow or not slow", *self.tests]
        try:
            return int(pytest.main(words))
        except BaseException:
            return 1

    def poll(self) -> Outcome | None:
        """What came of it; None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            # pytest: 0 all passed, 1 some failed, 2 interrupted (an import failed); the rest is
            # a wrong call, such as a test that there is not.
            if code == 0:
                return "missed"
            return "noticed" if code in (1, 2) or code < 0 else "broken"
        if time.monotonic() > self.deadline:
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            return "hung"
        return None
