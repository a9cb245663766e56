"""BigGAN and SAGAN as games: who learns what from labels, what is logged, who may watch."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from callbacks.collapse.prober_choice import prober_for
from callbacks.collapse.probes import ClassProber
from callbacks.collapse.records import WHOLE
from callbacks.metrics.features import Features, FeatureSpace
from gan_modules import SAGAN, BigGAN
from gan_modules.engine.noise import Noise
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.objectives import Hinge
from gan_modules.regularizers import Orthogonal
from tests.small.large import biggan, sagan
from tests.small_variants import CLASSES, LATENT, SIZE, FixedImages, build, load
from tests.test_every_variant import fit

BOTH = ("BigGAN", "SAGAN")


def batch(n: int = 4) -> dict[str, Tensor]:
    data = FixedImages()
    items = [data[i] for i in range(n)]
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def playing(name: str, **options: Any) -> Any:
    module = build(name, **options)
    module.configure_optimizers()
    return module


def gradients(module: Any, player: str, given: dict[str, Tensor]) -> list[Tensor]:
    module.zero_grad()
    module.noise = Noise(3)
    sum(getattr(module, f"{player}_losses")(given).values()).backward()
    return [p.grad.clone() for p in getattr(module, player).parameters()]


def test_defaults_are_the_papers() -> None:
    parts = {k: v for k, v in biggan("none").items() if k != "sv_log_interval"}
    module = BigGAN(**parts)
    assert isinstance(module.objective, Hinge) and module.discriminator_steps == 2
    assert (module.generator_lr, module.discriminator_lr) == (5e-5, 2e-4)
    assert module.betas == (0.0, 0.999) and module.sv_log_interval == 10
    (orthogonal,) = module.regularizers
    assert isinstance(orthogonal, Orthogonal) and orthogonal.weight == 1e-4
    assert orthogonal.player == "generator" and orthogonal.kind == "off_diagonal"
    # A decay of 0.9999 for each G step at a batch of 2048.
    assert 0.5 ** (2048 / module.ema_half_life_images) == pytest.approx(0.9999, abs=1e-7)
    other = SAGAN(**sagan("none"))
    assert isinstance(other.objective, Hinge) and other.discriminator_steps == 1
    assert (other.generator_lr, other.discriminator_lr, other.betas) == (1e-4, 4e-4, (0.0, 0.9))
    assert not other.regularizers and other.generator_ema is None


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_both_players_are_told_the_labels(name: str, player: str) -> None:
    module = playing(name, ema_half_life_images=None).double()
    for parameter in module.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    module.eval()
    given = {k: v.double() if v.is_floating_point() else v for k, v in batch().items()}
    moved = {**given, "label": (given["label"] + 1) % CLASSES}
    one, again = gradients(module, player, given), gradients(module, player, given)
    other = gradients(module, player, moved)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert any((a - b).abs().max() > 1e-9 for a, b in zip(one, other, strict=True))


def test_losses_are_the_hinge_of_projected_scores_and_the_penalty() -> None:
    module = playing("BigGAN", ema_half_life_images=None).eval()
    given, label = batch(), batch()["label"]
    module.noise = Noise(5)
    losses = module.discriminator_losses(given)
    module.noise = Noise(5)
    fake = module.generator(module.training_latents(4), label)
    real_scores, fake_scores = (module.discriminator(x, label) for x in (given["image"], fake))
    expected = (1 - real_scores).relu().mean() + (1 + fake_scores).relu().mean()
    assert set(losses) == {"adversarial"}
    torch.testing.assert_close(losses["adversarial"], expected)
    module.noise = Noise(5)
    losses = module.generator_losses(given)
    torch.testing.assert_close(losses["adversarial"], -fake_scores.mean())
    assert set(losses) == {"adversarial", "orthogonal"}


def test_penalty_is_on_raw_weights_and_spares_the_shared_embedding() -> None:
    module = playing("BigGAN", ema_half_life_images=None, orthogonal_weight=0.5)
    for parameter in module.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    penalty = module.generator_losses(batch())["orthogonal"]
    expected = torch.zeros(())
    for name, weight in module.generator.named_parameters():
        if weight.dim() > 1 and not name.startswith("embedding"):
            gram = weight.flatten(1) @ weight.flatten(1).T
            expected = expected + (gram * (1 - torch.eye(len(gram)))).square().sum()
    torch.testing.assert_close(penalty, 0.5 * expected)
    (gradient,) = torch.autograd.grad(penalty, module.generator.embedding.weight, allow_unused=True)
    assert gradient is None


@pytest.mark.parametrize(("interval", "looks"), [(1, 4), (2, 2), (3, 1)])
def test_three_singular_values_of_every_weight_are_logged_at_intervals(
    interval: int, looks: int
) -> None:
    module = build("BigGAN", sv_log_interval=interval, discriminator_steps=1)
    seen: list[str] = []
    note = module.note
    module.note = lambda name, value: (seen.append(name), note(name, value))
    fit(module, steps=4)
    for player, network in (("generator", module.generator), ("discriminator", None)):
        network = network or module.discriminator
        matrices = sum(p.dim() > 1 for p in network.parameters())
        names = [name for name in seen if name.startswith(f"{player}/sv0/")]
        assert len(names) == looks * matrices and len(set(names)) == matrices
        assert f"{player}/sv0/embedding" in names
    assert seen.count("generator/sv0/start") == looks == seen.count("generator/sv1/start")
    # One singular value and no more: a matrix of one row.
    assert "discriminator/sv0/head" in seen and "discriminator/sv1/head" not in seen


def test_logged_values_are_the_singular_values_of_the_raw_weights() -> None:
    module = build("BigGAN", sv_log_interval=1, discriminator_steps=1)
    fit(module, steps=60)
    raw = module.generator.start.parametrizations.weight.original.detach()
    exact = torch.linalg.svdvals(raw)
    for place, value in enumerate(exact[:3]):
        found = module.last_statistics[f"train/generator/sv{place}/start"]
        assert found == pytest.approx(value.item(), rel=0.02)


def test_without_an_interval_nothing_is_logged_or_kept() -> None:
    module = build("BigGAN", sv_log_interval=None)
    fit(module)
    assert not any("/sv0/" in name for name in module.last_statistics)
    assert not any("spectra" in name for name in module.state_dict())


def test_vectors_of_the_spectra_are_saved_and_loaded(tmp_path: Path) -> None:
    module = build("BigGAN")
    fit(module).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    again = load("BigGAN", tmp_path / "m.ckpt")
    kept = {k: v for k, v in module.state_dict().items() if k.startswith("spectra")}
    assert len(kept) > 20
    assert all(torch.equal(again.state_dict()[k], v) for k, v in kept.items())


@pytest.mark.parametrize("name", BOTH)
def test_samples_show_each_class_in_turn_or_the_one_that_is_asked_for(name: str) -> None:
    module = build(name, ema_half_life_images=None)
    for parameter in module.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    assert module.num_classes == CLASSES
    z = module.draw_latents(6, generator=torch.Generator().manual_seed(0))
    in_turn = module.decode(z)
    torch.testing.assert_close(in_turn, module.decode(z, torch.tensor([0, 1, 2, 0, 1, 2])))
    others = module.decode(z, torch.tensor([1, 2, 0, 1, 2, 0]))
    assert (in_turn - others).abs().flatten(1).amax(1).min() > 1e-4
    same = module.sample(6, labels=torch.full((6,), 2), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(same, module.decode(z, torch.full((6,), 2)))


class Pixels(FeatureSpace):
    """The means of the image's sixteenths."""

    id, dim, sha256, resize_id = "pixels", 16, "0", "none"

    def __call__(self, samples: Tensor) -> Features:
        return Features(F.adaptive_avg_pool2d(samples.float(), 4).flatten(1), None)


