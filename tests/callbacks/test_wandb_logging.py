import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import wandb

from callbacks.media import publish_image
from callbacks.run_folder import RunFolder
from callbacks.wandb_logging import GuardedWandbLogger, has_key
from tests.helpers_callbacks import Data, ToyGan, make_trainer

KEY = "0123456789" * 4


@pytest.fixture(autouse=True)
def no_key_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb_config"))
    # A port on which nothing listens: online runs find no service.
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    # W&B reads the environment once in a process.
    wandb.teardown()
    yield
    wandb.teardown()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", name="r", variant="v", data="d")


def records(folder: Path) -> list[dict[str, Any]]:
    """Read an offline run with W&B's own reader."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What we said, without what W&B logs for itself."""
    return [r.getMessage() for r in caplog.records if r.name.startswith("callbacks")]


def wandb_runs(run: RunFolder) -> list[Path]:
    return sorted((run.path / "wandb").glob("offline-run-*"))


def test_offline_run_has_images_seen_as_its_axis_and_is_resumed_under_one_id(
    run: RunFolder, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"model": {"generator_lr": 0.0002}}
    with caplog.at_level(logging.INFO, logger="callbacks"):
        for max_steps in (3, 5):
            logger = GuardedWandbLogger(run.path, settings, project="p")
            trainer = make_trainer(run.path, logger=logger, max_steps=max_steps)
            trainer.fit(ToyGan(), Data())
            if max_steps == 3:
                time.sleep(1.0)  # W&B names folders by the second.

    identity = run.read_run()["wandb"]
    assert identity is not None and identity["project"] == "p" and identity["entity"] is None
    first, second = wandb_runs(run)
    for folder in (first, second):
        assert folder.name.endswith(f"-{identity['id']}")
    found = records(second)
    (started,) = [record["run"] for record in found if record["type"] == "run"]
    assert started["run_id"] == identity["id"] and started["project"] == "p"
    assert started["config"]["update"]["model"] == {"generator_lr": 0.0002}
    assert found[-1] == {"num": len(found), "type": "exit", "exit": {"exit_code": 0}}
    metrics = [record["metric"] for record in found if record["type"] == "metric"]
    assert [m.get("step_metric") for m in metrics if m.get("glob_name") == "*"] == ["images_seen"]
    rows = [record["history"]["item"] for record in found if record["type"] == "history"]
    assert [row["images_seen"] for row in rows] == [4, 8, 12, 16, 20]
    assert "trainer/global_step" not in rows[0]
    # The only words are ours: where to look.
    noise = capfd.readouterr()
    assert "wandb:" not in noise.err + noise.out
    messages = ours(caplog)
    assert len(messages) == 2
    assert messages[0].startswith("W&B: offline (no key); look with: wandb leet")


