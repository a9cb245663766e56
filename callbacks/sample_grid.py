"""The same latents, decoded again and again: how the generator changes while it trains."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor
from torchvision.utils import make_grid

from callbacks.image_grid import ImageGrid
from callbacks.media import publish_figure, publish_image, publish_text
from callbacks.offers import draws, has_panels, rewrites, speaks, transcribes
from callbacks.panels import grid_of_panels, panels_of
from callbacks.randomness import same_randomness
from callbacks.recognition import transcript_columns
from callbacks.rewriting import rewriting_columns
from gan_modules.engine.sampling import evaluating

_SHOWN_POINTS = 2000
#: Sentences of the fixed latents, and as many others.
_SHOWN_SENTENCES = 16
_STRIDE = 1_000_003
#: Titles of the columns of sentences.
SAME, FRESH = "the same latents each time", "new latents"


class SampleGrid(Callback):
    """Decode fixed latents on a grid of images_seen, at the start and at the end.

    Of a module that is fed images it shows fixed inputs and what becomes of them, ``columns`` of
    each direction. Of sentences it shows 16 of fixed latents, and 16 of others;
    of a module that rewrites sentences, ``columns`` fixed ones of each direction, and
    of one that transcribes speech ``columns`` fixed utterances.

    Training with this callback is bit-identical to training without it: latents come from a
    generator of their own, the global random states are put back, and so is every module's mode.
    The pictures are the same for any number of ranks, because rank 0 makes them alone.

    Args:
        every_n_images: real images between two pictures; None makes only the first and the last.
        samples: number of latents; for 2-D data the number of points is 2,000 instead, for
            sentences at most 16.
        columns: images in a row.
        seed: of the latents.
        key: name of the pictures in the run folder and on the dashboards.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        every_n_images: int | None = 50_000,
        samples: int = 64,
        columns: int = 8,
        seed: int = 0,
        key: str = "samples",
    ) -> None:
        numbers = {"every_n_images": every_n_images, "samples": samples, "columns": columns}
        for name, value in numbers.items():
            if value is not None and value < 1:
                raise ValueError(
                    f"SampleGrid: {name} must be at least 1, got {value}; 64 samples in 8 columns "
                    "every 50000 images are the defaults"
                )
        self.every_n_images = every_n_images
        self.samples = samples
        self.columns = columns
        self.seed = seed
        self.key = key
        self._grid = ImageGrid(every_n_images)
        self._published: int | None = None
        self._real: Tensor | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Show the untrained generator; a resumed run has that picture already."""
        self._grid.start(pl_module.images_seen)
        self._published = None
        if pl_module.images_seen == 0:
            self.publish(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Make a picture when the grid line of images_seen is crossed."""
        if self._grid.crossed(pl_module.images_seen):
            self.publish(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Show the trained generator."""
        if self._published != pl_module.images_seen:
            self.publish(trainer, pl_module)

    def publish(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Make the picture of this moment, on rank 0.

        Args:
            trainer: tells the run folder, the loggers and, for 2-D data, the real points.
            pl_module: has ``draw_latents`` and ``decode``, or what ``callbacks/panels.py`` shows;
                of any other there is no picture.

        Raises:
            StorageError: the run folder cannot be written.
        """
        moment = self._published = int(pl_module.images_seen)
        fed = (has_panels, rewrites, transcribes)
        offers = draws(pl_module) or any(one(pl_module) for one in fed)
        if not trainer.is_global_zero or not offers:
            return
        own = torch.Generator().manual_seed(self.seed)
        with torch.no_grad(), evaluating(pl_module), same_randomness(self.seed, pl_module.device):
            if has_panels(pl_module):
                groups = panels_of(pl_module, trainer.datamodule, self.columns)  # type: ignore[attr-defined]
                publish_image(trainer, self.key, grid_of_panels(groups), moment)
                return
            if rewrites(pl_module):
                columns = rewriting_columns(pl_module, trainer.datamodule, self.columns)  # type: ignore[attr-defined]
                publish_text(trainer, self.key, columns, moment)
                return
            if transcribes(pl_module):
                columns = transcript_columns(pl_module, trainer.datamodule, self.columns)  # type: ignore[attr-defined]
                publish_text(trainer, self.key, columns, moment)
                return
            if speaks(pl_module):
                publish_text(trainer, self.key, self._sentences(pl_module, own, moment), moment)
                return
            latents = pl_module.draw_latents(self.samples, generator=own)
            samples = pl_module.decode(latents)
            if samples.dim() == 2:
                latents = pl_module.draw_latents(_SHOWN_POINTS, generator=own)
                samples = pl_module.decode(latents)
        samples = samples.float().cpu()
        if samples.dim() == 2:
            figure = scatter(samples, self._real_points(trainer), f"{moment:,} images seen")
            publish_figure(trainer, self.key, figure, moment)
            return
        grid = make_grid(samples, nrow=self.columns, padding=2, pad_value=1.0)
        # make_grid repeats a grey image as three channels; one is enough in the file.
        publish_image(trainer, self.key, grid[: samples.shape[1]], moment)

    def _sentences(self, module: Any, own: torch.Generator, moment: int) -> dict[str, list[str]]:
        other = torch.Generator().manual_seed(self.seed * _STRIDE + moment + 1)
        count = min(self.samples, _SHOWN_SENTENCES)
        return {
            title: module.words(module.decode(module.draw_latents(count, generator=generator)))
            for title, generator in ((SAME, own), (FRESH, other))
        }

    def _real_points(self, trainer: pl.Trainer) -> Tensor:
        """Return up to 2,000 real points ``(N, 2)``, evenly spaced through the training set."""
        if self._real is None:
            reference = trainer.datamodule.reference("train")  # type: ignore[attr-defined]
            stride = max(1, len(reference) // _SHOWN_POINTS)
            indices = range(0, len(reference), stride)
            self._real = torch.stack([torch.as_tensor(reference[i]["image"]) for i in indices])
        return self._real


def scatter(samples: Tensor, real: Tensor, title: str) -> Any:
    """Draw generated points over real ones.

    Args:
        samples: ``(N, 2)``.
        real: ``(M, 2)``; its extent, with a margin, is the extent of the plot, so that pictures
            of different moments compare.
        title: of the plot.

    Returns:
        A matplotlib figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for points, colour, label in ((real, "0.75", "real"), (samples, "tab:blue", "generated")):
        axes.scatter(points[:, 0], points[:, 1], s=3, color=colour, label=label, linewidths=0)
    low, high = real.min(dim=0).values, real.max(dim=0).values
    margin = 0.25 * (high - low).clamp(min=1e-3)
    axes.set_xlim(float(low[0] - margin[0]), float(high[0] + margin[0]))
    axes.set_ylim(float(low[1] - margin[1]), float(high[1] + margin[1]))
    axes.set_aspect("equal", adjustable="box")
    axes.set_title(title)
    axes.legend(loc="upper right", markerscale=4)
    return figure
