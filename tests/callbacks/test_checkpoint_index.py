import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callbacks.durable import write_atomically
from callbacks.retention import Retention
from callbacks.run_folder import RunFolder
from tests.helpers_callbacks import add_file, entry_of

HEALTHY = {"state": "healthy", "probe": 3, "score": 0.9, "armed": True}


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class KillAt:
    """Kill at the n-th call that changes the disk, before or after it took effect."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, n: int, after: bool) -> None:
        self.left, self.after = n, after
        for owner, name in ((os, "fsync"), (os, "replace"), (Path, "unlink")):
            monkeypatch.setattr(owner, name, self.wrap(getattr(owner, name)))

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            result = call(*args, **kwargs)
            if self.left == 0:
                raise Killed
            return result

        return counted


def train(run: RunFolder) -> None:
    """Four checkpoints, of which each after the second pushes one out."""
    keep = Retention(keep_last=1, keep_best=1)
    for number, score in enumerate([3.0, 1.0, 2.0, 5.0], start=1):
        file = run.checkpoint_path(number * 100, number * 10)
        write_atomically(file, b"weights" * number)
        run.add_checkpoint(entry_of(run, number * 100, score), keep)


def assert_index_is_true(run: RunFolder) -> None:
    index = run.read_index()
    for entry in index["checkpoints"]:
        run.verify(entry)
    if index["checkpoints"]:
        assert run.verify(run.resolve("last")).name == os.path.basename(str(index["last"]))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_index_is_true_whatever_the_moment_of_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    kills = 0
    while True:
        kills += 1
        run = RunFolder(tmp_path / str(kills))
        run.write_index(run.read_index())
        with monkeypatch.context() as patch:
            KillAt(patch, kills, after)
            try:
                train(run)
                killed = False
            except Killed:
                killed = True
        assert_index_is_true(run)
        run.repair()
        assert_index_is_true(run)
        listed = {entry["path"] for entry in run.read_index()["checkpoints"]}
        files = {f"checkpoints/{name}" for name in os.listdir(run.checkpoints_path)}
        assert files == listed
        assert not [name for name in os.listdir(run.path) if name.endswith(".tmp")]
        if not killed:
            break
    # Each checkpoint is three steps, its index row three, and a deletion two.
    assert kills > 4 * 6
    assert {entry["images_seen"] for entry in run.read_index()["checkpoints"]} == {200, 400}


def test_best_and_last_follow_the_rows(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    empty = {"format": 1, "checkpoints": [], "best": None, "last": None, "health": None}
    assert run.read_index() == empty
    for images_seen, score in ((100, 4.0), (200, 2.0), (300, 3.0), (400, None)):
        add_file(run, images_seen, score)
    index = run.read_index()
    assert [entry["images_seen"] for entry in index["checkpoints"]] == [100, 200, 300, 400]
    assert run.resolve("best")["images_seen"] == 200
    assert run.resolve("last")["images_seen"] == 400
    run.drop_checkpoint(run.resolve("best")["path"])
    assert run.resolve("best")["images_seen"] == 300
    run.drop_after(100)
    assert run.resolve("last")["images_seen"] == run.resolve("best")["images_seen"] == 100
    assert os.listdir(run.checkpoints_path) == ["images=000000100-g=00000010.ckpt"]


def test_same_moment_joins_reasons_and_takes_scores(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    add_file(run, 100)
    run.add_checkpoint(entry_of(run, 100, 2.5, state=HEALTHY))
    run.add_checkpoint(entry_of(run, 100, reasons=["end", "interval"]))
    (entry,) = run.read_index()["checkpoints"]
    assert entry["reasons"] == ["interval", "evaluation", "end"]
    assert entry["scores"] == {"fd_rand@2k": 2.5}
    assert entry["protocol"] == {"samples": 2000}
    assert entry["state"] == HEALTHY


def test_resolve_knows_every_way_to_name_a_checkpoint(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    add_file(run, 100, 1.0)
    wanted = add_file(run, 200, 2.0)
    add_file(run, 300, 3.0)
    file = run.file_of(wanted)
    for name in (20, "20", "images=200", wanted["path"], file, str(file), file.name):
        assert run.resolve(name) == wanted


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("99", r"names, got '99'; use 'last', 'best', 'pre-co.*, or one of .* steps: 10, 20"),
        ("images=99", "got 'images=99'"),
        ("best", "'best' must name an evaluated checkpoint, got a run without any"),
        ("other.ckpt", "got 'other.ckpt'"),
    ],
)
def test_unknown_checkpoint_is_one_line_with_the_choices(
    tmp_path: Path, which: str, message: str
) -> None:
    run = RunFolder(tmp_path)
    add_file(run, 100)
    add_file(run, 200)
    with pytest.raises(ValueError, match=message) as info:
        run.resolve(which)
    assert "\n" not in str(info.value)


def test_run_without_checkpoints_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must hold a checkpoint, got none; .* with `fit`"):
        RunFolder(tmp_path).resolve("last")


def test_missing_short_and_altered_files_are_told_apart(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    entry = add_file(run, 100, content=b"weights")
    assert run.verify(entry) == run.file_of(entry)
    run.file_of(entry).write_bytes(b"wEights")
    with pytest.raises(ValueError, match="must have the sha256 .* was altered"):
        run.verify(entry)
    run.file_of(entry).write_bytes(b"weig")
    with pytest.raises(ValueError, match="must be the 7 bytes .*, got 4 bytes"):
        run.resolve("last")
    run.file_of(entry).unlink()
    with pytest.raises(ValueError, match="got no such file; choose another checkpoint, or run"):
        run.resolve("last")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"format": 1, "checkpoints": [',
        b"\xff\xfe",
        b"[]",
        b'{"format": 1}',
        b'{"format": 1, "checkpoints": [null]}',
        b'{"format": 1, "checkpoints": [{"path": "a"}]}',
    ],
)
def test_damaged_index_is_one_line_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    run = RunFolder(tmp_path)
    add_file(run, 100)
    run.index_path.write_bytes(content)
    with pytest.raises(ValueError, match="index.json must be the JSON .* --rebuild-index") as info:
        run.read_index()
    assert "\n" not in str(info.value)
    with pytest.raises(ValueError, match="--rebuild-index"):
        run.repair()
    assert len(os.listdir(run.checkpoints_path)) == 1


def test_lost_index_is_not_taken_for_an_empty_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    add_file(run, 100)
    run.index_path.unlink()
    with pytest.raises(ValueError, match="must exist beside the checkpoints.* --rebuild-index"):
        run.repair()
    assert len(run.checkpoint_files()) == 1


def test_index_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.index_path.write_text('{"format": 2, "checkpoints": []}')
    with pytest.raises(ValueError, match="must have format 1, got 2; use the version"):
        run.read_index()


def test_repair_forgets_what_is_gone_and_leaves_files_of_others(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    lost = add_file(run, 100, 1.0)
    add_file(run, 200, 2.0)
    run.file_of(lost).unlink()
    mine = run.checkpoints_path / "favourite.ckpt"
    mine.write_bytes(b"x")
    run.checkpoint_path(300, 30).write_bytes(b"unlisted")
    (run.checkpoints_path / ".images=9.ckpt.tmp").write_bytes(b"half")
    done = run.repair()
    assert [line.split()[0] for line in done] == ["forgot", "removed", "removed"]
    assert run.resolve("best")["images_seen"] == 200
    assert sorted(os.listdir(run.checkpoints_path)) == [
        "favourite.ckpt",
        "images=000000200-g=00000020.ckpt",
    ]
    assert run.repair() == []


def test_index_is_plain_json_that_ends_in_a_newline(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    add_file(run, 100, 1.0)
    text = run.index_path.read_text()
    assert text.endswith("}\n")
    assert set(json.loads(text)["checkpoints"][0]) == {
        *("path", "images_seen", "generator_step", "round", "epoch", "sha256", "bytes"),
        *("reasons", "scores", "protocol", "state", "time"),
    }
