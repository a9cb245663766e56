"""Every YAML that ships parses strictly and trains, in process, under a tiny overlay."""

from pathlib import Path

import pytest
import yaml

import gan_modules
from callbacks.offers import draws, has_panels, maps_words, rewrites, transcribes, translates
from callbacks.run_folder import RunFolder
from tests.command_server import CommandServer

ROOT = Path(__file__).parents[1]
CONFIGS = [
    path
    for path in sorted((ROOT / "experiments" / "configs").rglob("*.yaml"))
    # Those are of ganagerie study, whose tests read them.
    if path.parent.name != "studies"
]
TINY = [
    "--trainer.accelerator=cpu",
    "--trainer.max_steps=2",
    "--trainer.log_every_n_steps=1",
    "--data.init_args.batch_size=4",
    "--evaluation.samples=20",
    "--steganography.at_end=false",
    "--input_use.at_end=false",
    "--loggers.wandb=disabled",
]

#: A GPU's networks take minutes here.
LONG = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(
    "config",
    [pytest.param(path, marks=LONG if path.parent.name == "gpu" else []) for path in CONFIGS],
    ids=lambda path: path.stem,
)
def test_it_trains_under_a_tiny_overlay(
    server: CommandServer, config: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    # To describe all reals of both domains takes longer than the rest; test_translate.py watches.
    watch = "--collapse_monitor.watch=false" if config.parent.name == "translation" else ""
    # Convolutions of half precision take minutes a step on a CPU.
    full = "--trainer.precision=32-true" if config.parent.name == "gpu" else ""
    model = yaml.safe_load(config.read_text())["model"]
    # Stages before the game are counted in samples, not in steps of the generator.
    stages = [name for name in model.get("init_args") or {} if name.endswith("_samples")]
    short = [f"--model.init_args.{name}=8" for name in stages]
    words = [*TINY, *filter(None, [watch, full]), *short]
    code, output = server.run(
        *("fit", "--config", config.relative_to(ROOT), "--run_dir", path, *words), timeout=1500
    )
    assert code == 0, output
    run = RunFolder.open(path)
    assert run.read_run()["status"] == "finished"
    assert run.resolve("last")["generator_step"] == 2
    assert run.report_path.is_file()
    variant = getattr(gan_modules, model["class_path"])
    # A variant that makes no images has nothing to show and nothing to score.
    shown = any(offers(variant) for offers in (draws, has_panels, rewrites, transcribes))
    assert len(run.media_files("samples")) == (2 if shown else 0)
    evaluations = run.read_evaluations()
    kinds = (draws, translates, rewrites, maps_words, transcribes)
    scored = any(offers(variant) for offers in kinds)
    assert evaluations[-1]["scores"] if scored else not evaluations


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_its_first_line_is_the_command_that_runs_it(config: Path) -> None:
    first = config.read_text().splitlines()[0]
    assert first == f"# ganagerie fit --config {config.relative_to(ROOT)}"


def test_a_config_is_named_after_each_variant_and_trains_that_variant() -> None:
    for row in gan_modules.CATALOGUE:
        settings = yaml.safe_load((ROOT / "experiments" / "configs" / row.config).read_text())
        assert settings["model"]["class_path"] == row.name
