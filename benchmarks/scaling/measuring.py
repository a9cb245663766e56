"""What this machine says: writing, hashing, scoring, loading, and a link to test a formula."""

from __future__ import annotations

import json
import pickle
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.ranks import run_two
from benchmarks.scaling.closed_forms import Link, ring_seconds
from benchmarks.scaling.loopback import SIZES
from benchmarks.scaling.plan import Measured
from callbacks.checkpoint_io import AtomicCheckpointIO
from callbacks.index_reader import sha256_of
from callbacks.metrics.bank import FeatureBank
from callbacks.metrics.frechet import frechet_from_features
from callbacks.rng import capture
from datamodules.openmoji import OpenMoji


def measured(samples: int, features: int) -> Measured:
    """Everything that a plan takes from this machine.

    Args:
        samples: of an evaluation.
        features: of each.
    """
    return Measured(
        scoring=scoring_seconds(samples, features),
        random_state_bytes=float(len(pickle.dumps(capture(torch.device("cpu"))))),
        loading=loading_rate(),
    )


def scoring_seconds(samples: int, features: int) -> float:
    """The Frechet distance of noise, which rank 0 computes while the others wait; CPU time."""
    draws = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(samples, features, generator=draws) for _ in range(2))
    bank = FeatureBank("noise", fake)
    began = time.process_time()
    frechet_from_features(real, bank.features)
    return time.process_time() - began


def loading_rate(batches: int = 40) -> float:
    """Bytes of pictures, one a colour, that one core makes batches of in a second of CPU time."""
    data = OpenMoji(size=64, batch_size=32)
    data.prepare_data()
    data.setup("fit")
    batch_iterator = iter(data.train_dataloader())
    next(batch_iterator)
    began, pixels = time.process_time(), 0
    for _ in range(batches):
        pixels += next(batch_iterator)["image"].numel()
    return pixels / (time.process_time() - began)


def disk_rates(size: int) -> dict[str, float]:
    """Bytes a second of a checkpoint.

    Returns:
        ``disk``: written as training does, in wall time; ``hashing``: its checksum, in CPU time.
    """
    checkpoint = {"state_dict": {"weight": torch.zeros(size // 4)}}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.ckpt"
        began = time.perf_counter()
        AtomicCheckpointIO().save_checkpoint(checkpoint, file)
        seconds, began = time.perf_counter() - began, time.process_time()
        sha256_of(file)
        return {"disk": size / seconds, "hashing": size / (time.process_time() - began)}


def loopback() -> dict[str, float]:
    """All-reduce of two gloo processes: a link fitted to the smallest and largest message.

    Returns:
        ``latency`` in seconds, ``bandwidth`` in bytes a second, and for the message between them
        ``seconds`` and what the formula makes of the link, ``foretold``.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "times.json"
        run_two(["-m", "benchmarks.scaling.loopback", out])
        times = json.loads(out.read_text())
    link = fitted(SIZES[0], times[0], SIZES[2], times[2])
    return {
        "latency": link.latency,
        "bandwidth": link.bandwidth,
        "seconds": times[1],
        "foretold": ring_seconds(SIZES[1], 2, link),
    }


def fitted(small: int, quick: float, large: int, slow: float) -> Link:
    """The link of two ranks on which a ring takes the times of two messages."""
    bandwidth = (large - small) / max(slow - quick, 1e-12)
    return Link(bandwidth, max(0.0, (quick - small / bandwidth) / 2))
