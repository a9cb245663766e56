"""The latent probe against laws whose best linear classifier is known."""

import math

import pytest
import torch
from torch import Tensor

from callbacks.metrics.latent_probe import latent_probe


def drawn(n: int, dim: int, gap: float) -> tuple[Tensor, Tensor]:
    """Normal codes whose first number is ``gap`` higher in every second row."""
    own = torch.Generator().manual_seed(1)
    codes, domains = torch.randn(n, dim, generator=own), torch.arange(n) % 2
    codes[:, 0] += gap * domains
    return codes, domains


def test_codes_that_say_nothing_give_chance() -> None:
    probe = latent_probe(*drawn(4000, 8, 0.0))
    assert probe.chance == 0.5 and probe.held_out == 2000
    assert probe.accuracy == pytest.approx(0.5, abs=0.04)


def test_codes_apart_by_two_deviations_give_the_best_accuracy_there_is() -> None:
    best = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    assert latent_probe(*drawn(4000, 8, 2.0)).accuracy == pytest.approx(best, abs=0.02)
    assert latent_probe(*drawn(400, 8, 20.0)).accuracy == 1.0


def test_what_no_line_separates_is_not_found() -> None:
    own = torch.Generator().manual_seed(2)
    codes = torch.randn(4000, 2, generator=own)
    domains = (codes[:, 0] * codes[:, 1] > 0).long()
    assert latent_probe(codes, domains).accuracy < 0.6


def test_maps_longer_than_there_are_rows_are_taken_and_flattened() -> None:
    codes, domains = drawn(200, 4 * 8 * 8, 0.0)
    maps = codes.view(200, 4, 8, 8) + domains.view(-1, 1, 1, 1)
    assert latent_probe(maps, domains).accuracy > 0.95
    assert latent_probe(maps, domains) == latent_probe(maps.flatten(1), domains)


def test_neither_scale_nor_shift_nor_a_constant_number_matters() -> None:
    codes, domains = drawn(400, 8, 1.0)
    other = torch.cat([codes * torch.logspace(-4, 4, 8) + 7, torch.full((400, 1), 3.0)], 1)
    first, second = latent_probe(codes, domains), latent_probe(other, domains)
    assert second.accuracy == pytest.approx(first.accuracy, abs=0.03) and first.accuracy > 0.6


def test_more_than_two_domains_and_unlike_shares() -> None:
    own = torch.Generator().manual_seed(3)
    domains = torch.tensor([0] * 600 + [1] * 200 + [2] * 200)
    codes = torch.randn(1000, 4, generator=own)
    probe = latent_probe(codes, domains)
    assert probe.chance == 0.6 and probe.accuracy == pytest.approx(0.6, abs=0.05)
    codes += 10 * torch.nn.functional.one_hot(domains, 4)
    assert latent_probe(codes, domains).accuracy == 1.0


def test_it_is_a_function_of_codes_domains_and_seed_under_no_grad_too() -> None:
    codes, domains = drawn(300, 8, 1.0)
    with torch.no_grad():
        inside = latent_probe(codes, domains)
    torch.manual_seed(9)
    assert latent_probe(codes.requires_grad_(), domains) == inside
    assert len({latent_probe(codes, domains, seed).accuracy for seed in range(5)}) > 1


def test_a_code_that_is_not_finite_gives_nan() -> None:
    codes, domains = drawn(40, 4, 0.0)
    codes[3, 2] = float("inf")
    assert math.isnan(latent_probe(codes, domains).accuracy)


@pytest.mark.parametrize(
    ("codes", "domains", "message"),
    [
        (torch.zeros(4, 2), torch.arange(4) % 2, "codes must hold at least 8 samples, got 4"),
        (torch.zeros(9, 2), torch.arange(8) % 2, r"domains must have shape \(9,\), got \(8,\)"),
        (
            torch.zeros(9, 2),
            torch.zeros(9).long(),
            r"2 or more with at least 4 codes each, got \[9",
        ),
        (torch.zeros(9, 2), torch.arange(9) // 6, r"at least 4 codes each, got \[6, 3\]"),
    ],
)
def test_too_few_codes_or_domains_are_refused(codes: Tensor, domains: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=f"latent_probe: .*{message}"):
        latent_probe(codes, domains)
