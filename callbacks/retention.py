"""Which checkpoints stay: the newest ones, the best ones by a score, and those before a collapse.

Pure rules over index rows, without files and without torch, so that the commands can use them.
Whether lower is better follows from a score's name; two scores are ranked against each other only
if they were measured under the same protocol.

A collapse is noticed some probes after its onset, and the best checkpoint before the onset has to
be there still. No onset lies before the window (:class:`callbacks.collapse.health.Health`), so
everything in the window stays. Of what is older, every row lies before whatever onset comes, so the
best ones of it are enough: the best before the onset is in the window or among them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from callbacks.collapse.candidates import after_collapse, unbeaten
from callbacks.collapse.health import Health, state_of

#: The criterion of a map of word vectors, which needs no dictionary.
_DICTIONARY = "csls_cosine@"
#: Of rewritten sentences: the geometric mean of style and content, which needs no pairs.
_REWRITTEN = "style_content@"
#: Of translated sentences, and of summaries, which need no pairs either.
_ROUND_TRIP, _CHANNEL = "round_trip_bleu4@", "nll_channel@"
#: Of recognised speech: fluency less variety, which needs no transcripts.
_HEARD = "nll_less_log_usage@"
LOWER_IS_BETTER = (
    *("fd_", "fid@", "fid_", "kd_", "kid@", "kid_"),
    *("cycle_l1/", "paired_l1/", "nll_", "per@", "per_"),
)
HIGHER_IS_BETTER = (
    *("precision_", "recall_", "density_", "coverage_", "cs_", "is@", "is_"),
    *("paired_psnr/", "paired_ssim/"),
    *(_DICTIONARY, "p1_", "p5_"),
    *(_REWRITTEN, "style_accuracy@", "content_bleu", "reference_"),
    *(_ROUND_TRIP, "rouge"),
    *("bleu", "valid_share@"),
)


def is_frechet(name: str) -> bool:
    """Whether a score is a Frechet distance, in any feature space."""
    return name.startswith(("fd_", "fid@", "fid_")) and not name.endswith("_sd")


def better(name: str) -> Literal["min", "max"]:
    """Tell the good direction of a score from its name.

    Args:
        name: a score such as ``fd_efflite0@2k``.

    Returns:
        ``"min"`` for distances, ``"max"`` for precision, recall, density, coverage and classifier
        scores.

    Raises:
        ValueError: the name belongs to no family that we know.
    """
    if name.startswith(LOWER_IS_BETTER):
        return "min"
    if name.startswith(HIGHER_IS_BETTER):
        return "max"
    raise ValueError(
        f"Retention: monitor must be a score whose good direction is known, got '{name}'; set "
        "mode to 'min' or 'max'"
    )


@dataclass(frozen=True)
class Retention:
    """The rule by which checkpoints stay.

    Attributes:
        keep_last: how many of the newest checkpoints stay, at least 1.
        keep_best: how many of the best evaluated checkpoints stay, 0 or more.
        monitor: the score that ranks them; None takes the first Frechet distance of a row, or, for
            word vectors, the criterion that needs no dictionary, or, for rewritten sentences, the
            mean of style and content.
        mode: ``"min"`` or ``"max"``; None follows from the name of the score.

    Raises:
        ValueError: a count is out of range, or the direction of ``monitor`` is not known.
    """

    keep_last: int = 2
    keep_best: int = 3
    monitor: str | None = None
    mode: Literal["min", "max"] | None = None

    def __post_init__(self) -> None:
        """Check the counts, and that the direction of the score is known before training."""
        if self.keep_last < 1:
            raise ValueError(
                f"Retention: keep_last must be at least 1, got {self.keep_last}; a run without "
                "its last checkpoint cannot be resumed"
            )
        if self.keep_best < 0:
            raise ValueError(
                f"Retention: keep_best must be 0 or more, got {self.keep_best}; use 0 to keep "
                "only the last ones"
            )
        if self.mode not in (None, "min", "max"):
            raise ValueError(
                f"Retention: mode must be 'min' or 'max', got '{self.mode}'; leave it out to "
                "take the direction from the name of the score"
            )
        if self.monitor is not None and self.mode is None:
            better(self.monitor)

    def score(self, row: Mapping[str, Any]) -> float | None:
        """Read the score of an index row in which lower is always better.

        Args:
            row: an entry of ``index.json``.

        Returns:
            The ranking value; None when the row was not evaluated, or its score is not finite.
        """
        name = self.score_name(row)
        value = None if name is None else (row.get("scores") or {}).get(name)
        if value is None or not math.isfinite(value):
            return None
        return float(value) if self.direction(row) == "min" else -float(value)

    def score_name(self, row: Mapping[str, Any]) -> str | None:
        """Name the score by which a row is ranked; None when it has no such score."""
        if self.monitor is not None:
            return self.monitor
        scores = row.get("scores") or {}
        name = next((key for key in scores if is_frechet(key)), None)
        others = (_DICTIONARY, _REWRITTEN, _ROUND_TRIP, _CHANNEL, _HEARD)
        return name or next((key for key in scores if key.startswith(others)), None)

    def direction(self, row: Mapping[str, Any]) -> Literal["min", "max"]:
        """Tell the good direction of the score by which a row is ranked."""
        return self.mode or better(self.score_name(row) or "fd_")

    @property
    def top(self) -> int:
        """How many of the best healthy checkpoints are kept for a collapse, at least 1."""
        return max(1, self.keep_best)

    def ranked(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Order the evaluated rows from best to worst; of equals, the older one comes first.

        Only rows with the protocol of the newest evaluated row take part, because numbers of
        different protocols do not compare.
        """
        scored = [row for row in rows if self.score(row) is not None]
        if not scored:
            return []
        protocol = max(scored, key=lambda row: row["images_seen"])["protocol"]
        alike = [row for row in scored if row["protocol"] == protocol]
        return sorted(alike, key=lambda row: (self.score(row), row["images_seen"]))

    def kept(self, rows: Sequence[Mapping[str, Any]], health: Health | None = None) -> set[str]:
        """Choose the paths of the rows that stay.

        Args:
            rows: of ``index.json``.
            health: of the run; None without a collapse monitor, where the newest and the best stay.
        """
        if health is not None and health.frozen:
            return {row["path"] for row in rows}
        ordered = sorted(rows, key=lambda row: row["images_seen"])
        kept = {row["path"] for row in [*ordered[-self.keep_last :], *self._best(rows)]}
        if health is not None:
            kept |= {row["path"] for row in ordered if row["images_seen"] >= health.window}
            kept |= {row["path"] for row in self._before(ordered, health)}
            kept |= {row["path"] for row in thinned(ordered)}
            kept |= {*health.pinned, health.pre_collapse or ""} & {row["path"] for row in rows}
        return kept

    def _best(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return self.ranked(rows)[: self.keep_best]

    def _before(
        self, ordered: Sequence[Mapping[str, Any]], health: Health
    ) -> Iterator[Mapping[str, Any]]:
        """What may turn out to be the best before a collapse, of the rows older than the window."""
        healthy = [
            row
            for row in ordered
            if row["images_seen"] < health.window and state_of(row) == "healthy"
        ]
        for later in (False, True):
            pool = [row for row in healthy if after_collapse(row, health) is later]
            scored = [row for row in pool if self.score(row) is not None]
            # Without scores the newest one is taken; with scores its protocol is what counts,
            # which is not known before the onset is.
            yield from [*pool[-1:], *scored[-1:]]
            protocols = [row["protocol"] for row in scored]
            for protocol in (p for n, p in enumerate(protocols) if p not in protocols[:n]):
                alike = [row for row in scored if row["protocol"] == protocol]
                yield from unbeaten(alike, self)[: self.top]


def thinned(ordered: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A history that gets coarser with age: the oldest row of each age from 2^n to 2^(n+1).

    Applied to what it has left and one more row, again and again, it keeps a row for every age.

    Args:
        ordered: rows by rising images_seen; ages are counted in images from the newest.
    """
    oldest: dict[int, Mapping[str, Any]] = {}
    for row in ordered:
        age = ordered[-1]["images_seen"] - row["images_seen"]
        oldest.setdefault(age.bit_length(), row)
    return list(oldest.values())
