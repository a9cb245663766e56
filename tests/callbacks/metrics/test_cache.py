"""Arrays on disk: whole or absent, and never of another key."""

import json
from pathlib import Path

import numpy as np
import pytest

from callbacks.metrics import cache as cache_module
from callbacks.metrics.cache import cache_path, read_arrays, write_arrays
from datamodules.cache import cache_folder

KEY = {"data": "mnist 5k/32", "n": 5}
ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "text": np.array("word")}


def test_folder_follows_the_environment(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("GANAGERIE_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "ganagerie"


def test_what_is_written_is_read_and_nothing_else_is_left(cache: Path) -> None:
    path = cache_path("real", KEY)
    assert path.parent == cache and path.name.startswith("real-mnist-5k-32-5-")
    assert read_arrays(path, KEY) is None
    assert write_arrays(path, KEY, ARRAYS)
    found = read_arrays(path, KEY)
    assert found is not None and found.keys() == ARRAYS.keys()
    assert (found["a"] == ARRAYS["a"]).all() and str(found["text"]) == "word"
    assert list(cache.iterdir()) == [path]


def test_another_key_has_another_file_and_does_not_match(cache: Path) -> None:
    path, other = cache_path("real", KEY), {**KEY, "n": 6}
    write_arrays(path, KEY, ARRAYS)
    assert cache_path("real", other) != path
    assert read_arrays(path, other) is None


def test_older_format_is_made_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cache_path("real", KEY)
    write_arrays(path, KEY, ARRAYS)
    monkeypatch.setattr(cache_module, "FORMAT", cache_module.FORMAT + 1)
    assert read_arrays(path, KEY) is None


def test_damaged_files_count_as_absent(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = cache_path("real", KEY)
    write_arrays(path, KEY, ARRAYS)
    whole = path.read_bytes()
    for content in (b"", b"noise", whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(content)
        assert read_arrays(path, KEY) is None
    assert "is damaged" in caplog.text


def test_pickled_objects_are_not_read(cache: Path) -> None:
    path = cache_path("real", KEY)
    cache.mkdir()
    header = np.array(json.dumps({"format": cache_module.FORMAT, **KEY}))
    np.savez(path, header=header, evil=np.array([{"a": 1}], dtype=object))
    assert read_arrays(path, KEY) is None


def test_unwritable_folder_costs_only_the_file(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("a file in the way")
    assert not write_arrays(cache_path("real", KEY), KEY, ARRAYS)
    assert "cannot be written" in caplog.text


def test_failed_write_leaves_the_old_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cache_path("real", KEY)
    write_arrays(path, KEY, ARRAYS)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert not write_arrays(path, KEY, {"a": np.zeros(3)})
    found = read_arrays(path, KEY)
    assert found is not None and found["a"].shape == (2, 3)
    assert list(cache.iterdir()) == [path]
