"""Images with any number of labels: what their sets share, and folders of the user's own.

For multi-label classification as a game over label sets (arXiv:1811.04689).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.base import DataModule
from datamodules.batched import BatchedSet
from datamodules.batches import LabelSets
from datamodules.cache import LabelledImages, content_hash
from datamodules.sets import TrainingSet
from datamodules.tables import TableFolder


class LabelSet(BatchedSet):
    """Training images with their sets of labels; see :class:`LabelSets`.

    Args:
        base: the images.
        labels: float32 ``(N, K)`` of 0 and 1.
    """

    def __init__(self, base: TrainingSet, labels: Tensor) -> None:
        super().__init__(base)
        self.sets = labels

    def __getitems__(  # type: ignore[override]
        self, items: Sequence[tuple[int, int]]
    ) -> LabelSets:
        """Return a batch for N pairs (index, epoch)."""
        plain = self.plain(items)
        index = plain["index"]
        return {"image": plain["image"], "labels": self.sets[index], "index": index}


class LabelSetData(DataModule):
    """Images with sets of labels: batches of :class:`LabelSets`; there are no classes.

    :meth:`load` also keeps names and sets of all images in ``_known``.

    Args:
        **kwargs: see :class:`DataModule`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._known: tuple[tuple[str, ...], NDArray[np.float32]] | None = None

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels, in the order of ``labels`` in a batch."""
        return self._names_and_sets()[0]

    def label_sets(self, split: Any) -> Tensor:
        """Return float32 ``(N, K)``: the sets of the images of :meth:`reference`, in its order."""
        return torch.from_numpy(self._names_and_sets()[1][self.reference(split).rows])

    def _names_and_sets(self) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        self._opened()
        assert self._known is not None
        return self._known

    def _training_set(self) -> LabelSet:
        base = super()._training_set()
        return LabelSet(base, torch.from_numpy(self._names_and_sets()[1][base.rows]))


class LabelSetFolder(TableFolder, LabelSetData):
    """A folder of images, and a CSV of the labels that each of them has.

    Columns: ``image``, a path relative to the folder; and either ``labels``, names with spaces or
    semicolons between them (nothing: the empty set), or one column of 0 and 1 for every label.

    Arguments and errors: see :class:`datamodules.tables.TableFolder`.
    """

    def load(self) -> LabelledImages:
        """Open images and labels; see :class:`DataModule`."""
        images = self.pictures.load()
        own = [row for (row,) in self.rows(len(images.array))]
        found = [self._of_image(row) for row in own]
        columns = [name for name in own[0] if name not in ("image", "labels")]
        names = tuple(columns or sorted(set().union(*found)))
        if not names:
            raise self._refusal(
                "table", "name a label", str(self.table), "add a column labels with their names"
            )
        sets = np.array([[float(name in one) for name in names] for one in found], np.float32)
        self._known = names, sets
        source = np.frombuffer(f"{images.content}{names}".encode(), np.uint8)
        return replace(images, content=content_hash(source, sets))

    def _of_image(self, row: dict[str, Any]) -> set[str]:
        """Names of the labels of a row."""
        if "labels" in row:
            return set(str(row["labels"] or "").replace(";", " ").split())
        flags = {name: str(value).strip() for name, value in row.items() if name != "image"}
        for name, flag in flags.items():
            if flag not in ("0", "1"):
                raise self._refusal(
                    f"column {name}", "hold 0 or 1", flag, f"correct the row of {row['image']}"
                )
        return {name for name, flag in flags.items() if flag == "1"}
