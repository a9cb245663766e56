"""The relational memory: its gates, what its slots see, and a speaker that has it as its state."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_modules.language.relaxations import Softmax
from gan_modules.language.rollouts import completed
from gan_modules.language.speaking import choose, drawn, likelihoods, relaxed
from gan_modules.networks.relational_speaker import RelationalMemory, RelationalSpeaker
from tests.small.sizes import WORDS, WORDS_LENGTH
from tests.small_variants import build

V, T = 7, 6
TOKENS = torch.randint(V, (5, T), generator=torch.Generator().manual_seed(8))


def memory_core(slots: int, heads: int, head_width: int) -> RelationalMemory:
    core = RelationalMemory(slots, heads, head_width).double()
    with torch.no_grad():
        for parameter in core.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.7)
    return core


def speaker(**options: Any) -> RelationalSpeaker:
    return RelationalSpeaker(V, T, 4, **{"slots": 2, "heads": 2, "head_width": 3, **options})


def normed(row: list[float], norm: Any) -> list[float]:
    mean = sum(row) / len(row)
    deviation = math.sqrt(sum((x - mean) ** 2 for x in row) / len(row) + norm.eps)
    scale, shift = norm.weight.tolist(), norm.bias.tolist()
    return [(x - mean) / deviation * s + b for x, s, b in zip(row, scale, shift, strict=True)]


def times(weight: Tensor, row: list[float], bias: Tensor | None = None) -> list[float]:
    shift = [0.0] * len(weight) if bias is None else bias.tolist()
    return [sum(w * x for w, x in zip(r, row, strict=True)) + b
            for r, b in zip(weight.tolist(), shift, strict=True)]  # fmt: skip


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def by_hand(core: RelationalMemory, heard: list[float], slots: list[list[float]]) -> list[Any]:
    """The next memory, number by number."""
    d, h = core.head_width, core.heads
    rows = [*slots, heard]
    asked = [normed(times(core.asked.weight, row), core.asked_norm) for row in rows]
    after = []
    for at, slot in enumerate(slots):
        seen: list[float] = []
        for head in range(h):
            part = [row[3 * d * head : 3 * d * (head + 1)] for row in asked]
            fits = [
                sum(q * k for q, k in zip(part[at][:d], other[d : 2 * d], strict=True)) / d**0.5
                for other in part
            ]
            shares = [math.exp(fit) for fit in fits]
            seen += [
                sum(s * other[2 * d + i] for s, other in zip(shares, part, strict=True))
                / sum(shares)
                for i in range(d)
            ]
        a = normed([m + s for m, s in zip(slot, seen, strict=True)], core.attended_norm)
        inner = [max(0.0, x) for x in times(core.mixed[0].weight, a, core.mixed[0].bias)]
        outer = times(core.mixed[2].weight, inner, core.mixed[2].bias)
        b = normed([x + y for x, y in zip(a, outer, strict=True)], core.mixed_norm)
        gates = [
            x + y
            for x, y in zip(
                times(core.gate_heard.weight, heard),
                times(core.gate_kept.weight, [math.tanh(m) for m in slot]),
                strict=True,
            )
        ]
        after.append(
            [
                sigmoid(gates[i]) * math.tanh(b[i]) + sigmoid(gates[core.width + i] + 1.0) * slot[i]
                for i in range(core.width)
            ]
        )
    return after


@pytest.mark.parametrize("shape", [(1, 1, 4), (3, 2, 2)], ids=str)
def test_the_next_memory_is_that_of_a_slow_reference(shape: tuple[int, int, int]) -> None:
    core = memory_core(*shape)
    slots, heard = torch.randn(2, shape[0], core.width).double(), torch.randn(2, core.width)
    found = core(heard.double(), slots)
    wanted = [by_hand(core, heard[row].double().tolist(), slots[row].tolist()) for row in range(2)]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64))


def test_shut_gates_keep_the_memory_and_open_ones_let_all_in() -> None:
    core = memory_core(2, 1, 4)
    slots, heard = torch.randn(3, 2, 4).double(), torch.ones(3, 4).double()
    with torch.no_grad():
        core.gate_kept.weight.zero_()
        # Eight rows: the first four let in, the others keep.
        core.gate_heard.weight[:4], core.gate_heard.weight[4:] = -100.0, 100.0
    torch.testing.assert_close(core(heard, slots), slots)
    with torch.no_grad():
        core.gate_heard.weight.neg_()
        core.mixed_norm.weight.zero_()
        core.mixed_norm.bias.fill_(0.3)
    torch.testing.assert_close(core(heard, slots), torch.full_like(slots, math.tanh(0.3)))


def test_gates_without_weights_keep_more_than_half() -> None:
    core = memory_core(1, 1, 4)
    with torch.no_grad():
        core.gate_kept.weight.zero_()
        core.gate_heard.weight.zero_()
        core.mixed_norm.weight.zero_()
        core.mixed_norm.bias.zero_()
    slots = torch.randn(3, 1, 4).double()
    torch.testing.assert_close(core(torch.randn(3, 4).double(), slots), slots * sigmoid(1.0))


def test_where_all_rows_are_alike_each_sees_its_own_value() -> None:
    core = memory_core(3, 2, 2)
    row = torch.randn(1, 1, 4).double()
    seen = core.attention(row.expand(1, 4, 4))
    asked = core.asked_norm(core.asked(row))[0, 0]
    wanted = torch.cat([asked[4:6], asked[10:12]])
    torch.testing.assert_close(seen, wanted.expand(1, 4, 4))


def test_slots_begin_as_unlike_rows_of_the_identity() -> None:
    first = RelationalMemory(3, 1, 2).initial(2)
    assert first.tolist() == [[[1, 0], [0, 1], [0, 0]]] * 2
    assert RelationalMemory(1, 2, 2).initial(1).tolist() == [[[1, 0, 0, 0]]]


@pytest.mark.parametrize("special", [True, False])
def test_step_by_step_it_says_what_it_says_of_whole_sentences(special: bool) -> None:
    network = speaker(special_tokens=special).double()
    state, heard = network.initial(5), torch.full((5,), 1 if special else 0)
    for place in range(T):
        logits, state = network.step(network.embed(heard), state)
        torch.testing.assert_close(logits, network.logits(TOKENS)[:, place])
        heard = TOKENS[:, place]
    assert state[0].shape == (5, 2, 6) and network.latent_dim == T
    assert network(torch.rand(3, T).double()).shape == (3, T)


def test_weights_are_heard_as_their_tokens_and_pass_gradients_everywhere() -> None:
    network = speaker(special_tokens=False)
    rows = torch.nn.functional.one_hot(TOKENS[:, 0], V).float()
    torch.testing.assert_close(network.embed(rows), network.embed(TOKENS[:, 0]))
    relaxed(network, torch.rand(4, T, V), Softmax(), 1.0)[:, -1, 0].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


def test_its_sentences_are_judged_and_completed_as_they_are_drawn() -> None:
    network = speaker(special_tokens=False).double()
    uniforms = torch.rand(4, 3, T - 1, T, dtype=torch.float64)
    tokens = drawn(network, uniforms[:, 0, 0])
    whole = completed(network, tokens, uniforms)
    assert bool((whole.view(-1, T)[:, 0] == tokens[:, 0].repeat(3 * (T - 1))).all())
    # The last beginning: one token is left.
    logits = network.logits(tokens)[:, -1]
    for rollout in range(3):
        last = choose(logits, uniforms[:, rollout, -1, -1])
        assert whole[rollout, -1, :, -1].equal(last)
    assert likelihoods(network, tokens).log_probability.shape == (4, T)


@pytest.mark.parametrize("name", ["SeqGAN", "ScratchGAN", "GumbelTextGAN", "RelGAN"])
def test_every_game_takes_it_as_its_speaker(name: str) -> None:
    module = build(name, generator=RelationalSpeaker(WORDS, WORDS_LENGTH, 4, 1, 2, 2))
    module.steps = {"generator": 0, "discriminator": 0}
    tokens = torch.randint(WORDS, (4, WORDS_LENGTH), generator=torch.Generator().manual_seed(3))
    sum(module.generator_losses({"tokens": tokens}).values()).backward()
    assert all(p.grad is not None for p in module.generator.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedding": 0}, "RelationalSpeaker: embedding must be a positive integer, got 0"),
        ({"slots": 0}, "RelationalMemory: slots must be a positive integer, got 0"),
        ({"heads": -1}, "RelationalMemory: heads must be a positive integer, got -1"),
        ({"head_width": 0}, "RelationalMemory: head_width must be a positive integer, got 0"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RelationalSpeaker(2, 3, **options)
