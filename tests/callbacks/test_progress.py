import io
import sys
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.callbacks import Callback

from callbacks.progress import GanProgressBar
from tests.helpers_callbacks import BATCHES, Data, ToyGan, make_trainer


class Clock:
    """Ten seconds a batch, whatever the machine does."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Tick(Callback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_batch_start(self, *args: Any) -> None:
        self.clock.now += 10.0


class Scored(Callback):
    last_scores = {"fd_rand@2k": 12.345, "kd_rand@2k": 1.0, "coverage_rand@2k": 0.5}


def fit(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[Any, list[str]]:
    clock = Clock()
    monkeypatch.setattr("callbacks.progress.time", clock)
    lines: list[str] = []
    bar = GanProgressBar(line_seconds=10.0)
    monkeypatch.setattr(bar, "print", lambda *args: lines.append(args[0]))
    module = ToyGan()
    module.last_statistics = {
        "train/discriminator/adversarial": 0.5312,
        "train/discriminator/grad_norm": 3.0,
        "train/generator/adversarial": 1.2,
        "speed/images_per_s": 99.0,
    }
    callbacks = [Tick(clock), Scored(), bar]
    make_trainer(folder, callbacks, enable_progress_bar=True, **options).fit(module, Data())
    return module, lines


def test_line_says_how_far_how_fast_how_long_and_how_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lines = fit(tmp_path, monkeypatch, max_steps=10)
    assert lines[3] == (
        "step 4/10 · 16 images · 0 images/s · 01:00 left · fd_rand 12.3 · coverage_rand 0.5 · "
        "discriminator 0.531 · generator 1.2"
    )
    assert lines[-1].startswith("step 10/10 · 40 images · 0 images/s · 00:00 left")


def test_epochs_give_the_time_left_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, lines = fit(tmp_path, monkeypatch, max_epochs=2)
    # Six of twelve batches at ten seconds each.
    assert lines[BATCHES - 1].startswith("step 6 · 24 images · 0 images/s · 01:00 left")


def test_limit_that_is_reached_first_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lines = fit(tmp_path, monkeypatch, max_epochs=100, max_steps=8)
    assert "step 4/8 · 16 images · 0 images/s · 00:40 left" in lines[3]


def test_lines_come_at_most_so_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    bar = GanProgressBar(line_seconds=3600)
    monkeypatch.setattr(bar, "print", lambda *args: lines.append(args[0]))
    make_trainer(tmp_path, [bar], enable_progress_bar=True, max_steps=9).fit(ToyGan(), Data())
    assert [line.split(" · ")[0] for line in lines] == ["step 1/9", "step 9/9"]


def test_terminal_gets_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    bar = GanProgressBar(refreshes_per_second=1000)
    make_trainer(tmp_path, [bar], enable_progress_bar=True, max_steps=4).fit(ToyGan(), Data())
    text = terminal.getvalue()
    assert "step 4/4 · 16 images" in text and "━" in text
    assert bar._bar is None


def test_other_ranks_show_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bar = GanProgressBar(line_seconds=1e-9)
    bar.disable()
    make_trainer(tmp_path, [bar], enable_progress_bar=True, max_steps=2).fit(ToyGan(), Data())
    assert "step" not in capsys.readouterr().err


def test_error_closes_the_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Break(Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            raise ZeroDivisionError

    bar = GanProgressBar()
    with pytest.raises(ZeroDivisionError):
        make_trainer(tmp_path, [bar, Break()], enable_progress_bar=True).fit(ToyGan(), Data())
    assert bar._bar is None
    assert "step 1 · 4 images" in capsys.readouterr().err


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="must be positive, got 0 and 30"):
        GanProgressBar(refreshes_per_second=0)
