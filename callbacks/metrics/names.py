"""Names of scores that never lie, and the protocol without which a score says nothing.

``fid``, ``kid`` and ``is`` are reserved for the published Inception weights, checked by hash; every
other number carries the name of its feature space. The number of generated samples is part of the
name, because the scores depend on it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

# What the field calls a score on the checked TF-Inception weights, by our stem: pixels resized as
# TensorFlow does, and as clean-fid does (Parmar et al., 2022, arXiv:2104.11222).
_PUBLISHED = {
    "inception_v3_tf": {
        "fd": "fid",
        "kd": "kid",
        "kd_se": "kid_se",
        "cs": "is",
        "cs_sd": "is_sd",
        "mifd": "mifid",
    },
    "inception_clean": {"fd": "fid_clean", "kd": "kid_clean", "kd_se": "kid_clean_se"},
}


def count_suffix(n: int) -> str:
    """Write a number of samples as names do: 2000 becomes ``2k``, 1500 stays ``1500``.

    Args:
        n: number of samples.

    Raises:
        ValueError: for fewer than one.
    """
    if n < 1:
        raise ValueError(
            f"count_suffix: n must be at least 1, got {n}; a score without samples has no name"
        )
    return f"{n // 1000}k" if n % 1000 == 0 else str(n)


def score_name(stem: str, space: str, verified: bool, n_fake: int) -> str:
    """Name of a score, such as ``fd_rand_vgg@2k``; ``fid@50k`` only where that is true.

    Args:
        stem: ``fd``, ``kd``, ``precision``, ``recall``, ``density``, ``coverage``, ``cs``, ...
        space: id of the feature space.
        verified: whether the space's weights are the published file, by hash.
        n_fake: number of generated samples.
    """
    published = _PUBLISHED.get(space, {}) if verified else {}
    return f"{published.get(stem, f'{stem}_{space}')}@{count_suffix(n_fake)}"


def error_name(name: str) -> str:
    """Name of the standard error of a score, such as ``se_fd_rand_vgg@2k``.

    Args:
        name: of the score.
    """
    return f"se_{name}"


def is_coverage(name: str) -> bool:
    """Whether a score is a coverage: the share of the real samples that are reached."""
    return name.startswith("coverage_")


def coverage_of(scores: Mapping[str, float | None]) -> float | None:
    """The first coverage of an evaluation; None where there is none or it is not finite."""
    value = next((scores[name] for name in scores if is_coverage(name)), None)
    return value if value is not None and math.isfinite(value) else None


def coverage_with_error(scores: Mapping[str, float | None]) -> tuple[float, float] | None:
    """The first coverage of an evaluation and its standard error, that of a binomial share.

    Args:
        scores: by names that end in the number of samples, as those of :func:`score_name` do.

    Returns:
        None where there is none or it is not finite; an error of 0 where no number is known.
    """
    share = coverage_of(scores)
    if share is None:
        return None
    name = next(name for name in scores if is_coverage(name))
    found = re.search(r"@(\d+)(k?)", name)
    if found is None:
        return share, 0.0
    count = int(found[1]) * (1000 if found[2] else 1)
    return share, math.sqrt(max(0.0, share * (1.0 - share)) / count)


@dataclass(frozen=True)
class Protocol:
    """Everything that must be equal before two scores may be compared.

    Attributes:
        space: id of the feature space.
        sha256: hash of the space's weights.
        resize: id of the resize in front of the network.
        dim: width of the features.
        n_fake: number of generated samples.
        n_real: number of real samples.
        split: part of the data that the reals come from.
        data: fingerprint of the data set.
        generator: ``"raw"``, ``"ema"``, or ``"files"`` for images that were read from disk.
        quantised: whether the samples went through 8 bits, as real images did.
        settings: numbers that the score functions were called with, as one line.
    """

    space: str
    sha256: str
    resize: str
    dim: int
    n_fake: int
    n_real: int
    split: str
    data: str
    generator: Literal["raw", "ema", "files"]
    quantised: bool
    settings: str = ""

    def compare(self, other: "Protocol") -> None:
        """Return silently when scores under both protocols may be compared.

        Args:
            other: protocol of the other score.

        Raises:
            ValueError: when they differ, with every difference by name.
        """
        mine, theirs = self.to_dict(), other.to_dict()
        unlike = [f"{key} {mine[key]!r} and {theirs[key]!r}" for key in mine]
        unlike = [text for key, text in zip(mine, unlike, strict=True) if mine[key] != theirs[key]]
        if unlike:
            raise ValueError(
                "Protocol: scores must share one protocol to be compared, got "
                f"{'; '.join(unlike)}; evaluate both with the same settings"
            )

    def caveats(self) -> tuple[str, ...]:
        """Return what a reader of the scores must know, one sentence each."""
        notes = []
        if min(self.n_fake, self.n_real) < 2 * self.dim:
            notes.append(
                f"The Frechet distance is mostly bias: {min(self.n_fake, self.n_real)} samples in "
                f"{self.dim} dimensions. Compare it only with its floor."
            )
        if not self.quantised and self.resize != "none":
            notes.append("The samples were not rounded to 8 bits, unlike real images.")
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON and checkpoints."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Protocol":
        """Return the protocol that :meth:`to_dict` wrote.

        Args:
            values: one entry for each attribute.

        Raises:
            ValueError: when entries are missing or unknown.
        """
        names = {field.name for field in fields(cls)}
        unlike = sorted(names ^ set(values))
        if unlike:
            raise ValueError(
                f"Protocol: values must have the entries {sorted(names)}, got a difference in "
                f"{unlike}; the file was written by another version, evaluate again"
            )
        return cls(**values)
