"""R3GAN: every setting of a round is a function of the images seen, and nothing else."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor, nn

from callbacks.collapse.changes import scale_rates, smooth_discriminator
from gan_modules.augmentations import AdaptiveAugmentation, DiffAugment
from gan_modules.engine.ema import average_decay
from gan_modules.regularizers import R1, R2
from gan_modules.relativistic import RelativisticPairing
from gan_modules.unconditional.r3gan import R3GAN
from tests.small_variants import CLASSES, arguments, build, load, loader, sgd

QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "log_every_n_steps": 1,
    "use_distributed_sampler": False,
}
BATCH = 4


def half_cosine(start: float, end: float, seen: float, images: float) -> float:
    """The slow reference."""
    if seen >= images:
        return end
    return end + (start - end) * (1 + math.cos(math.pi * seen / images)) / 2


class Rounds(Callback):
    """Settings as each round left them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: Trainer, module: Any, *args: Any) -> None:
        row = {}
        for name, player in module.referee.players.items():
            group = player.optimizer.param_groups[0]
            row[f"{name}_lr"], row["beta1"], row["beta2"] = group["lr"], *group["betas"]
        if module.augmentation is not None:
            row["probability"] = module.augmentation.probability
        train = {k: v for k, v in module.last_statistics.items() if k.startswith("train/")}
        self.rows.append(row | train)


class Halfway(Rounds):
    """Saves after three rounds."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def on_train_batch_end(self, trainer: Trainer, module: Any, *args: Any) -> None:
        super().on_train_batch_end(trainer, module, *args)
        if len(self.rows) == 3:
            trainer.save_checkpoint(self.path)


def fit(module: R3GAN, rounds: int, **options: Any) -> Rounds:
    watch = Rounds()
    trainer = Trainer(max_steps=rounds, callbacks=[watch], **QUIET, **options)
    trainer.fit(module, loader(BATCH))
    return watch


def test_rates_beta2_gamma_and_augmentation_follow_the_images_seen() -> None:
    module = build(
        "R3GAN",
        burn_in_images=16,
        generator_lr=1e-3,
        discriminator_lr=2e-3,
        augmentation=AdaptiveAugmentation(pipeline="lite", target=None),
    )
    rows = fit(module, 6).rows
    assert len(rows) == 6
    for number, row in enumerate(rows):
        seen = number * BATCH
        assert row["generator_lr"] == pytest.approx(half_cosine(1e-3, 2.5e-4, seen, 16))
        assert row["discriminator_lr"] == pytest.approx(half_cosine(2e-3, 5e-4, seen, 16))
        assert row["beta1"] == 0.0
        assert row["beta2"] == pytest.approx(half_cosine(0.9, 0.99, seen, 16))
        gamma = half_cosine(0.05, 0.005, seen, 16)
        assert row["train/burn_in/gamma"] == pytest.approx(gamma, rel=1e-6)
        assert row["probability"] == pytest.approx(half_cosine(0.0, 0.55, seen, 16))
        assert row["train/augmentation/p"] == pytest.approx(row["probability"])


class Line(nn.Module):
    """D(x) = w . x, of squared norm 25."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([3.0, 4.0]))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


@pytest.mark.parametrize(("seen", "gamma"), [(0, 0.4), (50, 0.25), (100, 0.1), (999, 0.1)])
def test_both_penalties_have_the_gamma_of_the_round(seen: int, gamma: float) -> None:
    parts = arguments("R3GAN")
    module = R3GAN(parts["generator"], Line(), gamma=(0.4, 0.1), burn_in_images=100)
    module.configure_optimizers()
    module.images_seen = seen
    for step in (0, 1, 7):  # In every D step.
        module.steps["discriminator"] = step
        terms = module.penalties(module.smooth_score(), torch.randn(4, 2), torch.randn(4, 2))
        assert set(terms) == {"r1", "r2"}
        for term in terms.values():
            assert term.item() == pytest.approx(gamma / 2 * 25, rel=1e-6)


def test_it_is_two_parts_and_a_network() -> None:
    module = build("R3GAN")
    assert isinstance(module.objective, RelativisticPairing)
    assert [type(r) for r in module.regularizers] == [R1, R2]
    rows = fit(module, 1).rows
    terms = {key.split("/")[-1] for key in rows[0] if key.startswith("train/discriminator/")}
    assert {"adversarial", "r1", "r2", "grad_norm"} <= terms
    assert rows[0]["train/discriminator/adversarial"] == pytest.approx(math.log(2), abs=0.05)


def test_average_starts_as_a_copy_and_gets_the_half_life_of_the_round() -> None:
    module = build("R3GAN", ema_half_life_images=100.0, burn_in_images=16)
    seen: list[tuple[list[Tensor], list[Tensor], list[Tensor]]] = []
    step = module.primary_stepped

    def watched(images: int) -> None:
        before = copy.deepcopy(module.generator_ema)
        step(images)
        networks = (before, module.generator, module.generator_ema)
        seen.append(tuple([p.detach().clone() for p in n.parameters()] for n in networks))

    module.primary_stepped = watched
    fit(module, 6)
    for number, (before, now, after) in enumerate(seen):
        half_life = half_cosine(0.0, 100.0, number * BATCH, 16)
        beta = 0.5 ** (BATCH / half_life) if half_life else 0.0
        for b, n, a in zip(before, now, after, strict=True):
            torch.testing.assert_close(a, beta * b + (1 - beta) * n)


