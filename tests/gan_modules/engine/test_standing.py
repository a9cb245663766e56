"""BatchNorm statistics at the sampling truncation: exact, for a moment, the same on every rank."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.engine.latent_game import LatentGame
from gan_modules.engine.standing import standing_statistics
from tests.small_variants import build


class Told(nn.Module):
    """Latents, normalised as they come, beside what was told of classes."""

    latent_dim = 3

    def __init__(self, num_classes: int = 0) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.norm = nn.BatchNorm1d(3, affine=False)
        self.drop = nn.Dropout(0.5)
        self.seen: list[Tensor] = []

    def forward(self, z: Tensor, *label: Tensor) -> Tensor:
        self.seen += label
        return self.drop(self.norm(z))


def game(num_classes: int = 0, **options: Any) -> Any:
    return LatentGame(Told(num_classes), (0.5, 0.999), **options).double()


def test_statistics_are_the_means_over_the_batches_that_are_drawn() -> None:
    module = game()
    own = torch.Generator().manual_seed(4)
    batches = [module.draw_latents(10, generator=own, truncation=0.8) for _ in range(7)]
    with standing_statistics(module, 0.8, batches=7, batch_size=10, seed=4):
        norm = module.generator.norm
        torch.testing.assert_close(norm.running_mean, torch.stack(batches).mean((0, 1)))
        torch.testing.assert_close(norm.running_var, torch.stack(batches).var(1).mean(0))
        # Eval mode, dropout off: those statistics are what samples are made with.
        z = module.draw_latents(5)
        expected = (z - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
        torch.testing.assert_close(module.decode(z), expected)


def test_variance_follows_the_truncation() -> None:
    module = game()
    for psi, std in ((0.5, 0.283882), (1.0, 0.539560), (None, 1.0)):
        with standing_statistics(module, psi, batches=40, batch_size=200):
            found = module.generator.norm.running_var.sqrt().mean().item()
        assert found == pytest.approx(std, rel=0.02)


def test_everything_is_put_back_also_after_an_error() -> None:
    module = build("BigGAN", normalization="batch", ema_half_life_images=None)
    module.train()
    for _ in range(3):
        module.generator(torch.randn(8, module.latent_dim), torch.arange(8) % 3)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    modes = [m.training for m in module.modules()]
    inside: dict[str, Tensor] = {}
    with pytest.raises(RuntimeError, match="midway"):
        with standing_statistics(module, 0.5, batches=2, batch_size=4):
            inside = {key: value.clone() for key, value in module.state_dict().items()}
            raise RuntimeError("midway")
    changed = [key for key in state if not torch.equal(state[key], inside[key])]
    # Statistics alone: neither spectral norms nor weights move.
    assert changed and all("norm" in key or ".end.0." in key for key in changed)
    assert {key.split(".")[-1] for key in changed} <= {
        "running_mean",
        "running_var",
        "num_batches_tracked",
    }
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert modes == [m.training for m in module.modules()]
    assert all(m.momentum == 0.1 for m in module.modules() if isinstance(m, nn.BatchNorm2d))


def test_labels_cover_the_classes_and_one_seed_gives_one_set_of_statistics() -> None:
    module = game(num_classes=4)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(found))
        module.generator.seen.clear()
        with standing_statistics(module, batches=20, batch_size=50, seed=seed):
            found.append((module.generator.norm.running_mean.clone(), module.generator.seen[0]))
        counts = torch.cat(module.generator.seen).bincount()
        assert len(counts) == 4 and counts.min() > 200
    (one, labels), (again, same), (other, _) = found
    # A rank's own random state has no part in it.
    assert torch.equal(one, again) and torch.equal(labels, same) and not torch.equal(one, other)


def test_the_average_is_meant_where_there_is_one_and_the_generator_on_request() -> None:
    module = game(ema_half_life_images=100.0)
    start = module.generator.norm.running_mean.clone()
    with standing_statistics(module, batches=2):
        assert torch.equal(module.generator.norm.running_mean, start)
        assert not torch.equal(module.generator_ema.norm.running_mean, start)
    with module.unaveraged(), standing_statistics(module, batches=2):
        assert not torch.equal(module.generator.norm.running_mean, start)
    assert torch.equal(module.generator.norm.running_mean, start)


def test_a_network_without_batch_normalisation_is_left_as_it_is() -> None:
    module = build("BigGAN", ema_half_life_images=None)
    own = [torch.Generator().manual_seed(0) for _ in range(2)]
    expected = module.sample(3, generator=own[0])
    with standing_statistics(module, 0.5):
        assert torch.equal(module.sample(3, generator=own[1]), expected)


def test_samples_at_a_truncation_have_the_spread_of_training_with_standing_statistics() -> None:
    """What they are for: at a small psi, running averages of training leave maps too weak."""
    module = game()
    own = torch.Generator().manual_seed(0)
    module.generator.train()
    for _ in range(100):
        module.generator(module.draw_latents(64, generator=own))
    z = module.draw_latents(500, generator=own, truncation=0.5)
    assert module.decode(z).std().item() == pytest.approx(0.284, rel=0.05)
    with standing_statistics(module, 0.5):
        assert module.decode(z).std().item() == pytest.approx(1.0, rel=0.05)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="LatentGame: batches must be positive, got 0"):
        with standing_statistics(game(), batches=0):
            pass
    with pytest.raises(ValueError, match="batch_size must be at least 2, got 1; one sample has no"):
        with standing_statistics(game(), batch_size=1):
            pass
    with pytest.raises(ValueError, match="truncation must be None for uniform latents"):
        with standing_statistics(game(latent="uniform"), truncation=1.0):
            pass
