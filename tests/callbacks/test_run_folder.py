import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from callbacks.durable import append_line
from callbacks.run_folder import RunFolder
from tests.helpers_callbacks import add_file, evaluation


def create(path: Path) -> RunFolder:
    return RunFolder.create(
        path, name="first", variant="gan_modules.GAN", data="datamodules.Ring", data_name="ring"
    )


def test_import_needs_neither_torch_nor_lightning() -> None:
    code = (
        "import callbacks.run_folder, sys; "
        "print(*sorted({'torch', 'pytorch_lightning', 'numpy'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, capture_output=True, text=True, check=True)
    assert output.stdout.split() == []


def test_new_run_has_a_record_and_an_empty_index(tmp_path: Path) -> None:
    run = create(tmp_path / "runs" / "a")
    record = RunFolder.open(run.path).read_run()
    assert (record["name"], record["variant"], record["status"]) == (
        "first",
        "gan_modules.GAN",
        "running",
    )
    assert len(record["id"]) == 8
    assert record["parent"] is None and record["wandb"] is None
    assert json.loads(run.index_path.read_text())["checkpoints"] == []
    assert create(tmp_path / "b").read_run()["id"] != record["id"]


def test_folder_with_files_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match="must be a new or empty folder.* use `resume`"):
        create(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]
    with pytest.raises(ValueError, match="must be a new or empty folder"):
        create(tmp_path / "thesis.tex")


def test_open_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run must be an existing folder, got .*none; pass"):
        RunFolder.open(tmp_path / "none")
    with pytest.raises(ValueError, match="must be a folder made by `fit`, got .* without run.json"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"id": "x"}'])
def test_damaged_record_is_one_line(tmp_path: Path, content: str) -> None:
    run = create(tmp_path / "a")
    run.record_path.write_text(content)
    with pytest.raises(ValueError, match=r"run\.json must") as info:
        run.read_run()
    assert "\n" not in str(info.value)


def test_update_changes_some_keys_and_invents_none(tmp_path: Path) -> None:
    run = create(tmp_path / "a")
    run.update_run(status="finished")
    assert run.read_run()["status"] == "finished"
    assert run.read_run()["name"] == "first"
    with pytest.raises(ValueError, match="only hold its own keys, got 'statsu'"):
        run.update_run(statsu="failed")


def test_evaluations_read_back_without_a_torn_line(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.append_evaluation(evaluation(100, 2.0))
    run.append_evaluation(evaluation(200, float("nan")))
    with open(run.evaluations_path, "ab") as file:
        file.write(b'{"images_seen": 300, "sc')
    rows = run.read_evaluations()
    assert [row["images_seen"] for row in rows] == [100, 200]
    assert [row["scores"] for row in rows] == [{"fd_rand@2k": 2.0}, {"fd_rand@2k": None}]
    assert rows[0]["time"].endswith("+00:00")
    run.append_evaluation(evaluation(300))
    assert [row["images_seen"] for row in run.read_evaluations()] == [100, 200, 300]


def test_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    append_line(run.evaluations_path, b"{broken")
    run.append_evaluation(evaluation(100))
    with pytest.raises(
        ValueError, match="line 1 of .* must be JSON with images_seen, got '{broken'; delete"
    ):
        run.read_evaluations()


def test_metrics_read_back_without_empty_cells_and_torn_rows(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.metrics_path.write_text("images_seen,round,loss\n4,1,0.5\n8,2,\n12,3,0.12")
    assert run.read_metrics() == [
        {"images_seen": 4.0, "round": 1.0, "loss": 0.5},
        {"images_seen": 8.0, "round": 2.0},
    ]


def test_rewind_forgets_what_lies_beyond_and_keeps_the_moment_itself(tmp_path: Path) -> None:
    run = create(tmp_path / "a")
    for images_seen in (100, 200, 300):
        add_file(run, images_seen, 1.0)
        run.append_evaluation(evaluation(images_seen))
        picture = run.media_file("samples/ema", images_seen)
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(b"png")
    run.metrics_path.write_text("images_seen,loss\n100,1\n200,2\n200,3\n201,4\n300,5\n3")
    for _ in range(2):
        run.rewind(200)
        assert [e["images_seen"] for e in run.read_index()["checkpoints"]] == [100, 200]
        assert [e["images_seen"] for e in run.read_evaluations()] == [100, 200]
        assert run.metrics_path.read_text() == "images_seen,loss\n100,1\n200,2\n200,3\n"
        assert [moment for moment, _ in run.media_files("samples/ema")] == [100, 200]
    run.rewind(0)
    assert run.metrics_path.read_text() == "images_seen,loss\n"
    assert run.read_evaluations() == []


def test_rewind_of_a_run_that_logged_nothing(tmp_path: Path) -> None:
    run = create(tmp_path / "a")
    run.rewind(0)
    assert sorted(os.listdir(run.path)) == ["index.json", "run.json"]


def test_media_are_named_by_key_and_moment(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    file = run.media_file("samples", 64000)
    assert file == tmp_path / "media" / "samples" / "000000064000.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    (file.parent / "notes.txt").write_bytes(b"")
    assert run.media_files("samples") == [(64000, file)]
    assert run.media_keys() == ["samples"]
    assert run.media_files("other") == []


@pytest.mark.parametrize("key", ["", "../secret", "a//b", "/etc", "a/..", "a\\b"])
def test_media_key_stays_inside_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="media key must be names joined by '/'"):
        RunFolder(tmp_path).media_file(key, 0)
