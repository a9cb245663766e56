"""A permutation of the rows of all ranks."""

import torch

from gan_modules.engine import permutation
from gan_modules.engine.noise import Noise
from gan_modules.engine.permutation import permuted_rows


def test_rows_are_moved_whole_and_none_is_lost() -> None:
    rows = torch.arange(24.0).view(8, 3)
    noise = Noise(3)
    first, second = permuted_rows(rows, noise), permuted_rows(rows, noise)
    for found in (first, second):
        assert found.dtype == rows.dtype and sorted(found.tolist()) == rows.tolist()
    assert not torch.equal(first, second) and not torch.equal(first, rows)
    assert torch.equal(first, permuted_rows(rows, Noise(3)))


def test_every_row_comes_to_every_place_equally_often() -> None:
    noise, rows = Noise(5), torch.arange(4.0)[:, None]
    counts = torch.zeros(4, 4)
    for _ in range(2000):
        counts[range(4), permuted_rows(rows, noise)[:, 0].long()] += 1
    assert (counts / 2000 - 0.25).abs().max() < 0.04


def test_two_ranks_together_have_what_one_process_has(monkeypatch) -> None:
    """The exchange is played here; ``two_ranks.py`` has the real one, through StarGAN."""
    rows = torch.randn(6, 2, 2, dtype=torch.float64)
    alone = permuted_rows(rows, Noise(7))
    sent: list[torch.Tensor] = []

    def send(own: torch.Tensor) -> torch.Tensor:
        sent.append(own)
        return own.repeat(2, 1)

    def on_ranks() -> list[torch.Tensor]:
        return [permuted_rows(rows[3 * r : 3 * r + 3], Noise(7, rank=r)) for r in range(2)]

    monkeypatch.setattr(permutation, "_of_all_ranks", send)
    on_ranks()
    whole = torch.cat(sent)
    monkeypatch.setattr(permutation, "_of_all_ranks", lambda own: whole)
    assert torch.equal(torch.cat(on_ranks()), alone)
