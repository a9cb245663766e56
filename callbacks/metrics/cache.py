"""Arrays on disk under a key: real statistics and trained classifiers are made once.

A file is a plain ``.npz`` without pickled objects. Its key lies inside and must match; whatever is
missing, damaged or of another key is made again. A cache that cannot be written costs time only.
"""

import hashlib
import json
import logging
import re
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.cache import cache_folder

_log = logging.getLogger(__name__)

# Raised when the meaning of stored arrays changes, so older files are made again.
FORMAT = 1


def cache_path(kind: str, key: Mapping[str, object], folder: Path | None = None) -> Path:
    """Return the file that belongs to a key: readable in front, unique by hash.

    Args:
        kind: what is stored, such as ``"real"``.
        key: plain data that decides the content.
        folder: where; None for :func:`datamodules.cache.cache_folder`.
    """
    text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    readable = re.sub(r"[^A-Za-z0-9_.]+", "-", "-".join(str(value) for value in key.values()))
    return (folder or cache_folder()) / f"{kind}-{readable[:80].strip('-')}-{digest}.npz"


def read_arrays(path: Path, key: Mapping[str, object]) -> dict[str, np.ndarray] | None:
    """Return the stored arrays, or None when there are none for this key.

    Args:
        path: from :func:`cache_path`.
        key: the same key; it must equal the one in the file.
    """
    try:
        # numpy leaves a file open whose archive is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = json.loads(str(arrays.pop("header")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("%s is damaged (%s); making it again", path, error)
        return None
    return arrays if header == {"format": FORMAT, **key} else None


def write_arrays(path: Path, key: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> bool:
    """Store arrays so that a reader sees the whole file or none.

    Args:
        path: from :func:`cache_path`.
        key: plain data that decided the content.
        arrays: by name; ``header`` is taken.

    Returns:
        False when the folder cannot be written; that is logged and harmless.
    """
    content: dict[str, Any] = {"header": json.dumps({"format": FORMAT, **key}), **arrays}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            part = Path(file.name)
            try:
                np.savez(file, **content)
                file.close()
                part.replace(path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        _log.warning("%s cannot be written (%s); it will be made again next time", path, error)
        return False
    return True
