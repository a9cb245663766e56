"""Sentences on the way to the run folder, the dashboards and the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks.media import publish_text
from callbacks.run_folder import RunFolder
from callbacks.run_lines import read_columns
from callbacks.sample_grid import FRESH, SAME, SampleGrid
from callbacks.tensorboard_logging import GuardedTensorBoardLogger
from callbacks.wandb_logging import GuardedWandbLogger
from experiments.report_page.sentences import choose
from tests.helpers_callbacks import make_trainer
from tests.helpers_report import make_run, page_of
from tests.helpers_sentences import Speaker, language, one_of

NASTY = {"a": ["<b>one</b> & two", "tab\tand\nline"], "b": ["| pipe _x_", ""]}


def test_file_has_the_titles_and_a_line_for_each_row(tmp_path: Path) -> None:
    publish_text(make_trainer(tmp_path), "samples", NASTY, 640)
    ((moment, file),) = RunFolder(tmp_path).media_files("samples")
    assert (moment, file.suffix) == (640, ".tsv")
    assert file.read_text() == "a\tb\n<b>one</b> & two\t| pipe _x_\ntab and line\t\n"
    assert read_columns(file) == {
        "a": ["<b>one</b> & two", "tab and line"],
        "b": ["| pipe _x_", ""],
    }


def test_columns_of_unequal_length_are_refused(tmp_path: Path) -> None:
    for columns in ({"a": ["x"], "b": []}, {}):
        with pytest.raises(ValueError, match="publish_text: columns must be one or more of equal"):
            publish_text(make_trainer(tmp_path), "samples", columns, 0)
    assert not (tmp_path / "media").exists()


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    class Other:
        is_global_zero = False
        default_root_dir = tmp_path

    other: Any = Other()
    publish_text(other, "a", NASTY, 0)
    assert not (tmp_path / "media").exists()


def test_damaged_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "1.tsv"
    for content in (b"", b"a\tb\none\n", b"\xff\xfe"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="must hold columns of text .*; delete that file"):
            read_columns(file)


def test_dashboards_get_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    RunFolder.create(tmp_path, name="run", variant="V", data="D")
    board, wandb = GuardedTensorBoardLogger(tmp_path), GuardedWandbLogger(tmp_path, mode="offline")
    trainer = make_trainer(tmp_path, logger=[board, wandb])
    for moment in (640, 1280):
        publish_text(trainer, "samples", NASTY, moment)
    board.finalize("success")
    wandb.finalize("success")
    tables = list(tmp_path.glob("wandb/offline-run-*/files/media/table/samples_*.json"))
    assert len(tables) == 2
    content = json.loads(tables[0].read_text())
    assert content["columns"] == ["a", "b"]
    assert content["data"] == [list(row) for row in zip(*NASTY.values(), strict=True)]
    events = EventAccumulator(str(tmp_path / "tensorboard"), {"tensors": 0}).Reload()
    name = next(tag for tag in events.Tags()["tensors"] if tag.startswith("samples"))
    first, last = events.Tensors(name)
    assert (first.step, last.step) == (640, 1280)
    shown = first.tensor_proto.string_val[0].decode()
    assert shown.splitlines()[:2] == ["| a | b |", "|---|---|"]
    assert r"\| pipe \_x\_" in shown and r"\<b\>one" in shown


def test_same_latents_are_shown_again_and_others_beside_them(tmp_path: Path) -> None:
    module: Any = Speaker(one_of(language(4000, seed=5)))
    grid = SampleGrid(seed=3)
    for module.images_seen in (0, 640):
        torch.rand(5)
        grid.publish(make_trainer(tmp_path), module)
    first, last = (read_columns(file) for _, file in RunFolder(tmp_path).media_files("samples"))
    assert list(first) == [SAME, FRESH] and len(first[SAME]) == len(first[FRESH]) == 16
    assert first[SAME] == last[SAME] != last[FRESH] != first[FRESH]
    own = torch.Generator().manual_seed(3)
    assert last[SAME] == module.words(module.decode(module.draw_latents(16, generator=own)))


def test_training_draws_what_it_would_have_drawn(tmp_path: Path) -> None:
    module: Any = Speaker(one_of(language(50)))
    module.images_seen = 0
    state = torch.get_rng_state()
    SampleGrid().publish(make_trainer(tmp_path), module)
    assert torch.equal(torch.get_rng_state(), state)


def spoken_run(folder: Path, moments: tuple[int, ...]) -> RunFolder:
    run = make_run(folder, evaluations=0)
    for moment in moments:
        columns = {SAME: [f"after {moment}", "<script>alert(1)</script>"], FRESH: ["x", "y"]}
        publish_text(make_trainer(run.path), "samples", columns, moment)
    return run


def test_report_shows_the_first_the_middle_and_the_last_moment_escaped(tmp_path: Path) -> None:
    run = spoken_run(tmp_path / "run", (0, 100, 200, 300, 400))
    page = page_of(run)
    section = page.one("section", id="samples")
    same, fresh = section.all("table", cls="sentences")
    assert [cell.text for cell in same.all("th")] == [
        "After 0 images",
        "After 200 images",
        "After 400 images",
    ]
    rows = [[cell.text for cell in row.all("td")] for row in same.one("tbody").all("tr")]
    assert rows == [["after 0", "after 200", "after 400"], ["<script>alert(1)</script>"] * 3]
    assert fresh.one("caption").text == "New latents"
    assert not list(section.all("script")) and "No picture yet" not in section.text
    assert not list(section.all(cls="viewer"))


def test_report_names_a_damaged_file_and_shows_the_others(tmp_path: Path) -> None:
    run = spoken_run(tmp_path / "run", (0, 100))
    run.media_file("samples", 50, ".tsv").write_bytes(b"a\tb\none\n")
    page = page_of(run)
    assert len(list(page.one("section", id="samples").all("table", cls="sentences"))) == 2
    assert "must hold columns of text" in page.text


@pytest.mark.parametrize(
    ("count", "places"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (6, [0, 2, 5])]
)
def test_few_moments_are_all_shown(count: int, places: list[int]) -> None:
    frames: Any = list(range(count))
    assert choose(frames) == places
