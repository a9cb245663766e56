"""CGAN, ACGAN and ProjectionGAN as games: what the class changes, for whom, and by how much."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules import ACGAN, CGAN, ProjectionGAN
from gan_modules.engine.noise import Noise
from gan_modules.networks.conditional_resnet import ProjectionResNetDiscriminator
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.objectives import Hinge, NonSaturating
from tests.small import conditional
from tests.small.batches import FixedBatches
from tests.small_variants import CLASSES, LATENT, SIZE, WIDTH, build
from tests.test_every_variant import fit

BATCH = FixedBatches().batch(6)


def playing(name: str, **options: Any) -> Any:
    module = build(name, **options)
    module.configure_optimizers()
    for parameter in module.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


def with_gradients(module: Any, player: str) -> list[str]:
    """Which player's parameters get a gradient from ``player``'s losses."""
    module.zero_grad()
    with module.referee._only(module.referee.players[player]):
        sum(getattr(module, f"{player}_losses")(BATCH).values()).backward()
    return [
        name
        for name, other in module.referee.players.items()
        if any(p.grad is not None for p in other.trainable)
    ]


@pytest.mark.parametrize("name", ["CGAN", "ACGAN", "ProjectionGAN"])
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_only_the_acting_players_gradients_are_there_k39(name: str, player: str) -> None:
    assert with_gradients(playing(name), player) == [player]


@pytest.mark.parametrize("name", ["CGAN", "ProjectionGAN"])
def test_both_players_are_told_the_labels_of_the_batch(name: str) -> None:
    module = playing(name)
    seen: list[tuple[str, Tensor]] = []
    for role in ("generator", "discriminator"):
        getattr(module, role).register_forward_hook(
            lambda _, given, __, role=role: seen.append((role, given[1]))
        )
    module.discriminator_losses(BATCH)
    module.generator_losses(BATCH)
    roles = [role for role, _ in seen]
    assert roles == ["generator", *["discriminator"] * 2, "generator", "discriminator"]
    assert all(torch.equal(label, BATCH["label"]) for _, label in seen)


def test_defaults_are_the_papers() -> None:
    module = CGAN(**conditional.cgan("none"))
    assert isinstance(module.objective, NonSaturating) and module.betas == (0.5, 0.999)
    assert module.generator_lr == module.discriminator_lr == 2e-4
    assert module.discriminator_steps == 1
    parts = {k: v for k, v in conditional.projection("none").items() if "network" not in k}
    parts.pop("discriminator_steps")
    module = ProjectionGAN(**parts)
    assert isinstance(module.objective, Hinge) and module.betas == (0.0, 0.9)
    assert module.generator_lr == module.discriminator_lr == 2e-4
    assert module.discriminator_steps == 5
    turns = module.schedule()[0].turns
    assert [(t.players, t.every) for t in turns] == [("generator", 5), ("discriminator", 1)]
    module = ACGAN(**conditional.acgan("none"))
    assert (module.discriminator_class_weight, module.generator_class_weight) == (1.0, 1.0)
    assert module.classify_fakes and isinstance(module.objective, NonSaturating)


def test_a_fully_connected_cgan_plays_too() -> None:
    module = CGAN(**conditional.mlp_cgan())
    fit(module)
    assert module.steps == {"generator": 2, "discriminator": 2}


# -- ACGAN -----------------------------------------------------------------------------------------


class Silent(nn.Module):
    """Scores and logits of zero, with a gradient to the images and to a weight."""

    num_classes = CLASSES

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1 + CLASSES))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = x.flatten(1).mean(1, keepdim=True)
        out = mean * self.weight
        return out[:, 0], out[:, 1:]


def silent(**options: Any) -> ACGAN:
    module = ACGAN(conditional.concatenating("none"), Silent(), **options)
    module.configure_optimizers()
    return module


def test_each_class_term_of_zero_logits_is_log_k_k13() -> None:
    module = silent()
    losses = module.discriminator_losses(BATCH)
    assert set(losses) == {"adversarial", "class_real", "class_fake"}
    for name in ("class_real", "class_fake"):
        assert losses[name].item() == pytest.approx(math.log(CLASSES), rel=1e-6)
    assert losses["adversarial"].item() == pytest.approx(2 * math.log(2), rel=1e-6)
    losses = module.generator_losses(BATCH)
    assert losses["class"].item() == pytest.approx(math.log(CLASSES), rel=1e-6)
    assert losses["adversarial"].item() == pytest.approx(math.log(2), rel=1e-6)


def test_weights_scale_the_class_terms_of_their_player_alone() -> None:
    module = silent(discriminator_class_weight=0.5, generator_class_weight=0.25)
    of_d, of_g = module.discriminator_losses(BATCH), module.generator_losses(BATCH)
    assert of_d["class_real"].item() == pytest.approx(0.5 * math.log(CLASSES), rel=1e-6)
    assert of_d["class_fake"].item() == pytest.approx(0.5 * math.log(CLASSES), rel=1e-6)
    assert of_g["class"].item() == pytest.approx(0.25 * math.log(CLASSES), rel=1e-6)
    module = silent(discriminator_class_weight=0, generator_class_weight=0)
    assert set(module.discriminator_losses(BATCH)) == {"adversarial"}
    assert set(module.generator_losses(BATCH)) == {"adversarial"}


def test_without_classify_fakes_d_learns_classes_from_real_images_alone() -> None:
    losses = silent(classify_fakes=False).discriminator_losses(BATCH)
    assert set(losses) == {"adversarial", "class_real"}


def test_class_terms_name_real_images_for_d_and_fakes_for_both() -> None:
    module = playing("ACGAN")
    module.noise = Noise(3)
    losses = module.discriminator_losses(BATCH)
    module.noise = Noise(3)
    fake = module.generator(module.training_latents(6), BATCH["label"])
    for name, images in (("class_real", BATCH["image"]), ("class_fake", fake)):
        logits = module.discriminator(images)[1]
        torch.testing.assert_close(losses[name], F.cross_entropy(logits, BATCH["label"]))
    scores = [module.discriminator(images)[0] for images in (BATCH["image"], fake)]
    expected = F.softplus(-scores[0]).mean() + F.softplus(scores[1]).mean()
    torch.testing.assert_close(losses["adversarial"], expected)
    module.noise = Noise(3)
    losses = module.generator_losses(BATCH)
    class_loss = F.cross_entropy(module.discriminator(fake)[1], BATCH["label"])
    torch.testing.assert_close(losses["class"], class_loss)
    torch.testing.assert_close(losses["adversarial"], F.softplus(-scores[1]).mean())


# -- projection ------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalization", ["none", "spectral"])
def test_two_classes_differ_by_the_inner_product_of_features_and_vectors_k12(
    normalization: Any,
) -> None:
    network = ProjectionResNetDiscriminator(SIZE, 1, WIDTH, CLASSES, normalization).eval().double()
    x = BATCH["image"].double()
    labels = [torch.full((6,), label) for label in (0, 2)]
    first, second = (network(x, label) for label in labels)
    vectors = network.embedding.weight
    expected = network.features(x) @ (vectors[0] - vectors[2])
    torch.testing.assert_close(first - second, expected)
    assert expected.abs().min() > 1e-6


def test_without_vectors_it_is_the_unconditional_discriminator_k12() -> None:
    network = ProjectionResNetDiscriminator(SIZE, 1, WIDTH, CLASSES, "none").eval()
    nn.init.zeros_(network.embedding.weight)
    scores = [network(BATCH["image"], torch.full((6,), label)) for label in range(CLASSES)]
    expected = network.head(network.features(BATCH["image"])).squeeze(1)
    for score in scores:
        torch.testing.assert_close(score, expected)


def test_losses_of_projection_are_the_hinge_of_its_scores() -> None:
    module = playing("ProjectionGAN")
    module.noise = Noise(5)
    losses = module.discriminator_losses(BATCH)
    module.noise = Noise(5)
    fake = module.generator(module.training_latents(6), BATCH["label"])
    real_scores, fake_scores = (module.score(x, (BATCH["label"],)) for x in (BATCH["image"], fake))
    expected = (1 - real_scores).relu().mean() + (1 + fake_scores).relu().mean()
    torch.testing.assert_close(losses["adversarial"], expected)
    module.noise = Noise(5)
    torch.testing.assert_close(module.generator_losses(BATCH)["adversarial"], -fake_scores.mean())


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", [CGAN, ACGAN, ProjectionGAN])
def test_networks_without_classes_are_refused(variant: Any) -> None:
    parts = conditional.PARTS[variant.__name__]("none")
    name = variant.__name__
    plain = {
        "generator": DCGANGenerator(SIZE, 1, LATENT, WIDTH),
        "discriminator": DCGANDiscriminator(SIZE, 1, WIDTH),
    }
    for role, network in plain.items():
        got = rf"{name}: .* same num_classes above 0, got .*{type(network).__name__}"
        with pytest.raises(ValueError, match=got):
            variant(**{**parts, role: network})


def test_other_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="generator_class_weight must not be negative, got -1"):
        build("ACGAN", generator_class_weight=-1)
    with pytest.raises(ValueError, match="discriminator_class_weight must not be negative"):
        build("ACGAN", discriminator_class_weight=-0.1)
    parts = conditional.projection("none")
    parts["discriminator"] = ProjectionResNetDiscriminator(SIZE, 1, WIDTH, CLASSES, "none")
    with pytest.raises(ValueError, match="ProjectionGAN: discriminator must be spectrally"):
        ProjectionGAN(**parts)
