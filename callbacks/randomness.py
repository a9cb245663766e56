"""Randomness that leaves no trace: what callbacks draw does not change what training draws."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def same_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators inside, and put their states back after.

    A generator that draws noise in its layers gives the same picture each time, and training
    afterwards draws what it would have drawn anyway.

    Args:
        seed: of the draws inside.
        device: whose generator is put back, beside the CPU's.
    """
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.random.default_generator.manual_seed(seed)
        for index in devices:
            with torch.cuda.device(index):
                torch.cuda.manual_seed(seed)
        yield
