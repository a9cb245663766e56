from pathlib import Path

import pytest
import torch

from callbacks.checkpoint_io import NOTE, AtomicCheckpointIO
from callbacks.index_rebuild import rebuild_index
from callbacks.run_folder import RunFolder
from tests.helpers_callbacks import entry_of, evaluation


def write_checkpoints(run: RunFolder) -> None:
    run.repair()
    for images_seen, score in ((100, 3.0), (200, 1.0), (300, None)):
        note = {
            "round": images_seen // 10,
            "epoch": 2,
            "reasons": ["evaluation" if score else "interval"],
        }
        file = run.checkpoint_path(images_seen, images_seen // 10)
        AtomicCheckpointIO().save_checkpoint({"state_dict": {"w": torch.ones(3)}, NOTE: note}, file)
        run.add_checkpoint(entry_of(run, images_seen, score, epoch=2))
        if score:
            run.append_evaluation(evaluation(images_seen, score))


@pytest.mark.parametrize("damage", ["lost", "cut"])
def test_rebuilt_index_equals_the_lost_one(tmp_path: Path, damage: str) -> None:
    run = RunFolder(tmp_path)
    write_checkpoints(run)
    before = run.read_index()
    if damage == "lost":
        run.index_path.unlink()
    else:
        run.index_path.write_text(run.index_path.read_text()[:100])
    index, left_out = rebuild_index(run)
    assert left_out == []
    assert index == run.read_index()
    for entry in [*before["checkpoints"], *index["checkpoints"]]:
        entry["time"] = ""
    assert index == before


def test_unreadable_checkpoint_is_left_out_and_not_deleted(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_checkpoints(run)
    broken = run.checkpoint_path(200, 20)
    broken.write_bytes(broken.read_bytes()[:50])
    run.index_path.unlink()
    index, left_out = rebuild_index(run)
    assert [entry["images_seen"] for entry in index["checkpoints"]] == [100, 300]
    assert index["best"] == "checkpoints/images=000000100-g=00000010.ckpt"
    assert len(left_out) == 1 and broken.name in left_out[0]
    assert broken.exists()
