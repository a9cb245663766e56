import pytest
import torch
from torch import nn

from gan_modules.engine.player import RATE_FACTOR, Player, check_players, linear_decay
from gan_modules.engine.schedule import Position, Stage, Turn, check_schedule, planned_rates


def test_a_turn_is_due_in_its_offsets_only() -> None:
    turn = Turn("generator", every=5, offsets=(1, 4))
    assert [r for r in range(12) if turn.due(r)] == [1, 4, 6, 9, 11]


def test_one_name_and_several_read_alike() -> None:
    assert Turn("a").names == ("a",) and Turn(("a", "b")).names == ("a", "b")


def test_a_stage_ends_after_its_images_and_counts_its_own_rounds() -> None:
    stages = (Stage((Turn("g"),), images=64), Stage((Turn("g"),)))
    position = Position()
    seen = []
    for _ in range(5):
        seen.append((position.stage, position.round))
        position.advance(stages, 32)
    assert seen == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Turn("g", every=0), "every and repeat must be at least 1"),
        (lambda: Turn("g", every=2, offsets=(2,)), r"offsets must lie in 0\.\.1"),
        (lambda: check_schedule((), ["g"]), "at least one Stage"),
        (lambda: check_schedule((Stage((Turn("x"),)),), ["g"]), "'x'.*no players"),
        (lambda: check_schedule((Stage((Turn("g"),)),), ["g", "d"]), "'d'.*never get a turn"),
        (
            lambda: check_schedule((Stage((Turn("g"),), name="first"),) * 2, ["g"]),
            "'first' has no end",
        ),
        (
            lambda: check_schedule((Stage((Turn("g"),), rates={"x": 1.0}),), ["g"]),
            r"rates must be positive, of the players \['g'\], got \{'x': 1.0\}",
        ),
        (lambda: check_schedule((Stage((Turn("g"),), rates={"g": 0.0}),), ["g"]), "'g': 0.0"),
    ],
)
def test_a_schedule_that_cannot_run_is_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def _player(name: str, *networks: nn.Module, **options) -> Player:
    parameters = [p for network in networks for p in network.parameters()]
    return Player(name, parameters, torch.optim.SGD(parameters, lr=0.1), **options)


def test_every_trainable_parameter_belongs_to_exactly_one_player() -> None:
    net = nn.ModuleDict({"g": nn.Linear(1, 1), "d": nn.Linear(1, 1)})
    g, d = _player("generator", net["g"]), _player("discriminator", net["d"])
    check_players([g, d], net)
    with pytest.raises(ValueError, match="d.weight is trainable and belongs to no player"):
        check_players([g], net)
    shared = _player("discriminator", net["d"], net["g"])
    with pytest.raises(ValueError, match="g.weight belongs to both generator and discriminator"):
        check_players([g, shared], net)
    with pytest.raises(ValueError, match="names must differ"):
        check_players([g, _player("generator", net["d"])], net)


def test_a_player_refuses_what_its_optimizer_does_not_hold() -> None:
    a, b = nn.Linear(1, 1), nn.Linear(1, 1)
    with pytest.raises(ValueError, match="exactly its trainable parameters, got 2 for 4"):
        Player("g", [*a.parameters(), *b.parameters()], torch.optim.SGD(a.parameters(), lr=0.1))
    with pytest.raises(ValueError, match="clip_norm must be positive, got 0.0"):
        _player("g", a, clip_norm=0.0)
    with pytest.raises(ValueError, match="micro_batches must be at least 1, got 0"):
        _player("g", a, micro_batches=0)


def test_linear_decay_holds_then_falls_to_zero_in_steps_of_the_primary() -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    decay = linear_decay(optimizer, (2, 6), steps_per_round=5)
    rates = []
    for _ in range(32):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        decay.step()
    assert rates[:11] == [1.0] * 11
    assert rates[20] == pytest.approx(0.5)
    assert rates[30:] == [0.0, 0.0]


def test_another_rate_is_scaled_by_the_decay_as_the_first_was() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    player = Player("g", [weight], optimizer, linear_decay(optimizer, (0, 4)))
    optimizer.step()
    player.scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * 0.75)
    player.set_rate(0.1)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.75)
    optimizer.step()
    player.scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5)


@pytest.mark.parametrize("decay", [None, (0, 4)])
def test_another_rate_keeps_what_the_run_has_scaled_it_by(decay) -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    player = Player("g", [weight], optimizer, decay and linear_decay(optimizer, decay))
    (group,) = optimizer.param_groups
    player.set_rate(0.2)
    assert group["lr"] == pytest.approx(0.2) and ("initial_lr" in group) == (decay is not None)
    # As a rollback leaves it; the next stage must not undo that.
    group["lr"], group[RATE_FACTOR] = group["lr"] * 0.5, 0.5
    if decay:
        group["initial_lr"] *= 0.5
    player.set_rate(0.4)
    assert group["lr"] == pytest.approx(0.2)


def test_planned_rates_are_the_latest_of_each_player() -> None:
    stages = (
        Stage((Turn("g"),), images=8, rates={"g": 1e-2}),
        Stage((Turn("d"),), images=8, rates={"d": 1e-3}),
        Stage((Turn("g"),), rates={"g": 1e-4}),
    )
    assert planned_rates(stages, Position()) == {"g": 1e-2}
    assert planned_rates(stages, Position(stage=1)) == {"g": 1e-2, "d": 1e-3}
    assert planned_rates(stages, Position(stage=2)) == {"g": 1e-4, "d": 1e-3}
