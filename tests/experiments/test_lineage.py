from pathlib import Path
from typing import Any

from callbacks.run_folder import RunFolder
from experiments.lineage import child_of, parent_of

ENTRY: Any = {"path": "checkpoints/images=000084000-g=00001000.ckpt", "images_seen": 84_000}


def create(path: Path, parent: dict[str, str] | None = None) -> RunFolder:
    return RunFolder.create(path, name=path.name, variant="v", data="d", parent=parent)


def test_fork_names_run_checkpoint_and_what_w_and_b_knows_of_them(tmp_path: Path) -> None:
    run = create(tmp_path / "run")
    run.update_run(wandb={"id": "abc", "project": "p", "entity": None})
    assert parent_of(run, ENTRY) == {
        "run": str(run.path),
        "checkpoint": ENTRY["path"],
        "forked_from": "abc@84000",
        "group": "abc",
    }


def test_group_is_handed_down_with_and_without_w_and_b(tmp_path: Path) -> None:
    first = create(tmp_path / "first")
    name = first.read_run()["id"]
    assert parent_of(first, ENTRY)["forked_from"] == f"{name}@84000"
    second = create(tmp_path / "second", parent_of(first, ENTRY))
    assert parent_of(second, ENTRY)["group"] == name
    second.update_run(wandb={"id": "abc", "project": "p", "entity": None, "group": "study"})
    third = parent_of(second, ENTRY)
    assert third["group"] == "study" and third["forked_from"] == "abc@84000"


def test_fork_gets_the_first_free_folder_beside_its_parent(tmp_path: Path) -> None:
    run = create(tmp_path / "run")
    assert child_of(run) == tmp_path / "run-fork1"
    (tmp_path / "run-fork1").mkdir()
    assert child_of(run) == tmp_path / "run-fork2"
