"""How far the training is: steps, images a second, time left, current scores and losses.

A batch costs one clock reading. Losses are those of the last flush, which the module has on the
host already; nothing here waits for the device.
"""

import sys
import time
from collections import deque
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

_RATE_SECONDS = 20.0


class GanProgressBar(ProgressBar):
    """A bar on a terminal, a line now and then elsewhere.

    Args:
        refreshes_per_second: how often the bar is drawn, at most.
        line_seconds: time between two lines where stderr is no terminal.

    Raises:
        ValueError: a number is not positive.
    """

    def __init__(self, refreshes_per_second: float = 4.0, line_seconds: float = 30.0) -> None:
        super().__init__()
        if refreshes_per_second <= 0 or line_seconds <= 0:
            raise ValueError(
                "GanProgressBar: refreshes_per_second and line_seconds must be positive, got "
                f"{refreshes_per_second} and {line_seconds}; 4 and 30 are the defaults"
            )
        self.refreshes_per_second = refreshes_per_second
        self.line_seconds = line_seconds
        self._enabled = True
        self._bar: Progress | None = None
        self._batches = 0
        self._next = 0.0
        # (time, share done, images seen), the oldest one at the start of the window.
        self._window: deque[tuple[float, float, int]] = deque()
        self._start = (0.0, 0.0)

    def disable(self) -> None:
        """Show nothing; Lightning calls it on all ranks but the first."""
        self._enabled = False

    def enable(self) -> None:
        """Show progress again."""
        self._enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar."""
        if not self._enabled:
            return
        now, images = time.monotonic(), _images(pl_module)
        self._batches = trainer.fit_loop.epoch_loop.batch_progress.total.completed
        self._start = (now, self._share(trainer) or 0.0)
        self._window = deque([(now, self._start[1], images)])
        if sys.stderr.isatty():
            self._bar = Progress(
                BarColumn(bar_width=24),
                TextColumn("{task.description}", markup=False),
                console=Console(stderr=True),
                refresh_per_second=self.refreshes_per_second,
            )
            self._bar.start()
            self._bar.add_task("starting", total=1.0 if self._share(trainer) is not None else None)
        self._next = now

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Refresh what is shown, when it is time."""
        self._batches += 1
        now = time.monotonic()
        if self._enabled and now >= self._next:
            self._show(trainer, pl_module, now)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the end and close the bar."""
        if self._enabled:
            self._show(trainer, pl_module, time.monotonic())
        self._close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar, so that the message stands below it."""
        self._close()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Close the bar."""
        self._close()

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print without breaking the bar."""
        if self._bar is not None:
            self._bar.console.print(*args, markup=False)
        else:
            sys.stderr.write(" ".join(map(str, args)) + "\n")

    def status(self, trainer: pl.Trainer, pl_module: pl.LightningModule, now: float) -> str:
        """Put into words how far the training is.

        Args:
            trainer: knows the limits of the run, the scores of the last evaluation and the state of
                the generator: any callback with ``last_scores`` or ``checkpoint_state()`` is asked.
            pl_module: knows images_seen and the last flush.
            now: from ``time.monotonic``.

        Returns:
            Steps, images, images per second, time left, state, scores and losses, as far as known.
        """
        share, images = self._share(trainer), _images(pl_module)
        self._window.append((now, share or 0.0, images))
        while len(self._window) > 2 and now - self._window[1][0] > _RATE_SECONDS:
            self._window.popleft()
        then, _, images_then = self._window[0]
        parts = [_steps(trainer), f"{_short(images)} images"]
        if now > then:
            parts.append(f"{_short((images - images_then) / (now - then))} images/s")
        # Over the whole run, not the window: evaluations and checkpoints take their time as well.
        elapsed, gained = now - self._start[0], (share or 0.0) - self._start[1]
        if share is not None and gained > 0:
            parts.append(f"{_clock(elapsed / gained * (1 - share))} left")
        parts += _state(trainer) + _scores(trainer) + _losses(pl_module)
        return " · ".join(parts)

    def _show(self, trainer: pl.Trainer, pl_module: pl.LightningModule, now: float) -> None:
        text = self.status(trainer, pl_module, now)
        if self._bar is None:
            self._next = now + self.line_seconds
            self.print(text)
            return
        self._next = now + 1.0 / self.refreshes_per_second
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=self._share(trainer) or 0.0, description=text)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _share(self, trainer: pl.Trainer) -> float | None:
        """Return the share of the run that is done, None for a run without an end."""
        shares = []
        if trainer.max_steps > 0:
            shares.append(trainer.global_step / trainer.max_steps)
        if trainer.max_epochs is not None and trainer.max_epochs > 0:
            batches = trainer.max_epochs * trainer.num_training_batches
            shares.append(self._batches / max(batches, 1))
        # The run ends with the limit that is reached first.
        return min(max(shares), 1.0) if shares else None


def _images(pl_module: Any) -> int:
    return int(pl_module.images_seen)


def _steps(trainer: pl.Trainer) -> str:
    done = f"step {trainer.global_step:,}"
    return f"{done}/{trainer.max_steps:,}" if trainer.max_steps > 0 else done


def _scores(trainer: pl.Trainer) -> list[str]:
    """Return the Frechet distance and the coverage of the last evaluation."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        scores = getattr(callback, "last_scores", None) or {}
        shown = [name for name in scores if name.startswith(("fd_", "fid", "coverage_"))]
        if shown:
            return [f"{name.split('@')[0]} {_number(scores[name])}" for name in shown]
    return []


def _state(trainer: pl.Trainer) -> list[str]:
    """Return what the collapse monitor says of the generator: healthy 0.82."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        state = callback.checkpoint_state() if hasattr(callback, "checkpoint_state") else None
        if state is not None:
            return [f"{state['state'].replace('_', ' ')} {_number(state['score'])}"]
    return []


def _losses(pl_module: Any) -> list[str]:
    """Return each player's adversarial loss, as the last flush has it."""
    last = getattr(pl_module, "last_statistics", {})
    names = [name.split("/") for name in last if name.count("/") == 2]
    return [
        f"{player} {_number(last[f'{top}/{player}/{term}'])}"
        for top, player, term in names
        if top == "train" and term == "adversarial"
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _short(value: float) -> str:
    """Shorten a count: 950, 12.3k, 4.56M."""
    for limit, divisor, unit in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= limit:
            return f"{value / divisor:.3g}{unit}"
    return f"{value:.0f}"


def _clock(seconds: float) -> str:
    """Write a duration as 1:02:03, or 02:03 below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
