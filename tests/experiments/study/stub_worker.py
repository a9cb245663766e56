"""A worker whose runs only sleep: ``python stub_worker.py URL NAME FOLDER SECONDS``.

Each run leaves a line at its beginning and one at its end in FOLDER/played.txt.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from experiments.study.children import Ended
from experiments.study.queue import Queue
from experiments.study.storage import open_storage
from experiments.study.worker import Worker


class Sleeping:
    """Takes the place of the children in which runs are trained."""

    threads = 1

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds

    def call(self, function: str, job: dict[str, Any], *others: Any) -> Ended:
        self.note("began", job["key"])
        time.sleep(self.seconds)
        self.note("ended", job["key"])
        score = float(len(job["key"])) + job["run"]["draw"]
        scores = {"chosen": score, "reported": score, "images_seen": 1000, "elapsed": self.seconds}
        return Ended({"outcome": "finished", "error": "", "seconds": self.seconds, **scores})

    def note(self, what: str, key: str) -> None:
        with open(self.folder / "played.txt", "a") as file:
            file.write(f"{what} {key} {os.getpid()}\n")


def main() -> int:
    url, name, folder, seconds = sys.argv[1:]
    queue = Queue(open_storage(url), name)
    queue.plan["trees"] = dict.fromkeys(queue.plan["trees"], {})
    return Worker(queue, Path(folder), Sleeping(Path(folder), float(seconds))).work()  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
