"""One of two ranks that time their all-reduces: started by :mod:`benchmarks.scaling.measuring`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

#: Bytes of the messages that a link is measured with; the middle one is foretold.
SIZES = (4_096, 4_194_304, 33_554_432)
_TIMES = 20


def main(out: Path) -> None:
    """The least of some times for each size; rank 0 writes them."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    least = []
    for size in SIZES:
        tensor = torch.zeros(size // 4)
        times = []
        for _ in range(_TIMES):
            dist.barrier()
            began = time.perf_counter()
            dist.all_reduce(tensor)
            times.append(time.perf_counter() - began)
        least.append(min(times))
    if dist.get_rank() == 0:
        out.write_text(json.dumps(least))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
