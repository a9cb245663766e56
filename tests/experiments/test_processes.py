"""Which process writes, and how many there are, as torchrun, srun and Lightning tell it."""

from pathlib import Path

import pytest
from jsonargparse import Namespace
from lightning_fabric.plugins.environments import SLURMEnvironment

from experiments.cli import GanCLI
from experiments.errors import CommandError
from experiments.processes import agreed, is_rank_zero, settle, started_elsewhere

_NAMES = (
    *("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
    *("TORCHELASTIC_RUN_ID", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_NNODES"),
)


def told(monkeypatch: pytest.MonkeyPatch, **environment: object) -> None:
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize(
    ("environment", "writes"),
    [
        ({}, True),
        # torchrun: every node has a local rank 0.
        ({"RANK": 0, "LOCAL_RANK": 0, "GROUP_RANK": 0}, True),
        ({"RANK": 8, "LOCAL_RANK": 0, "GROUP_RANK": 1}, False),
        ({"RANK": 1, "LOCAL_RANK": 1, "GROUP_RANK": 0}, False),
        ({"SLURM_PROCID": 0}, True),
        ({"SLURM_PROCID": 8}, False),
        # torchrun inside of a SLURM job, whose own numbers count its agents.
        ({"SLURM_PROCID": 0, "RANK": 3, "LOCAL_RANK": 3}, False),
        # Lightning starts the other processes of a node; nodes are numbered by hand.
        ({"NODE_RANK": 1}, False),
        ({"NODE_RANK": 1, "LOCAL_RANK": 0}, False),
        ({"NODE_RANK": 0, "LOCAL_RANK": 1}, False),
        ({"NODE_RANK": 0}, True),
    ],
)
def test_one_process_of_all_nodes_writes(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, int], writes: bool
) -> None:
    told(monkeypatch, **environment)
    assert is_rank_zero() is writes


@pytest.mark.parametrize(
    "environment",
    [
        {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": 16, "LOCAL_WORLD_SIZE": 8},
        {"SLURM_PROCID": 3, "SLURM_NTASKS": 16, "SLURM_NNODES": 2},
    ],
)
def test_auto_is_what_was_started(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, object]
) -> None:
    told(monkeypatch, **environment)
    trainer = Namespace(devices="auto", num_nodes=1)
    settle(trainer)
    assert (trainer.devices, trainer.num_nodes) == (8, 2) and started_elsewhere()
    # The same, given by hand, in one way or another.
    for given in ({"devices": 8, "num_nodes": 2}, {"devices": "16", "num_nodes": 1}):
        settle(trainer := Namespace(**given))
        assert vars(trainer) == given


@pytest.mark.parametrize(("devices", "nodes"), [(8, 1), ("auto", 4), ("0,1", 2), (1, 1)])
def test_others_than_were_started_are_refused(
    monkeypatch: pytest.MonkeyPatch, devices: object, nodes: int
) -> None:
    told(monkeypatch, TORCHELASTIC_RUN_ID="x", WORLD_SIZE=16, LOCAL_WORLD_SIZE=8)
    match = (
        rf"must be the 16 processes that torchrun has started on 2 nodes, got {devices} x {nodes}; "
        "leave both out, or set --trainer.devices 8 --trainer.num_nodes 2"
    )
    with pytest.raises(CommandError, match=match):
        settle(Namespace(devices=devices, num_nodes=nodes))


def test_unlike_numbers_on_the_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, TORCHELASTIC_RUN_ID="x", WORLD_SIZE=3, LOCAL_WORLD_SIZE=2)
    with pytest.raises(CommandError, match="got auto x 1; start equally many on each"):
        settle(Namespace(devices="auto", num_nodes=1))


def test_without_a_launcher_nothing_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch)
    settle(trainer := Namespace(devices="auto", num_nodes=3))
    assert (trainer.devices, trainer.num_nodes) == ("auto", 3) and not started_elsewhere()


class _Alone:
    """As much of a command line as one process needs."""

    class trainer:  # noqa: N801
        num_nodes = world_size = 1


def test_processes_that_the_first_one_starts_find_what_it_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told(monkeypatch)
    monkeypatch.setenv("GANAGERIE_FOUND", "")
    assert agreed(_Alone, lambda: {"state": "new"}) == {"state": "new"}
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert agreed(_Alone, pytest.fail) == {"state": "new"}


def test_on_slurm_lightning_does_not_requeue_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told(monkeypatch, SLURM_PROCID=0, SLURM_NTASKS=1, SLURM_NNODES=1, SLURM_JOB_NAME="run")
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("SLURM_LOCALID", "0")
    monkeypatch.setenv("GANAGERIE_RUN_DIR", "")
    # Lightning's use of jsonargparse.
    monkeypatch.setenv("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    cli = GanCLI(["--config", "tests/toy.yaml", "--run_dir", str(tmp_path / "run")])
    (environment,) = [
        plugin
        for plugin in [cli.trainer._accelerator_connector.cluster_environment]
        if isinstance(plugin, SLURMEnvironment)
    ]
    assert environment.auto_requeue is False
