"""Path lengths against closed forms (known answer 34)."""

import math

import pytest
import torch
from torch import Tensor, nn

from gan_modules.path_length import MEAN_DECAY, path_lengths
from gan_modules.unconditional import stylegan2
from tests.small_variants import FixedImages, build

SHAPE = (2, 3, 5)
PIXELS = 3 * 5
BATCH = {"image": FixedImages().images[:8]}


def linear(matrix: Tensor, ws: Tensor) -> Tensor:
    """Images ``A w`` of the first layer's style."""
    return (ws[:, 0] @ matrix.T).unflatten(1, SHAPE)


def test_mean_square_length_of_a_linear_generator_is_the_norm_of_its_matrix_kat_34() -> None:
    matrix = torch.randn(30, 4, dtype=torch.float64)
    ws = torch.randn(200_000, 1, 4, dtype=torch.float64, requires_grad=True)
    y = torch.randn(200_000, *SHAPE, dtype=torch.float64)
    lengths = path_lengths(linear(matrix, ws), ws, y)
    expected = matrix.square().sum().item() / PIXELS
    assert lengths.square().mean().item() == pytest.approx(expected, rel=0.01)
    each = (y.flatten(1) @ matrix).norm(dim=1) / math.sqrt(PIXELS)
    torch.testing.assert_close(lengths, each)


def test_length_is_the_root_of_the_mean_over_layers() -> None:
    ws = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    scales = torch.tensor([1.0, 2.0, 0.0, 5.0], dtype=torch.float64)
    # Pixel k of an image is the sum over layers of scale times entry k of the style.
    images = (ws * scales[:, None]).sum(1)[:, None, None, :]
    y = torch.randn(3, 1, 1, 5, dtype=torch.float64)
    norms = y.flatten(1).norm(dim=1) / math.sqrt(5)
    expected = norms * math.sqrt((1 + 4 + 0 + 25) / 4)
    torch.testing.assert_close(path_lengths(images, ws, y), expected)


def test_larger_images_of_the_same_content_have_the_same_length() -> None:
    ws = torch.randn(4000, 1, 3, dtype=torch.float64, requires_grad=True)
    lengths = []
    for size in (1, 8):
        images = ws.sum((1, 2))[:, None, None, None].expand(-1, 1, size, size)
        y = torch.randn(4000, 1, size, size, dtype=torch.float64)
        lengths.append(path_lengths(images, ws, y).square().mean().item())
    assert lengths[0] == pytest.approx(lengths[1], rel=0.1)


def test_parameter_gradients_equal_finite_differences() -> None:
    net = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 30)).double()
    ws = torch.randn(4, 1, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randn(4, *SHAPE, dtype=torch.float64)
    weight = net[0].weight

    def penalty() -> Tensor:
        return (path_lengths(net(ws[:, 0]).unflatten(1, SHAPE), ws, y) - 0.3).square().mean()

    (gradient,) = torch.autograd.grad(penalty(), weight)
    direction, step = torch.randn_like(weight), 1e-6
    weight.data.add_(direction, alpha=step)
    above = penalty().item()
    weight.data.sub_(direction, alpha=2 * step)
    slope = (gradient * direction).sum().item()
    assert slope == pytest.approx((above - penalty().item()) / (2 * step), rel=1e-5)


def test_images_that_ignore_their_style_have_finite_gradients() -> None:
    matrix = torch.zeros(30, 4, dtype=torch.float64, requires_grad=True)
    ws = torch.randn(3, 1, 4, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, *SHAPE, dtype=torch.float64)
    lengths = path_lengths(linear(matrix, ws), ws, y)
    assert lengths.max() <= 1e-6
    lengths.sum().backward()
    assert matrix.grad.isfinite().all()


@pytest.fixture
def module():
    return build("StyleGAN2")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The lengths of each call, as the module gets them."""
    lengths: list[Tensor] = []

    def noted(*inputs: Tensor) -> Tensor:
        lengths.append(path_lengths(*inputs))
        return lengths[-1]

    monkeypatch.setattr(stylegan2, "path_lengths", noted)
    return lengths


def test_loss_is_weight_times_interval_times_the_squared_distance_to_the_mean(
    module, seen: list[Tensor]
) -> None:
    mean = 0.0
    for _ in range(3):
        losses = module.generator_path_length_losses(BATCH)
        mean += MEAN_DECAY * (seen[-1].mean().item() - mean)
        assert module.path_length_mean.item() == pytest.approx(mean, rel=1e-5)
        expected = 2.0 * 4 * (seen[-1] - mean).square().mean().item()
        assert list(losses) == ["path_length"]
        assert losses["path_length"].item() == pytest.approx(expected, rel=1e-5)
        assert seen[-1].shape == (4,)


def test_mean_is_a_constant_for_the_gradient_kat_34(module, seen: list[Tensor]) -> None:
    module = module.double()
    (loss,) = module.generator_path_length_losses(BATCH).values()
    parameters = list(module.generator.parameters())
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    weights = 16.0 * (seen[0] - module.path_length_mean).detach() / 4
    expected = torch.autograd.grad(seen[0], parameters, weights, allow_unused=True)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs)
    assert sum(gradient is not None for gradient in found) > 20


def test_mean_converges_to_equal_lengths_and_the_penalty_to_zero_kat_34(
    module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stylegan2, "path_lengths", lambda images, *_: torch.full((4,), 3.0))
    module.generator.synthesis = Flat()
    for _ in range(1000):
        (loss,) = module.generator_path_length_losses(BATCH).values()
    assert module.path_length_mean.item() == pytest.approx(3.0 * (1 - 0.99**1000), rel=1e-4)
    assert loss.item() < 1e-6


class Flat(nn.Module):
    """Costs nothing."""

    num_layers = active_layers = 8
    noise_sizes = (4,)

    def forward(self, ws: Tensor, maps: object = None) -> Tensor:
        return ws.new_zeros(len(ws), 1, 4, 4)
