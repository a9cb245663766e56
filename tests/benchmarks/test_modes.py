"""The mode-collapse benchmark: its counts on samples that are known, its set-ups, its tables."""

import json
import logging
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from benchmarks.modes import __main__ as command
from benchmarks.modes import points, stacked
from benchmarks.modes.playing import VARIANTS, Task, drawn, play
from benchmarks.modes.published import PUBLISHED, Value
from benchmarks.modes.results import play_and_keep, read, result_of
from benchmarks.modes.tables import Line, markdown, notes, ranking
from datamodules.toy import GaussianMixture
from gan_modules.base import AdversarialModule
from gan_modules.objectives import NonSaturating
from gan_modules.regularizers import GradientPenalty
from gan_modules.relativistic import RelativisticPairing

POINTS = [("ring", 8), ("grid", 25)]


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    """A benchmark quiets loggers."""
    names = ("callbacks", "datamodules", "gan_modules", "experiments", "pytorch_lightning")
    logs = [logging.getLogger(name) for name in names]
    kept = [(log, log.level, log.propagate, log.handlers[:]) for log in logs]
    yield
    for log, level, propagate, handlers in kept:
        log.level, log.propagate, log.handlers = level, propagate, handlers


def mixture(name: str, variant: str = "GAN") -> GaussianMixture:
    setup = Task(name, variant, 0).setup()
    return cast(GaussianMixture, setup.data(10, 0))


def true_samples(data: GaussianMixture, seed: int, count: int = 2500) -> Tensor:
    own = torch.Generator().manual_seed(seed)
    modes = torch.randint(len(data.centres), (count,), generator=own)
    return data.centres[modes] + data.std * torch.randn(count, 2, generator=own)


# -- known answer 46: counts of samples that are known ---------------------------------------------


@pytest.mark.parametrize("variant", ["GAN", "WGANGP"])
@pytest.mark.parametrize(("name", "modes"), POINTS)
def test_true_sampler_covers_all_modes_at_the_known_quality_kat_46(
    name: str, modes: int, variant: str
) -> None:
    data = mixture(name, variant)
    counts = [points.count(true_samples(data, seed), data) for seed in range(50)]
    assert {count["modes"] for count in counts} == {modes}
    assert all(0.980 < count["high_quality"] < 0.998 for count in counts)
    assert sum(count["high_quality"] for count in counts) / 50 == pytest.approx(0.98889, abs=1e-3)
    assert all(0 < count["reverse_kl"] < 0.015 for count in counts)
    floor = (modes - 1) / 5000
    mean = sum(count["reverse_kl"] for count in counts) / 50
    assert mean == pytest.approx(floor, rel=0.25)


@pytest.mark.parametrize(("name", "modes"), POINTS)
def test_one_mode_is_one_of_full_quality_and_costs_the_log_of_their_number_kat_46(
    name: str, modes: int
) -> None:
    data = mixture(name)
    count = points.count(data.centres[3].expand(2500, 2), data)
    assert (count["modes"], count["high_quality"]) == (1, 1.0)
    assert count["reverse_kl"] == pytest.approx(math.log(modes), rel=1e-12)


@pytest.mark.parametrize("value", [77.0, float("nan"), float("inf")])
def test_samples_off_the_support_and_of_a_diverged_run_are_no_modes_kat_46(value: float) -> None:
    count = points.count(torch.full((50, 2), value), mixture("grid"))
    assert (count["modes"], count["high_quality"]) == (0, 0.0)
    assert count["reverse_kl"] == pytest.approx(math.log(25), rel=1e-12)


class Painted:
    """Reads the digit that a constant image stands for; checks that it gets single channels."""

    def __call__(self, images: Tensor) -> Any:
        assert images.dtype == torch.uint8 and images.shape[1:] == (1, 32, 32)
        digits = (images[:, 0, 0, 0].long() + 12) // 25
        return SimpleNamespace(logits=torch.nn.functional.one_hot(digits, 11).float())


def painted(digits: Tensor) -> Tensor:
    """Images ``(N, 3, 32, 32)`` in [-1, 1] whose channels are as bright as their digits."""
    return (digits * 25 / 127.5 - 1)[:, :, None, None].expand(-1, -1, 32, 32)


