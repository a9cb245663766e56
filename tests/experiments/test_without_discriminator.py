"""Every command on a run in which nobody judges: an autoencoder has no scores and no penalties."""

from pathlib import Path

import pytest

from callbacks.run_folder import RunFolder
from tests.command_server import CommandServer

CONFIG = "experiments/configs/autoencoding/vae.yaml"
TINY = [
    "--trainer.accelerator=cpu",
    "--trainer.max_steps=3",
    "--trainer.log_every_n_steps=1",
    "--data.init_args.batch_size=8",
    "--evaluation.samples=40",
    "--evaluation.space=rand_vgg",
    "--loggers.wandb=disabled",
]


@pytest.fixture(scope="module")
def run(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("runs") / "vae"
    code, output = server.run("fit", "--config", CONFIG, "--run_dir", path, *TINY, timeout=300)
    assert code == 0, output
    return RunFolder.open(path)


def test_its_health_was_watched_and_its_page_tells_of_no_discriminator(run: RunFolder) -> None:
    assert run.read_history()
    assert "discriminator_auc" not in (run.path / "metrics.csv").read_text()
    page = run.report_path.read_text()
    assert "reconstruction" in page and "iscriminator" not in page


@pytest.mark.parametrize(
    "words",
    [
        ("report",),
        ("health",),
        ("evaluate", "--space", "rand_vgg", "--samples", "40"),
        ("sample", "--n", "3"),
        ("interpolate",),
        ("reconstruct", "--n", "4"),
    ],
    ids=lambda words: words[0],
)
def test_commands_do_their_work(
    server: CommandServer, run: RunFolder, words: tuple[str, ...]
) -> None:
    code, output = server.run(words[0], run.path, *words[1:], timeout=300)
    assert code == 0, output
    assert "Traceback" not in output


def test_there_is_nobody_to_reset(server: CommandServer, run: RunFolder, tmp_path: Path) -> None:
    fork = ("--from", "last", "--set", "trainer.max_steps=5", "--out", tmp_path / "reset")
    code, output = server.run("resume", run.path, *fork, "--reset-d", "opt", timeout=300)
    assert code == 2
    last = output.strip().splitlines()[-1]
    assert "--reset-d must have somebody to reset, got VAE, in which nobody plays" in last


def test_it_goes_on_with_other_settings_in_a_fork(
    server: CommandServer, run: RunFolder, tmp_path: Path
) -> None:
    changes = ("--set", "model.init_args.generator_lr*=0.5", "--set", "trainer.max_steps=5")
    fork = ("--from", "last", *changes, "--out", tmp_path / "fork")
    code, output = server.run("resume", run.path, *fork, timeout=300)
    assert code == 0, output
    assert RunFolder.open(tmp_path / "fork").resolve("last")["generator_step"] == 5
