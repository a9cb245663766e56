"""What the scores need of a data module, and how its reference samples are read."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

Split = Literal["train", "held_out"]


class ReferenceSet(Protocol):
    """Map-style data without augmentation.

    Item i is a mapping with ``image``, uint8 ``(C, H, W)``, float ``(2,)`` or, of sentences, int64
    ``(T,)``, and maybe ``label``.
    """

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, index: int, /) -> Any:
        """Return one sample."""


class ReferenceData(Protocol):
    """The part of a data module that evaluation reads."""

    @property
    def name(self) -> str:
        """Short slug of the data, such as ``mnist5k-32``."""

    @property
    def image_shape(self) -> tuple[int, ...]:
        """``(C, H, W)`` of images, ``(2,)`` of points, or ``(T,)`` of sentences."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes; None for data without labels."""

    def reference(self, split: Split) -> ReferenceSet:
        """Return the samples of a split, without augmentation."""

    def fingerprint(self) -> str:
        """Return a stable hash of content and preprocessing."""


def held_out_or_none(ask: Callable[[], Any]) -> Any:
    """A held-out part that need not be there.

    Args:
        ask: asks the data module for it, such as ``lambda: data.reference("held_out")``.

    Returns:
        What it gave; None where nothing is held out, which a data module says by an error. Ask for
        the training part first: what else is wrong with the data is an error there too.
    """
    try:
        found = ask()
    except ValueError:
        return None
    return found if found is not None and len(found) else None


def strided_indices(total: int, n: int) -> list[int]:
    """Choose n of a data set's indices, evenly spread: files are often sorted by class.

    Args:
        total: size of the data set.
        n: how many; at most ``total`` are returned.
    """
    n = min(n, total)
    return [i * total // n for i in range(n)]


def read_samples(data: ReferenceSet, indices: Sequence[int], chunk: int = 256) -> Iterator[Tensor]:
    """Read reference samples in stacks.

    Args:
        data: the samples.
        indices: which, in this order.
        chunk: samples in one stack.

    Yields:
        uint8 ``(n, C, H, W)``, float ``(n, 2)`` or int64 ``(n, T)``, n at most ``chunk``.

    Raises:
        ValueError: when samples differ in shape, so they cannot be stacked.
    """
    for start in range(0, len(indices), chunk):
        samples = [torch.as_tensor(data[i]["image"]) for i in indices[start : start + chunk]]
        shapes = {tuple(sample.shape) for sample in samples}
        if len(shapes) > 1:
            raise ValueError(
                f"read_samples: reference images must share one shape, got {sorted(shapes)}; "
                "let the data module resize them"
            )
        yield torch.stack(samples)


def read_all(data: ReferenceSet) -> Tensor:
    """Read a whole set of small samples, such as sentences ``(N, T)``, in its order.

    Args:
        data: the samples, at least 1.
    """
    return torch.cat(list(read_samples(data, range(len(data)))))