def test_channels_are_read_one_by_one_and_uniform_digits_count_as_known_kat_46(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digits = torch.randint(10, (26_000, 3), generator=torch.Generator().manual_seed(0))
    found = stacked.read_digits(painted(digits[:600]), cast(Any, Painted()))
    assert torch.equal(found, digits[:600])
    monkeypatch.setattr(stacked, "reader", Painted)
    count = stacked.count(painted(digits), cast(Any, None))
    assert count["modes"] == 1000
    assert count["reverse_kl"] == pytest.approx(0.019, abs=0.002)
    one = stacked.count(painted(digits[:1]).expand(90, -1, -1, -1), cast(Any, None))
    assert one["modes"] == 1 and one["reverse_kl"] == pytest.approx(6.908, abs=1e-3)
    broken = torch.full((5, 3, 32, 32), float("nan"))
    assert stacked.count(broken, cast(Any, None))["modes"] == 1


@pytest.mark.slow
def test_real_stacks_are_read_as_what_they_are() -> None:
    data = Task("stacked-mnist", "GAN", 0).setup().data(64, 0)
    data.setup()
    space = stacked.reader()
    batch = data.preview(600)
    digits = stacked.read_digits(batch["image"], space)
    right = (digits * torch.tensor([100, 10, 1])).sum(1) == batch["label"]
    assert space.accuracy > 0.97 and right.double().mean() > 0.93


# -- set-ups ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["reduced", "published"])
@pytest.mark.parametrize(("data", "variant"), [(d, v) for d in VARIANTS for v in VARIANTS[d]])
def test_every_set_up_builds_and_says_what_it_changes(data: str, variant: str, size: Any) -> None:
    setup = Task(data, variant, 0, size).setup()
    game = setup.build(setup.steps)
    game.configure_optimizers()
    batch = setup.data(setup.batch, 0).preview(setup.batch)
    if isinstance(game, AdversarialModule):
        scores = game.score(batch["image"])
        assert len(scores) == setup.batch // getattr(game, "packing", 1)
    assert setup.samples == (26_000 if data == "stacked-mnist" else 2_500)
    if size == "reduced" and setup.published_steps is not None:
        assert setup.steps < setup.published_steps
    if size == "published":
        assert setup.published_steps in (None, setup.steps)
    # Where a number of ours stands beside another's, what differs is said.
    if size == "reduced" or variant in ("UnrolledGAN", "VEEGAN"):
        assert setup.changes or variant == "GAN" or setup.published_steps


def test_points_of_pacgan_are_as_in_its_code() -> None:
    setup = Task("grid", "PacGAN3", 0, "published").setup()
    game: Any = setup.build(setup.steps)
    of_d, of_g = game.players()
    assert (setup.batch, setup.steps, game.packing) == (300, 400_000, 3)
    assert sum(p.numel() for p in game.generator.parameters()) == 484_802
    assert game.discriminator.sample_shape == (6,)
    for player in (of_d, of_g):
        assert player.optimizer.defaults["lr"] == 1e-4 and player.scheduler is None
        assert player.optimizer.defaults["betas"] == (0.8, 0.999)
    assert game.schedule()[0].turns[0].names == ("discriminator", "generator")
    assert type(game.objective) is NonSaturating
    data = setup.data(300, 7)
    data.setup()
    assert len(cast(Any, data)._training_set()) == 100_000


def test_reduced_rates_fall_to_zero_in_the_second_half() -> None:
    game: Any = Task("ring", "GAN", 0).setup().build(1000)
    assert game.lr_decay == (500, 1000)


def test_the_other_points_are_as_in_their_sources() -> None:
    unrolled: Any = Task("ring", "UnrolledGAN", 0, "published").setup().build(5)
    assert (unrolled.unrolling_steps, unrolled.inner) == (5, "adam")
    assert (unrolled.generator_lr, unrolled.discriminator_lr) == (1e-3, 1e-4)
    wgan_gp: Any = Task("ring", "WGANGP", 0, "published").setup().build(5)
    (penalty,) = wgan_gp.regularizers
    assert isinstance(penalty, GradientPenalty) and penalty.weight == 0.1
    assert (wgan_gp.discriminator_steps, wgan_gp.betas) == (5, (0.5, 0.9))
    data = mixture("ring", "WGANGP")
    assert data.centres.norm(dim=1).max().item() == pytest.approx(2 / 1.414, rel=1e-6)
    veegan: Any = Task("grid", "VEEGAN", 0, "published").setup().build(5)
    assert (veegan.latent_dim, veegan.generator_lr) == (254, 1e-3)


def test_stacked_set_ups_are_as_in_their_sources() -> None:
    game: Any = Task("stacked-mnist", "PacGAN2", 0).setup().build(5)
    first, second = game.schedule()[0].turns
    assert (first.names, second.names, second.repeat) == (("discriminator",), ("generator",), 2)
    assert game.discriminator.image_shape == (6, 32, 32) and game.latent == "uniform"
    assert (game.generator_lr, game.betas) == (2e-4, (0.5, 0.999))
    losses = {}
    for variant in ("RpGAN+R1+R2", "GAN+R1+R2", "RpGAN+R1", "GAN+R1"):
        game = Task("stacked-mnist", variant, 0).setup().build(5)
        losses[variant] = (type(game.objective), [r.name for r in game.regularizers])
    assert losses == {
        "RpGAN+R1+R2": (RelativisticPairing, ["r1", "r2"]),
        "GAN+R1+R2": (NonSaturating, ["r1", "r2"]),
        "RpGAN+R1": (RelativisticPairing, ["r1"]),
        "GAN+R1": (NonSaturating, ["r1"]),
    }


# -- a run, its file, its table --------------------------------------------------------------------


@pytest.mark.parametrize("variant", points.VARIANTS)
def test_a_run_is_trained_by_the_engine_and_counted(variant: str) -> None:
    task = Task("ring", variant, 1, steps=2)
    row = play(task)
    assert {"modes", "high_quality", "reverse_kl", "cpu_s", "diverged"} <= set(row)
    assert result_of(task, [row]) == row and not row["diverged"]
    assert 0 <= row["modes"] <= 8 and math.isfinite(row["reverse_kl"])


def test_a_seed_is_one_run_and_another_seed_another() -> None:
    rows = [play(Task("grid", "GAN", seed, steps=40)) for seed in (1, 1, 2)]
    kept = [(row["high_quality"], row["reverse_kl"]) for row in rows]
    assert kept[0] == kept[1] != kept[2]


def test_a_run_that_diverges_is_counted_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    build = points.SimultaneousGAN.generator_losses

    def broken(self: Any, batch: Any) -> dict[str, Tensor]:
        return {name: value * float("nan") for name, value in build(self, batch).items()}

    monkeypatch.setattr(points.SimultaneousGAN, "generator_losses", broken)
    row = play(Task("ring", "GAN", 0, steps=3))
    assert row["diverged"] and math.isfinite(row["reverse_kl"])


def test_samples_are_drawn_in_eval_mode_in_chunks_of_one_stream() -> None:
    game: Any = Task("ring", "GAN", 0).setup().build(5)
    whole = game.sample(1200, generator=torch.Generator().manual_seed(4))
    found = drawn(game, 1200, 4)
    assert found.shape == (1200, 2) and game.training
    torch.testing.assert_close(found[:500], whole[:500])


def test_finished_runs_are_kept_and_half_a_line_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, task = tmp_path / "new" / "results.jsonl", Task("ring", "GAN", 0, steps=2)
    assert read(path) == []
    play_and_keep(path, task)
    play_and_keep(path, Task("ring", "GAN", 1, steps=2))
    text = path.read_text()
    path.write_text(text[:-20])
    assert len(read(path)) == 1
    assert result_of(task, read(path)) is not None
    assert result_of(Task("ring", "GAN", 1, steps=2), read(path)) is None
    assert result_of(Task("ring", "GAN", 0, steps=3), read(path)) is None
    # Other settings under the same name are another run.
    monkeypatch.setattr(Task, "key", lambda self: {"data": "ring", "settings": "other"})
    assert result_of(task, read(path)) is None


def line(variant: str = "GAN", data: str = "ring", **columns: list[float]) -> Line:
    runs = [
        {"steps": 4000, "cpu_s": 8.0, "diverged": False, **dict(zip(columns, row, strict=True))}
        for row in zip(*columns.values(), strict=True)
    ]
    return Line(data, variant, Task(data, variant, 0).setup(), runs)


def test_mean_and_standard_error_are_over_seeds() -> None:
    found = line(modes=[6, 8, 7, 7], reverse_kl=[0.1, 0.2, 0.3, 0.4])
    assert found.value("modes") == Value(7.0, pytest.approx(math.sqrt(2 / 3) / 2))
    assert found.value("high_quality") is None
    assert line(modes=[6]).value("modes") == Value(6.0, None)
    assert found.milliseconds() == pytest.approx(2.0)
    assert found.share() == pytest.approx(0.01)


def test_distance_from_the_paper_is_in_combined_standard_errors() -> None:
    ours = line(modes=[5, 6], reverse_kl=[0.45, 0.45])  # 5.5 +- .5 beside 6.3 +- .5
    assert ours.apart("modes") == pytest.approx(-0.8 / math.sqrt(0.5))
    assert ours.apart("reverse_kl") == pytest.approx(0.0)
    assert ours.apart("high_quality") is None
    assert line(modes=[5]).apart("modes") is None
    # A paper without errors counts as certain; errors of 0 on both sides make any gap one.
    assert line("VEEGAN", modes=[7, 8]).apart("modes") == pytest.approx(-1.0)
    assert line("PacGAN2", "stacked-mnist", modes=[1000, 1000]).apart("modes") == 0.0
    assert line("PacGAN2", "stacked-mnist", modes=[999, 999]).apart("modes") == -1e9
    assert line("WGANGP", modes=[7, 8]).apart("modes") is None


def test_a_gap_is_told_with_the_settings_behind_it() -> None:
    near, far = line(modes=[6, 7]), line("PacGAN2", modes=[6, 6.1])
    found = notes([near, far])
    assert len(found) == 1 and "ring PacGAN2: modes -" in found[0]
    assert "PacGAN, table 1" in found[0] and "1.0% of the steps" in found[0]
    assert "BatchNorm over the members of all packs" in found[0]
    text = markdown([near, far])
    assert "| ring | GAN | 2 | 4,000 (1.0%) | 6.5 ± 0.5 | 6.3 ± 0.5 |  | 98.2 ± 0.2 |" in text


def test_the_order_holds_only_if_every_variant_is_in_its_group() -> None:
    lines = [
        line("PacGAN2", reverse_kl=[0.2]),
        line("PacGAN4", reverse_kl=[0.1]),
        line("GAN", reverse_kl=[0.5]),
    ]
    assert ranking(lines, (("PacGAN2", "PacGAN4"), ("GAN",))) is True
    assert ranking(lines, (("PacGAN4",), ("PacGAN2",), ("GAN",))) is True
    assert ranking(lines, (("PacGAN2",), ("PacGAN4", "GAN"))) is False
    assert ranking(lines, (("PacGAN3",), ("GAN",))) is None


def test_published_rows_are_those_of_the_tables() -> None:
    assert PUBLISHED["ring"]["GAN"].modes == (6.3, 0.5)
    assert PUBLISHED["grid"]["PacGAN4"].reverse_kl == (0.04, 0.01)
    assert PUBLISHED["grid"]["VEEGAN"].high_quality == (0.40, None)
    assert PUBLISHED["stacked-mnist"]["RpGAN+R1+R2"].reverse_kl == (0.0781, None)
    for rows in PUBLISHED.values():
        assert all("arXiv:" in row.source for row in rows.values())


def test_the_command_prints_a_table_and_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--set", "ring", "--variant", "GAN", "PacGAN2", "PacGAN3", "PacGAN4"]
    words += ["--seeds", "2", "--steps", "2", "--workers", "1", "--out", str(tmp_path / "r.jsonl")]
    command.main(words)
    first = capsys.readouterr().out
    result = json.loads(first.splitlines()[-1])
    assert result["benchmark"] == "modes" and set(result["order_holds"]) == {"ring"}
    assert result["results"]["ring"]["PacGAN2"]["seeds"] == 2
    assert "| ring | PacGAN4 | 2 | 2 (0.0%) |" in first
    assert len(read(tmp_path / "r.jsonl")) == 8

    def never(task: Task) -> dict[str, Any]:
        raise AssertionError(f"{task} was played again")

    monkeypatch.setattr("benchmarks.modes.results.play", never)
    command.main(words)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["results"] == result["results"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["--steps", "-1"], "--steps must be at least 1, got -1"),
        (["--workers", "0"], "--workers must be at least 1, got 0"),
        (["--set", "ring", "--variant", "GAN+R1"], "--variant must be one of .*, got GAN\\+R1"),
        (["--set", "moons"], "invalid choice: 'moons'"),
    ],
)
def test_wrong_options_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.parse(words)
    assert re.search(message, capsys.readouterr().err)
