"""Known answer 21: the channel that holds the spread of a group of samples."""

import pytest
import torch
from torch import Tensor

from gan_modules.networks.minibatch_stddev import MinibatchStddev


def maps(*values: float, size: int = 3) -> Tensor:
    """One channel, constant over space, one value a sample."""
    return torch.tensor(values, dtype=torch.float64)[:, None, None, None].expand(-1, 1, size, size)


def added(layer: MinibatchStddev, x: Tensor) -> Tensor:
    """The new channels' values ``(N, features)``; asserts that the rest is as it was."""
    y = layer(x)
    assert torch.equal(y[:, : x.shape[1]], x)
    new = y[:, x.shape[1] :]
    assert torch.equal(new, new[:, :, :1, :1].expand_as(new))
    return new[:, :, 0, 0]


def test_identical_samples_give_the_root_of_epsilon_kat_21() -> None:
    x = torch.randn(1, 5, 4, 4, dtype=torch.float64).expand(8, -1, -1, -1)
    new = added(MinibatchStddev(4), x)
    assert new.shape == (8, 1)
    torch.testing.assert_close(new, torch.full_like(new, 1e-4), rtol=1e-6, atol=0)


def test_a_group_of_two_values_by_hand_kat_21() -> None:
    # The biased standard deviation of 1 and 5 is 2; the unbiased one would be 2.83.
    new = added(MinibatchStddev(2), maps(1.0, 5.0))
    torch.testing.assert_close(new, torch.full_like(new, 2.0))


def test_groups_are_strided_kat_21() -> None:
    # Eight samples in groups of four: the even ones, all equal, and the odd ones.
    new = added(MinibatchStddev(4), maps(7, 0, 7, 2, 7, 0, 7, 2))
    torch.testing.assert_close(new[0::2], torch.full((4, 1), 1e-4).double())
    torch.testing.assert_close(new[1::2], torch.ones(4, 1).double())


def test_one_channel_is_added_and_it_is_the_mean_of_the_spreads_not_the_spread_of_means_kat_21():
    x = torch.randn(4, 6, 5, 5, dtype=torch.float64)
    assert MinibatchStddev(4)(x).shape == (4, 7, 5, 5)
    expected = (x.var(0, correction=0) + 1e-8).sqrt().mean()
    torch.testing.assert_close(added(MinibatchStddev(4), x), expected.expand(4, 1))


def test_each_of_several_features_describes_its_own_run_of_channels() -> None:
    x = torch.zeros(2, 4, 3, 3, dtype=torch.float64)
    x[1, :2], x[1, 2:] = 2.0, 6.0
    new = added(MinibatchStddev(2, features=2), x)
    torch.testing.assert_close(new, torch.tensor([[1.0, 3.0]] * 2).double())


def test_a_group_of_one_sees_no_difference() -> None:
    new = added(MinibatchStddev(1), torch.randn(6, 2, 3, 3, dtype=torch.float64))
    torch.testing.assert_close(new, torch.full_like(new, 1e-4))


def test_groups_are_formed_inside_the_batch_of_one_rank() -> None:
    """So the joined batch of two ranks is grouped in another way than each of the two."""
    x, layer = maps(0, 1, 0, 1, 5, 5, 5, 5), MinibatchStddev(4)
    joined = added(layer, x)
    alone = torch.cat([added(layer, x[:4]), added(layer, x[4:])])
    torch.testing.assert_close(alone[:4], torch.full((4, 1), 0.5).double())
    torch.testing.assert_close(alone[4:], torch.full((4, 1), 1e-4).double())
    torch.testing.assert_close(joined[0::2], torch.full((4, 1), 2.5).double())
    torch.testing.assert_close(joined[1::2], torch.full((4, 1), 2.0).double())


def test_first_and_second_derivatives_are_right_and_finite_where_samples_are_equal() -> None:
    x = torch.randn(4, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    layer = MinibatchStddev(2)
    assert torch.autograd.gradcheck(layer, x) and torch.autograd.gradgradcheck(layer, x)
    same = torch.ones(4, 1, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(same).sum(), same, create_graph=True)
    assert torch.equal(gradient, torch.ones_like(gradient))
    gradient.square().sum().backward()
    assert same.grad is not None and same.grad.isfinite().all()


def test_half_precision_neither_overflows_nor_loses_epsilon() -> None:
    x = torch.zeros(2, 1, 2, 2, dtype=torch.float16)
    x[1] = 30_000.0
    new = MinibatchStddev(2)(x)
    assert new.dtype == torch.float16 and torch.equal(new[:, 1], torch.full_like(x[:, 0], 15_000.0))
    assert (MinibatchStddev(2)(torch.ones_like(x))[:, 1] > 0).all()


def test_a_batch_that_the_group_does_not_divide_is_refused_in_training() -> None:
    with pytest.raises(
        ValueError,
        match="^MinibatchStddev: group must divide the batch of one rank, got 4 for 6 samples; "
        "change batch_size",
    ):
        MinibatchStddev(4)(torch.zeros(6, 2, 4, 4))


def test_without_gradients_the_last_group_is_filled_up_with_the_first_samples() -> None:
    layer = MinibatchStddev(4)
    with torch.no_grad():
        found = added(layer, maps(1, 2, 3, 4, 5, 6))
        expected = added(layer, maps(1, 2, 3, 4, 5, 6, 1, 2))[:6]
        torch.testing.assert_close(found, expected)
        assert added(layer, maps(3.0)).item() == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": 0}, "MinibatchStddev: group must be a positive integer, got 0"),
        ({"features": 0}, "MinibatchStddev: features must be a positive integer, got 0"),
    ],
)
def test_counts_that_make_no_sense_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MinibatchStddev(**options)


def test_features_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="features must divide the channels, got 2 for 3; take 1"):
        MinibatchStddev(1, features=2)(torch.zeros(2, 3, 4, 4))
