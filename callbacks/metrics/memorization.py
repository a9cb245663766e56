"""Does a generator give back its training set? Tests in each feature space, and one verdict.

Each test measures generated samples against the training set, and real samples that were held out
of training against the same training set: what held-out samples do as well is no copying.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from callbacks.metrics.augmentations import Augmentation
from callbacks.metrics.authenticity import Authenticity, Twins
from callbacks.metrics.cells import Cells, cell_count, principal_axes
from callbacks.metrics.copying import LEVELS, CopyTest, Level
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


@dataclass(frozen=True)
class MemorizationVerdict:
    """The verdict over all spaces: the gravest of them.

    Attributes:
        spaces: one or more.
        weak: whether it was made without held-out samples: ``fresh`` then says little.
    """

    spaces: tuple[SpaceVerdict, ...]
    weak: bool = False

    @property
    def level(self) -> Level:
        """The gravest level of a space."""
        return max((space.level for space in self.spaces), key=LEVELS.index)

    @property
    def reasons(self) -> list[str]:
        """Why it is not fresh: sentences, with the space in front."""
        return self._sentences(charged=True)

    @property
    def notes(self) -> list[str]:
        """What is no copying by itself: spaces where samples lie near, but have no twins."""
        return self._sentences(charged=False)

    def _sentences(self, charged: bool) -> list[str]:
        spaces = [one for one in self.spaces if one.twins.flagged == charged]
        return [f"{one.space}: {text}" for one in spaces for text in one.flags.values()]

    def numbers(self) -> dict[str, float]:
        """Numbers for the loggers: ``memorization/level`` (0 fresh, 1 suspect, 2 memorised), ..."""
        found: dict[str, float] = {"memorization/level": LEVELS.index(self.level)}
        for one in self.spaces:
            for name, value in one.to_dict().items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    within = "" if name == one.informed_name else f"{one.space}/"
                    found[f"memorization/{within}{name}"] = float(value)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "verdict": self.level,
            "weak": self.weak,
            "reasons": self.reasons,
            "notes": self.notes,
            "spaces": {one.space: one.to_dict() for one in self.spaces},
        }


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
        alone = samples.matches.distance, kin
        return SpaceVerdict(space, Twins.of(*alone), Authenticity.of(*alone))
    kin, held_out_kin = _kin(train, samples.matches, held_out.matches)
    mirrors = torch.tensor([change.flips for change in changes])
    own, reals = samples.matches, held_out.matches
    both = own.distance, kin, reals.distance, held_out_kin

    axes = principal_axes(train, _AXES, seed) if train.shape[1] > _AXES else None
    trained, drawn, others = (
        features if axes is None else features @ axes
        for features in (train, samples.features, held_out.features)
    )
    cells = Cells(trained, others, cell_count(len(others), len(drawn)), seed)
    return SpaceVerdict(
        space=space,
        twins=Twins.of(*both),
        authenticity=Authenticity.of(*both),
        copies=CopyTest.of(own.distance, reals.distance, mirrors[own.augmentation]),
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
