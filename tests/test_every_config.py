"""Every YAML that ships parses strictly and trains, in process, under a tiny overlay."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import gan_modules
from callbacks.run_folder import RunFolder
from tests.command_server import CommandServer

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "experiments" / "configs").rglob("*.yaml"))
TINY = [
    "--trainer.accelerator=cpu",
    "--trainer.max_steps=2",
    "--trainer.log_every_n_steps=1",
    "--data.init_args.batch_size=4",
    "--evaluation.samples=20",
    "--loggers.wandb=disabled",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    with CommandServer(tmp_path_factory.mktemp("commands")) as server:
        yield server


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_it_trains_under_a_tiny_overlay(
    server: CommandServer, config: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    code, output = server.run(
        "fit", "--config", config.relative_to(ROOT), "--run_dir", path, *TINY, timeout=300
    )
    assert code == 0, output
    run = RunFolder.open(path)
    assert run.read_run()["status"] == "finished"
    assert run.resolve("last")["generator_step"] == 2
    assert len(run.media_files("samples")) == 2 and run.report_path.is_file()
    assert run.read_evaluations()[-1]["scores"]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_its_first_line_is_the_command_that_runs_it(config: Path) -> None:
    first = config.read_text().splitlines()[0]
    assert first == f"# ganagerie fit --config {config.relative_to(ROOT)}"


def test_a_config_is_named_after_each_variant_and_trains_that_variant() -> None:
    for row in gan_modules.CATALOGUE:
        settings = yaml.safe_load((ROOT / "experiments" / "configs" / row.config).read_text())
        assert settings["model"]["class_path"] == row.name
