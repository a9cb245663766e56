"""Whose gradients there are when a player steps."""

from typing import Any

from tests.test_every_variant import fit


def gradients_at_each_step(module: Any, rounds: int = 1) -> list[tuple[str, set[str]]]:
    """(player, players of which some parameter has a gradient) of each step of a run.

    Also asserts that the acting player has one in each of its parameters.
    """
    seen: list[tuple[str, set[str]]] = []
    stepped = module.player_stepped

    def watched(name: str) -> None:
        players = module.referee.players
        assert all(p.grad is not None for p in players[name].trainable)
        having = {
            other
            for other, player in players.items()
            if any(p.grad is not None for p in player.trainable)
        }
        seen.append((name, having))
        for player in players.values():
            player.optimizer.zero_grad(set_to_none=True)
        stepped(name)

    module.player_stepped = watched
    fit(module, steps=rounds)
    return seen
