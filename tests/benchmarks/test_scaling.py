"""The parts of the plan against closed forms, and the simulation against the plan."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.scaling.closed_forms import (
    Link,
    broadcast_seconds,
    expected_slowest,
    exposed_seconds,
    gather_seconds,
    hierarchical_seconds,
    ring_seconds,
)
from benchmarks.scaling.measuring import fitted
from benchmarks.scaling.plan import (
    Habits,
    Machine,
    Measured,
    Plan,
    costs_by_cause,
    first_to_break,
)
from benchmarks.scaling.simulation import simulate
from benchmarks.scaling.variants import Turn, Variant, dcgan64, two_player_turns

LINK = Link(bandwidth=1e9, latency=1e-5)
FAST, SLOW = Link(4e11, 2e-6), Link(4e10, 5e-6)
MACHINE = Machine(
    a_node=8, inside=FAST, outside=SLOW, spread=0.0, disk=2e9, hashing=1e9, cores=2, gpu_bytes=8e10
)
HERE = Measured(scoring=1.5, random_state_bytes=2e4, loading=1e9)
TURNS = (
    Turn("discriminator", (2e7, 2e7), operations=3e9, backward=1e9),
    Turn("generator", (1e7,), operations=1e9, backward=5e8),
)
GAME = Variant("game", 64, 16, 0.04, TURNS, drawing=1e8, state_bytes=2e8)
NEVER = Habits(evaluate_every=10**15, save_every=10**15)


@pytest.mark.parametrize("ranks", [2, 8, 512])
def test_ring_reduces_in_two_times_n_minus_one_hops(ranks: int) -> None:
    size = 1e8
    expected = 2 * (ranks - 1) / ranks * size / 1e9 + 2 * (ranks - 1) * 1e-5
    assert ring_seconds(size, ranks, LINK) == pytest.approx(expected, rel=1e-12)
    assert ring_seconds(size, 1, LINK) == 0.0


def test_hierarchy_of_one_kind_is_its_ring() -> None:
    assert hierarchical_seconds(1e8, 1, 8, FAST, SLOW) == ring_seconds(1e8, 8, FAST)
    assert hierarchical_seconds(1e8, 8, 1, FAST, SLOW) == ring_seconds(1e8, 8, SLOW)


def test_hierarchy_saves_latency_and_not_bandwidth() -> None:
    # Each GPU has its own way out, so of large messages every link carries about as much as before.
    small = hierarchical_seconds(1e3, 64, 8, FAST, SLOW) / ring_seconds(1e3, 512, SLOW)
    assert small == pytest.approx((63 * 5e-6 + 7 * 2e-6) / (511 * 5e-6), rel=0.01)
    inside, outside = 7 / 8 * 2 / 4e11, 63 / 64 * 2 / 8 / 4e10
    large = hierarchical_seconds(1e13, 64, 8, FAST, SLOW)
    assert large == pytest.approx(1e13 * (inside + outside), rel=1e-4)


def test_gather_and_broadcast() -> None:
    assert gather_seconds(8e8, 8, LINK) == pytest.approx(0.7 + 7e-5)
    assert broadcast_seconds(1e9, 512, LINK) == pytest.approx(1.0 + 9e-5)
    assert gather_seconds(8e8, 1, LINK) == broadcast_seconds(1e9, 1, LINK) == 0.0


def test_one_bucket_hides_behind_nothing() -> None:
    assert exposed_seconds([5.0], 3.0, lambda size: size / 10) == pytest.approx(0.5)


def test_of_many_buckets_on_a_quick_link_the_last_is_seen() -> None:
    assert exposed_seconds([1.0] * 10, 3.0, lambda size: 0.1 * size) == pytest.approx(0.1)


def test_on_a_slow_link_all_but_the_wait_for_the_first_bucket_is_seen() -> None:
    seen = exposed_seconds([1.0] * 10, 3.0, lambda size: 2.0 * size)
    assert seen == pytest.approx(0.3 + 10 * 2.0 - 3.0)


@pytest.mark.parametrize("spread", [0.05, 0.5])
def test_slowest_of_lognormals(spread: float) -> None:
    assert expected_slowest(1, spread) == pytest.approx(1.0, abs=1e-9)
    # The larger of two: twice the normal distribution at half of the spread times root two.
    of_two = 1 + math.erf(spread / 2)
    assert expected_slowest(2, spread) == pytest.approx(of_two, rel=1e-9)
    # Another way to the mean: what lies above x, summed over x.
    x = np.linspace(1e-9, 40.0, 400_001)
    below = np.array([0.5 * math.erfc(-(math.log(v) / spread + spread / 2) / 2**0.5) for v in x])
    tail = 1 - below**512
    other = float(((tail[1:] + tail[:-1]) / 2).sum() * (x[1] - x[0]))
    assert expected_slowest(512, spread) == pytest.approx(other, rel=1e-6)


def test_a_round_of_two_counts_backwards_twice() -> None:
    d_turn, g_turn = two_player_turns(3.0, 5.0, (1.0,), (2.0,))
    assert (d_turn.player, d_turn.buckets, d_turn.operations) == ("discriminator", (2.0,), 33.0)
    assert (g_turn.player, g_turn.buckets, g_turn.operations) == ("generator", (1.0,), 19.0)
    assert (d_turn.backward, g_turn.backward) == (20.0, 6.0)


def test_bytes_are_those_of_our_networks() -> None:
    game = dcgan64()
    d_turn, g_turn = game.turns
    assert sum(g_turn.buckets) == 4 * 3_576_704 and sum(d_turn.buckets) == 4 * 2_765_568
    assert game.state_bytes == 16 * 3_576_704 + 12 * 2_765_568
    # A transposed convolution of 4x4 from 1 to 4 px is the first layer, and so on up to 64 px.
    assert game.drawing == pytest.approx(0.209256448e9)


def test_with_infinite_links_and_no_spread_efficiency_is_one() -> None:
    endless = Link(math.inf, 0.0)
    plan = Plan(GAME, 512, replace(MACHINE, inside=endless, outside=endless), HERE, NEVER)
    assert plan.round_seconds() == pytest.approx(GAME.seconds, rel=1e-9)
    assert simulate(plan, 10).efficiency == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("ranks", [1, 8, 64, 512])
def test_simulation_without_spread_is_the_closed_form(ranks: int) -> None:
    plan = Plan(GAME, ranks, MACHINE, HERE, NEVER)
    assert simulate(plan, 20).seconds == pytest.approx(20 * plan.round_seconds(), rel=1e-9)


def test_simulated_stragglers_have_the_mean_of_the_slowest() -> None:
    plan = Plan(GAME, 64, replace(MACHINE, spread=0.2), HERE, NEVER)
    found = simulate(plan, 4000).shares()["stragglers"]
    assert found == pytest.approx(expected_slowest(64, 0.2) - 1, rel=0.02)


def test_checkpoints_are_counted_on_their_grid() -> None:
    plan = Plan(GAME, 8, MACHINE, HERE, replace(NEVER, save_every=1000))
    played = simulate(plan, 100)
    assert played.images == 12_800 and played.checkpoints == 12
    assert played.checkpoint == pytest.approx(12 * plan.checkpoint_seconds())
    share = costs_by_cause(plan)["checkpoint"]
    assert played.shares()["checkpoint"] == pytest.approx(share * 12 / 12.8, rel=1e-9)


def test_evaluations_never_take_more_than_their_share() -> None:
    habits = replace(NEVER, evaluate_every=1000)
    plan = Plan(GAME, 512, MACHINE, HERE, habits)
    played = simulate(plan, 4000)
    assert 0 < played.evaluations < played.images / 1000
    assert played.evaluation / (played.seconds - played.evaluation) <= 0.03
    turns = plan.turns()
    most = 0.03 * (sum(turns.seconds) + sum(turns.exposed)) / sum(turns.seconds)
    assert costs_by_cause(plan)["evaluation"] == pytest.approx(most, rel=1e-9)


def test_scoring_on_one_rank_stays_while_drawing_is_shared() -> None:
    alone, many = (Plan(GAME, ranks, MACHINE, HERE) for ranks in (1, 512))
    assert many.evaluation_seconds() > HERE.scoring
    assert alone.evaluation_seconds() > many.evaluation_seconds()
    # 3e9 + 1e9 operations for each of 16 images in 0.04 s; four samples are left for a rank.
    drawn = 4 * (1e8 + 11.4e9) / (4e9 * 16 / 0.04)
    gathered = 511 * (4 * 2000 * 2048 / 512 / 4e10 + 5e-6)
    assert many.evaluation_seconds() == pytest.approx(1.5 + drawn + gathered, rel=1e-12)


def test_states_of_ranks_grow_with_their_number() -> None:
    pools = replace(GAME, rank_bytes=8e7)
    plan = Plan(pools, 512, MACHINE, HERE)
    assert plan.checkpoint_bytes() == pytest.approx(2e8 + 512 * (8e7 + 2e4))
    assert "image pools of all ranks, 41 GB" in plan.impossible()[0]
    assert Plan(pools, 64, MACHINE, HERE).impossible() == []


def test_what_is_impossible_comes_before_losses() -> None:
    plan = Plan(GAME, 512, MACHINE, HERE, Habits(images=1700))
    assert first_to_break(plan, {"reduction": 9.0}) == "1700 images make no batch of 8192"
    plan = Plan(GAME, 512, MACHINE, HERE)
    assert first_to_break(plan, {"reduction": 9.0}) == "reduction, 900 % of the computing"
    assert "a batch of 8,192, 4 times the largest" in first_to_break(plan, {"reduction": 0.1})
    plan = Plan(GAME, 8, MACHINE, replace(HERE, loading=1e6))
    assert first_to_break(plan, {"reduction": 9.0}).startswith("loading: 5 MB/s a GPU needed, 2")
    told = first_to_break(Plan(GAME, 8, MACHINE, HERE), {"reduction": 0.1, "stragglers": 0.2})
    assert told == "stragglers, 20 % of the computing"


def test_a_link_is_found_again_from_two_messages() -> None:
    draws = random.Random(0)
    for _ in range(5):
        link = Link(draws.uniform(1e8, 1e11), draws.uniform(1e-6, 1e-3))
        times = [ring_seconds(size, 2, link) for size in (4096, 33_554_432)]
        found = fitted(4096, times[0], 33_554_432, times[1])
        assert found.bandwidth == pytest.approx(link.bandwidth, rel=1e-6)
        assert found.latency == pytest.approx(link.latency, rel=1e-3)
