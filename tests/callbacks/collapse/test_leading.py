"""Leading signs on numbers made by hand; none of them is an alarm."""

import json

import pytest
import torch
from torch import nn

from callbacks.collapse.discriminator import (
    area_under_curve,
    discriminator_auc,
    largest_singular_values,
)
from callbacks.collapse.leading import LeadingSigns
from callbacks.collapse.probes import SampleProber
from callbacks.metrics.features import IdentitySpace
from tests.helpers_monitor import ring_data, ring_game


def test_discriminator_that_wins_for_twenty_probes_is_told_of():
    signs = LeadingSigns()
    for _ in range(19):
        assert signs.update({"discriminator_auc": 0.995}, 256) == []
    assert "in 99.5% of all pairs" in signs.update({"discriminator_auc": 0.995}, 256)[0]
    assert signs.update({"discriminator_auc": 0.9}, 256) == []


def test_discriminator_that_is_fooled_is_told_of_beyond_three_standard_errors():
    # (2 n + 1) / (12 n^2) at n = 256: 0.0255.
    assert LeadingSigns().update({"discriminator_auc": 0.43}, 256) == []
    assert "prefers generated" in LeadingSigns().update({"discriminator_auc": 0.42}, 256)[0]


def test_gradient_that_vanishes_and_one_that_explodes():
    signs = LeadingSigns()
    for _ in range(20):
        lines = signs.update({"generator/grad_norm": 1e-7}, 256)
    assert lines == ["the gradient of generator has vanished (1.0e-07)"]
    signs = LeadingSigns()
    for step in range(30):
        assert signs.update({"discriminator/grad_norm": 1.0 + 0.1 * (step % 3)}, 256) == []
    (line,) = signs.update({"discriminator/grad_norm": 40.0}, 256)
    assert line == "the gradient of discriminator has exploded to 40"


def test_spectrum_that_doubles_within_four_evaluations():
    signs = LeadingSigns()
    assert signs.spectra({"g.weight": 1.0}) == []
    assert signs.spectra({"g.weight": 1.9}) == []
    assert signs.spectra({"g.weight": 2.1}) == [
        "the largest singular value of g.weight went from 1.00 to 2.10"
    ]
    for value in (2.3, 2.6, 3.0, 3.4):
        signs.spectra({"g.weight": value})
    assert signs.spectra({"g.weight": 4.0}) == []


def test_memory_travels_as_json():
    first, second = LeadingSigns(), LeadingSigns()
    for _ in range(19):
        first.update({"discriminator_auc": 1.0}, 256)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.update({"discriminator_auc": 1.0}, 256) != []


def test_area_under_the_curve_counts_pairs_and_half_of_the_ties():
    above, below = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])
    assert area_under_curve(above, below) == pytest.approx(3.5 / 4)
    assert area_under_curve(below, above) == pytest.approx(0.5 / 4)


def test_auc_of_a_perfect_and_a_reversed_discriminator_leaves_no_trace():
    data, game = ring_data(), ring_game()
    prober = SampleProber(IdentitySpace(), data.reference("train"), 64)
    for weight in game.generator.parameters():
        weight.data.mul_(0.1)
    prober.describe(game, 0, 0)

    class Near(nn.Module):
        """Real points lie on the ring; those of a fresh generator near its middle."""

        def __init__(self, sign):
            super().__init__()
            self.sign = sign
            self.norm = nn.BatchNorm1d(1)

        def forward(self, x):
            self.norm(x[:, :1])
            return self.sign * x.norm(dim=1)

    for sign, expected in ((1.0, 1.0), (-1.0, 0.0)):
        network = Near(sign)
        game.networks.discriminator = network
        game.discriminator = network
        before = {name: value.clone() for name, value in game.state_dict().items()}
        state = torch.get_rng_state()
        assert discriminator_auc(game, prober) == pytest.approx(expected, abs=0.02)
        after = game.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert torch.equal(torch.get_rng_state(), state)


def test_singular_values_are_those_of_the_flattened_weight():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Linear(7, 4), nn.BatchNorm1d(3))
    net.register_parameter("vast", nn.Parameter(torch.zeros(600, 700)))
    found = largest_singular_values(net)
    assert set(found) == {"0.weight", "1.weight"}
    for name, value in found.items():
        exact = torch.linalg.svdvals(net.get_parameter(name).detach().double().flatten(1))[0]
        assert value == pytest.approx(float(exact), rel=1e-6)
