"""Files of a run with one JSON object a line, and files with columns of text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callbacks.durable import whole_lines


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read all lines, without one that a kill left half written; a missing file has none.

    Args:
        path: of the file; each line says at which ``images_seen`` it was written.

    Raises:
        ValueError: a line in the middle is damaged.
    """
    rows = []
    for number, line in enumerate(whole_lines(path), start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            row = None
        if not isinstance(row, dict) or "images_seen" not in row:
            raise ValueError(
                f"RunFolder: line {number} of {path} must be JSON with images_seen, got "
                f"'{line[:40]}'; delete that line"
            )
        rows.append(row)
    return rows


def storable(value: Any) -> Any:
    """Plain data for JSON: None for what is not finite, since it has no NaN."""
    if isinstance(value, Mapping):
        return {key: storable(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_columns(path: Path) -> dict[str, list[str]]:
    """Read columns of text by their titles, as ``callbacks/media.py`` writes them.

    Raises:
        ValueError: the file is not such.
    """
    try:
        titles, *rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in titles]
        return dict(zip(titles, columns, strict=True))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:80]
        raise ValueError(
            f"RunFolder: {path} must hold columns of text with their titles, got damaged content "
            f"({reason}); delete that file"
        ) from error
