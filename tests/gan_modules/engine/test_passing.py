"""A player that passes, and a stream of draws that players share."""

from typing import Any

import torch
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.objectives import NonSaturating
from tests.small_variants import build
from tests.test_every_variant import fit

CPU = torch.device("cpu")


class Passing:
    """The losses of a player who acts in some rounds only."""

    def __init__(self, module: Any, player: str, rounds: set[int]) -> None:
        self.module, self.rounds = module, rounds
        self.losses = getattr(module, f"{player}_losses")
        setattr(module, f"{player}_losses", self)

    def __call__(self, batch: Any) -> dict[str, Tensor]:
        return self.losses(batch) if self.module.rounds in self.rounds else {}


def test_a_player_without_losses_is_neither_stepped_nor_counted() -> None:
    module = build("GAN", objective=NonSaturating())
    before = [p.detach().clone() for p in module.discriminator.parameters()]
    Passing(module, "discriminator", set())
    fit(module, steps=3)
    after = list(module.discriminator.parameters())
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert module.steps == {"generator": 3, "discriminator": 0} and module.rounds == 3
    assert not any(key.startswith("train/discriminator/") for key in module.last_statistics)


def test_rounds_that_the_primary_player_passes_do_not_count_to_max_steps() -> None:
    module = build("GAN", ema_half_life_images=8.0, ema_rampup=None)
    averaged = []
    module.primary_stepped = averaged.append
    Passing(module, "generator", {2, 5})
    trainer = fit(module, steps=2, batch=4)
    assert trainer.global_step == 2 and module.rounds == 6
    assert module.steps == {"generator": 2, "discriminator": 6} and module.images_seen == 24
    # The average takes the images since the generator's last step, those of passed rounds too.
    assert averaged == [12, 12]


def test_an_adam_that_passed_is_as_if_it_had_not_been_asked() -> None:
    passed, asked = build("GAN"), build("GAN")
    Passing(passed, "discriminator", {0, 3})
    torch.manual_seed(3)
    fit(passed, steps=4)
    torch.manual_seed(3)
    fit(asked, steps=4)
    of_passed = passed.referee.players["discriminator"].optimizer.state
    assert all(int(state["step"]) == 2 for state in of_passed.values())
    of_asked = asked.referee.players["discriminator"].optimizer.state
    assert all(int(state["step"]) == 4 for state in of_asked.values())


def test_micro_batches_pass_together() -> None:
    module = build("GAN", micro_batches=2)
    Passing(module, "discriminator", set())
    fit(module, steps=2)
    assert module.steps == {"generator": 2, "discriminator": 0}


def test_a_branch_is_a_function_of_seed_and_key_and_leaves_its_stream_alone() -> None:
    noise = Noise(7)
    first = noise.branch(3).normal(5, 2, device=CPU)
    assert noise.calls == 0
    noise.normal(5, 2, device=CPU)
    assert torch.equal(noise.branch(3).normal(5, 2, device=CPU), first)
    others = [
        noise.branch(4).normal(5, 2, device=CPU),
        Noise(8).branch(3).normal(5, 2, device=CPU),
        Noise(7).normal(5, 2, device=CPU),
        Noise(3).normal(5, 2, device=CPU),
    ]
    assert len(torch.cat([first, *others]).unique(dim=0)) == 25


def test_branches_of_ranks_together_draw_what_one_process_draws() -> None:
    whole = Noise(7).branch(2).normal(6, 3, device=CPU)
    parts = [Noise(7, rank).branch(2).normal(3, 3, device=CPU) for rank in range(2)]
    assert torch.equal(torch.cat(parts), whole)
