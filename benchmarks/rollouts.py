"""Roll-outs of all beginnings in one batch, over a loop that completes one beginning at a time.

``python -m benchmarks.rollouts``: both make the same sentences of the same numbers, which is
checked; the ratio of their CPU times, medians over repetitions that alternate, is printed as one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from experiments.arguments import count
from gan_modules.language.speaking import completed, drawn
from gan_modules.networks.lstm_speaker import LSTMSpeaker


def one_by_one(speaker: LSTMSpeaker, tokens: Tensor, uniforms: Tensor) -> Tensor:
    """What :func:`gan_modules.language.speaking.completed` gives, beginning by beginning."""
    _, rollouts, beginnings, _ = uniforms.shape
    rows = [
        torch.stack(
            [
                drawn(
                    speaker,
                    uniforms[:, rollout, place],
                    given=tokens,
                    keep=torch.full((len(tokens),), place + 1),
                )
                for place in range(beginnings)
            ]
        )
        for rollout in range(rollouts)
    ]
    return torch.stack(rows)


def cpu_seconds(function: Callable[[], Tensor]) -> float:
    """CPU time of one call."""
    began = time.process_time()
    function()
    return time.process_time() - began


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=count, default=500)
    parser.add_argument("--length", type=count, default=20)
    parser.add_argument("--rollouts", type=count, default=16)
    parser.add_argument("--batch", type=count, default=64)
    parser.add_argument("--repetitions", type=count, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    own = torch.Generator().manual_seed(0)
    speaker = LSTMSpeaker(options.words, options.length, special_tokens=False)
    uniforms = torch.rand(
        options.batch, options.rollouts, options.length - 1, options.length, generator=own
    )
    tokens = drawn(speaker, uniforms[:, 0, 0])
    ways: dict[str, Callable[[], Tensor]] = {
        "batched": lambda: completed(speaker, tokens, uniforms),
        "loop": lambda: one_by_one(speaker, tokens, uniforms),
    }
    same = (ways["batched"]() == ways["loop"]()).float().mean()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.repetitions):
        for name, way in ways.items():
            times[name].append(cpu_seconds(way))
    medians = {f"{name}_ms": 1e3 * statistics.median(found) for name, found in times.items()}
    ratio = medians["loop_ms"] / medians["batched_ms"]
    print(json.dumps({"benchmark": "rollouts", "ratio": ratio, "same": float(same), **medians}))


if __name__ == "__main__":
    main()
