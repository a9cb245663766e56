import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from callbacks.checkpoint_io import AtomicCheckpointIO, read_checkpoint, tensor_bytes
from callbacks.durable import StorageError


class Evil:
    """Would write a file when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.witness}",)


class Usage(NamedTuple):
    free: int


CHECKPOINT = {"state_dict": {"w": torch.arange(1000.0)}, "epoch": 3, "names": ["a", ("b", None)]}


def test_checkpoint_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints" / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint(CHECKPOINT, file)
    loaded = AtomicCheckpointIO().load_checkpoint(file)
    assert torch.equal(loaded["state_dict"]["w"], CHECKPOINT["state_dict"]["w"])  # type: ignore[index]
    assert loaded["names"] == ["a", ("b", None)]
    assert os.listdir(file.parent) == ["a.ckpt"]
    AtomicCheckpointIO().remove_checkpoint(file)
    AtomicCheckpointIO().remove_checkpoint(file)
    assert os.listdir(file.parent) == []


def test_full_disk_is_found_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free=900_000))
    message = r"must have 1\.1 MB free for a checkpoint, got 0\.9 MB; free space there"
    with pytest.raises(StorageError, match=message):
        AtomicCheckpointIO().save_checkpoint(CHECKPOINT, tmp_path / "a.ckpt")
    assert os.listdir(tmp_path) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free=1_100_000))
    AtomicCheckpointIO().save_checkpoint(CHECKPOINT, tmp_path / "a.ckpt")


def test_disk_that_fills_up_during_the_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint(CHECKPOINT, file)
    old = file.read_bytes()
    save = torch.save

    def half(value: Any, stream: Any) -> None:
        save(value, stream)
        raise RuntimeError("[enforce fail at inline_container.cc:659] . unexpected pos 1 vs 2\n")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(StorageError, match="a.ckpt must be writable, got ") as info:
        AtomicCheckpointIO().save_checkpoint({"state_dict": {}}, file)
    assert "\n" not in str(info.value)
    assert file.read_bytes() == old
    assert os.listdir(tmp_path) == ["a.ckpt"]


def test_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="must be writable, got 'Not a directory'|'File exists'"):
        AtomicCheckpointIO().save_checkpoint(CHECKPOINT, tmp_path / "file" / "a.ckpt")


def test_pickled_code_is_named_and_not_run(tmp_path: Path) -> None:
    file, witness = tmp_path / "a.ckpt", tmp_path / "witness"
    torch.save({"state_dict": {}, "evil": Evil(witness)}, file)
    with pytest.raises(ValueError, match=r"got pickled code \(\S*system\S*\) in .*a\.ckpt") as info:
        read_checkpoint(file)
    assert "\n" not in str(info.value)
    assert not witness.exists()


def test_class_instances_are_refused_like_code(tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    torch.save({"state_dict": {}, "layer": torch.nn.Linear(1, 1)}, file)
    with pytest.raises(ValueError, match=r"pickled code \(torch\.nn\.modules\.linear\.Linear\)"):
        read_checkpoint(file)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_checkpoint_is_named(tmp_path: Path, share: float) -> None:
    file = tmp_path / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint(CHECKPOINT, file)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match=r"a\.ckpt, .*(truncated|damaged).*; choose") as info:
        read_checkpoint(file)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"hello", "truncated or no checkpoint"), (b"\x80\x02}q\x00.", "truncated or no checkpoint")],
)
def test_file_of_another_kind_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.ckpt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_checkpoint(file)


def test_file_without_weights_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    for content, found in (({"epoch": 1}, "got a dict"), ([1], "got a list")):
        torch.save(content, file)
        with pytest.raises(ValueError, match=f"must hold a 'state_dict', {found} without"):
            read_checkpoint(file)
    with pytest.raises(ValueError, match="must be an existing file, got .*none.ckpt; `resume RUN`"):
        read_checkpoint(tmp_path / "none.ckpt")


def test_shared_storage_counts_once() -> None:
    w = torch.zeros(10)
    assert tensor_bytes({"a": w, "b": [w.view(2, 5), (torch.zeros(3, dtype=torch.float64),)]}) == 64