def test_decay_of_the_authors_average() -> None:
    assert average_decay(512, 5e6, 10**9, None) == pytest.approx(0.99992902, abs=5e-9)


def test_no_average_is_kept_without_a_half_life() -> None:
    module = build("R3GAN", ema_half_life_images=None)
    fit(module, 1)
    assert module.generator_ema is None


def test_a_resumed_run_is_the_run_without_a_break(tmp_path: Path) -> None:
    options = {"burn_in_images": 20, "ema_half_life_images": 30.0}
    path = tmp_path / "half.ckpt"
    whole, halfway, watch = build("R3GAN", **options), Halfway(path), Rounds()
    Trainer(max_steps=6, callbacks=[halfway], **QUIET).fit(whole, loader(BATCH))
    second = load("R3GAN", path, **options)
    trainer = Trainer(max_steps=6, callbacks=[watch], **QUIET)
    trainer.fit(second, loader(BATCH), ckpt_path=path, weights_only=True)
    assert len(watch.rows) == 3 and watch.rows == halfway.rows[3:]
    expected, found = whole.state_dict(), second.state_dict()
    assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_rates_that_a_rollback_has_halved_stay_halved() -> None:
    module = build("R3GAN", burn_in_images=16, generator_lr=1e-3)
    halved: list[dict[str, float]] = []
    step = module.training_step

    def rolled_back(batch: dict[str, Tensor], batch_idx: int) -> None:
        if batch_idx == 2:
            halved.append(scale_rates(module, 0.5))
        step(batch, batch_idx)

    module.training_step = rolled_back
    rows = fit(module, 4).rows
    assert rows[1]["generator_lr"] == pytest.approx(half_cosine(1e-3, 2.5e-4, 4, 16))
    assert rows[3]["generator_lr"] == pytest.approx(half_cosine(5e-4, 1.25e-4, 12, 16))
    assert halved[0]["generator_lr"] == pytest.approx(0.5 * rows[1]["generator_lr"])


def test_a_penalty_that_a_rollback_has_doubled_stays_doubled() -> None:
    parts = arguments("R3GAN")
    module = R3GAN(parts["generator"], Line(), gamma=(0.4, 0.1), burn_in_images=100)
    module.configure_optimizers()
    assert smooth_discriminator(module) == {"r1": 0.8}
    module.images_seen = 100
    terms = module.penalties(module.smooth_score(), torch.randn(4, 2), torch.randn(4, 2))
    assert terms["r1"].item() == pytest.approx(2 * 0.1 / 2 * 25)
    assert terms["r2"].item() == pytest.approx(0.1 / 2 * 25)


def test_samples_are_clamped_to_the_range_of_images() -> None:
    module = build("R3GAN", ema_half_life_images=None)
    z = 50 * module.draw_latents(8)
    raw = module.generator(z)
    assert raw.abs().max() > 1
    torch.testing.assert_close(module.decode(z), raw.detach().clamp(-1, 1))


def test_with_classes_both_networks_are_told_the_label() -> None:
    options = {"widths": (4,) * 4, "blocks": 1, "groups": 2, "num_classes": CLASSES}
    parts = arguments("R3GAN")
    networks = [type(parts[name]) for name in ("generator", "discriminator")]
    made, judge = (
        networks[0](32, 1, 6, **options, embedding_dim=5),
        networks[1](32, 1, **options, embedding_dim=5),
    )
    module = R3GAN(made, judge)
    before = [net.embedding.weight.clone() for net in (made, judge)]
    fit(module, 2)
    for old, net in zip(before, (made, judge), strict=True):
        assert not torch.equal(old, net.embedding.weight)
    assert module.sample(4, labels=torch.tensor([0, 1, 2, 0])).shape == (4, 1, 32, 32)


def test_an_optimizer_without_betas_keeps_its_own_rules() -> None:
    module = build("R3GAN", burn_in_images=8)
    module.optimizer = sgd(0.1)
    trainer = Trainer(max_steps=4, **QUIET)
    trainer.fit(module, loader(BATCH))
    group = module.referee.players["generator"].optimizer.param_groups[0]
    assert group["lr"] == pytest.approx(0.025) and "betas" not in group


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": (0.05,)}, r"R3GAN: gamma must be two numbers of 0 or more, got \[0.05\]; give"),
        ({"gamma": (0.0, 0.1)}, "R1: gamma must be positive and finite, got 0.0"),
        ({"final_beta2": -1.0}, "R3GAN: final_beta2 must be two numbers of 0 or more"),
        (
            {"lr_decay": (0, 9)},
            r"R3GAN: lr_decay must be null, got \[0, 9\], for the burn-in moves",
        ),
        ({"final_lr_share": -0.1}, "R3GAN: final_lr_share must be two numbers of 0 or more"),
        ({"burn_in_images": 0}, "R3GAN: gamma must have a burn-in of more than 0 images, got 0"),
        ({"generator_lr": 0.0}, "R3GAN: generator_lr must be positive, got 0.0"),
        (
            {"augmentation": DiffAugment()},
            "R3GAN: augmentation must have a probability for the burn-in to move, got DiffAugment",
        ),
        (
            {"augmentation": AdaptiveAugmentation()},
            "R3GAN: an adaptive augmentation needs scores whose 0 means undecided",
        ),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        build("R3GAN", **options)
