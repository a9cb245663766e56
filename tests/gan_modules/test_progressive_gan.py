"""Progressive GAN as a game: what it is shown, when it grows, what it forgets, how it resumes."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback

from callbacks.collapse.monitor import CollapseMonitor
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger
from gan_modules import ProgressiveGAN
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.growing import enlarged, faded
from gan_modules.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import Drift, GradientPenalty
from tests.small_variants import SmallImages, build, loader

QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
    "num_sanity_val_steps": 0,
    "limit_val_batches": 0,
    "log_every_n_steps": 1,
}
#: 4 px, then fades and sizes, in rounds of 8 images, two rounds a size and four a fade.
PLAN = {"stable_images": 16, "fade_images": 32}
#: The level in each of the first twenty rounds of that plan.
LEVELS = [
    *(0, 0, 0, 0.25, 0.5, 0.75),
    *(1, 1, 1, 1.25, 1.5, 1.75),
    *(2, 2, 2, 2.25, 2.5, 2.75),
    *(3, 3),
]


def game(**options: Any) -> ProgressiveGAN:
    return build("ProgressiveGAN", **{**PLAN, **options})


def fit(module: ProgressiveGAN, steps: int, *callbacks: Callback, **options: Any) -> Trainer:
    trainer = Trainer(max_steps=steps, callbacks=list(callbacks), **QUIET)
    trainer.fit(module, loader(8), **options)
    return trainer


class Notes(Callback):
    """What the game looks like after each round."""

    def __init__(self) -> None:
        self.levels: list[tuple[float, ...]] = []
        self.logged: list[float] = []
        self.moments: list[tuple[str, int, dict[str, int]]] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        networks = (pl_module.generator, pl_module.discriminator, pl_module.generator_ema)
        self.levels.append(tuple(network.level for network in networks))
        self.logged.append(pl_module.last_statistics["train/growth/level"])
        oldest = {
            name: max((int(s["step"]) for s in player.optimizer.state.values()), default=0)
            for name, player in pl_module.referee.players.items()
        }
        stage = pl_module.referee.stages[pl_module.position.stage]
        self.moments.append((stage.name, pl_module.position.round, oldest))


@pytest.fixture(scope="module")
def grown() -> tuple[ProgressiveGAN, Notes]:
    """Twenty rounds, through all sizes."""
    module, notes = game(), Notes()
    fit(module, 20, notes)
    return module, notes


def test_all_three_networks_take_every_level_of_the_plan(grown) -> None:
    module, notes = grown
    assert notes.levels == [(level,) * 3 for level in LEVELS]
    assert notes.logged == LEVELS
    assert module.position.stage == 6 and module.images_seen == 160


def test_adam_begins_anew_at_each_end_of_a_fade_and_nowhere_else(grown) -> None:
    _, notes = grown
    for _, rounds, oldest in notes.moments:
        # Moments are exactly as old as the stage.
        assert oldest == {"discriminator": rounds, "generator": rounds}
    begun = [name for name, rounds, _ in notes.moments if rounds == 0]
    assert begun == [
        *("fading in 8 px", "8 px", "fading in 16 px", "16 px", "fading in 32 px", "32 px")
    ]


def test_layers_that_are_not_in_use_stay_as_they_are() -> None:
    module = game()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    fit(module, 3)
    moved = {
        ".".join(key.split(".")[1:3])
        for key, value in module.state_dict().items()
        if key.startswith("discriminator.") and not torch.equal(value, before[key])
    }
    assert moved == {"from_images.0", "blocks.0", "head.weight", "head.bias"}
    fit_on = game()
    fit(fit_on, 4)
    moved = fit_on.discriminator.state_dict()
    assert not torch.equal(
        moved["from_images.1.0.weight"], before["discriminator.from_images.1.0.weight"]
    )
    assert torch.equal(
        moved["from_images.2.0.weight"], before["discriminator.from_images.2.0.weight"]
    )


class Save(Callback):
    """Writes a checkpoint after each of some rounds, while the run goes on."""

    def __init__(self, folder: Path, rounds: tuple[int, ...]) -> None:
        self.folder, self.rounds = folder, rounds

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        if pl_module.rounds in self.rounds:
            trainer.save_checkpoint(self.folder / f"{pl_module.rounds}.ckpt", weights_only=False)


def test_a_run_resumed_within_a_fade_or_between_two_stages_is_the_same_run(tmp_path: Path) -> None:
    whole = game()
    fit(whole, 14, Save(tmp_path, (2, 4, 9, 12)))
    theirs = whole.state_dict()
    assert whole.generator.level == 2
    for rounds in (2, 4, 9, 12):
        again = game()
        with torch.no_grad():
            for parameter in again.parameters():
                parameter.zero_()
        fit(again, 14, ckpt_path=tmp_path / f"{rounds}.ckpt", weights_only=True)
        assert again.position == whole.position and again.images_seen == 14 * 8
        mine = again.state_dict()
        assert [key for key in theirs if not torch.equal(mine[key], theirs[key])] == []


def test_a_checkpoint_of_a_fade_is_drawn_from_at_its_level(tmp_path: Path) -> None:
    module = game()
    fit(module, 10).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    again = game()
    again.load_state_dict(torch.load(tmp_path / "m.ckpt", weights_only=True)["state_dict"])
    levels = (again.generator.level, again.discriminator.level, again.generator_ema.level)
    assert levels == (1.25,) * 3
    draws = [m.sample(4, generator=torch.Generator().manual_seed(0)) for m in (module, again)]
    assert torch.equal(*draws)
    # Blocks of two: 16 px of 32, but not of four.
    assert torch.equal(draws[0], enlarged(draws[0][..., ::2, ::2], 32))
    assert not torch.equal(draws[0], enlarged(draws[0][..., ::4, ::4], 32))


def test_samples_have_full_size_and_range_at_every_level() -> None:
    module = game()
    assert module.generator.level == module.generator_ema.level == 0
    for layer in module.generator_ema.to_images:
        layer.weight.data.mul_(100.0)
    samples = module.sample(5, generator=torch.Generator().manual_seed(0))
    assert samples.shape == (5, 1, 32, 32)
    assert samples.min() == -1 and samples.max() == 1
    assert torch.equal(samples, enlarged(samples[..., ::8, ::8], 32))
    # Clipped where they are drawn only: in training G gets a gradient there.
    z = module.draw_latents(5, generator=torch.Generator().manual_seed(0))
    raw = module.generator_ema(z)
    assert raw.abs().max() > 1 and torch.equal(samples, raw.clamp(-1, 1))


def test_the_discriminator_sees_real_images_fade_and_fakes_as_they_are() -> None:
    module = game()
    shown, penalised = [], []
    score, penalties = module.score, module.penalties

    def spy_score(images, condition=()):
        shown.append(images.detach())
        return score(images, condition)

    def spy_penalties(of, real, fake):
        penalised.append((real, fake))
        return penalties(of, real, fake)

    module.score, module.penalties = spy_score, spy_penalties
    batch = next(iter(loader(8)))
    module.steps = {"discriminator": 0, "generator": 0}
    for level in (0.0, 1.25, 3.0):
        for network in (module.generator, module.discriminator):
            network.level = level
        shown.clear()
        module.noise.calls = 7
        module.discriminator_losses(batch)
        module.noise.calls = 7
        fake = module.generate(8)
        assert torch.equal(shown[0], faded(batch["image"], level))
        assert torch.equal(shown[1], fake)
        assert torch.equal(penalised[-1][0], shown[0]) and torch.equal(penalised[-1][1], fake)
    assert torch.equal(shown[0], batch["image"])


def test_terms_of_the_discriminator_are_those_of_the_paper() -> None:
    module = game()
    module.steps = {"discriminator": 0, "generator": 0}
    module.noise.calls = 3
    batch = next(iter(loader(8)))
    terms = module.discriminator_losses(batch)
    assert list(terms) == ["adversarial", "gradient_penalty", "drift"]
    real = faded(batch["image"], 0.0)
    module.noise.calls = 3
    fake = module.generate(8)
    real_scores, fake_scores = module.score(real), module.score(fake)
    torch.testing.assert_close(terms["adversarial"], fake_scores.mean() - real_scores.mean())
    torch.testing.assert_close(terms["drift"], 1e-3 * real_scores.square().mean())
    module.noise.calls = 3
    terms = module.generator_losses(batch)
    torch.testing.assert_close(terms["adversarial"], -fake_scores.mean())


def test_defaults_are_the_papers() -> None:
    networks = (
        ProgressiveGenerator(8, 1, 4, 16, 8),
        ProgressiveDiscriminator(8, 1, 16, 8),
    )
    module = ProgressiveGAN(*networks)
    penalty, drift = module.regularizers
    assert isinstance(module.objective, Wasserstein)
    assert isinstance(penalty, GradientPenalty) and (penalty.weight, penalty.target) == (10.0, 1.0)
    assert isinstance(drift, Drift) and drift.weight == 1e-3
    assert (module.generator_lr, module.discriminator_lr, module.betas) == (1e-3, 1e-3, (0.0, 0.99))
    assert module.discriminator_steps == 1 and module.ema_half_life_images == 11_000
    # 0.999 per step of 16 images.
    assert 0.5 ** (16 / 11_000) == pytest.approx(0.999, abs=1e-5)
    assert module.schedule()[:2] == (
        Stage((Turn("discriminator"), Turn("generator")), 800_000, "4 px"),
        Stage(module.schedule()[0].turns, 800_000, "fading in 8 px", planned_shock=True),
    )
    assert ProgressiveGAN(*networks, penalty_target=750.0).regularizers[0].target == 750.0


@pytest.mark.parametrize(
    ("networks", "options", "message"),
    [
        (
            (DCGANGenerator(32, 1, 4, 4), ProgressiveDiscriminator(32, 1, 16, 8)),
            {},
            "generator must be a network that grows, got DCGANGenerator; take one of",
        ),
        (
            (ProgressiveGenerator(32, 1, 4, 16, 8), DCGANDiscriminator(32, 1, 4)),
            {},
            "discriminator must be a network that grows, got DCGANDiscriminator",
        ),
        (
            (ProgressiveGenerator(32, 1, 4, 16, 8), ProgressiveDiscriminator(16, 1, 16, 8)),
            {},
            "generator and discriminator must have one size, got 32 and 16; set both",
        ),
        (None, {"compile": "GD"}, "compile must be off, got GD; a network that fades"),
        (None, {"stable_images": 0}, "Growth: stable_images must be at least 1, got 0"),
        (None, {"start_size": 64}, "Growth: start_size must be at most size, got 64 for 32"),
    ],
)
def test_what_does_not_fit_is_refused(networks, options: dict[str, Any], message: str) -> None:
    networks = networks or (
        ProgressiveGenerator(32, 1, 4, 16, 8),
        ProgressiveDiscriminator(32, 1, 16, 8),
    )
    with pytest.raises(ValueError, match=message):
        ProgressiveGAN(*networks, **options)


def test_a_batch_that_the_group_does_not_divide_stops_at_the_first_step() -> None:
    module = game(discriminator=ProgressiveDiscriminator(32, 1, 64, 8, minibatch_group=3))
    with pytest.raises(ValueError, match="group must divide the batch of one rank, got 3 for 8"):
        fit(module, 1)


def test_several_discriminator_steps_keep_the_plan() -> None:
    module, notes = game(discriminator_steps=2), Notes()
    fit(module, 3, notes)
    assert [levels[0] for levels in notes.levels] == LEVELS[:6]
    assert all(len(set(levels)) == 1 for levels in notes.levels)


@pytest.fixture(scope="module")
def watched(tmp_path_factory) -> list[dict[str, Any]]:
    """What the monitor wrote about a run through all sizes: 16 images a size, 32 a fade."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    folder = tmp_path_factory.mktemp("grown") / "run"
    RunFolder.create(folder, name="grown", variant="ProgressiveGAN", data="SmallImages")
    options = {**QUIET, "logger": RunFolderLogger(folder), "default_root_dir": folder}
    monitor = CollapseMonitor(every_n_images=16, samples=32, space="rand_vgg", max_share=None)
    trainer = Trainer(max_steps=20, callbacks=[monitor], **options)
    trainer.fit(game(), datamodule=SmallImages(batch_size=8))
    return RunFolder(folder).read_history()


def test_the_monitor_begins_anew_where_a_resolution_begins_to_fade_in(watched) -> None:
    events = [row for row in watched if row.get("event") == "rebaseline"]
    assert [(row["images_seen"], row["note"]) for row in events] == [
        (16, "stage fading in 8 px begins"),
        (64, "stage fading in 16 px begins"),
        (112, "stage fading in 32 px begins"),
    ]


def test_probes_go_on_after_each_new_baseline_and_none_was_blind(watched) -> None:
    assert not [row for row in watched if row.get("event") == "evaluation_error"]
    probes = [row["images_seen"] for row in watched if row.get("kind") == "probe"]
    assert probes == list(range(16, 161, 16))
