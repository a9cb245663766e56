import os
import signal
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.callbacks import Callback

from callbacks.checkpointing import Checkpointing
from callbacks.preemption import Preemption
from callbacks.run_folder import RunFolder
from tests.helpers_callbacks import Data, ToyGan, make_trainer

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Send(Callback):
    """Sends signals to this process in the middle of a batch."""

    def __init__(self, images_seen: int, *signals: int, error: type[BaseException] | None = None):
        self.images_seen, self.signals, self.error = images_seen, signals, error

    def on_train_batch_end(self, trainer: Any, module: Any, *args: Any) -> None:
        if module.images_seen == self.images_seen:
            for number in self.signals:
                os.kill(os.getpid(), number)
            if self.error:
                raise self.error


def fit(folder: Path, *callbacks: Callback, **options: Any) -> tuple[Preemption, ToyGan]:
    preemption, module = Preemption(), ToyGan()
    parts = [*callbacks, preemption, Checkpointing(None)]
    make_trainer(folder, parts, **{"max_steps": 20, **options}).fit(module, Data())
    return preemption, module


@pytest.fixture(autouse=True)
def handlers_are_given_back() -> Any:
    def mine(number: int, frame: Any) -> None:
        raise AssertionError("a signal went to the wrong handler")

    before = {number: signal.signal(number, mine) for number in SIGNALS}
    yield
    after = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == dict.fromkeys(SIGNALS, mine)


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_saves_this_batch_and_stops(tmp_path: Path, number: signal.Signals) -> None:
    preemption, module = fit(tmp_path, Send(12, number))
    assert preemption.preempted and preemption.signal_name == number.name
    assert module.images_seen == 12
    entry = RunFolder(tmp_path).resolve("last")
    assert (entry["images_seen"], entry["reasons"]) == (12, ["preemption"])


def test_run_without_a_signal_is_not_preempted(tmp_path: Path) -> None:
    preemption, module = fit(tmp_path, Send(999), max_steps=3)
    assert not preemption.preempted and preemption.signal_name is None
    assert RunFolder(tmp_path).resolve("last")["reasons"] == ["end"]


def test_second_sigterm_changes_nothing(tmp_path: Path) -> None:
    terminate = (signal.SIGTERM,) * 3
    preemption, module = fit(tmp_path, Send(12, *terminate))
    assert preemption.preempted and module.images_seen == 12
    assert len(RunFolder(tmp_path).read_index()["checkpoints"]) == 1


def test_second_ctrl_c_aborts_without_a_checkpoint(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        fit(tmp_path, Send(12, signal.SIGINT, signal.SIGINT))
    assert RunFolder(tmp_path).read_index()["checkpoints"] == []
    assert capfd.readouterr().err.count("press Ctrl-C again to abort") == 1


def test_minimum_of_steps_and_epochs_does_not_hold_back_a_preemption(tmp_path: Path) -> None:
    _, module = fit(tmp_path, Send(12, signal.SIGTERM), min_steps=15, min_epochs=2)
    assert module.images_seen == 12


def test_error_gives_the_handlers_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fit(tmp_path, Send(12, error=ZeroDivisionError))


def test_signal_during_setup_stops_after_the_first_batch(tmp_path: Path) -> None:
    class Early(Callback):
        def on_fit_start(self, *args: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    _, module = fit(tmp_path, Early())
    assert module.images_seen == 4


def test_worker_that_inherits_the_handler_ignores_the_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    preemption = Preemption()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    preemption._handle(signal.SIGINT, None)
    preemption._handle(signal.SIGINT, None)
    assert not preemption.requested


def test_lightnings_broadcasts_are_disarmed(tmp_path: Path) -> None:
    """When this fails, Lightning has renamed something: see Preemption.setup, and trap T8."""
    trainer = make_trainer(tmp_path, [Preemption()], max_steps=1)
    assert hasattr(trainer._signal_connector, "_sigterm_notifier_fn")
    assert hasattr(trainer._signal_connector, "_original_handlers")
    loop: Any = trainer.fit_loop.epoch_loop
    broadcast = loop._broadcast_sigterm_tensor
    trainer.fit(ToyGan(), Data())
    assert loop._broadcast_sigterm_tensor != broadcast
    assert loop._broadcast_sigterm_tensor() is None


def test_bad_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="check_every_n_batches must be at least 1, got 0"):
        Preemption(check_every_n_batches=0)
