"""Checks that constructors and forwards of networks share: one line names the value and the fix."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def require_positive(owner: str, **values: int) -> None:
    """Counts that must be positive integers.

    Args:
        owner: class name that opens the message.
        **values: argument names and what was given.

    Raises:
        ValueError: at the first value that is not a positive integer.
    """
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"{owner}: {name} must be a positive integer, got {value}; "
                "give a count of at least 1"
            )


def require_choice(owner: str, name: str, value: object, choices: Sequence[object]) -> None:
    """A value out of a short list.

    Raises:
        ValueError: if ``value`` is not one of ``choices``.
    """
    if value not in choices:
        listed = ", ".join(str(choice) for choice in choices)
        raise ValueError(f"{owner}: {name} must be one of {listed}, got {value}; choose from these")


def require_shape(owner: str, samples: Tensor, expected: Sequence[int]) -> None:
    """The shape of one sample of a batch: a comparison of tuples, no work on the device.

    Raises:
        ValueError: if ``samples`` is not ``(N, *expected)``.
    """
    if samples.shape[1:] != tuple(expected):
        raise ValueError(
            f"{owner}: input must have shape (N, {', '.join(map(str, expected))}), got "
            f"{tuple(samples.shape)}; match size and channels of the network and of the data"
        )
