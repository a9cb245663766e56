import pytest
import torch
from torch import nn

from gan_modules.engine.ema import average_decay, averaged_copy, update_average


@pytest.mark.parametrize(
    ("images", "half_life", "expected"),
    [(64, 500_000, 0.99991128), (32, 10_000, 0.99778439), (512, 5_000_000, 0.99992902)],
)
def test_decay_is_the_half_life_form(images: int, half_life: float, expected: float) -> None:
    assert average_decay(images, half_life, 10**9, None) == pytest.approx(expected, abs=5e-9)


def test_rampup_shortens_the_half_life_at_the_start_only() -> None:
    assert average_decay(64, 1000, 1280, 0.05) == pytest.approx(0.5)
    assert average_decay(64, 1000, 10**6, 0.05) == pytest.approx(0.5**0.064)


def test_average_is_the_closed_form_for_constant_weights() -> None:
    net = nn.Linear(2, 2).double()
    average = averaged_copy(net)
    start = average.weight.clone()
    with torch.no_grad():
        net.weight.fill_(3.0)
    for _ in range(7):
        update_average(average, net, 0.9)
    torch.testing.assert_close(average.weight, 3.0 + (start - 3.0) * 0.9**7, rtol=1e-12, atol=0)


def test_beta_zero_copies_and_the_average_is_frozen() -> None:
    net = nn.Linear(2, 2)
    average = averaged_copy(nn.Linear(2, 2))
    update_average(average, net, 0.0)
    assert torch.equal(average.weight, net.weight)
    assert not any(p.requires_grad for p in average.parameters()) and not average.training


def test_buffers_are_copied_not_averaged() -> None:
    net = nn.BatchNorm1d(3)
    average = averaged_copy(net)
    net(torch.randn(8, 3) + 5)
    update_average(average, net, 0.99)
    assert torch.equal(average.running_mean, net.running_mean)
    assert average.num_batches_tracked == 1
