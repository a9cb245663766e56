"""What holds for every row of the catalogue."""

import re
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer

import gan_modules
from gan_modules import CATALOGUE
from tests.small_variants import build, loader, names

ROOT = Path(__file__).parents[1]
QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "log_every_n_steps": 1,
    "use_distributed_sampler": False,
}


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def moved(before: dict[str, torch.Tensor], network: torch.nn.Module) -> bool:
    return any(not torch.equal(before[name], p) for name, p in network.named_parameters())


class Watch:
    """Notes which networks moved in each optimizer step."""

    def __init__(self, module) -> None:
        self.module, self.seen = module, []
        self.before = None
        step = module.referee._step

        def watched(player) -> None:
            networks = {"generator": module.generator, "discriminator": module.discriminator}
            before = {name: weights(network) for name, network in networks.items()}
            step(player)
            self.seen.append(
                (player.name, {n for n, net in networks.items() if moved(before[n], net)})
            )

        module.referee._step = watched


def fit(module, steps: int = 2, batch: int = 4, **options) -> Trainer:
    trainer = Trainer(max_steps=steps, **QUIET, **options)
    trainer.fit(module, loader(batch))
    return trainer


@pytest.mark.parametrize("name", names())
def test_a_players_step_moves_that_player_only(name: str) -> None:
    module = build(name, discriminator_steps=2)
    watches = []
    start = module.on_train_start

    def on_train_start() -> None:
        start()
        watches.append(Watch(module))

    module.on_train_start = on_train_start
    fit(module)
    seen = watches[0].seen
    assert [player for player, _ in seen].count("generator") == 2
    assert [player for player, _ in seen].count("discriminator") >= 3
    assert all(networks == {player} for player, networks in seen)


@pytest.mark.parametrize("name", names())
def test_statistics_are_finite_and_named_after_player_and_term(name: str) -> None:
    module = build(name, discriminator_steps=1)
    fit(module)
    expected = {
        f"train/{player}/{term}"
        for player in ("generator", "discriminator")
        for term in ("adversarial", "grad_norm")
    }
    assert expected <= set(module.last_statistics)
    assert all(value == value for value in module.last_statistics.values())


@pytest.mark.parametrize("name", names())
def test_saved_loaded_and_drawn_again_it_is_the_same(name: str, tmp_path: Path) -> None:
    module = build(name, discriminator_steps=1, ema_half_life_images=50.0)
    fit(module).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    other = build(name)
    again = gan_modules.load(
        tmp_path / "m.ckpt", generator=other.generator, discriminator=other.discriminator
    )
    assert type(again) is type(module) and again.images_seen == module.images_seen > 0
    draws = [m.sample(3, generator=torch.Generator().manual_seed(1)) for m in (module, again)]
    assert torch.equal(*draws) and draws[0].abs().max() <= 1 and draws[0].std() > 0


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_its_file_names_its_paper_and_its_config_exists(row: gan_modules.Variant) -> None:
    path = ROOT / "gan_modules" / f"{row.module.replace('.', '/')}.py"
    head = path.read_text().split('"""')[1]
    assert f"arXiv:{row.arxiv}" in head and len(path.read_text().splitlines()) <= 150
    assert re.match(r"[\w-]+( [\w-]+)*: .+", head.splitlines()[0])
    assert (ROOT / "experiments" / "configs" / row.config).is_file()
    assert row.arxiv in (getattr(gan_modules, row.name).__doc__ + head)


def test_max_steps_counts_generator_steps_and_counters_agree() -> None:
    module = build("WGANGP", discriminator_steps=3)
    trainer = fit(module, steps=4)
    assert trainer.global_step == 4 and module.rounds == 12
    assert module.steps == {"generator": 4, "discriminator": 12}
    assert module.images_seen == 48
    assert module.axes() == {
        "images_seen": 48,
        "discriminator_steps": 12,
        "generator_steps": 4,
        "round": 12,
    }


def test_an_unknown_variant_is_an_attribute_error_that_lists_the_catalogue() -> None:
    with pytest.raises(AttributeError, match="no StyleGAN9; it has GAN, DCGAN"):
        _ = gan_modules.StyleGAN9
