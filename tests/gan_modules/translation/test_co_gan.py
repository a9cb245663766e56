"""CoGAN: two games of one latent, what they share, and pairs of it."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.engine.player import Player, check_players
from gan_modules.networks.cogan import CoGANGenerator
from gan_modules.regularizers import GradientPenalty
from gan_modules.translation.co_gan import in_turn
from tests.small.batches import FixedBatches
from tests.small_variants import build, sgd
from tests.test_every_variant import fit

LOG2 = math.log(2)


def batch(**changes: Tensor) -> dict[str, Tensor]:
    return {**FixedBatches("UnpairedImages").batch(4), **changes}


class Judge(nn.Module):
    """A score for each domain, whatever the image; notes what it is given."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores))
        self.given: list[tuple[int, Tensor]] = []

    def forward(self, x: Tensor, domain: int) -> Tensor:
        self.given.append((domain, x))
        return self.scores[domain].expand(len(x))


def module_of(*scores: float, **options: Any) -> Any:
    module = build("CoGAN", discriminator=Judge(*scores), **options)
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def test_undecided_scores_cost_what_they_do_in_one_game() -> None:
    module = module_of(0.0, 0.0)
    prepared = module.prepare(batch())
    assert module.discriminator_losses(prepared)["adversarial"].item() == pytest.approx(2 * LOG2)
    assert module.generator_losses(prepared)["adversarial"].item() == pytest.approx(LOG2)


def test_both_domains_count_alike() -> None:
    module = module_of(3.0, -1.0)
    wanted = [math.log1p(math.exp(-score)) for score in (3.0, -1.0)]
    found = module.generator_losses(module.prepare(batch()))["adversarial"]
    assert found.item() == pytest.approx(sum(wanted) / 2)


def test_d_sees_each_domain_as_its_own_and_fakes_of_the_same_latents_without_a_graph() -> None:
    module = module_of(0.0, 0.0)
    made: list[list[Tensor]] = []
    module.generator.register_forward_hook(lambda *parts: made.append(parts[-1]))
    module.discriminator_losses(module.prepare(batch()))
    seen = module.discriminator.given
    assert [domain for domain, _ in seen] == [0, 1, 0, 1]
    assert torch.equal(seen[0][1], batch()["a"]) and torch.equal(seen[1][1], batch()["b"])
    (pair,) = made
    for (_, images), fakes in zip(seen[2:], pair, strict=True):
        assert torch.equal(images, fakes) and not images.requires_grad and len(images) == 4


def test_rows_of_the_domains_take_turns() -> None:
    a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[10.0], [11.0]])
    assert in_turn([a, b]).flatten().tolist() == [0.0, 10.0, 1.0, 11.0]


def test_a_pair_comes_of_one_latent_and_samples_are_those_of_domain_a() -> None:
    module = build("CoGAN")
    z = module.draw_latents(3, generator=torch.Generator().manual_seed(0))
    a, b = module.sample_pair(z)
    maps = module.generator.shared(z)
    torch.testing.assert_close(a, module.generator.heads[0](maps).tanh())
    torch.testing.assert_close(b, module.generator.heads[1](maps).tanh())
    assert not torch.equal(a, b)
    assert torch.equal(module.sample(3, generator=torch.Generator().manual_seed(0)), a)


def test_pairs_come_from_the_averaged_generator() -> None:
    module = build("CoGAN", ema_half_life_images=50.0)
    fit(module, steps=2)
    z = module.draw_latents(2)
    torch.testing.assert_close(module.sample_pair(z)[1], module.generator_ema(z)[1])
    assert not torch.equal(module.sample_pair(z)[1], module.generator(z)[1])


