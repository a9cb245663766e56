"""Four players: their losses in probabilities, their order, and who is moved by what."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning import Trainer
from torch import Tensor, nn

from gan_modules.networks.autoencoders import DCGANEncoder
from tests.small_variants import LATENT, SIZE, WIDTH, FixedImages, build, loader, sgd
from tests.test_every_variant import QUIET, fit


class Answers(nn.Module):
    """Returns given scores in turn, whatever it is asked."""

    def __init__(self, *scores: Tensor) -> None:
        super().__init__()
        self.scores = list(scores)
        self.asked: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(x)
        return self.scores[len(self.asked) - 1]


def plain(**options: Any) -> Any:
    """With an encoder that gives codes, so that it draws no noise."""
    encoder = DCGANEncoder(SIZE, 1, LATENT, WIDTH, "none")
    return build("AlphaGAN", encoder=encoder, **options)


def batch_of(n: int) -> dict[str, Tensor]:
    return {"image": FixedImages(n).images}


def test_fooling_a_discriminator_costs_minus_its_score_kat_44() -> None:
    scores = torch.tensor([-5.0, -0.3, 0.0, 2.0, 7.0], dtype=torch.float64)
    probabilities = torch.sigmoid(scores)
    torch.testing.assert_close(-probabilities.log() + (1 - probabilities).log(), -scores)
    module = plain()
    module.code_discriminator = Answers(scores[:3])
    assert module.encoder_losses(batch_of(3))["adversarial"].item() == pytest.approx(5.3 / 3)
    module.discriminator = Answers(scores[:2], scores[3:])
    terms = module.generator_losses(batch_of(2))
    assert terms["adversarial_reconstructed"].item() == pytest.approx(2.65)
    assert terms["adversarial_generated"].item() == pytest.approx(-4.5)


def test_codes_of_the_prior_are_the_ones_c_calls_real_kat_44() -> None:
    module = plain()
    prior, code = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    asked = {prior: 0, code: 1}
    of_prior, of_code = torch.sigmoid(prior), torch.sigmoid(code)
    module.code_discriminator = Answers(prior, code)
    terms = module.code_discriminator_losses(batch_of(2))
    torch.testing.assert_close(terms["prior"], -of_prior.log().mean())
    torch.testing.assert_close(terms["encoded"], -(1 - of_code).log().mean())
    first, second = (module.code_discriminator.asked[i] for i in asked.values())
    torch.testing.assert_close(second, module.encoder(batch_of(2)["image"]))
    module.noise.calls -= 1
    assert torch.equal(first, module.training_latents(2))


def test_d_calls_reconstructed_and_generated_images_fake() -> None:
    module = plain()
    real, reconstructed, generated = torch.tensor([[1.0, 2.0], [0.3, -2.0], [-1.0, 0.5]])
    module.discriminator = Answers(real, reconstructed, generated)
    terms = module.discriminator_losses(batch_of(2))
    torch.testing.assert_close(terms["real"], -torch.sigmoid(real).log().mean())
    for name, scores in (("reconstructed", reconstructed), ("generated", generated)):
        torch.testing.assert_close(terms[name], -(1 - torch.sigmoid(scores)).log().mean())
    images = batch_of(2)["image"]
    with torch.no_grad():
        torch.testing.assert_close(
            module.discriminator.asked[1], module.generator(module.encoder(images))
        )
    assert torch.equal(module.discriminator.asked[0], images)


def test_the_error_is_the_weighted_mean_over_pixels() -> None:
    module = plain(reconstruction_weight=7.0)
    images = batch_of(3)["image"]
    expected = 7.0 * (module.generator(module.encoder(images)) - images).abs().mean()
    for losses in (module.encoder_losses, module.generator_losses):
        torch.testing.assert_close(losses({"image": images})["reconstruction"], expected)


def test_each_term_moves_whom_it_should() -> None:
    module = plain()
    networks = {
        "E": module.encoder,
        "G": module.generator,
        "D": module.discriminator,
        "C": module.code_discriminator,
    }

    def reached(terms: dict[str, Tensor]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for term, loss in terms.items():
            found[term] = set()
            for name, network in networks.items():
                grads = torch.autograd.grad(
                    loss, list(network.parameters()), retain_graph=True, allow_unused=True
                )
                found[term] |= {name for g in grads if g is not None and bool(g.any())}
        return found

    batch = batch_of(4)
    # D does not reach E: the encoder is judged by C alone.
    assert reached(module.encoder_losses(batch)) == {
        "reconstruction": {"E", "G"},
        "adversarial": {"E", "C"},
    }
    assert reached(module.generator_losses(batch)) == {
        "reconstruction": {"G"},
        "adversarial_reconstructed": {"G", "D"},
        "adversarial_generated": {"G", "D"},
    }
    assert reached(module.discriminator_losses(batch)) == {
        "real": {"D"},
        "reconstructed": {"D"},
        "generated": {"D"},
    }
    assert reached(module.code_discriminator_losses(batch)) == {"prior": {"C"}, "encoded": {"C"}}


def test_a_round_is_e_g_d_c_each_after_the_other_written_by_hand() -> None:
    module, by_hand = plain().double(), plain().double()
    by_hand.load_state_dict(module.state_dict())
    module.optimizer = sgd(0.1)
    torch.manual_seed(4)
    Trainer(max_steps=1, **QUIET).fit(module, loader(4, dtype=torch.float64))
    by_hand.noise.seed = module.noise.seed
    x = next(iter(loader(4, dtype=torch.float64)))["image"]
    E, G = by_hand.encoder, by_hand.generator
    D, C = by_hand.discriminator, by_hand.code_discriminator

    def step(network: nn.Module, loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            parameter.data -= 0.1 * gradient

    def error() -> Tensor:
        return 10.0 * (G(E(x)) - x).abs().mean()

    s = torch.sigmoid
    c = s(C(E(x)))
    step(E, error() + (-c.log() + (1 - c).log()).mean())
    d_hat, d_z = s(D(G(E(x)))), s(D(G(by_hand.training_latents(4))))
    fooled = (-d_hat.log() + (1 - d_hat).log()).mean() + (-d_z.log() + (1 - d_z).log()).mean()
    step(G, error() + fooled)
    d, d_hat, d_z = s(D(x)), s(D(G(E(x)))), s(D(G(by_hand.training_latents(4))))
    step(D, -(d.log() + (1 - d_hat).log() + (1 - d_z).log()).mean())
    step(C, -(s(C(by_hand.training_latents(4))).log() + (1 - s(C(E(x)))).log()).mean())
    for key, value in by_hand.state_dict().items():
        torch.testing.assert_close(module.state_dict()[key], value, rtol=1e-9, atol=1e-12)


def test_an_encoder_of_means_and_variances_is_drawn_from_in_training_only() -> None:
    module = build("AlphaGAN")
    assert module.gaussian and not plain().gaussian
    images = batch_of(3)["image"]
    first, second = module._encoded(images), module._encoded(images)
    assert first.shape == (3, LATENT) and not torch.equal(first, second)
    mean, log_variance = module.encoder(images).chunk(2, 1)
    module.noise.calls = 0
    noise = module.noise.normal(3, LATENT, device=images.device)
    torch.testing.assert_close(first, mean + (log_variance / 2).exp() * noise)
    torch.testing.assert_close(module.encode(images), mean.detach())
    fit(module)
    assert torch.equal(module.encode(images), module.encode(images))
    assert module.reconstruct(images).shape == images.shape


def test_other_priors_are_possible() -> None:
    module = plain(latent="uniform")
    assert module.code_discriminator_losses(batch_of(4))["prior"].isfinite()
    assert module.training_latents(64).abs().max() <= 1.0


def test_d_of_the_module_scores_images() -> None:
    module, images = plain(), batch_of(2)["image"]
    torch.testing.assert_close(module.score(images), module.discriminator(images))
    assert F.softplus(module.score(images)).shape == (2,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reconstruction_weight": 0.0}, "AlphaGAN: reconstruction_weight must be positive"),
        ({"code_discriminator_lr": 0.0}, "AlphaGAN: code_discriminator_lr must be positive, got 0"),
        ({"encoder_lr": -1.0}, "AlphaGAN: encoder_lr must be positive, got -1.0"),
        (
            {"encoder": DCGANEncoder(SIZE, 1, 5, WIDTH)},
            "AlphaGAN: encoder must give 6 or 12 outputs for a latent_dim of 6, got 5; set outputs",
        ),
    ],
)
def test_arguments_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("AlphaGAN", **options)


def test_one_discriminator_for_images_and_codes_is_refused() -> None:
    parts = build("AlphaGAN")
    with pytest.raises(ValueError, match="discriminator and code_discriminator must be two"):
        build(
            "AlphaGAN",
            discriminator=parts.discriminator,
            code_discriminator=parts.discriminator,
        )
