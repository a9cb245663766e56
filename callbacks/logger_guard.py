"""No dashboard may stop a training run: a logger that fails is reported once, then left alone."""

import logging
import weakref
from collections.abc import Callable
from typing import Any

_PATIENCE = 3

_failures: "weakref.WeakKeyDictionary[Any, dict[str, int]]" = weakref.WeakKeyDictionary()
_reported: "weakref.WeakKeyDictionary[Any, set[str]]" = weakref.WeakKeyDictionary()

log = logging.getLogger(__name__)


def attempt(logger: Any, kind: str, action: Callable[[], Any]) -> bool:
    """Send something to a logger, and live with it when that fails.

    Each cause is reported once, in one line: a service that is gone fails for numbers, images and
    the end of the run alike. After three failures in a row of one kind, that kind is not tried
    again with this logger, because a service that is gone may make each attempt wait.

    Args:
        logger: the logger; failures are counted per logger.
        kind: what is sent, such as ``"numbers"`` or ``"image"``.
        action: sends it.

    Returns:
        Whether it was sent.
    """
    failures = _failures.setdefault(logger, {})
    count = failures.get(kind, 0)
    if count >= _PATIENCE:
        return False
    try:
        action()
    except Exception as error:
        failures[kind] = count + 1
        reported = _reported.setdefault(logger, set())
        cause = one_line(error)
        if cause not in reported:
            reported.add(cause)
            log.warning(
                "%s: %s not sent (%s); training goes on, and the run folder has everything",
                type(logger).__name__,
                kind,
                cause,
            )
        return False
    failures[kind] = 0
    return True


def one_line(error: BaseException) -> str:
    """Shorten an error to its type and the start of its message."""
    message = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {message[:160]}" if message else name
