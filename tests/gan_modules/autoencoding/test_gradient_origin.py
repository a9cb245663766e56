"""Gradient Origin Networks: codes in closed form (known answer 41), training, sampling."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.autoencoding.gradient_origin import GON, pixel_errors
from gan_modules.codes import RunningGaussian
from gan_modules.networks.dcgan import DCGANGenerator
from gan_modules.networks.elu import ELUGenerator
from tests.small.sizes import LATENT, SIZE, WIDTH
from tests.small_variants import FixedImages, build, load
from tests.test_every_variant import fit


class LinearDecoder(nn.Module):
    """``F(z) = B z`` as an image of one pixel with as many channels as B has rows."""

    latent_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 3, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return (z @ self.weight.mT)[:, :, None, None]


class Labelled(ELUGenerator):
    num_classes = 3


def small(**options: Any) -> GON:
    torch.manual_seed(0)
    return GON(ELUGenerator(SIZE, 1, LATENT, WIDTH), **options)


def linear(**options: Any) -> tuple[GON, Tensor, Tensor]:
    torch.manual_seed(0)
    module = GON(LinearDecoder(), **options).double()
    pixels = torch.randn(4, 5, dtype=torch.float64)
    return module, module.generator.weight, pixels


def test_codes_of_a_linear_decoder_are_two_x_b_over_n_kat_41() -> None:
    """With the paper's mean over the batch, which is ``latent_scale = 1 / N``."""
    module, weight, pixels = linear(latent_scale=1 / 4)
    found = module.encode(pixels[:, :, None, None])
    torch.testing.assert_close(found, 2 * pixels @ weight.detach() / 4)
    # The paper's own formula, for the batch as a whole.
    origin = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    inner = (module.generator(origin)[:, :, 0, 0] - pixels).square().sum(1).mean()
    (slope,) = torch.autograd.grad(inner, origin)
    torch.testing.assert_close(found, -slope)


def test_codes_do_not_depend_on_the_size_of_the_batch_by_default() -> None:
    module, weight, pixels = linear()
    images = pixels[:, :, None, None]
    torch.testing.assert_close(module.encode(images), 2 * pixels @ weight.detach())
    torch.testing.assert_close(module.encode(images[2:3]), 2 * pixels[2:3] @ weight.detach())


def test_errors_are_summed_over_channels_and_averaged_over_pixels() -> None:
    errors = pixel_errors(torch.zeros(2, 3, 4, 4), torch.tensor([1.0, 2.0]).view(2, 1, 1, 1))
    assert errors.tolist() == [3.0, 12.0]
    assert pixel_errors(torch.zeros(2, 2), torch.tensor([[3.0, 4.0], [0.0, 1.0]])).tolist() == [
        25.0,
        1.0,
    ]


def test_the_loss_of_a_linear_decoder_is_closed_form_and_so_is_its_gradient_kat_41() -> None:
    """``|2 s B B^T x - x|^2``: a code without its graph would lose half of the gradient."""
    module, weight, pixels = linear(latent_scale=0.1)
    loss = module.generator_losses({"image": pixels[:, :, None, None]})["reconstruction"]
    other = weight.detach().clone().requires_grad_()
    expected = (0.2 * pixels @ other @ other.mT - pixels).square().sum(1).mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(weight.grad, other.grad)
    cut = ((0.2 * pixels @ weight).detach() @ weight.mT - pixels).square().sum(1).mean()
    (first_order,) = torch.autograd.grad(cut, weight)
    assert (first_order - weight.grad).norm() > 0.1 * weight.grad.norm()


def test_the_second_order_gradient_equals_finite_differences_kat_41() -> None:
    module = small().double()
    images = FixedImages(4, torch.float64).images

    def loss() -> Tensor:
        return module.generator_losses({"image": images})["reconstruction"]

    loss().backward()
    for name, parameter in module.generator.named_parameters():
        direction, step = torch.randn_like(parameter), 1e-6
        parameter.data.add_(direction, alpha=step)
        above = loss().item()
        parameter.data.sub_(direction, alpha=2 * step)
        below = loss().item()
        parameter.data.add_(direction, alpha=step)
        slope = (parameter.grad * direction).sum().item()
        assert slope == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-9), name


def test_mixed_precision_changes_nothing() -> None:
    batch = {"image": FixedImages().images[:4]}
    full = small().generator_losses(batch)["reconstruction"]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = small().generator_losses(batch)["reconstruction"]
    assert torch.equal(full, mixed)


def test_encoding_is_of_one_image_leaves_no_trace_and_runs_without_gradients() -> None:
    module = small()
    images = FixedImages().images[:4]
    before = copy.deepcopy(module.state_dict())
    codes = module.encode(images)
    assert codes.shape == (4, LATENT) and not codes.requires_grad
    torch.testing.assert_close(module.encode(images[1:2]), codes[1:2])
    with torch.inference_mode():
        torch.testing.assert_close(module.encode(images + 0.0), codes)
    with torch.no_grad():
        torch.testing.assert_close(module.encode(images), codes)
        torch.testing.assert_close(module.reconstruct(images), module.decode(codes))
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_images_are_encoded_through_the_averaged_generator() -> None:
    module = small(ema_half_life_images=50.0)
    nn.init.zeros_(module.generator.layers[0].weight)
    images = FixedImages().images[:2]
    assert module.encode(images).abs().max() > 0
    with module.unaveraged():
        assert not module.encode(images).any()


