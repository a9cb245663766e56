"""What each player's losses reach: its own parameters, and nobody else's."""

from typing import Any

import pytest
import torch

from tests.small.batches import FixedBatches
from tests.small.translation_unpaired import PARTS
from tests.small_variants import build, kind_of


def gradients(module: Any, player: str) -> dict[str, bool]:
    """Whether a parameter has a gradient after the player's backward, as the referee takes it."""
    players = {each.name: each for each in module.players()}
    prepared = module.prepare(FixedBatches(kind_of(type(module).__name__)).batch(4))
    others = [p for name, each in players.items() if name != player for p in each.trainable]
    for parameter in others:
        parameter.requires_grad_(False)
    sum(getattr(module, f"{player}_losses")(prepared).values()).backward()
    for parameter in others:
        parameter.requires_grad_(True)
    return {name: p.grad is not None for name, p in module.named_parameters()}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_gradients_are_in_the_acting_player_and_nowhere_else_k39(name: str, player: str) -> None:
    module = build(name)
    module.steps = {"discriminator": 0, "generator": 0}
    reached = gradients(module, player)
    own = {key for key in reached if key.startswith(f"{player}.")}
    assert own and {key for key, there in reached.items() if there} == own


@pytest.mark.parametrize("name", PARTS)
def test_a_discriminator_takes_its_fakes_without_their_graph_k39(name: str) -> None:
    module = build(name)
    module.steps = {"discriminator": 0, "generator": 0}
    prepared = module.prepare(FixedBatches(kind_of(name)).batch(4))
    loss = sum(module.discriminator_losses(prepared).values())
    found = torch.autograd.grad(loss, list(module.generator.parameters()), allow_unused=True)
    assert all(gradient is None for gradient in found)