def test_service_that_does_not_answer_means_offline_and_the_dead_process_nothing(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    logger = GuardedWandbLogger(run.path, init_timeout=0.5, finish_timeout=1.0)
    with caplog.at_level(logging.INFO, logger="callbacks"):
        experiment = logger.experiment
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warning.startswith("W&B: could not start online (") and "going on offline" in warning
    assert "\n" not in warning
    assert len(wandb_runs(run)) == 1

    caplog.clear()
    publish_image(make_trainer(run.path, logger=logger), "samples", torch.zeros(3, 2, 2), 7)
    assert list(wandb_runs(run)[0].glob("files/media/images/samples_*.png"))

    def gone(*args: Any, **kwargs: Any) -> None:
        raise BrokenPipeError("the service process died")

    monkeypatch.setattr(experiment, "log", gone)
    with caplog.at_level(logging.WARNING):
        for images_seen in range(5):
            logger.log_metrics({"images_seen": images_seen, "loss": 1.0})
    assert len(caplog.records) == 1
    logger.finalize("success")


@pytest.mark.parametrize(
    ("mode", "environment", "key", "expected"),
    [
        ("auto", None, False, "offline"),
        ("auto", None, True, "online"),
        ("auto", "offline", True, "offline"),
        ("auto", "dryrun", True, "offline"),
        ("auto", "disabled", True, "disabled"),
        ("auto", "online", False, "offline"),
        ("online", "offline", True, "online"),
        ("online", None, False, "offline"),
        ("offline", "online", True, "offline"),
        ("disabled", "online", True, "disabled"),
    ],
)
def test_mode_is_chosen_without_asking(
    run: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    mode: Any,
    environment: str | None,
    key: bool,
    expected: str,
) -> None:
    if environment:
        monkeypatch.setenv("WANDB_MODE", environment)
    if key:
        monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert GuardedWandbLogger(run.path, mode=mode)._choose_mode()[0] == expected


def test_key_is_found_in_netrc_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_key()
    file = tmp_path / "netrc"
    file.write_text(f"machine 127.0.0.1 login user password {KEY}\n")
    file.chmod(0o600)
    assert has_key()
    file.write_text(f"machine elsewhere login user password {KEY}\n")
    assert not has_key()


def test_disabled_logger_touches_nothing(run: RunFolder) -> None:
    logger = GuardedWandbLogger(run.path, mode="disabled")
    logger.log_metrics({"loss": 1.0})
    publish_image(make_trainer(run.path, logger=logger), "samples", torch.zeros(3, 2, 2), 7)
    logger.finalize("success")
    assert not (run.path / "wandb").exists()
    assert run.read_run()["wandb"] is None


def test_nothing_that_wandb_raises_at_the_start_stops_a_run(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**options: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr("wandb.init", fail)
    logger = GuardedWandbLogger(run.path)
    make_trainer(run.path, logger=logger, max_steps=2).fit(ToyGan(), Data())
    assert ours(caplog) == ["W&B: could not start offline (OSError: no space); going on without it"]


def test_ids_come_from_the_sweep_and_from_the_record(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "sweep123")
    monkeypatch.setenv("WANDB_PROJECT", "tuning")
    logger = GuardedWandbLogger(run.path, entity="team")
    expected = {"id": "sweep123", "project": "tuning", "entity": "team"}
    assert logger._identity() == expected
    monkeypatch.setenv("WANDB_RUN_ID", "other")
    assert GuardedWandbLogger(run.path)._identity() == expected


def forked(path: Path, **more: str) -> RunFolder:
    """A run that goes on from another one."""
    parent = {"run": "old", "checkpoint": "checkpoints/images=8.ckpt", **more}
    return RunFolder.create(path, name="f", variant="v", data="d", parent=parent)


def test_a_fork_is_a_run_of_its_own_in_the_group_of_its_parent(tmp_path: Path) -> None:
    run = forked(tmp_path / "fork", forked_from="parent12@84000", group="family34")
    for max_steps in (2, 3):
        logger = GuardedWandbLogger(run.path, {"model": {"lr": 1}}, mode="offline", project="p")
        make_trainer(run.path, logger=logger, max_steps=max_steps).fit(ToyGan(), Data())
        time.sleep(1.0)  # W&B names folders by the second.
    identity = run.read_run()["wandb"]
    assert identity is not None and identity["group"] == "family34"
    assert identity["id"] not in ("parent12", "family34")
    for folder in wandb_runs(run):
        (started,) = [r["run"] for r in records(folder) if r["type"] == "run"]
        assert started["run_id"] == identity["id"] and started["run_group"] == "family34"
        update = started["config"]["update"]
        assert update["forked_from"] == "parent12@84000" and update["model"] == {"lr": 1}


def test_group_of_the_environment_comes_first_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = forked(tmp_path / "fork", forked_from="a@1", group="family34")
    monkeypatch.setenv("WANDB_RUN_GROUP", "study7")
    assert GuardedWandbLogger(run.path)._identity()["group"] == "study7"
    monkeypatch.delenv("WANDB_RUN_GROUP")
    assert GuardedWandbLogger(run.path)._identity()["group"] == "study7"


def test_run_that_is_no_fork_has_neither_group_nor_origin(run: RunFolder, tmp_path: Path) -> None:
    # Also a fork of an older version, whose record names no more than run and checkpoint.
    for one in (run, forked(tmp_path / "old")):
        logger = GuardedWandbLogger(one.path)
        assert "group" not in logger._identity() and logger._origin() == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "of"}, "mode must be 'auto', 'online', 'offline' or 'disabled', got 'of'"),
        ({"init_timeout": 0}, "time-outs must be positive seconds, got 0 and 60.0"),
    ],
)
def test_bad_settings_are_refused(run: RunFolder, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GuardedWandbLogger(run.path, **options)
