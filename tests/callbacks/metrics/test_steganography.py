"""Steganography: hand-made pairs of translators whose numbers are known."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from callbacks.metrics import steganography as measured
from callbacks.metrics.disturbances import (
    CURVE,
    NONE,
    SAVED,
    high_removed,
    high_share,
    low_passed,
    noisy,
    rounded,
    within_disc,
)
from callbacks.metrics.steganography import steganography
from callbacks.metrics.steganography_verdict import Steganography
from tests.small.batches import smooth

Way = Callable[[Tensor], Tensor]


def uniform(n: int = 96, size: int = 32, seed: int = 0) -> Tensor:
    own = torch.Generator().manual_seed(seed)
    return torch.rand(n, 1, size, size, generator=own) * 2 - 1


def toy(eps: float) -> tuple[Way, Way]:
    return lambda x: eps * x, lambda y: y / eps


def judged(forward: Way, back: Way, inputs: Tensor | None = None) -> Steganography:
    given = uniform() if inputs is None else inputs
    return steganography(given, uniform(seed=1), forward, back)


@pytest.mark.parametrize("eps", [0.1, 0.5, 1.0])
def test_the_reconstruction_of_a_scaled_input_has_its_closed_forms_k42(eps: float) -> None:
    found = judged(*toy(eps))
    level = 1 / 127.5
    assert found.errors["none"] == pytest.approx(0.0, abs=1e-7)
    expected = level / eps * math.sqrt(2 / math.pi)
    # At eps 1 a noisy image is clamped now and then.
    assert found.errors["noise_1"] == pytest.approx(expected, rel=0.01)
    assert found.rise("noise_1") == pytest.approx(expected, rel=0.01)
    # Not quite uniform within a level where the images span but a few of them.
    assert found.errors["bits_8"] == pytest.approx(1 / 510 / eps, rel=0.02)
    assert found.errors["bits_7"] == pytest.approx(1 / 254 / eps, rel=0.06)
    assert found.gain == pytest.approx(1 / eps, rel=1e-4)
    assert found.real_gain == pytest.approx(1 / eps, rel=1e-4)
    # Two independent uniform numbers in [-1, 1] are 2/3 apart.
    assert found.swap == pytest.approx(2 / 3, rel=0.01)


def test_noise_of_a_hundredth_costs_00798_at_eps_a_tenth_k42() -> None:
    x, noise = uniform(64), torch.randn(64, 1, 32, 32)
    forward, back = toy(0.1)
    error = (back(noisy(1.275).apply(forward(x), noise)) - x).abs().mean().item()
    assert error == pytest.approx(0.0798, rel=0.01)


def test_an_identity_pair_hides_nothing_k43() -> None:
    found = judged(lambda x: x, lambda y: y)
    assert (found.verdict, found.specific) == ("no hiding", False)
    assert found.gain == pytest.approx(1.0) and found.real_gain == pytest.approx(1.0)
    assert found.collapse() == pytest.approx(0.010, abs=0.001)
    assert found.swap > max(found.errors.values())
    assert found.recovered == pytest.approx(1.0)


def test_a_faint_copy_is_hidden_but_its_decoder_is_fragile_everywhere_k43() -> None:
    found = judged(*toy(0.01))
    assert (found.verdict, found.specific) == ("hiding", False)
    assert found.gain == pytest.approx(100.0, rel=1e-3)
    assert found.real_gain == pytest.approx(100.0, rel=1e-3)
    assert found.collapse() == pytest.approx(0.983, abs=0.004)
    assert found.swap > found.errors[SAVED.name]


def test_a_message_of_many_grey_levels_is_visible_and_not_hidden_k43() -> None:
    found = judged(*toy(0.1))
    assert found.verdict == "no hiding" and found.gain == pytest.approx(10.0, rel=1e-3)
    assert found.collapse() == pytest.approx(0.098, abs=0.002)


def test_a_decoder_that_is_fragile_on_translations_alone_is_specific() -> None:
    # Real images lie far from the message and saturate.
    found = judged(lambda x: 0.01 * x, lambda y: (y / 0.01).clamp(-1, 1))
    assert (found.verdict, found.specific) == ("hiding", True)
    assert found.real_gain < 0.1 * found.gain


def test_two_hidden_bits_are_found_out() -> None:
    """The map shows the coarse brightness; the two lowest bits of each byte carry the rest."""

    def hide(x: Tensor) -> Tensor:
        message = torch.round((x + 1) * 1.5)
        return (4 * torch.round((x + 1) * 4) + 96 + message) / 127.5 - 1

    def find(y: Tensor) -> Tensor:
        return torch.round((y + 1) * 127.5).remainder(4) / 1.5 - 1

    found = judged(hide, find)
    assert found.verdict == "hiding" and found.gain > 20
    assert found.errors["bits_8"] == pytest.approx(found.errors["none"], abs=1e-6)
    assert found.errors["bits_7"] > 2 * found.errors["none"]


def test_a_message_in_fine_patterns_is_followed_and_seen_in_the_spectrum() -> None:
    board = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(16, 16)
    x = smooth(96)

    def find(y: Tensor) -> Tensor:
        return (y - low_passed(1.0).apply(y, y)) * board / 0.02

    hidden = judged(lambda x: 0.02 * x * board, find, x)
    plain = judged(lambda x: x, lambda y: y, x)
    assert hidden.follows > 0.95 and plain.follows < 0.05
    assert hidden.high_share == pytest.approx(1.0, abs=0.001) and plain.high_share < 0.05
    assert hidden.real_high_share == pytest.approx(0.8, abs=0.03)
    assert hidden.verdict == "hiding" and plain.verdict == "no hiding"
    # Nothing of the message is left, and grey is closer to an image than another image is.
    assert hidden.collapse("lowpass_2") > 0.6 and plain.collapse("lowpass_2") < 0.2


def test_a_way_back_that_recovers_nothing_has_nothing_hidden_from_it() -> None:
    own = torch.randn(32 * 32, 32 * 32, generator=torch.Generator().manual_seed(2))
    found = judged(lambda x: 0.01 * x, lambda y: (y.flatten(1) @ own).reshape(y.shape))
    assert found.gain > 5 and found.recovered < 0.05
    assert found.collapse() == 0.0 and found.verdict == "no hiding"
    constant = judged(lambda x: x * 0 + 0.3, lambda y: y * 0)
    assert constant.recovered == 0.0 and constant.verdict == "no hiding" and constant.gain == 0.0
    assert constant.high_share == 0.0 and not constant.specific


def test_translators_that_are_not_finite_are_undecided() -> None:
    found = judged(lambda x: x * torch.nan, lambda y: y)
    assert (found.verdict, found.specific, found.finite) == ("undecided", False, False)
    assert found.numbers()["hiding"] == 0.0 and found.to_dict()["verdict"] == "undecided"


def test_numbers_and_record_hold_the_curve_and_the_controls() -> None:
    found = judged(*toy(0.01))
    record, numbers = found.to_dict(), found.numbers()
    assert list(record["errors"]) == [NONE.name, *(one.name for one in CURVE)]
    assert record["collapses"]["none"] == 0.0 and record["collapses"]["noise_16"] == 1.0
    assert set(record["real_gains"]) == {"noise_1", "bits_8", "lowpass_1"}
    assert numbers["hiding"] == 1.0 and numbers["error_8_bits"] == found.errors["bits_8"]


def test_domains_of_other_channels_and_numbers_of_reals_can_be_judged() -> None:
    reals = torch.rand(7, 3, 32, 32) * 2 - 1
    found = steganography(
        uniform(200), reals, lambda x: x.expand(-1, 3, -1, -1), lambda y: y.mean(1, keepdim=True)
    )
    assert found.samples == 200 and found.errors["none"] == pytest.approx(0.0, abs=1e-7)


def test_two_ranks_come_to_the_numbers_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each rank would send, put together in the order of the collective."""
    sent: dict[int, Tensor] = {}
    inputs, reals = uniform(200), uniform(150, seed=1)
    alone = steganography(inputs, reals, *toy(0.05))

    def as_rank(rank: int, world: int, total: int) -> Steganography:
        def gather(rows: Tensor, chunks: int) -> Tensor:
            assert chunks == total and len(rows) == len(range(rank, chunks, world))
            sent[rank] = rows
            whole = torch.zeros(chunks, rows.shape[1], dtype=rows.dtype)
            for other, part in sent.items():
                whole[other::world] = part
            return whole

        monkeypatch.setattr(measured, "shard", lambda n: range(rank, n, world))
        monkeypatch.setattr(measured, "gather_by_index", gather)
        return steganography(inputs, reals, *toy(0.05))

    as_rank(0, 2, 4)
    assert as_rank(1, 2, 4) == alone
    sent.clear()
    # With more ranks than chunks, some have nothing to send.
    for rank in range(6):
        last = as_rank(rank, 6, 4)
    assert last == alone


