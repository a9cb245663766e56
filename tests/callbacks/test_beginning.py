from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from callbacks.beginning import Beginning


def trainer(path: Path, rank: int = 0) -> Any:
    strategy = SimpleNamespace(barrier=lambda name: None)
    return SimpleNamespace(
        is_global_zero=rank == 0,
        default_root_dir=str(path),
        strategy=strategy,
        progress_bar_callback=None,
    )


def test_run_begins_with_its_first_round_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    beginning, module = Beginning(), SimpleNamespace()
    beginning.on_train_start(trainer(tmp_path), module)
    assert not beginning.began and not caplog.records
    with caplog.at_level("INFO", logger="callbacks"):
        for batch in range(3):
            beginning.on_train_batch_end(trainer(tmp_path), module, None, None, batch)
    assert beginning.began
    assert [r.getMessage() for r in caplog.records] == [f"run folder: {tmp_path}"]


@pytest.mark.parametrize(("rank", "calls"), [(0, 1), (1, 0)])
def test_folder_is_prepared_by_rank_zero_when_training_starts(
    tmp_path: Path, rank: int, calls: int
) -> None:
    done: list[int] = []
    beginning = Beginning(lambda: done.append(1))
    assert done == []
    beginning.on_train_start(trainer(tmp_path, rank), SimpleNamespace())
    assert len(done) == calls
