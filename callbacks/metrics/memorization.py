"""Does a generator give back its training set? Three tests in one feature space.

Each test measures generated samples against the training set, and real samples that were held out
of training against the same training set: what held-out samples do as well is no copying.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from callbacks.metrics.augmentations import Augmentation
from callbacks.metrics.cells import Cells, cell_count, principal_axes
from callbacks.metrics.copying import Authenticity, CopyTest
from callbacks.metrics.memorization_verdict import SpaceVerdict
from callbacks.metrics.nearest_train import Matches, nearest_train
from callbacks.metrics.three_sample import rank_in_cells, three_sample_test

# The test in cells is made in a space of at most so many dimensions.
_AXES = 64


@dataclass(frozen=True)
class Side:
    """One set of samples, as one feature space sees it.

    Attributes:
        features: float32 ``(N, d)`` of the samples as they are.
        matches: nearest training samples, under the best change of each sample.
    """

    features: Tensor
    matches: Matches


def judge(
    space: str,
    train: Tensor,
    samples: Side,
    held_out: Side | None,
    changes: Sequence[Augmentation],
    labels: Sequence[str] | None = None,
    seed: int = 0,
) -> SpaceVerdict:
    """Put samples to the tests in one space.

    Args:
        space: its id.
        train: float32 ``(M, d)`` features of the training set.
        samples: the generated samples, all finite.
        held_out: held-out samples; None where there are none, which leaves one weak test.
        changes: under which both were matched.
        labels: class of each training sample, to name cells by.
        seed: of the cells.

    Raises:
        ValueError: for fewer than 100 held-out samples.
    """
    if held_out is None:
        (kin,) = _kin(train, samples.matches)
        return SpaceVerdict(space, Authenticity.of(samples.matches.distance, kin))
    kin, held_out_kin = _kin(train, samples.matches, held_out.matches)
    mirrors = torch.tensor([change.flips for change in changes])
    own, reals = samples.matches, held_out.matches

    axes = principal_axes(train, _AXES, seed) if train.shape[1] > _AXES else None
    trained, drawn, others = (
        features if axes is None else features @ axes
        for features in (train, samples.features, held_out.features)
    )
    cells = Cells(trained, others, cell_count(len(others), len(drawn)), seed)
    return SpaceVerdict(
        space=space,
        authenticity=Authenticity.of(own.distance, kin, reals.distance, held_out_kin),
        copies=CopyTest.of(own.distance, reals.distance, mirrors[own.augmentation], kin),
        three_sample=three_sample_test(drawn, trained, others, cells),
        # A mirrored sample belongs to the cell of its match.
        three_sample_changed=rank_in_cells(
            own.distance,
            cells.train[own.row],
            reals.distance,
            cells.train[reals.row],
            cells.train,
        ),
        names={} if labels is None else _names(cells.train, labels),
    )


def _kin(train: Tensor, *sides: Matches) -> list[Tensor]:
    """For each match of each side, the distance from it to its own nearest training sample."""
    wanted, places = torch.cat([side.row for side in sides]).unique(return_inverse=True)
    distances = nearest_train(train[wanted], train, without=wanted).distance[places]
    return list(distances.split([len(side.row) for side in sides]))


def _names(cells: Tensor, labels: Sequence[str]) -> dict[int, str]:
    found = {}
    for cell in cells.unique().tolist():
        inside = (cells == cell).nonzero().flatten().tolist()
        found[cell] = Counter(labels[row] for row in inside).most_common(1)[0][0]
    return found
