"""GLO: whose codes move, and where to (known answer 42); the pyramid; sampling; encoding."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.autoencoding.glo import GLO
from gan_modules.codes import normal_law, project, symmetric_root
from gan_modules.laplacian import laplacian_distance, laplacian_pyramid
from gan_modules.networks.dcgan import DCGANGenerator
from gan_modules.networks.elu import ELUGenerator
from tests.small.sizes import LATENT, SIZE, WIDTH
from tests.small_variants import FixedImages, build, load, loader
from tests.test_every_variant import fit


class Labelled(ELUGenerator):
    num_classes = 3


def small(**options: Any) -> GLO:
    torch.manual_seed(0)
    return GLO(ELUGenerator(SIZE, 1, LATENT, WIDTH), **{"codes": 160, **options})


def test_projection_ends_in_the_unit_ball_and_leaves_the_inside_alone_kat_42() -> None:
    for dtype in (torch.float32, torch.float64):
        codes = torch.randn(500, 64, dtype=dtype) * torch.logspace(-3, 3, 500).unsqueeze(1)
        before = codes.clone()
        inside = codes.norm(dim=1) <= 1.0
        assert 0 < inside.sum() < 500
        project(codes)
        assert (codes.norm(dim=1) <= 1.0).all()
        assert torch.equal(codes[inside], before[inside])
        torch.testing.assert_close(codes, before / before.norm(dim=1, keepdim=True).clamp_min(1.0))
        # What lies on the surface does not creep inwards by rounding.
        once = codes.clone()
        for _ in range(3):
            project(codes)
        assert torch.equal(codes, once)


def test_codes_begin_projected() -> None:
    norms = small().codes.weight.norm(dim=1)
    assert norms.max() <= 1.0 and norms.median() > 0.99


def test_only_codes_of_the_batch_move_kat_42(monkeypatch) -> None:
    module = small(codes_lr=50.0)
    states = [module.codes.weight.detach().clone()]
    stepped = module.player_stepped

    def player_stepped(name: str) -> None:
        stepped(name)
        if name == "codes":
            states.append(module.codes.weight.detach().clone())

    monkeypatch.setattr(module, "player_stepped", player_stepped)
    fit(module, steps=4)
    order = [index for index, _ in list(loader(4).sampler)]
    for step, (before, after) in enumerate(zip(states, states[1:], strict=False)):
        moved = (after != before).any(dim=1).nonzero().flatten().tolist()
        # Momentum would move those of the steps before as well.
        assert moved == sorted(order[4 * step : 4 * step + 4])
        assert after.norm(dim=1).max() <= 1.0
        assert (after - before).norm(dim=1).max() > 0.1
    assert len(states) == 5


def test_both_players_step_by_gradients_at_the_same_point() -> None:
    module = small(codes_lr=30.0, generator_lr=0.5, squared_weight=0.3).double()
    generator = copy.deepcopy(module.generator)
    codes = module.codes.weight.detach().clone().requires_grad_()
    batch = next(iter(loader(4, dtype=torch.float64)))
    fake = generator(codes[batch["index"]])
    loss = laplacian_distance(fake, batch["image"]) + 0.3 * (fake - batch["image"]).square().mean()
    loss.backward()
    fit_double(module, steps=1)
    with torch.no_grad():
        expected = codes - 30.0 * codes.grad
        project(expected)
        torch.testing.assert_close(module.codes.weight, expected)
        for ours, theirs in zip(module.generator.parameters(), generator.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs - 0.5 * theirs.grad)


def fit_double(module: GLO, steps: int) -> None:
    from pytorch_lightning import Trainer

    from tests.test_every_variant import QUIET

    Trainer(max_steps=steps, **QUIET).fit(module, loader(4, dtype=torch.float64))


def test_terms_are_the_pyramid_and_where_asked_for_squares() -> None:
    batch = next(iter(loader(4)))
    plain = small().generator_losses(batch)
    assert list(plain) == ["laplacian"]
    both = small(squared_weight=2.0).codes_losses(batch)
    assert list(both) == ["laplacian", "squared"]
    assert torch.equal(plain["laplacian"], both["laplacian"])
    half = small(squared_weight=1.0).codes_losses(batch)
    assert both["squared"].item() == pytest.approx(2 * half["squared"].item())


def test_under_mixed_precision_the_distance_is_taken_in_full() -> None:
    module, batch = small(squared_weight=1.0), next(iter(loader(4)))
    full = module.generator_losses(batch)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = module.generator_losses(batch)
    for name, value in full.items():
        assert mixed[name].dtype == torch.float32
        torch.testing.assert_close(mixed[name], value, rtol=0.01, atol=0)


@pytest.mark.parametrize("size", [8, 32])
def test_distance_of_an_impulse_is_by_hand(size: int) -> None:
    image = torch.zeros(1, 1, size, size, dtype=torch.float64)
    image[0, 0, 4, 4] = -1.0
    # The binomial filter leaves (6/16)^2 in place; half of its taps per axis meet even pixels.
    by_hand = (2 * (1 - 36 / 256) + 4 * (8 / 16) ** 2) / size**2
    found = laplacian_distance(image, torch.zeros_like(image), levels=1)
    assert found.item() == pytest.approx(by_hand, rel=1e-12)


def test_a_constant_difference_is_in_the_remainder_alone() -> None:
    bands = laplacian_pyramid(torch.full((2, 3, 16, 16), 0.7), 3)
    assert [band.shape[-1] for band in bands] == [16, 8, 4, 2]
    for band in bands[:-1]:
        torch.testing.assert_close(band, torch.zeros_like(band), rtol=0, atol=1e-6)
    torch.testing.assert_close(bands[-1], torch.full((2, 3, 2, 2), 0.7))
    a = torch.randn(2, 3, 16, 16)
    assert laplacian_distance(a, a - 0.7).item() == pytest.approx(0.7, abs=1e-5)


def test_levels_with_what_a_blur_took_away_give_the_image_back() -> None:
    image = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    fine, rest = laplacian_pyramid(image, 1)
    torch.testing.assert_close((image - fine)[:, :, ::2, ::2], rest)
    assert rest.shape == (2, 3, 5, 5)
    with pytest.raises(ValueError, match=r"laplacian_pyramid: images must be \(N, C, H, W\), got"):
        laplacian_pyramid(torch.zeros(4, 2), 1)


def test_samples_follow_mean_and_covariance_of_the_codes() -> None:
    module = small().double()
    mixing = torch.randn(LATENT, LATENT, dtype=torch.float64)
    codes = module.codes.weight.data.copy_(
        0.1 * torch.randn(160, LATENT, dtype=torch.float64) @ mixing + 0.2
    )
    drawn = module.draw_latents(200_000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), rtol=0, atol=5e-3)
    torch.testing.assert_close(drawn.T.cov(), codes.T.cov(correction=0), rtol=0.05, atol=5e-3)


def test_the_root_is_symmetric_and_stands_singular_codes() -> None:
    factor = torch.randn(5, 3, dtype=torch.float64)
    covariance = factor @ factor.mT
    root = symmetric_root(covariance)
    torch.testing.assert_close(root @ root, covariance)
    torch.testing.assert_close(root, root.mT)
    mean, root = normal_law(torch.ones(7, 4))
    assert torch.equal(mean, torch.ones(4)) and not root.any()


def test_the_law_is_fitted_anew_when_codes_have_moved_and_only_then(monkeypatch) -> None:
    module = small()
    calls = []
    fitted = module._normal_law.function
    monkeypatch.setattr(module._normal_law, "function", lambda c: calls.append(1) or fitted(c))

    def draw() -> Tensor:
        return module.draw_latents(3, generator=torch.Generator().manual_seed(1))

    first = draw()
    assert torch.equal(draw(), first) and len(calls) == 1
    with torch.no_grad():
        module.codes.weight.mul_(0.5)
    torch.testing.assert_close(draw(), 0.5 * first)
    assert len(calls) == 2
    module.load_state_dict(small().state_dict())
    assert torch.equal(draw(), first) and len(calls) == 3


def test_codes_and_their_law_come_back_from_a_checkpoint(tmp_path: Path) -> None:
    module = build("GLO", codes_lr=50.0)
    fit(module, steps=3).save_checkpoint(tmp_path / "m.ckpt")
    again = load("GLO", tmp_path / "m.ckpt", codes_lr=50.0)
    assert torch.equal(again.codes.weight, module.codes.weight)
    own = [torch.Generator().manual_seed(2) for _ in range(2)]
    assert torch.equal(
        again.draw_latents(4, generator=own[0]), module.draw_latents(4, generator=own[1])
    )


def test_encoding_finds_the_codes_that_made_the_images() -> None:
    module = small().eval()
    truth = module.codes.weight[:6].detach() * 0.8
    images = module.decode(truth)
    codes = module.encode(images)
    assert codes.shape == truth.shape and not codes.requires_grad
    assert (codes.norm(dim=1) <= 1.0).all()
    mean = module.decode(module.codes.weight.mean(0, keepdim=True).detach())
    before = (mean - images).abs().mean()
    assert (module.reconstruct(images) - images).abs().mean() < 0.1 * before
    torch.testing.assert_close(codes, truth, rtol=0, atol=0.15)


def test_encoding_is_of_one_image_moves_no_weight_and_runs_without_gradients() -> None:
    module = small(encode_steps=5)
    images = FixedImages().images[:4]
    before = copy.deepcopy(module.state_dict())
    codes = module.encode(images)
    torch.testing.assert_close(module.encode(images[1:2]), codes[1:2])
    with torch.inference_mode():
        torch.testing.assert_close(module.encode(images + 0.0), codes)
    with torch.no_grad():
        torch.testing.assert_close(module.encode(images), codes)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert module.training and module.generator.training


def test_images_are_encoded_through_the_averaged_generator() -> None:
    module = small(ema_half_life_images=50.0, encode_steps=5)
    nn.init.zeros_(module.generator.layers[0].weight)
    images = FixedImages().images[:2]
    codes = module.encode(images)
    with module.unaveraged():
        # Blind to its latent, so the search stays where it began.
        mean = normal_law(module.codes.weight)[0]
        torch.testing.assert_close(module.encode(images), mean.expand(2, -1))
        assert not torch.equal(module.encode(images), codes)


def test_training_brings_each_image_to_its_code() -> None:
    torch.manual_seed(0)
    module = GLO(DCGANGenerator(SIZE, 1, 16, 8), codes=160, codes_lr=50.0)
    fit(module, steps=200, batch=16)
    images, codes = FixedImages().images, module.codes.weight.detach()
    own = laplacian_distance(module.decode(codes), images)
    of_others = laplacian_distance(module.decode(codes.roll(1, 0)), images)
    of_mean = laplacian_distance(images.mean(0, keepdim=True).expand_as(images), images)
    assert own < 0.85 * of_mean and own < 0.75 * of_others


def test_data_of_another_number_of_images_are_refused_with_the_right_one() -> None:
    with pytest.raises(ValueError, match="number of training images, 160, got 100; .*codes: 160"):
        fit(small(codes=100))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"GLO: batch must have the key index, got \['image'\]"):
        small().check_batch({"image": torch.zeros(2, 1, SIZE, SIZE)})
    with pytest.raises(ValueError, match="GLO: squared_weight must be at least 0, got -1.0; 0 l"):
        small(squared_weight=-1.0)
    with pytest.raises(ValueError, match="GLO: codes must be positive, got 0"):
        small(codes=0)
    with pytest.raises(ValueError, match="GLO: codes_lr must be positive, got -1.0"):
        small(codes_lr=-1.0)
    with pytest.raises(ValueError, match="GLO: generator must be unconditional, got num_classes 3"):
        GLO(Labelled(SIZE, 1, LATENT, WIDTH), codes=160)
