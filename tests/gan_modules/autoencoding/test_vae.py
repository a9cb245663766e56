"""The lower bound and its parts: closed forms, what each term moves, what is refused."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Laplace, Normal, kl_divergence

from gan_modules.autoencoding.vae import VAE
from gan_modules.likelihoods import Likelihood, divergence_from_prior, gaussian_code
from gan_modules.networks.autoencoders import DCGANEncoder, MLPEncoder
from gan_modules.networks.dcgan import DCGANGenerator
from gan_modules.networks.mlp import MLPGenerator
from tests.small_variants import FixedImages, build
from tests.test_every_variant import fit


class LinearEncoder(nn.Linear):
    """Points to the mean and the log-variance of one number."""

    outputs = 2

    def __init__(self) -> None:
        super().__init__(2, 2)


class LinearDecoder(nn.Linear):
    """One number to a point."""

    latent_dim = 1

    def __init__(self) -> None:
        super().__init__(1, 2)


def linear(**options: Any) -> VAE:
    module: VAE = VAE(LinearEncoder(), LinearDecoder(), **{"likelihood": "gaussian", **options})
    return module.double()


def points(n: int = 5) -> Tensor:
    return torch.randn(n, 2, dtype=torch.float64)


def noise_of(module: VAE, n: int) -> Tensor:
    """What the next call of the losses will draw."""
    drawn = module.noise.normal(n, module.latent_dim, device=module.device, dtype=torch.float64)
    module.noise.calls -= 1
    return drawn


# -- closed forms ---------------------------------------------------------------------------------


def test_divergence_has_the_closed_form_kat_39() -> None:
    mean = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    log_variance = torch.tensor([[0.0, math.log(4.0)], [0.0, 0.0]], dtype=torch.float64)
    found = divergence_from_prior(mean, log_variance)
    torch.testing.assert_close(found[0].item(), 1.3068528194, rtol=0, atol=1e-9)
    assert found[1] == 0.0


def test_divergence_sums_over_dimensions_and_not_over_the_batch() -> None:
    mean, log_variance = torch.randn(2, 4, 3, dtype=torch.float64)
    expected = kl_divergence(
        Normal(mean, (0.5 * log_variance).exp()), Normal(torch.zeros(()), torch.ones(()))
    ).sum(1)
    torch.testing.assert_close(divergence_from_prior(mean, log_variance), expected)


def test_gradients_of_a_drawn_code_are_those_of_its_formula_kat_39() -> None:
    outputs = torch.tensor([[0.3, -1.0, 0.0, math.log(9.0)]], dtype=torch.float64)
    noise = torch.tensor([[2.0, -0.5]], dtype=torch.float64)
    outputs.requires_grad_(True)
    code, mean, log_variance = gaussian_code(outputs, noise)
    torch.testing.assert_close(code, torch.tensor([[2.3, -2.5]], dtype=torch.float64))
    assert mean.tolist() == [[0.3, -1.0]] and log_variance.tolist() == [[0.0, math.log(9.0)]]
    (gradient,) = torch.autograd.grad(code.sum(), outputs)
    # dz / d mean = 1, dz / d log-variance = sigma noise / 2.
    expected = torch.tensor([[1.0, 1.0, 1.0, -0.75]], dtype=torch.float64)
    torch.testing.assert_close(gradient, expected)


LAWS: dict[str, Callable[[Tensor], Any]] = {
    "gaussian": lambda output: Normal(output, 0.3),
    "laplace": lambda output: Laplace(output, 0.3),
}


@pytest.mark.parametrize("name", LAWS)
def test_likelihoods_of_a_fixed_width_are_those_of_the_law(name: Any) -> None:
    output, samples = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)
    expected = -LAWS[name](output).log_prob(samples).flatten(1).sum(1)
    torch.testing.assert_close(Likelihood(name, 0.3)(output, samples), expected)


def test_bernoulli_likelihood_maps_both_images_to_probabilities() -> None:
    output = torch.rand(3, 1, 4, 4, dtype=torch.float64) * 1.8 - 0.9
    samples = torch.randint(2, output.shape).double() * 2.0 - 1.0
    law = Bernoulli((output + 1.0) / 2.0)
    expected = -law.log_prob((samples + 1.0) / 2.0).flatten(1).sum(1)
    found = Likelihood("bernoulli")(output, samples)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    # All black, as sure as can be: next to nothing; all wrong: 13.8 nats a pixel, and finite.
    black = torch.full((1, 1, 4, 4), -1.0, dtype=torch.float64)
    assert 0.0 < float(Likelihood("bernoulli")(black, black)) < 1e-4
    assert float(Likelihood("bernoulli")(black, -black)) == pytest.approx(16 * 13.8155, rel=1e-4)


def test_bernoulli_likelihood_is_best_at_the_grey_value_itself() -> None:
    samples = torch.tensor([[-0.4, 0.2, 0.7]], dtype=torch.float64)
    output = samples.clone().requires_grad_(True)
    likelihood = Likelihood("bernoulli")
    (gradient,) = torch.autograd.grad(likelihood(output, samples).sum(), output)
    assert gradient.abs().max() < 1e-4
    at_best = likelihood(samples, samples)
    for step in (-0.05, 0.05):
        assert (likelihood(samples + step, samples) > at_best + 1e-3).all()


def test_a_wrong_pixel_that_is_sure_still_learns() -> None:
    output = torch.tensor([[-1.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(
        Likelihood("bernoulli")(output, torch.tensor([[1.0]])).sum(), output
    )
    assert gradient.isfinite().all() and gradient.item() < -1e5


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("gaussian", lambda away: away.square().mean().sqrt()),
        ("laplace", lambda away: away.abs().mean()),
    ],
)
def test_the_learned_width_is_best_at_the_size_of_the_error(
    name: Any, best: Callable[[Tensor], Tensor]
) -> None:
    output, samples = torch.randn(2, 6, 5, dtype=torch.float64)
    likelihood = Likelihood(name).double()
    assert isinstance(likelihood.log_scale, nn.Parameter)
    with torch.no_grad():
        likelihood.log_scale.fill_(best(samples - output).log())
    (gradient,) = torch.autograd.grad(likelihood(output, samples).mean(), likelihood.log_scale)
    assert abs(gradient.item()) < 1e-9
    torch.testing.assert_close(likelihood.scale, best(samples - output))


# -- the bound ------------------------------------------------------------------------------------


def test_losses_of_a_linear_model_are_those_written_by_hand() -> None:
    module, x = linear(scale=0.5, kl_weight=3.0), points()
    outputs, noise = module.encoder(x), noise_of(module, 5)
    mean, log_variance = outputs[:, :1], outputs[:, 1:]
    z = mean + (log_variance / 2).exp() * noise
    away = (x - module.generator(z)) / 0.5
    errors = (away.square() / 2 + math.log(0.5) + 0.5 * math.log(2 * math.pi)).sum(1)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    found = module.generator_losses({"image": x})
    assert set(found) == {"reconstruction", "kl"}
    torch.testing.assert_close(found["reconstruction"], errors.mean())
    torch.testing.assert_close(found["kl"], 3.0 * kl.mean())


def test_the_divergence_moves_the_encoder_alone_and_the_error_moves_all() -> None:
    module = linear()
    networks = {"E": module.encoder, "G": module.generator, "scale": module.likelihood}

    def moved(term: str) -> set[str]:
        loss = module.generator_losses({"image": points()})[term]
        found = set()
        for name, network in networks.items():
            parameters = list(network.parameters())
            grads = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            found |= {name for g in grads if g is not None and bool(g.any())}
        return found

    assert moved("kl") == {"E"}
    assert moved("reconstruction") == {"E", "G", "scale"}


def test_the_divergence_is_warmed_up_in_images_seen() -> None:
    module = linear(kl_weight=2.0, kl_warmup_images=100)
    weights = {}
    for module.images_seen in (0, 25, 100, 5000):
        weights[module.images_seen] = module.present_kl_weight()
    assert weights == {0: 0.0, 25: 0.5, 100: 2.0, 5000: 2.0}
    assert linear(kl_weight=2.0).present_kl_weight() == 2.0
    module.images_seen = 25
    terms = module.generator_losses({"image": points()})
    quarter = module.statistics.latest("train/generator/divergence")["train/generator/divergence"]
    assert terms["kl"].item() == pytest.approx(0.5 * quarter)


def test_a_linear_model_learns_the_likelihood_of_its_data() -> None:
    """Factor analysis: the bound is tight there, so it must reach the entropy of the data."""
    torch.manual_seed(1)
    covariance = torch.tensor([[1.25, 0.5], [0.5, 0.5]], dtype=torch.float64)  # = 0.25 I + w w^T
    law = torch.distributions.MultivariateNormal(torch.tensor([2.0, -1.0]).double(), covariance)
    module = linear()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
    losses = []
    for _ in range(500):
        terms = module.generator_losses({"image": law.sample((256,))})
        loss = terms["reconstruction"] + terms["kl"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    bound = sum(losses[-100:]) / 100
    assert bound == pytest.approx(float(law.entropy()), abs=0.03)
    assert module.likelihood.scale is not None
    assert module.likelihood.scale.item() == pytest.approx(0.5, abs=0.05)


# -- codes, state, precision ----------------------------------------------------------------------


def test_a_code_is_the_mean_and_a_function_of_its_own_image() -> None:
    module = build("VAE", normalization="batch")
    fit(module)
    images = FixedImages(6).images
    module.train()
    codes = module.encode(images)
    assert codes.shape == (6, module.latent_dim) and not codes.requires_grad
    torch.testing.assert_close(module.encode(images[:1]), codes[:1], rtol=1e-5, atol=1e-6)
    assert all(part.training for part in module.encoder.modules())
    module.eval()
    torch.testing.assert_close(codes, module.encoder(images)[:, : module.latent_dim])
    torch.testing.assert_close(module.reconstruct(images), module.generator(codes))
    assert torch.equal(module.encode(images), module.encode(images))


def test_reconstructions_come_from_the_averaged_generator_if_there_is_one() -> None:
    module = build("VAE", ema_half_life_images=50.0)
    fit(module)
    images = FixedImages(3).images
    with torch.no_grad():
        expected = module.generator_ema(module.encode(images))
    torch.testing.assert_close(module.reconstruct(images), expected)


def test_only_a_learned_width_is_state_and_moves() -> None:
    assert "likelihood.log_scale" in linear().state_dict()
    assert "likelihood.log_scale" not in linear(scale=0.2).state_dict()
    module = build("VAE", likelihood="laplace")
    fit(module)
    assert module.likelihood.log_scale.item() != 0.0
    # One value a step, as it was before the step: 1, then what Adam made of it.
    assert 0.99 < module.last_statistics["train/generator/scale"] <= 1.01


@pytest.mark.parametrize(
    ("likelihood", "dtype"), [("bernoulli", torch.float32), ("gaussian", torch.bfloat16)]
)
def test_probabilities_are_decoded_in_full_precision(likelihood: Any, dtype: torch.dtype) -> None:
    module = build("VAE", likelihood=likelihood)
    seen = []
    module.likelihood.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        losses = module.generator_losses({"image": FixedImages(2).images})
    assert seen == [dtype]
    assert all(loss.dtype == torch.float32 for loss in losses.values())


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"likelihood": "poisson"},
            "name must be one of bernoulli, gaussian, laplace, got poisson",
        ),
        ({"scale": 0.1}, "scale must be null for bernoulli and positive otherwise, got 0.1 for b"),
        ({"likelihood": "laplace", "scale": 0.0}, "positive otherwise, got 0.0 for laplace"),
        ({"kl_weight": 0.0}, "VAE: kl_weight must be positive, got 0.0"),
        ({"kl_warmup_images": 0}, "VAE: kl_warmup_images must be positive, got 0"),
        ({"generator_lr": -1.0}, "VAE: generator_lr must be positive, got -1.0"),
        ({"latent": "uniform"}, r"VAE: latent must be normal, got uniform; codes are pulled to N"),
        (
            {"encoder": DCGANEncoder(32, 1, 6, 4)},
            "VAE: encoder must give 12 outputs for a latent_dim of 6, got 6; set outputs: 12",
        ),
        ({"encoder": nn.Linear(2, 12)}, "VAE: encoder must give 12 outputs .*, got None"),
    ],
)
def test_arguments_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("VAE", **options)


def test_one_network_for_both_and_a_generator_with_classes_are_refused() -> None:
    generator = DCGANGenerator(32, 1, 6, 4)
    with pytest.raises(ValueError, match="encoder and generator must be two networks"):
        VAE(generator, generator)
    generator.num_classes = 10  # type: ignore[assignment]
    with pytest.raises(ValueError, match="generator must be unconditional, got num_classes 10"):
        VAE(DCGANEncoder(32, 1, 12, 4), generator)


def test_points_have_no_bernoulli_likelihood() -> None:
    module = VAE(MLPEncoder([2], 8, 4, 1), MLPGenerator(4, [2], 4, 1))
    with pytest.raises(ValueError, match="must be gaussian or laplace for points, got bernoulli"):
        module.check_batch({"image": torch.zeros(4, 2)})


def test_a_module_without_an_encoder_must_say_how_it_encodes() -> None:
    module = build("VAE")
    module.encoder = None
    with pytest.raises(NotImplementedError, match=r"VAE must override encode\(\)"):
        module.encode(torch.zeros(1, 1, 32, 32))
