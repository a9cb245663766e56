"""Going back to before a collapse, as a user does it; a callback stands in for the monitor."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from callbacks.collapse.health import Health
from callbacks.run_folder import RunFolder
from tests.command_server import CommandServer
from tests.helpers_bad_inputs import TOY
from tests.helpers_checkpoints import state

SCALERS = "PerPlayerMixedPrecision"

#: Two rounds of 16 images a generator step: 60 steps are 1,920 images. Evaluated at each 320.
WATCHED: Any = {
    "trainer": {
        # One loss scaler a player, whose states have to come back too.
        "precision": "16-mixed",
        "callbacks": [
            {
                "class_path": "tests.helpers_checkpoints.StandIn",
                "init_args": {
                    "every": 160,
                    "turns": {"1120": "suspect", "1280": "collapsed"},
                    "onset": 1000,
                },
            }
        ],
    },
    "model": {"init_args": {"lr_decay": [0, 100]}},
    "collapse_monitor": {"watch": False},
}


@pytest.fixture(scope="module")
def fallen(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that was healthy until 960 images."""
    folder = tmp_path_factory.mktemp("fallen")
    (folder / "watched.yaml").write_text(yaml.safe_dump(WATCHED))
    words = ("--config", TOY, "--config", folder / "watched.yaml", "--run_dir", folder / "run")
    code, output = server.run("fit", *words)
    assert code == 0, output
    return RunFolder.open(folder / "run")


def content(run: RunFolder, which: str) -> dict[str, Any]:
    return torch.load(run.verify(run.resolve(which)), weights_only=True)  # type: ignore[no-any-return]


def steps_of(checkpoint: dict[str, Any]) -> list[int]:
    """Steps that Adam has counted, of the discriminator and of the generator."""
    return [int(states["state"][0]["step"]) for states in checkpoint["optimizer_states"]]


def assert_equal(one: Any, other: Any, where: str = "") -> None:
    """The same tensors and plain data, to the bit."""
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{where}/{number}")
    else:
        assert one == other, where


def test_best_before_the_onset_is_the_best_of_the_healthy_ones(fallen: RunFolder) -> None:
    chosen = fallen.resolve("pre-collapse")
    scores = {
        row["images_seen"]: (row["scores"]["fd_waves64@100"], row["scores"]["se_fd_waves64@100"])
        for row in fallen.read_evaluations()
        if row["images_seen"] < 1000
    }
    # Of those that no later one equals, the latest whose distance is the lowest but for noise.
    lowest, error = min(scores.values())
    unbeaten = [n for n in scores if all(scores[n][0] < scores[m][0] for m in scores if m > n)]
    rivals = sorted(unbeaten, key=lambda moment: scores[moment])[:3]
    level = [n for n in rivals if scores[n][0] - lowest <= 3 * math.hypot(scores[n][1], error)]
    assert chosen["images_seen"] == max(level)
    assert chosen["state"] is not None and chosen["state"]["state"] == "healthy"
    health = fallen.read_health()
    assert health is not None and (health.onset, health.alarm) == (1000, 1280)


def test_fork_brings_everything_back(
    fallen: RunFolder, server: CommandServer, tmp_path: Path
) -> None:
    """With nothing changed it trains as its parent did, to the last bit of every state."""
    out = tmp_path / "fork"
    code, output = server.run("resume", fallen.path, "--from", "pre-collapse", "--out", out)
    assert code == 0, output
    chosen = fallen.resolve("pre-collapse")
    assert f"going on from {fallen.file_of(chosen)}" in output
    mine, parents = content(RunFolder.open(out), "last"), content(fallen, "last")
    assert mine["game"]["images_seen"] == parents["game"]["images_seen"] == 1920
    assert any(name.startswith("generator_ema.") for name in mine["state_dict"])
    assert len(mine["lr_schedulers"]) == len(mine[SCALERS]) == 2
    states = ("state_dict", "optimizer_states", "lr_schedulers", SCALERS, "game", "random_states")
    for part in states:
        assert_equal(mine[part], parents[part], part)


