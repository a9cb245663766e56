"""Random numbers that belong to a sample, not to a moment: pure functions of (seed, epoch, index).

A generator seeded for every sample would cost some 10 us each; mixing the three integers
(SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) does a
whole batch at once. Nothing here depends on the make-up of a batch, on a worker, on a rank, on
Python's hash seed or on the version of a library.
"""

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble in place; a bijection of 64-bit integers."""
    state ^= state >> np.uint64(30)
    state *= _FIRST
    state ^= state >> np.uint64(27)
    state *= _SECOND
    state ^= state >> np.uint64(31)
    return state


def sample_keys(
    seed: int, epochs: NDArray[np.int64] | int, indices: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Mix seed, epoch and index of every sample to one 64-bit key.

    Args:
        seed: of the whole run, at least 0.
        epochs: ``(N,)`` epoch in which each sample is drawn, or one epoch for all of them.
        indices: ``(N,)`` position of each sample in its data set.

    Returns:
        ``(N,)`` keys, uniform over 64 bits.
    """
    key = _mix(np.full(1, seed, np.uint64) + _GOLDEN)
    key = _mix(key + _GOLDEN + np.asarray(epochs).astype(np.uint64))
    return _mix(key + _GOLDEN + indices.astype(np.uint64))


def stream_keys(keys: NDArray[np.uint64], stream: int) -> NDArray[np.uint64]:
    """Give each use its own numbers, so that a mirrored image does not also get a typical noise.

    Args:
        keys: ``(N,)`` from :func:`sample_keys`.
        stream: number of the use, at least 0.

    Returns:
        ``(N,)`` keys of that use.
    """
    return _mix(keys + _GOLDEN * np.full(1, stream + 1, np.uint64))


def coins(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Toss a fair coin for every sample: ``(N,)`` keys to ``(N,)`` booleans."""
    return keys >> np.uint64(63) == 1


def words(keys: NDArray[np.uint64], count: int) -> NDArray[np.uint16]:
    """Draw 16-bit integers for every sample.

    Args:
        keys: ``(N,)`` keys of one use.
        count: how many integers each sample gets.

    Returns:
        ``(N, count)`` integers, uniform over 0 to 65535.
    """
    steps = np.arange(1, -(-count // 4) + 1, dtype=np.uint64) * _GOLDEN
    # Little-endian, so that machines of both byte orders draw the same.
    blocks = _mix(keys[:, None] + steps).astype("<u8", copy=False)
    return blocks.view("<u2")[:, :count]


def permutation(seed: int, epoch: int, length: int) -> NDArray[np.int64]:
    """Shuffle ``range(length)``, the same way on every machine: ``(length,)`` indices."""
    keys = sample_keys(seed, epoch, np.arange(length, dtype=np.int64))
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)
