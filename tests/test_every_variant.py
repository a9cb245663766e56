"""What holds for every row of the catalogue."""

import re
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer

import gan_modules
from gan_modules import CATALOGUE
from tests.small.batches import FixedBatches
from tests.small_variants import build, kind_of, load, loader, names

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


class Watch:
    """Notes whose parameters moved in each optimizer step."""

    def __init__(self, module) -> None:
        self.seen: list[tuple[str, set[str]]] = []
        players = module.referee.players
        step = module.referee._step

        def watched(player, turn) -> None:
            before = {n: [p.detach().clone() for p in q.trainable] for n, q in players.items()}
            step(player, turn)
            moved = {
                name
                for name, other in players.items()
                if any(
                    not torch.equal(b, p)
                    for b, p in zip(before[name], other.trainable, strict=True)
                )
            }
            self.seen.append((player.name, moved))

        module.referee._step = watched


def drawn(module) -> torch.Tensor:
    """Samples, translations, rewritings, transcripts, pictures, mapped words, or label sets."""
    if hasattr(module, "translate"):
        rows = FixedBatches(kind_of(type(module).__name__)).batch(3)
        images = rows["a"] if "a" in rows else rows["image"]
        return module.translate(images, *module.directions[0])
    if hasattr(module, "panels"):
        rows = FixedBatches(kind_of(type(module).__name__)).batch(3)
        return torch.stack(list(module.panels(rows).values()))
    if hasattr(module, "rewrite"):
        rows = FixedBatches(kind_of(type(module).__name__)).batch(3)
        return module.rewrite(rows["tokens_a"], *module.directions[0])
    if hasattr(module, "transcribe"):
        rows = FixedBatches("SpeechAndText").batch(9)
        said = module.transcribe(rows["speech"], rows["speech_mask"])
        return torch.tensor([phoneme for utterance in said for phoneme in utterance])
    if hasattr(module, "map_words"):
        return module.map_words(FixedBatches("WordVectors").batch(3)["a"])
    if hasattr(module, "predict"):
        return module.predict(FixedBatches(kind_of(type(module).__name__)).batch(3)["image"])
    return module.sample(3, generator=torch.Generator().manual_seed(1))


def fit(module, steps: int = 2, batch: int = 4, **options) -> Trainer:
    trainer = Trainer(max_steps=steps, **{**QUIET, **options})
    trainer.fit(module, loader(batch, kind=kind_of(type(module).__name__)))
    return trainer


@pytest.mark.parametrize("name", names())
def test_a_players_step_moves_that_player_only(name: str) -> None:
    module = build(name)
    watches = []
    start = module.on_train_start

    def on_train_start() -> None:
        start()
        watches.append(Watch(module))

    module.on_train_start = on_train_start
    fit(module)
    seen = watches[0].seen
    assert {player for player, _ in seen} == set(module.referee.players)
    assert all(moved == {player} for player, moved in seen)
    assert module.steps[module.primary_player] == 2


@pytest.mark.parametrize("name", names())
def test_statistics_are_finite_and_named_after_player_and_term(name: str) -> None:
    module = build(name)
    # Of all rounds together: a player need not act in the last of them.
    fit(module, log_every_n_steps=99)
    for player in module.referee.players:
        terms = {key for key in module.last_statistics if key.startswith(f"train/{player}/")}
        assert f"train/{player}/grad_norm" in terms and len(terms) >= 2
        assert module.last_statistics[f"train/{player}/grad_norm"] > 0
    assert all(value == value for value in module.last_statistics.values())


@pytest.mark.parametrize("name", names())
def test_saved_loaded_and_drawn_again_it_is_the_same(name: str, tmp_path: Path) -> None:
    module = build(name, ema_half_life_images=50.0)
    fit(module).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    again = load(name, tmp_path / "m.ckpt")
    assert type(again) is type(module) and again.images_seen == module.images_seen > 0
    draws = [drawn(m) for m in (module, again)]
    assert torch.equal(*draws) and draws[0].isfinite().all() and draws[0].double().std() > 0


def test_a_family_holds_papers_and_at_most_one_base() -> None:
    for family in {row.family for row in CATALOGUE}:
        files = {path.stem for path in (ROOT / "gan_modules" / family).glob("*.py")}
        papers = {row.module.split(".")[1] for row in CATALOGUE if row.family == family}
        assert files - papers <= {"__init__", "base"}, family


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_its_file_names_its_paper_and_its_config_exists(row: gan_modules.Variant) -> None:
    path = ROOT / "gan_modules" / f"{row.module.replace('.', '/')}.py"
    head = path.read_text().split('"""')[1]
    assert row.paper in head and len(path.read_text().splitlines()) <= 150
    assert re.match(r"[\w-]+( [\w-]+)*: .+", head.splitlines()[0])
    assert (ROOT / "experiments" / "configs" / row.config).is_file()
    assert row.number in (getattr(gan_modules, row.name).__doc__ + head)


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
