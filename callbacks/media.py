"""One way to send an image, a plot, a video or text: to the run folder, W&B and TensorBoard.

The file in the run folder is always written; the dashboards get the same picture when their loggers
are there. Call these functions on every rank or only on rank 0: other ranks do nothing.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from torch import Tensor

from callbacks.durable import write_atomically
from callbacks.logger_guard import attempt
from callbacks.run_folder import RunFolder
from datamodules.batches import to_uint8

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def publish_image(trainer: pl.Trainer, key: str, image: Tensor, images_seen: int) -> None:
    """Send one image, or one grid of images.

    Args:
        trainer: tells the run folder and the loggers.
        key: such as ``samples``.
        image: ``(C, H, W)``, floats in [-1, 1] or uint8. With other than 1 or 3 channels, the
            channels stand side by side as grey images.
        images_seen: the moment.

    Raises:
        ValueError: the image has another shape.
        StorageError: the run folder cannot be written.
    """
    if not trainer.is_global_zero:
        return
    shown = picture(image)
    data = io.BytesIO()
    shown.save(data, format="PNG")
    file = RunFolder.of(trainer).media_file(key, images_seen)
    write_atomically(file, data.getvalue())

    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            _to_wandb(logger, key, images_seen, lambda wandb: wandb.Image(shown))
        elif isinstance(logger, TensorBoardLogger):
            _to_tensorboard(logger, key, data.getvalue(), shown.size, images_seen)


def publish_figure(trainer: pl.Trainer, key: str, figure: "Figure", images_seen: int) -> None:
    """Send a matplotlib figure as an image.

    Args:
        trainer: tells the run folder and the loggers.
        key: such as ``samples``.
        figure: drawn at its own size and resolution; pyplot is not needed.
        images_seen: the moment.

    Raises:
        StorageError: the run folder cannot be written.
    """
    if not trainer.is_global_zero:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    pixels = torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8)
    image = pixels.view(height, width, 4)[..., :3].permute(2, 0, 1)
    publish_image(trainer, key, image, images_seen)


def publish_video(
    trainer: pl.Trainer, key: str, frames: Tensor, images_seen: int, fps: float = 8.0
) -> None:
    """Send a moving picture, as a GIF that repeats for ever.

    Args:
        trainer: tells the run folder and the loggers.
        key: such as ``interpolation``.
        frames: ``(T, C, H, W)``, floats in [-1, 1] or uint8.
        images_seen: the moment.
        fps: frames per second.

    Raises:
        ValueError: the frames have another shape, there are none, or fps is not positive.
        StorageError: the run folder cannot be written.
    """
    if not trainer.is_global_zero:
        return
    data, size = gif(frames, fps)
    file = RunFolder.of(trainer).media_file(key, images_seen, ".gif")
    write_atomically(file, data)
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            _to_wandb(logger, key, images_seen, lambda wandb: wandb.Video(str(file), format="gif"))
        elif isinstance(logger, TensorBoardLogger):
            _to_tensorboard(logger, key, data, size, images_seen)


def publish_text(
    trainer: pl.Trainer, key: str, columns: Mapping[str, Sequence[str]], images_seen: int
) -> None:
    """Send lines of text, in one column or several.

    The file is a ``.tsv`` whose first line names the columns; a tab or a line break within a text
    becomes a space.

    Args:
        trainer: tells the run folder and the loggers.
        key: such as ``samples``.
        columns: texts by title, equally many in each column.
        images_seen: the moment.

    Raises:
        ValueError: there is no column, or one is longer than another.
        StorageError: the run folder cannot be written.
    """
    if not trainer.is_global_zero:
        return
    write_text(RunFolder.of(trainer), key, columns, images_seen)
    titles, rows = list(columns), [list(row) for row in zip(*columns.values(), strict=True)]
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            _to_wandb(logger, key, images_seen, lambda wandb: wandb.Table(titles, rows))
        elif isinstance(logger, TensorBoardLogger):
            _text_to_tensorboard(logger, key, [titles, *rows], images_seen)


def write_text(
    run: RunFolder, key: str, columns: Mapping[str, Sequence[str]], images_seen: int
) -> None:
    """Write the file of :func:`publish_text` alone.

    Raises:
        ValueError: there is no column, or one is longer than another.
        StorageError: the run folder cannot be written.
    """
    if len({len(texts) for texts in columns.values()}) != 1:
        counts = {title: len(texts) for title, texts in columns.items()}
        raise ValueError(
            f"publish_text: columns must be one or more of equal length, got {counts}; fill up the "
            "shorter ones"
        )
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    lines = ["\t".join(" ".join(text.split()) for text in row) for row in rows]
    file = run.media_file(key, images_seen, ".tsv")
    write_atomically(file, ("\n".join(lines) + "\n").encode())


def gif(frames: Tensor, fps: float = 8.0) -> tuple[bytes, tuple[int, int]]:
    """Encode frames as a GIF.

    Args:
        frames: ``(T, C, H, W)``, floats in [-1, 1] or uint8.
        fps: frames per second.

    Returns:
        The file's bytes, and (width, height).

    Raises:
        ValueError: the frames have another shape, there are none, or fps is not positive.
    """
    if frames.dim() != 4 or len(frames) == 0 or fps <= 0:
        raise ValueError(
            "publish_video: frames must be (T, C, H, W) at a positive fps, got "
            f"{tuple(frames.shape)} at {fps}; stack the frames along a first dimension"
        )
    first, *rest = [picture(frame) for frame in frames]
    data = io.BytesIO()
    duration = round(1000 / fps)
    first.save(data, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0)
    return data.getvalue(), first.size


def _bytes_chw(image: Tensor) -> Tensor:
    if image.dim() != 3:
        raise ValueError(
            f"publish_image: image must be (C, H, W), got {tuple(image.shape)}; make a grid of a "
            "batch first"
        )
    image = image.detach().cpu()
    pixels = image if image.dtype == torch.uint8 else to_uint8(image)
    if pixels.shape[0] in (1, 3):
        return pixels
    # No reading of other channel counts as colours is right in general: show them all, in grey.
    return torch.cat(list(pixels), dim=1).unsqueeze(0)


def picture(image: Tensor) -> Image.Image:
    """Turn an image into what Pillow writes.

    Args:
        image: ``(C, H, W)``, floats in [-1, 1] or uint8; other channel counts than 1 and 3 are
            shown side by side in grey.

    Raises:
        ValueError: the image has another shape.
    """
    pixels = _bytes_chw(image)
    array = pixels.permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def _to_wandb(logger: WandbLogger, key: str, images_seen: int, wrap: Callable[[Any], Any]) -> None:
    def send() -> None:
        import wandb

        logger.experiment.log({key: wrap(wandb), "images_seen": images_seen})

    attempt(logger, "media", send)


def _to_tensorboard(
    logger: TensorBoardLogger, key: str, data: bytes, size: tuple[int, int], images_seen: int
) -> None:
    def send() -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        # The encoded file as it is: add_image would need the pixels, and add_video moviepy.
        image = Summary.Image(
            width=size[0], height=size[1], colorspace=3, encoded_image_string=data
        )
        summary = Summary(value=[Summary.Value(tag=key, image=image)])
        writer = logger.experiment._get_file_writer()
        # Nothing where the writer could not be opened, which has been told already.
        if writer is not None:
            writer.add_summary(summary, images_seen)

    attempt(logger, "media", send)


def _text_to_tensorboard(
    logger: TensorBoardLogger, key: str, rows: Sequence[Sequence[str]], images_seen: int
) -> None:
    def send() -> None:
        from torch.utils.tensorboard.summary import text

        head, *rest = ["| " + " | ".join(map(_in_a_cell, row)) + " |" for row in rows]
        table = "\n".join([head, "|---" * len(rows[0]) + "|", *rest])
        writer = logger.experiment._get_file_writer()
        if writer is not None:
            writer.add_summary(text(key, table), images_seen)

    attempt(logger, "media", send)


def _in_a_cell(words: str) -> str:
    """Words that Markdown shows as they are: vocabularies may hold any sign."""
    plain = "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|~" else sign for sign in words)
    return " ".join(plain.split())
