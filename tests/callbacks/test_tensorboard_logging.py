import logging
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks.tensorboard_logging import GuardedTensorBoardLogger
from tests.helpers_callbacks import Data, ToyGan, make_trainer


def test_numbers_stand_at_images_seen(tmp_path: Path) -> None:
    logger = GuardedTensorBoardLogger(tmp_path)
    make_trainer(tmp_path, logger=logger, max_steps=3).fit(ToyGan(), Data())
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    scalars = events.Scalars("train/discriminator/adversarial")
    assert [scalar.step for scalar in scalars] == [4, 8, 12]
    assert [s.value for s in events.Scalars("generator_steps")] == [1, 2, 3]
    assert "images_seen" not in events.Tags()["scalars"]


@pytest.mark.parametrize("moment", ["start", "later"])
def test_disk_that_fails_is_reported_once_and_training_goes_on(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    name = "__init__" if moment == "start" else "add_scalar"
    monkeypatch.setattr(f"torch.utils.tensorboard.SummaryWriter.{name}", fail)
    logger = GuardedTensorBoardLogger(tmp_path)
    module = ToyGan()
    with caplog.at_level(logging.WARNING):
        make_trainer(tmp_path, logger=logger, max_steps=9).fit(module, Data())
    assert module.images_seen == 36
    assert len([r for r in caplog.records if "not sent" in r.getMessage()]) == 1
