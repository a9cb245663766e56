"""A study with training: two workers, one killed in the middle of a run, its run gone on with."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from callbacks.run_folder import RunFolder
from experiments.study.outcomes import Outcome, outcomes
from experiments.study.queue import Queue
from experiments.study.storage import open_storage
from experiments.study.trials import WORKER, key_of
from tests.command_server import ROOT
from tests.experiments.study.postgres import server as postgres_server

MLP = "gan_modules.networks.mlp"
STUDY = {
    "name": "ended",
    "metric": "coverage",
    "draws": 2,
    "seeds": 1,
    "final_seeds": 1,
    "budget_images": 9600,
    "every_n_images": 1600,
    "samples": 200,
    # So short a run has seldom learned; here its score counts.
    "failures": ["diverged", "failed", "timed_out"],
    "set": {
        "data": {"class_path": "Ring", "init_args": {"std": 0.05, "length": 4000}},
        "data.init_args.batch_size": 64,
        "model.init_args.generator": {
            "class_path": f"{MLP}.MLPGenerator",
            "init_args": {"latent_dim": 4, "out_shape": [2], "hidden": 32, "layers": 2},
        },
        "model.init_args.discriminator": {
            "class_path": f"{MLP}.MLPDiscriminator",
            "init_args": {"in_shape": [2], "hidden": 32, "layers": 2},
        },
        "trainer.accelerator": "cpu",
        "loggers.wandb": "disabled",
    },
    "variants": [
        {
            "label": "gan",
            "config": "experiments/configs/unconditional/gan.yaml",
            "space": {
                "model.init_args.generator_lr": {"log_uniform": [1e-4, 1e-2]},
                "model.init_args.betas.0": {"uniform": [0.0, 0.9]},
            },
        }
    ],
}


def command(*words: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", "study", *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The study's folder, the run that was in the middle of the kill, and what was printed."""
    root = tmp_path_factory.mktemp("study")
    file, out = root / "study.yaml", root / "out"
    file.write_text(yaml.safe_dump(STUDY))
    first = command("run", file, "--out", out, "--threads", 1)
    end = time.monotonic() + 300
    run = RunFolder(out / "gan-001-seed0")
    # The second run has a checkpoint to go on from.
    while not (run.index_path.is_file() and run.read_index()["checkpoints"]):
        assert first.poll() is None and time.monotonic() < end, first.communicate()[0]
        time.sleep(0.05)
    first.kill()
    first.communicate()
    second = command("run", file, "--out", out, "--threads", 1)
    output = second.communicate(timeout=400)[0]
    assert second.returncode == 0, output
    return out, "gan-001-seed0", output


def rows(out: Path) -> list[Outcome]:
    return outcomes(Queue(open_storage(f"sqlite:///{out}/study.db"), "ended"))


def test_every_run_has_ended_once_and_the_killed_one_went_on_in_its_folder(
    ended: tuple[Path, str, str],
) -> None:
    out, killed, output = ended
    found = rows(out)
    assert [row.key for row in found] == ["gan-000-seed0", "gan-001-seed0", "gan-final-seed0"]
    assert re.search(rf"worker \d+ on \S+ is gone: run {killed} is taken up again", output)
    assert [row.attempts for row in found] == [1, 2, 1]
    log = (out / "logs" / f"{killed}.log").read_text()
    # Begun once; the rest was trained on from a checkpoint.
    run = RunFolder.open(out / killed)
    moments = [row["images_seen"] for row in run.read_evaluations()]
    assert moments == sorted(set(moments)) and moments[-1] == 9600, log
    assert all(row.images_seen == 9600 and row.seconds > 0 for row in found)


def test_the_best_evaluation_chose_and_the_other_split_reported(
    ended: tuple[Path, str, str],
) -> None:
    out, killed, _ = ended
    for row in rows(out):
        run = RunFolder.open(out / row.key)
        scores = {
            line["images_seen"]: line["scores"]["coverage_identity@200"]
            for line in run.read_evaluations()
        }
        assert {line["protocol"]["split"] for line in run.read_evaluations()} == {"train"}
        assert row.chosen == max(scores.values()) == scores[row.chosen_images]
        # Only the chosen checkpoint is kept.
        (kept,) = run.read_index()["checkpoints"]
        assert kept["images_seen"] == row.chosen_images
        assert row.reported is not None and 0 <= row.reported <= 1


def test_the_final_run_has_the_best_setting_with_another_seed(
    ended: tuple[Path, str, str],
) -> None:
    out, *_ = ended
    first, second, final = rows(out)
    best = max((first, second), key=lambda row: (not row.failed, row.chosen))
    assert (final.setting, final.draw) == (best.setting, best.draw)
    settings = [
        yaml.safe_load((out / "settings" / f"{row.key}.yaml").read_text()) for row in rows(out)
    ]
    assert len({one["seed_everything"] for one in settings}) == 3
    betas = settings[2]["model"]["init_args"]["betas"]
    assert betas == [best.setting["model.init_args.betas.0"], 0.999]


def test_the_report_is_there_and_a_finished_study_has_nothing_left_to_do(
    ended: tuple[Path, str, str],
) -> None:
    out, *_ = ended
    for name in ("report.html", "report.md", "results.csv", "budget.png", "study.json"):
        assert (out / name).is_file()
    again = command("worker", out)
    assert again.communicate(timeout=100)[0] == "" and again.returncode == 0
    assert json.loads((out / "study.json").read_text())["name"] == "ended"


@pytest.mark.slow
def test_two_workers_train_on_one_postgresql_server_and_one_is_killed(tmp_path: Path) -> None:
    file, out, images = tmp_path / "study.yaml", tmp_path / "out", 19_200
    file.write_text(yaml.safe_dump({**STUDY, "draws": 4, "budget_images": images}))
    with postgres_server() as url:
        first = command("run", file, "--out", out, "--threads", 1, "--storage", url)
        end = time.monotonic() + 300
        while not (out / "study.json").is_file():
            assert first.poll() is None and time.monotonic() < end, first.communicate()[0]
            time.sleep(0.1)
        other = command("worker", out, "--threads", 1, "--storage", url)
        queue = Queue(open_storage(url), "ended")
        while len(playing := in_the_middle(queue, out)) < 2:
            assert first.poll() is None and other.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        first.kill()
        first.communicate()
        output = other.communicate(timeout=400)[0]
        assert other.returncode == 0, output
        assert f"worker {first.pid} on" in output and f"run {playing[first.pid]} is taken" in output
        found = outcomes(queue)
        assert [row.key for row in found] == [run.key for run in queue.runs]
        attempts = {row.key: row.attempts for row in found}
        assert attempts == dict.fromkeys(attempts, 1) | {playing[first.pid]: 2}
        for row in found:
            moments = [line["images_seen"] for line in RunFolder(out / row.key).read_evaluations()]
            assert moments == sorted(set(moments)) and moments[-1] == row.images_seen == images


def in_the_middle(queue: Queue, out: Path) -> dict[int, str]:
    """Runs that are trained now and have a checkpoint to go on from, by their worker."""
    found = {}
    for trial in queue.trials:
        run, worker = RunFolder(out / key_of(trial)), trial.user_attrs.get(WORKER)
        if trial.state.name != "RUNNING" or not worker or not run.index_path.is_file():
            continue
        if run.read_index()["checkpoints"]:
            found[worker["pid"]] = key_of(trial)
    return found
