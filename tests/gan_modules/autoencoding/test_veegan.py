"""VEEGAN's two losses by hand on a linear example, who is moved by what, and both kinds of data."""

from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn

from gan_modules.autoencoding.veegan import VEEGAN
from gan_modules.networks.autoencoders import MLPEncoder, MLPPairDiscriminator
from gan_modules.networks.mlp import MLPGenerator
from tests.small_variants import FixedImages, build, load, loader, sgd
from tests.test_every_variant import QUIET, fit


class Linear(nn.Module):
    """``x -> weight * x``, coordinate by coordinate."""

    latent_dim = outputs = 2

    def __init__(self, *weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x


class LinearPair(nn.Module):
    """``a . z + b . x``."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor([0.5, 3.0], dtype=torch.float64))

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        return z @ self.a + x @ self.b


def linear(**options: Any) -> VEEGAN:
    return VEEGAN(Linear(2.0, -1.0), Linear(0.25, 3.0), LinearPair(), **options)


def given(module: VEEGAN, z: Tensor) -> VEEGAN:
    module.training_latents = lambda n: z  # type: ignore[method-assign]
    return module


Z = torch.tensor([[1.0, 2.0], [-1.0, 0.5]], dtype=torch.float64)
X = torch.tensor([[0.0, 1.0], [2.0, -1.0]], dtype=torch.float64)


def test_losses_of_a_linear_example_are_those_computed_by_hand() -> None:
    module = given(linear(reconstruction_weight=0.5), Z)
    # G(z) = (2 z1, -z2): D(z, G(z)) = z1 - 2 z2 + z1 - 3 z2 = 2 z1 - 5 z2 = -8, -4.5.
    # z - F(G(z)) = (z1 - z1 / 2, z2 + 3 z2) = (0.5 z1, 4 z2): 0.25 + 64, 0.25 + 4.
    generator = module.generator_losses({"image": X})
    assert generator["adversarial"].item() == pytest.approx(6.25)
    assert generator["reconstruction"].item() == pytest.approx(0.5 * (64.25 + 4.25) / 2)
    # F(x) = (x1 / 4, 3 x2): D(F(x), x) = x1 / 4 - 6 x2 + x1 / 2 + 3 x2 = 0.75 x1 - 3 x2 = -3, 4.5.
    discriminator = module.discriminator_losses({"image": X})
    of_real = -torch.sigmoid(torch.tensor([-3.0, 4.5])).log().mean()
    of_fake = -(1 - torch.sigmoid(torch.tensor([-8.0, -4.5]))).log().mean()
    assert discriminator["real"].item() == pytest.approx(of_real.item(), rel=1e-5)
    assert discriminator["fake"].item() == pytest.approx(of_fake.item(), rel=1e-4)


def test_gradients_of_the_linear_example_are_those_computed_by_hand() -> None:
    module = given(linear(), Z)
    g, f = module.generator.weight, module.reconstructor.weight
    terms = module.generator_losses({"image": X})
    z = Z.square().mean(0)
    # -D moves g by -b z; |z - f g z|^2 moves g by -2 (1 - f g) f z^2 and f by -2 (1 - f g) g z^2.
    (of_game,) = torch.autograd.grad(terms["adversarial"], g, retain_graph=True)
    torch.testing.assert_close(of_game, -module.discriminator.b * Z.mean(0))
    of_g, of_f = torch.autograd.grad(terms["reconstruction"], [g, f])
    torch.testing.assert_close(of_g, -2 * (1 - f * g) * f * z)
    torch.testing.assert_close(of_f, -2 * (1 - f * g) * g * z)


def test_the_reconstructor_is_moved_by_the_codes_that_come_back_alone() -> None:
    module = given(linear(), Z)
    networks = {"G": module.generator, "F": module.reconstructor, "D": module.discriminator}

    def reached(loss: Tensor) -> set[str]:
        found = set()
        for name, network in networks.items():
            grads = torch.autograd.grad(
                loss, list(network.parameters()), retain_graph=True, allow_unused=True
            )
            found |= {name for grad in grads if grad is not None and bool(grad.any())}
        return found

    generator = module.generator_losses({"image": X})
    assert reached(generator["adversarial"]) == {"G", "D"}
    assert reached(generator["reconstruction"]) == {"G", "F"}
    discriminator = module.discriminator_losses({"image": X})
    assert reached(discriminator["real"]) == reached(discriminator["fake"]) == {"D"}


def test_all_gradients_of_a_round_are_taken_before_a_step() -> None:
    module, by_hand = build("VEEGAN").double(), build("VEEGAN").double()
    module.optimizer = sgd(0.1)
    torch.manual_seed(4)
    Trainer(max_steps=1, **QUIET).fit(module, loader(4, dtype=torch.float64))
    by_hand.noise.seed = module.noise.seed
    x = next(iter(loader(4, dtype=torch.float64)))["image"]
    G, F_, D = by_hand.generator, by_hand.reconstructor, by_hand.discriminator
    z = by_hand.training_latents(4)
    s = torch.sigmoid
    d_loss = -(s(D(F_(x), x)).log() + (1 - s(D(z, G(z)))).log()).mean()
    z = by_hand.training_latents(4)
    g_loss = (-D(z, G(z)) + (z - F_(G(z))).square().sum(1)).mean()
    both = [*G.parameters(), *F_.parameters()]
    moves = [
        *zip(D.parameters(), torch.autograd.grad(d_loss, list(D.parameters())), strict=True),
        *zip(both, torch.autograd.grad(g_loss, both), strict=True),
    ]
    for parameter, gradient in moves:
        parameter.data -= 0.1 * gradient
    for key, value in by_hand.state_dict().items():
        torch.testing.assert_close(module.state_dict()[key], value, rtol=1e-9, atol=1e-12)


def points_module(**options: Any) -> VEEGAN:
    return VEEGAN(
        MLPGenerator(4, [2], 16, 1),
        MLPEncoder([2], 4, 16, 1),
        MLPPairDiscriminator(4, [2], 16, 1),
        **options,
    )


def test_points_have_codes_and_samples_too() -> None:
    module = points_module()
    points = torch.randn(7, 2)
    module.check_batch({"image": points})
    assert module.sample(5).shape == (5, 2)
    codes = module.encode(points)
    assert codes.shape == (7, 4) and not codes.requires_grad
    torch.testing.assert_close(codes, module.reconstructor(points))
    torch.testing.assert_close(module.reconstruct(points), module.generator(codes))


def test_a_code_is_that_of_the_reconstructor_in_eval_mode(tmp_path: Any) -> None:
    module = build("VEEGAN", normalization="batch")
    fit(module).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    images = FixedImages(4).images
    codes = module.encode(images)
    torch.testing.assert_close(module.encode(images[:1]), codes[:1], rtol=1e-5, atol=1e-6)
    again = load("VEEGAN", tmp_path / "m.ckpt", normalization="batch")
    assert torch.equal(again.encode(images), codes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reconstruction_weight": 0.0}, "VEEGAN: reconstruction_weight must be positive, got 0"),
        ({"generator_lr": 0.0}, "VEEGAN: generator_lr must be positive, got 0.0"),
        (
            {"reconstructor": MLPEncoder([1, 32, 32], 12, 4, 1)},
            "VEEGAN: reconstructor must give 6 outputs for a latent_dim of 6, got 12",
        ),
    ],
)
def test_arguments_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("VEEGAN", **options)