def test_fork_with_changes_is_a_child_with_half_the_rate_and_a_new_discriminator(
    fallen: RunFolder, server: CommandServer, tmp_path: Path
) -> None:
    before = {file: file.read_bytes() for file in fallen.path.rglob("*") if file.is_file()}
    chosen = fallen.resolve("pre-collapse")
    step = chosen["generator_step"]
    ends, root = {}, content(fallen, "pre-collapse")
    for reset in ("no", "opt", "weights"):
        out = tmp_path / reset
        words = ("--from", "pre-collapse", "--set", "model.init_args.generator_lr*=0.5")
        more = ("--seed", "+1", "--reset-d", reset, "--set", f"trainer.max_steps={step + 1}")
        code, output = server.run("resume", fallen.path, *words, *more, "--out", out)
        assert code == 0, output
        ends[reset] = content(RunFolder.open(out), "last")
    child = RunFolder.open(tmp_path / "weights")
    parent = child.read_run()["parent"]
    assert parent is not None and parent["checkpoint"] == chosen["path"]
    assert parent["forked_from"] == f"{fallen.read_run()['id']}@{chosen['images_seen']}"
    settings = yaml.safe_load(child.config_path.read_text())
    assert settings["model"]["init_args"]["generator_lr"] == pytest.approx(5e-5, rel=1e-12)
    assert settings["seed_everything"] == 4
    counts = {reset: steps_of(end) for reset, end in ends.items()}
    # A generator step is two of the discriminator, whose count began again.
    then = steps_of(root)
    assert counts["no"] == [then[0] + 2, then[1] + 1]
    assert counts["opt"] == counts["weights"] == [2, then[1] + 1]
    # The decay goes on where it was: rates are those of its settings at this step.
    left = 1 - (step + 1) / 100
    for end in ends.values():
        rates = [states["param_groups"][0]["lr"] for states in end["optimizer_states"]]
        assert rates == pytest.approx([1e-4 * left, 5e-5 * left], rel=1e-12)
    weight = "discriminator.layers.1.weight"
    moved = {
        reset: float((end["state_dict"][weight] - root["state_dict"][weight]).abs().max())
        for reset, end in ends.items()
    }
    # Two steps of Adam at 1e-4 move a weight by little; new weights have nothing to do with them.
    assert moved["no"] < 1e-3 and moved["opt"] < 1e-3 and moved["weights"] > 0.1
    assert {file: file.read_bytes() for file in before} == before


def test_other_commands_open_it_too(
    fallen: RunFolder, server: CommandServer, tmp_path: Path
) -> None:
    chosen = fallen.resolve("pre-collapse")
    words = ("--checkpoint", "pre-collapse")
    code, output = server.run("sample", fallen.path, *words, "--n", 4, "--out", tmp_path / "drawn")
    assert code == 0 and f"4 points of {chosen['path']}" in output, output
    code, output = server.run("evaluate", fallen.path, *words, "--samples", 100, "--json")
    assert code == 0, output
    found = json.loads(output.splitlines()[-1])
    assert found["checkpoint"] == chosen["path"] != fallen.resolve("last")["path"]


def test_walk_begins_at_it_too(server: CommandServer, tmp_path: Path) -> None:
    config = "experiments/configs/unconditional/dcgan.yaml"
    small = [
        "--trainer.accelerator=cpu",
        "--trainer.max_steps=2",
        "--data.init_args.batch_size=8",
        "--evaluation.samples=40",
        "--evaluation.space=rand_vgg",
        "--checkpointing.every_n_images=8",
        "--collapse_monitor.watch=false",
        "--loggers.wandb=disabled",
    ]
    path = tmp_path / "run"
    code, output = server.run("fit", "--config", config, "--run_dir", path, *small, timeout=300)
    assert code == 0, output
    run = RunFolder.open(path)
    index = run.read_index()
    first, last = index["checkpoints"]
    first["state"], last["state"] = state("healthy"), state("collapsed")
    run.write_index(index)
    run.write_health(Health("collapsed", "full", 9, 16))
    words = ("--checkpoint", "pre-collapse", "--out", tmp_path / "walk.png", "--steps", 3)
    code, output = server.run("interpolate", path, *words)
    assert code == 0 and (tmp_path / "walk.png").is_file(), output
    words = ("--checkpoint", first["path"], "--out", tmp_path / "same.png", "--steps", 3)
    assert server.run("interpolate", path, *words)[0] == 0
    assert (tmp_path / "same.png").read_bytes() == (tmp_path / "walk.png").read_bytes()
