"""What ``index.json`` holds, as types, and what is refused in it."""

from collections.abc import Mapping
from typing import Any, cast

from typing_extensions import TypedDict

from callbacks.collapse.health import CheckpointState, Health, check_state

FORMAT = 1


class CheckpointEntry(TypedDict):
    """One row of ``index.json``.

    Attributes:
        path: the file, relative to the run folder.
        images_seen: real images that the discriminator had been shown.
        generator_step: generator steps taken.
        round: rounds of the schedule played.
        epoch: passes over the data begun, from 0.
        sha256: of the file, in hexadecimal.
        bytes: size of the file.
        reasons: why it was written: interval, evaluation, probe, end, preemption.
        scores: of the evaluation at this moment, None where there was none; a score that is not
            finite is None.
        protocol: how the scores were measured.
        state: what the collapse monitor said last, None without one.
        time: UTC, ISO 8601.
    """

    path: str
    images_seen: int
    generator_step: int
    round: int
    epoch: int
    sha256: str
    bytes: int
    reasons: list[str]
    scores: dict[str, float | None] | None
    protocol: dict[str, Any] | None
    state: CheckpointState | None
    time: str


class Index(TypedDict):
    """The content of ``index.json``.

    Attributes:
        format: of the file.
        checkpoints: entries by rising images_seen.
        best: path of the one with the best score.
        last: path of the newest.
        health: :class:`callbacks.collapse.health.Health` as plain data; None without a monitor.
    """

    format: int
    checkpoints: list[CheckpointEntry]
    best: str | None
    last: str | None
    health: dict[str, Any] | None


class DamageError(ValueError):
    """The content is not what training wrote; the text says where, without a remedy."""


class FormatError(ValueError):
    """The index is of a format that this version does not know; the text names it."""


def checked(content: Any) -> Index:
    """Return what was read from ``index.json`` as an index.

    An index of a run without a collapse monitor, or from before there was one, has no health.

    Raises:
        DamageError: something is missing or of the wrong kind.
        FormatError: it was written by another version.
    """
    if not isinstance(content, dict) or not isinstance(content.get("checkpoints"), list):
        raise DamageError("no list of checkpoints")
    if content.get("format") != FORMAT:
        raise FormatError(repr(content.get("format")))
    for number, entry in enumerate(content["checkpoints"]):
        missing = CheckpointEntry.__required_keys__ - set(entry if entry else ())
        if missing:
            raise DamageError(f"checkpoint {number} without '{min(missing)}'")
        try:
            check_state(entry["state"])
        except ValueError as error:
            raise DamageError(f"checkpoint {number} with the {error}") from error
    if content.get("health") is not None:
        try:
            Health.from_dict(content["health"])
        except ValueError as error:
            raise DamageError(str(error)) from error
    return cast(Index, {"health": None, **content})


def joined(old: CheckpointEntry, new: CheckpointEntry) -> CheckpointEntry:
    """Two entries of one file as one: all reasons, and the newer of scores, protocol and state."""
    both = cast(CheckpointEntry, {**old, **new})
    both["reasons"] = list(dict.fromkeys([*old["reasons"], *new["reasons"]]))
    for key in ("scores", "protocol", "state"):
        if new[key] is None:
            both[key] = old[key]
    return both


def health_in(index: Mapping[str, Any]) -> Health | None:
    """The health that an index holds."""
    return Health.from_dict(index["health"]) if index["health"] is not None else None