def test_one_sgd_step_moves_shared_layers_by_the_sum_of_both_domains_gradients_k26() -> None:
    module = build("CoGAN").double()
    module.optimizer = sgd(0.1)
    network, z = module.generator, torch.randn(2, 6, dtype=torch.float64)
    names, parameters = zip(*network.named_parameters(), strict=True)
    gradients = [
        torch.autograd.grad(network(z)[domain].sum(), parameters, allow_unused=True)
        for domain in range(2)
    ]
    before = [p.detach().clone() for p in parameters]
    player = module.player("generator", network)
    assert len(player.trainable) == len({id(p) for p in parameters}) == len(parameters)
    sum(image.sum() for image in network(z)).backward()
    player.optimizer.step()
    for name, old, new, *each in zip(names, before, parameters, *gradients, strict=True):
        there = [gradient for gradient in each if gradient is not None]
        assert len(there) == (2 if name.startswith("shared") else 1)
        torch.testing.assert_close(new.detach() - old, -0.1 * sum(there))
        assert name.startswith("shared") or each[int("heads.1" in name)] is not None


class Tied(nn.Module):
    """Two branches that register one and the same layer."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.Linear(2, 2)
        self.a, self.b = nn.Sequential(layer), nn.Sequential(layer)


def test_a_layer_in_two_branches_stays_one_k26(tmp_path) -> None:
    tied = Tied()
    assert len(build("CoGAN").player("generator", tied, tied.a).trainable) == 2
    torch.save(tied.state_dict(), tmp_path / "tied.pt")
    loaded = Tied()
    loaded.load_state_dict(torch.load(tmp_path / "tied.pt", weights_only=True))
    for again in (loaded, copy.deepcopy(tied), Tied().to(torch.float64)):
        assert again.a[0].weight is again.b[0].weight


def test_a_parameter_that_a_player_is_given_twice_is_refused_k27() -> None:
    layer = nn.Linear(2, 2)
    twice = [*layer.parameters(), *layer.parameters()]
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    # torch itself only warns of it.
    optimizer.param_groups[0]["params"] = twice
    with pytest.raises(ValueError, match="must hold exactly its trainable parameters, got 4 for 2"):
        Player("generator", twice, optimizer)


def test_a_layer_that_both_sides_have_is_refused_k27() -> None:
    module = build("CoGAN")
    layer = nn.Linear(2, 2)
    module.generator.common = module.discriminator.common = layer
    with pytest.raises(ValueError, match="belongs to both discriminator and generator"):
        check_players(module.players(), module)


def test_penalties_see_every_image_as_one_of_its_own_domain() -> None:
    class Steep(nn.Module):
        def forward(self, x: Tensor, domain: int) -> Tensor:
            return (2.0 + domain) * x[:, 0, 0, 0]

    module = build("CoGAN", discriminator=Steep(), regularizers=[GradientPenalty(10.0)])
    module.steps = {"discriminator": 0}
    told = module.discriminator_losses(module.prepare(batch()))
    # Slopes 2 and 3 by turns: the mean of 1 and 4.
    assert told["gradient_penalty"].item() == pytest.approx(25.0, rel=1e-5)


def test_the_optimizer_decays_weights() -> None:
    for player in build("CoGAN").players():
        (group,) = player.optimizer.param_groups
        assert group["weight_decay"] == 5e-4 and group["betas"] == (0.5, 0.999)
    with pytest.raises(ValueError, match="CoGAN: weight_decay must not be negative, got -1"):
        build("CoGAN", weight_decay=-1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b": torch.zeros(4, 3, 32, 32)}, r"data have the shape \[3, 32, 32\] but the generator"),
        ({"a": torch.full((4, 1, 32, 32), 2.0)}, r"images must lie in \[-1, 1\]"),
    ],
)
def test_a_first_batch_that_breaks_the_contract_is_refused(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("CoGAN").check_batch(batch(**changes))


def test_a_missing_domain_and_a_third_one_are_refused() -> None:
    with pytest.raises(ValueError, match="CoGAN: batch must have the key b, got"):
        build("CoGAN").check_batch({"a": batch()["a"]})
    three = build("CoGAN", generator=CoGANGenerator(32, 1, 6, 4, 3, "none"))
    with pytest.raises(ValueError, match="must make an image of each of 2 domains, got 3; set dom"):
        three.check_batch(batch())
