"""A sign of life of a trial's worker, for workers on other hosts."""

from __future__ import annotations

import sys
import threading
from typing import Any

from experiments.study.storage import HEARTBEAT_S


class Heartbeat:
    """Says every few seconds that a trial's worker is alive; a context manager."""

    def __init__(self, storage: Any, trial: Any) -> None:
        self.storage, self.trial = storage, trial
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_S):
            try:
                self.storage.record_heartbeat(self.trial._trial_id)
            except Exception as error:
                # A server that is away for a moment is asked again; the run goes on.
                print(f"heartbeat not recorded ({type(error).__name__})", file=sys.stderr)