def test_fewer_than_two_images_are_refused() -> None:
    with pytest.raises(ValueError, match="must be at least 2, got 1 and 96; 256 of each"):
        judged(lambda x: x, lambda y: y, uniform(1))


def test_disturbances_do_what_their_names_say() -> None:
    x, noise = uniform(4), torch.randn(4, 1, 32, 32)
    names = [one.name for one in CURVE]
    assert len(names) == len(set(names)) == 18
    for one in CURVE:
        assert one.apply(x, noise).abs().max() <= 1.0, one.name
    assert torch.equal(NONE.apply(x, noise), x)
    moved = noisy(2).apply(x * 0, noise)
    torch.testing.assert_close(moved, noise * 2 / 127.5)
    assert len(rounded(4).apply(x, noise).unique()) == 16
    assert high_share(high_removed(0.5).apply(0.3 * x, noise)).max() < 1e-9
    assert high_share(0.3 * x).min() > 0.7


def test_a_disc_keeps_what_is_slower_and_drops_what_is_faster() -> None:
    place = torch.arange(32.0)
    slow, fast = torch.cos(2 * torch.pi * place * 4 / 32), torch.cos(2 * torch.pi * place * 12 / 32)
    both = (0.3 * slow + 0.3 * fast + 0.1).expand(1, 1, 32, 32)
    kept = within_disc(both, 0.25)
    torch.testing.assert_close(kept, (0.3 * slow + 0.1).expand(1, 1, 32, 32), atol=1e-6, rtol=0)
    assert high_share(both).item() == pytest.approx(0.5, abs=1e-6)
    assert high_share(torch.full((1, 3, 8, 8), 0.7)).item() == 0.0
