import os
from pathlib import Path

import pytest

from callbacks.durable import StorageError
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger


def log(logger: RunFolderLogger, images_seen: int, **values: float) -> None:
    axes = {"images_seen": images_seen, "generator_steps": images_seen // 4, "round": 1}
    logger.log_metrics({**axes, **values}, step=99)


def lines(logger: RunFolderLogger) -> list[str]:
    return logger.run.metrics_path.read_text().splitlines()


def without_time(text: list[str]) -> list[str]:
    """Drop the column wall_s."""
    return [",".join(line.split(",")[:4] + line.split(",")[5:]) for line in text]


def test_each_call_is_a_row_on_the_images_seen_axis(tmp_path: Path) -> None:
    logger = RunFolderLogger(tmp_path)
    log(logger, 4, loss=0.1)
    log(logger, 8, loss=1 / 3)
    logger.flush()
    assert without_time(lines(logger)) == [
        "images_seen,generator_steps,discriminator_steps,round,loss",
        "4,1,,1,0.1",
        "8,2,,1,0.3333333333333333",
    ]
    assert [row["loss"] for row in logger.run.read_metrics()] == [0.1, 1 / 3]


def test_new_name_becomes_the_last_column_and_old_rows_stay(tmp_path: Path) -> None:
    logger = RunFolderLogger(tmp_path, flush_seconds=0)
    log(logger, 4, loss=0.5)
    log(logger, 8, fd=7.0)
    log(logger, 12, fd=6.0, loss=0.25)
    assert without_time(lines(logger)) == [
        "images_seen,generator_steps,discriminator_steps,round,loss,fd",
        "4,1,,1,0.5,",
        "8,2,,1,,7.0",
        "12,3,,1,0.25,6.0",
    ]


def test_rows_do_not_depend_on_when_they_are_written(tmp_path: Path) -> None:
    files = []
    for seconds in (0.0, 1000.0):
        logger = RunFolderLogger(tmp_path / str(seconds), flush_seconds=seconds)
        log(logger, 4, b=1.0)
        log(logger, 8, a=2.0)
        log(logger, 12, c=3.0, b=4.0)
        logger.finalize("success")
        files.append(without_time(lines(logger)))
    assert files[0] == files[1]


def test_rows_wait_and_a_flush_writes_them(tmp_path: Path) -> None:
    logger = RunFolderLogger(tmp_path, flush_seconds=1000)
    log(logger, 4, loss=1.0)
    logger.save()
    assert not logger.run.metrics_path.exists()
    logger.flush()
    assert len(lines(logger)) == 2
    log(logger, 8, loss=1.0)
    logger.finalize("failed")
    logger.finalize("failed")
    assert len(lines(logger)) == 3


def test_row_without_axes_takes_the_last_ones(tmp_path: Path) -> None:
    logger = RunFolderLogger(tmp_path, flush_seconds=0)
    log(logger, 8, loss=1.0)
    logger.log_metrics({"lr": 0.1})
    assert logger.run.read_metrics()[1]["images_seen"] == 8


def test_next_process_goes_on_after_a_torn_row(tmp_path: Path) -> None:
    first = RunFolderLogger(tmp_path, flush_seconds=0)
    log(first, 4, loss=1.0)
    with open(first.run.metrics_path, "a") as file:
        file.write("8,2,,1,3.5,0.")
    second = RunFolderLogger(tmp_path, flush_seconds=0)
    log(second, 8, loss=2.0)
    rows = second.run.read_metrics()
    assert [(row["images_seen"], row["loss"]) for row in rows] == [(4, 1.0), (8, 2.0)]
    assert rows[1]["wall_s"] >= rows[0]["wall_s"]


def test_time_goes_on_where_the_run_was_rewound_to(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.metrics_path.write_text("images_seen,wall_s\n4,100.5\n8,200.5\n")
    run.rewind(4)
    logger = RunFolderLogger(tmp_path, flush_seconds=0)
    log(logger, 8, loss=1.0)
    assert 100.5 <= run.read_metrics()[-1]["wall_s"] < 160


def test_not_a_number_reads_back(tmp_path: Path) -> None:
    logger = RunFolderLogger(tmp_path, flush_seconds=0)
    log(logger, 4, loss=float("nan"), norm=float("inf"))
    row = logger.run.read_metrics()[0]
    assert row["loss"] != row["loss"] and row["norm"] == float("inf")


def test_full_disk_keeps_the_rows_for_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = RunFolderLogger(tmp_path, flush_seconds=1000)
    log(logger, 4, loss=1.0)
    logger.flush()
    log(logger, 8, loss=2.0)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="metrics.csv must be writable"):
            logger.flush()
    logger.flush()
    assert [row["images_seen"] for row in logger.run.read_metrics()] == [4, 8]


def test_negative_wait_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="flush_seconds must be 0 or more, got -1"):
        RunFolderLogger(tmp_path, flush_seconds=-1)