def test_the_first_codes_are_the_law_and_later_ones_count_by_their_images() -> None:
    law = RunningGaussian(3, half_life_images=8.0).double()
    assert torch.equal(law.draw(torch.eye(3).double()), torch.eye(3).double())
    batches = torch.randn(3, 4, 3, dtype=torch.float64) + torch.arange(3.0).view(3, 1, 1)
    law.update(batches[0])
    torch.testing.assert_close(law.mean, batches[0].mean(0))
    torch.testing.assert_close(law.covariance, batches[0].T.cov(correction=0))
    law.update(batches[1])
    law.update(batches[2])
    # Four images are half of a half-life; eight count half.
    shares = torch.tensor([0.5, 0.5**0.5, 1.0]).double()
    shares = (shares / shares.sum() / 4).repeat_interleave(4)
    codes = batches.flatten(0, 1)
    torch.testing.assert_close(law.mean, shares @ codes)
    expected = codes.T.cov(aweights=shares, correction=0)
    torch.testing.assert_close(law.covariance, expected)


def test_samples_are_decoded_from_the_law_of_the_training_codes(tmp_path: Path) -> None:
    module = build("GON")
    assert torch.equal(module.codes.covariance, torch.eye(LATENT))
    fit(module, steps=3).save_checkpoint(tmp_path / "m.ckpt")
    law = module.codes
    assert law.weight > 0 and not torch.equal(law.covariance, torch.eye(LATENT))
    drawn = module.draw_latents(100_000, generator=torch.Generator().manual_seed(0))
    scale = law.covariance.diagonal().sqrt()
    torch.testing.assert_close(drawn.mean(0) / scale, law.mean / scale, rtol=0, atol=0.02)
    torch.testing.assert_close(drawn.std(0) / scale, torch.ones(LATENT), rtol=0, atol=0.02)
    again = load("GON", tmp_path / "m.ckpt")
    for name, value in law.state_dict().items():
        assert torch.equal(again.codes.state_dict()[name], value)


def test_training_reconstructs_unseen_images_better_than_their_mean() -> None:
    module = small(generator_lr=3e-3)
    fit(module, steps=120, batch=16)
    images = FixedImages(240).images
    seen, unseen = images[:160], images[160:]
    error = pixel_errors(module.reconstruct(unseen), unseen).mean()
    of_mean = pixel_errors(seen.mean(0, keepdim=True).expand_as(unseen), unseen).mean()
    assert error < 0.75 * of_mean


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("normalization", ["batch", "layer", "instance", "none"])
def test_the_elu_generator_keeps_its_contract(size: int, normalization: Any) -> None:
    generator = ELUGenerator(size, 3, 6, 4, normalization).double().eval()
    z = torch.randn(4, 6, dtype=torch.float64)
    images = generator(z)
    assert images.shape == (4, 3, size, size) and images.abs().max() < 1
    torch.testing.assert_close(generator(z[:1]), images[:1])
    # The signal neither dies nor saturates on its way.
    assert 0.1 < images.std() < 0.95


def test_its_slope_changes_with_the_latent_where_a_rectifiers_does_not() -> None:
    generator = ELUGenerator(32, 1, 6, 4).double()
    z = torch.randn(1, 6, dtype=torch.float64)

    def curvature(network: nn.Module) -> float:
        def pixel(x: Tensor) -> Tensor:
            return network(x)[0, 0, 16, 16].atanh()

        return float(torch.autograd.functional.hessian(pixel, z).abs().max())

    assert curvature(generator) > 1e-3
    assert curvature(DCGANGenerator(32, 1, 6, 4, "none").double()) < 1e-12


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"smooth activations, got ReLU as layers\.3; .* take ELU"):
        GON(DCGANGenerator(SIZE, 1, LATENT, WIDTH))
    with pytest.raises(ValueError, match="GON: latent_scale must be positive, got 0.0"):
        small(latent_scale=0.0)
    with pytest.raises(ValueError, match="GON: code_half_life_images must be positive, got -1.0"):
        small(code_half_life_images=-1.0)
    with pytest.raises(ValueError, match="GON: generator must be unconditional, got num_classes 3"):
        GON(Labelled(SIZE, 1, LATENT, WIDTH))
    with pytest.raises(ValueError, match="ELUGenerator: size must be one of 32, 64, 128, got 48"):
        ELUGenerator(48)
    with pytest.raises(ValueError, match="ELUGenerator: normalization must be one of"):
        ELUGenerator(32, normalization="spectral")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ELUGenerator: width must be a positive integer, got 0"):
        ELUGenerator(32, width=0)
