import os
from pathlib import Path
from typing import Any

import pytest

from callbacks.durable import StorageError, append_line, whole_lines, write_atomically


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def kill(*args: Any, **kwargs: Any) -> None:
    raise Killed


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_kill_before_the_rename_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "a.json"
    write_atomically(file, b"old")
    monkeypatch.setattr(os, step, kill)
    with pytest.raises(Killed):
        write_atomically(file, b"new content")
    assert file.read_bytes() == b"old"
    monkeypatch.undo()
    write_atomically(file, b"new content")
    assert file.read_bytes() == b"new content"
    assert os.listdir(tmp_path) == ["a.json"]


def test_file_is_flushed_before_the_rename_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"
        calls.append(f"fsync {kind}")
        fsync(descriptor)

    def note_replace(source: Any, target: Any) -> None:
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_atomically(tmp_path / "a", b"x")
    assert calls == ["fsync file", "replace", "fsync folder"]


def test_full_disk_is_one_line_and_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    write_atomically(file, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"a\.json must be writable, got 'No space left") as info:
        write_atomically(file, b"new")
    assert "\n" not in str(info.value)
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="must be writable"):
        write_atomically(tmp_path / "file" / "a.json", b"x")
    with pytest.raises(StorageError, match="must be writable"):
        append_line(tmp_path / "file" / "a.jsonl", b"x")


def test_torn_last_line_is_not_read_and_not_glued_to_the_next(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    append_line(file, b"one")
    append_line(file, b"two")
    with open(file, "ab") as stream:
        stream.write(b"thr")
    assert whole_lines(file) == ["one", "two"]
    append_line(file, b"four")
    assert whole_lines(file) == ["one", "two", "four"]
    assert file.read_bytes() == b"one\ntwo\nfour\n"


def test_file_that_is_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    file.write_bytes(b"on")
    assert whole_lines(file) == []
    append_line(file, b"one")
    assert whole_lines(file) == ["one"]
    assert whole_lines(tmp_path / "none") == []


def test_failed_append_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rows"
    append_line(file, b"one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        append_line(file, b"two")
    assert file.read_bytes() == b"one\n"
