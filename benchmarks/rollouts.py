"""Roll-outs of all beginnings together, over loops that complete one beginning after the other.

``python -m benchmarks.rollouts [--batch 8 32 64 128]`` prints one JSON object for each size of
batch: CPU times of one thread, the least of repetitions that alternate (what else runs on a machine
can only add to them), and by how much each loop is slower. All make the same sentences of the same
numbers, which is checked, but for rounding. The loops:

- ``published``: arXiv:1609.05473 as its authors' code runs it. For each roll-out and each
  beginning, the policy hears the given tokens one by one, from the first one on, without judging
  what follows them; then it draws the rest. It has this library's way to draw, which is several
  times faster than the next.
- ``multinomial``: the same with ``torch.multinomial``, as ports to PyTorch have it. Its sentences
  are others.
- ``judging``: as published, with logits after each given token too.
- ``reading``: as published, but it hears all given tokens of a beginning in one call.

``arithmetic`` is by how much the published loop has more floating point operations: passes of the
LSTM and of its head alone. Where a loop's calls are large, time cannot fall by more than that but
for what the calls themselves cost: choosing among the words, memory, and the overhead of a call.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from experiments.arguments import count
from gan_modules.language.rollouts import completed
from gan_modules.language.speaking import choose, drawn
from gan_modules.networks.lstm_speaker import LSTMSpeaker, State

#: ``(heard (N,), state) -> state``, and ``(logits (N, V), uniforms (N,)) -> (N,)``.
Hearing = Callable[[LSTMSpeaker, Iterable[Tensor]], tuple[Tensor, State]]
Choosing = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def one_by_one(
    speaker: LSTMSpeaker, tokens: Tensor, uniforms: Tensor, heard: Hearing, chosen: Choosing
) -> Tensor:
    """What :func:`gan_modules.language.rollouts.completed` gives, beginning by beginning.

    Args:
        speaker: without special tokens.
        tokens: int64 ``(N, T)``.
        uniforms: ``(N, R, T - 1, T)`` in [0, 1).
        heard: logits and state after given tokens.
        chosen: a token of logits and uniform numbers.
    """
    n, rollouts, beginnings, length = uniforms.shape
    rows = []
    for rollout in range(rollouts):
        for last in range(beginnings):
            said = list(tokens[:, : last + 1].unbind(1))
            logits, state = heard(speaker, [torch.zeros_like(said[0]), *said])
            for place in range(last + 1, length):
                said.append(chosen(logits, uniforms[:, rollout, last, place]))
                if place < length - 1:
                    logits, state = speaker.step(speaker.embed(said[-1]), state)
            rows.append(torch.stack(said, 1))
    return torch.stack(rows).view(rollouts, beginnings, n, length)


def published(speaker: LSTMSpeaker, given: Iterable[Tensor]) -> tuple[Tensor, State]:
    """Token by token, and logits after the last."""
    *before, last = given
    state = speaker.initial(len(last))
    for token in before:
        _, (hidden, cell) = speaker.lstm(
            speaker.embed(token)[:, None], (state[0][None], state[1][None])
        )
        state = hidden[0], cell[0]
    return speaker.step(speaker.embed(last), state)


def judging(speaker: LSTMSpeaker, given: Iterable[Tensor]) -> tuple[Tensor, State]:
    """Token by token, and logits after each."""
    *before, last = given
    state = speaker.initial(len(last))
    for token in before:
        _, state = speaker.step(speaker.embed(token), state)
    return speaker.step(speaker.embed(last), state)


def reading(speaker: LSTMSpeaker, given: Iterable[Tensor]) -> tuple[Tensor, State]:
    """All in one call, and logits after the last."""
    hidden, (last, cell) = speaker.lstm(speaker.embedding(torch.stack(list(given), 1)))
    return speaker.head(hidden[:, -1]), (last[0], cell[0])


def multinomial(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Tokens drawn by PyTorch."""
    return torch.multinomial(logits.softmax(1), 1)[:, 0]


def operations(speaker: LSTMSpeaker, rollouts: int, batch: int) -> tuple[int, int]:
    """Floating point operations of the published loop, and of all roll-outs together."""
    length, width = speaker.length, speaker.lstm.hidden_size
    heard = 2 * 4 * width * (width + speaker.lstm.input_size)
    judged = 2 * width * speaker.vocabulary_size
    # A beginning of k tokens is followed by T - k drawn ones, and each of k and T - k - 1 is heard.
    beginnings, draws = length - 1, length * (length - 1) // 2
    loop = rollouts * (beginnings * length * heard + draws * judged)
    # Once for each place, and then one pass less than there are draws: the first one is shared.
    together = length * (heard + judged) + rollouts * (draws - beginnings) * (heard + judged)
    return batch * loop, batch * together


def cpu_seconds(function: Callable[[], Tensor]) -> float:
    """CPU time of one call."""
    began = time.process_time()
    function()
    return time.process_time() - began


def measured(speaker: LSTMSpeaker, batch: int, rollouts: int, repetitions: int) -> dict[str, float]:
    """Times, ratios, and how many tokens the batched form shares with the published one."""
    own = torch.Generator().manual_seed(0)
    length = speaker.length
    uniforms = torch.rand(batch, rollouts, length - 1, length, generator=own)
    tokens = drawn(speaker, uniforms[:, 0, 0])
    given = speaker, tokens, uniforms
    ways: dict[str, Callable[[], Tensor]] = {
        "batched": lambda: completed(*given),
        "published": lambda: one_by_one(*given, published, choose),
        "multinomial": lambda: one_by_one(*given, published, multinomial),
        "judging": lambda: one_by_one(*given, judging, choose),
        "reading": lambda: one_by_one(*given, reading, choose),
    }
    same = (ways["batched"]() == ways["published"]()).double().mean()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, way in ways.items():
            times[name].append(cpu_seconds(way))
    least = {name: min(found) for name, found in times.items()}
    loop, together = operations(speaker, rollouts, batch)
    return {
        "batch": batch,
        "ratio": least["published"] / least["batched"],
        **{f"ratio_{name}": least[name] / least["batched"] for name in list(ways)[2:]},
        "arithmetic": loop / together,
        "same": float(same),
        **{f"{name}_ms": 1e3 * seconds for name, seconds in least.items()},
        "batched_gflops": together / least["batched"] / 1e9,
        "published_gflops": loop / least["published"] / 1e9,
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", type=count, default=500)
    parser.add_argument("--length", type=count, default=20)
    parser.add_argument("--rollouts", type=count, default=16)
    parser.add_argument("--batch", type=count, nargs="+", default=[64])
    parser.add_argument("--repetitions", type=count, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    speaker = LSTMSpeaker(options.words, options.length, special_tokens=False)
    for batch in options.batch:
        found = measured(speaker, batch, options.rollouts, options.repetitions)
        print(json.dumps({"benchmark": "rollouts", **found}), flush=True)


if __name__ == "__main__":
    main()
