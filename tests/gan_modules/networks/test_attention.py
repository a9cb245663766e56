"""Self-attention against a slow reference (known answer 32), twice differentiable."""

import pytest
import torch
from torch import Tensor, nn

from gan_modules.networks.attention import SelfAttention


def attention(channels: int = 16, gamma: float = 0.7) -> SelfAttention:
    block = SelfAttention(channels).double()
    nn.init.constant_(block.gamma, gamma)
    return block


def reference(block: SelfAttention, x: Tensor) -> Tensor:
    """Pixel by pixel."""
    out = torch.empty_like(x)
    for n, image in enumerate(x):
        query = block.query(image[None])[0]
        key = nn.functional.max_pool2d(block.key(image[None]), 2)[0]
        value = nn.functional.max_pool2d(block.value(image[None]), 2)[0]
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                scores = torch.einsum("c,chw->hw", query[:, i, j], key)
                weights = scores.flatten().softmax(0).view_as(scores)
                seen = torch.einsum("hw,chw->c", weights, value)
                out[n, :, i, j] = block.out.weight[:, :, 0, 0] @ seen
    return x + block.gamma * out


@pytest.mark.parametrize("size", [(4, 6), (5, 2)])
def test_output_equals_the_slow_reference(size: tuple[int, int]) -> None:
    block, x = attention(), torch.randn(2, 16, *size, dtype=torch.float64)
    torch.testing.assert_close(block(x), reference(block, x))


def test_gamma_zero_is_the_network_without_attention_kat_32() -> None:
    block, x = SelfAttention(8), torch.randn(2, 8, 6, 6)
    assert block.gamma.item() == 0.0
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    # It can leave zero, and the rest learns from then on.
    assert block.gamma.grad is not None and block.gamma.grad.abs() > 0
    assert block.query.weight.grad is not None and not block.query.weight.grad.any()


def test_widths_are_an_eighth_a_half_and_without_biases() -> None:
    block = SelfAttention(32)
    shapes = {name: tuple(p.shape[:2]) for name, p in block.named_parameters() if p.dim() > 1}
    assert shapes == {
        "query.weight": (4, 32),
        "key.weight": (4, 32),
        "value.weight": (16, 32),
        "out.weight": (32, 16),
    }
    assert not any(name.endswith("bias") for name, _ in block.named_parameters())
    assert SelfAttention(4).query.out_channels == 1


def test_every_pixel_sees_every_other_one() -> None:
    block, x = attention(8), torch.randn(1, 8, 8, 8, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((block(x) - x)[0, :, 0, 0].sum(), x)
    corner = gradient[0, :, 6:, 6:].abs().sum()
    assert corner > 0


def test_samples_do_not_see_each_other() -> None:
    block, x = attention(8), torch.randn(3, 8, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(block(x)[1:2], block(x[1:2]))


def test_first_and_second_derivatives_equal_finite_differences() -> None:
    block = attention(4)
    x = torch.randn(1, 4, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (x,))
    assert torch.autograd.gradgradcheck(block, (x,))


def test_a_single_map_has_no_half_and_is_refused() -> None:
    with pytest.raises(ValueError, match="SelfAttention: channels must be at least 2, got 1"):
        SelfAttention(1)
    with pytest.raises(ValueError, match="channels must be a positive integer, got 0"):
        SelfAttention(0)
