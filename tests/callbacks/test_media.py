import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks.media import gif, publish_figure, publish_image, publish_video
from callbacks.run_folder import RunFolder
from callbacks.tensorboard_logging import GuardedTensorBoardLogger
from callbacks.wandb_logging import GuardedWandbLogger
from tests.helpers_callbacks import make_trainer, read_image


def picture(folder: Path, key: str, images_seen: int, suffix: str = ".png") -> Any:
    return read_image(RunFolder(folder).media_file(key, images_seen, suffix))


def test_floats_and_bytes_become_the_same_png(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    floats = torch.tensor([-1.0, 0.0, 1.0, 2.0]).view(1, 2, 2).repeat(3, 1, 1)
    floats[0] = -1.0
    publish_image(trainer, "a", floats, 5)
    expected = np.stack([np.zeros((2, 2)), *[np.array([[0, 128], [255, 255]])] * 2], axis=-1)
    assert np.array_equal(np.asarray(picture(tmp_path, "a", 5)), expected)
    publish_image(trainer, "b", torch.from_numpy(expected.astype(np.uint8)).permute(2, 0, 1), 5)
    assert np.array_equal(np.asarray(picture(tmp_path, "b", 5)), expected)


def test_one_channel_is_grey_and_other_counts_stand_side_by_side(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    publish_image(trainer, "grey", torch.full((1, 2, 3), -1.0), 0)
    grey = picture(tmp_path, "grey", 0)
    assert (grey.mode, grey.size) == ("L", (3, 2))
    four = torch.linspace(-1, 1, 4).view(4, 1, 1).expand(4, 2, 3)
    publish_image(trainer, "four", four, 0)
    side = np.asarray(picture(tmp_path, "four", 0))
    assert side.shape == (2, 12)
    assert side[0].tolist() == [0] * 3 + [85] * 3 + [170] * 3 + [255] * 3


def test_wrong_shapes_are_refused(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    with pytest.raises(ValueError, match=r"image must be \(C, H, W\), got \(2, 3, 4, 4\); make a"):
        publish_image(trainer, "a", torch.zeros(2, 3, 4, 4), 0)
    with pytest.raises(ValueError, match=r"frames must be \(T, C, H, W\) .*got \(3, 4, 4\) at 8"):
        publish_video(trainer, "a", torch.zeros(3, 4, 4), 0)
    with pytest.raises(ValueError, match=r"got \(0, 1, 4, 4\) at 8"):
        gif(torch.zeros(0, 1, 4, 4))
    assert not (tmp_path / "media").exists()


def test_video_is_a_gif_with_all_frames(tmp_path: Path) -> None:
    frames = torch.linspace(-1, 1, 5).view(5, 1, 1, 1).expand(5, 3, 4, 6)
    publish_video(make_trainer(tmp_path), "walk", frames, 7, fps=10)
    video = picture(tmp_path, "walk", 7, ".gif")
    assert (video.n_frames, video.size, video.info["duration"]) == (5, (6, 4), 100)


def test_figure_is_drawn_in_its_own_size(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50, facecolor="red")
    publish_figure(make_trainer(tmp_path), "plot", figure, 3)
    image = picture(tmp_path, "plot", 3)
    assert image.size == (100, 50)
    assert image.getpixel((0, 0)) == (255, 0, 0)


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    class Other:
        is_global_zero = False
        default_root_dir = tmp_path

    other: Any = Other()
    publish_image(other, "a", torch.zeros(3, 2, 2), 0)
    publish_video(other, "a", torch.zeros(1, 3, 2, 2), 0)
    assert not (tmp_path / "media").exists()


def test_tensorboard_gets_images_at_images_seen(tmp_path: Path) -> None:
    logger = GuardedTensorBoardLogger(tmp_path)
    trainer = make_trainer(tmp_path, logger=logger)
    publish_image(trainer, "samples", torch.zeros(3, 4, 6), 640)
    publish_video(trainer, "walk", torch.zeros(2, 3, 4, 6), 641)
    logger.finalize("success")
    events = EventAccumulator(str(tmp_path / "tensorboard"), {"images": 0}).Reload()
    (image,) = events.Images("samples")
    assert (image.step, image.width, image.height) == (640, 6, 4)
    assert events.Images("walk")[0].encoded_image_string.startswith(b"GIF8")


def test_failing_dashboard_is_reported_once_and_the_file_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    class Broken(GuardedWandbLogger):
        @property
        def experiment(self) -> Any:
            calls.append(1)
            raise ConnectionError("the service\nis gone")

    trainer = make_trainer(tmp_path, logger=Broken(tmp_path))
    with caplog.at_level(logging.WARNING):
        for moment in range(6):
            publish_image(trainer, "samples", torch.zeros(3, 2, 2), moment)
    assert len(RunFolder(tmp_path).media_files("samples")) == 6
    (record,) = caplog.records
    assert record.getMessage() == (
        "Broken: media not sent (ConnectionError: the service is gone); training goes on, and the "
        "run folder has everything"
    )
    assert len(calls) == 3