class Digits:
    """Data with three named classes."""

    class_names = ("zero", "one", "two")

    def reference(self, split: str) -> FixedImages:
        return FixedImages(240)


def test_the_collapse_monitor_sees_classes() -> None:
    module = build("BigGAN", ema_half_life_images=None)
    prober = prober_for(module, Digits(), Pixels(), 96)
    assert isinstance(prober, ClassProber) and prober.names == ["zero", "one", "two"]
    builders = prober.describe(module, 0, 0)
    assert set(builders) == {WHOLE, "class zero", "class one", "class two"}
    signals = prober.signals({name: b.finish() for name, b in builders.items()}, 0)
    assert signals[WHOLE]["noise_diversity"] is not None
    assert all(math.isfinite(signals[f"class {name}"]["mean_distance"]) for name in prober.names)


@pytest.mark.parametrize("variant", [BigGAN, SAGAN])
def test_networks_without_spectral_normalisation_are_refused(variant: Any) -> None:
    good = (biggan if variant is BigGAN else sagan)("none")
    name = variant.__name__
    plain = {
        "generator": DCGANGenerator(SIZE, 1, LATENT, 4),
        "discriminator": DCGANDiscriminator(SIZE, 1, 4, "none"),
    }
    for role, network in plain.items():
        match = f"{name}: {role} must be spectrally normalised, got {type(network).__name__}"
        with pytest.raises(ValueError, match=match):
            variant(**{**good, role: network})


def test_numbers_out_of_range_and_other_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="BigGAN: sv_log_interval must be positive, got 0"):
        build("BigGAN", sv_log_interval=0)
    with pytest.raises(ValueError, match="Orthogonal: weight must be positive and finite, got 0"):
        build("BigGAN", orthogonal_weight=0)
    module = build("BigGAN")
    with pytest.raises(ValueError, match="labels must lie in 0..2, got 0..7; set num_classes"):
        module.check_batch({**batch(), "label": torch.tensor([0, 7, 1, 2])})
    with pytest.raises(ValueError, match="must have the key label"):
        module.check_batch({"image": batch()["image"]})
