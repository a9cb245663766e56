import errno
import json
import os
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.cache import Contents, LabelledImages, cache_folder, cached_images

IMAGES = np.arange(5 * 3 * 4 * 6, dtype=np.uint8).reshape(5, 3, 4, 6)
KEY = {"data": "test", "size": 4}


class Maker:
    """Counts how often the images were made."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Contents:
        self.calls += 1
        return Contents(
            rows=iter(IMAGES),
            count=5,
            shape=(3, 4, 6),
            dtype=IMAGES.dtype,
            labels=np.array([0, 1, 0, 1, 1]),
            class_names=("cat", "dog"),
            families=np.arange(5),
            held_out=np.array([True, False, False, False, True]),
        )


def the_entry(cache: Path) -> Path:
    (entry,) = (path for path in (cache / "datasets").iterdir() if not path.name.startswith("."))
    return entry


def assert_whole(images: LabelledImages) -> None:
    assert np.array_equal(images.array, IMAGES)
    assert images.labels is not None and images.labels.tolist() == [0, 1, 0, 1, 1]
    assert images.families is not None and images.families.tolist() == [0, 1, 2, 3, 4]
    assert images.held_out is not None and images.held_out.tolist() == [1, 0, 0, 0, 1]
    assert images.class_names == ("cat", "dog") and len(images.content) == 64


def test_images_are_made_once_and_mapped_afterwards() -> None:
    make = Maker()
    first, second = cached_images("set", KEY, make), cached_images("set", KEY, make)
    assert make.calls == 1 and first.content == second.content
    assert_whole(first)
    assert_whole(second)
    assert not second.array.flags.writeable


def test_another_key_is_another_entry() -> None:
    make = Maker()
    cached_images("set", KEY, make)
    cached_images("set", {**KEY, "size": 5}, make)
    assert make.calls == 2


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "held_out.npy", "meta.json"])
@pytest.mark.parametrize("damage", ["truncated", "missing", "empty", "grown"])
def test_damaged_entry_is_made_again(cache: Path, name: str, damage: str) -> None:
    make = Maker()
    before = cached_images("set", KEY, make).content
    path = the_entry(cache) / name
    if damage == "missing":
        path.unlink()
    else:
        whole = path.read_bytes()
        path.write_bytes({"truncated": whole[:-3], "empty": b"", "grown": whole + b"}"}[damage])
    images = cached_images("set", KEY, make)
    assert make.calls == 2 and images.content == before
    assert_whole(images)


def test_entry_of_another_key_under_the_same_name_is_not_trusted(cache: Path) -> None:
    make = Maker()
    cached_images("set", KEY, make)
    meta = the_entry(cache) / "meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "key": "other"}))
    assert_whole(cached_images("set", KEY, make))
    assert make.calls == 2


def test_failure_while_making_leaves_nothing_behind(cache: Path) -> None:
    def rows() -> Iterator[NDArray[Any]]:
        yield IMAGES[0]
        raise ValueError("image 1 is corrupt")

    def make() -> Contents:
        return replace(Maker()(), rows=rows())

    with pytest.raises(ValueError, match="image 1 is corrupt"):
        cached_images("set", KEY, make)
    assert not list((cache / "datasets").iterdir())


def test_leftover_of_a_killed_maker_is_removed_and_that_of_a_living_one_is_not(
    cache: Path,
) -> None:
    make = Maker()
    cached_images("set", KEY, make)
    entry = the_entry(cache)
    entry.rename(cache / "gone")
    for name, age in (("dead", 7200), ("living", 60)):
        folder = entry.parent / f".{entry.name}-{name}"
        folder.mkdir()
        (folder / "images.npy").write_bytes(b"half")
        for path in (folder / "images.npy", folder):
            os.utime(path, (time.time() - age,) * 2)
    assert_whole(cached_images("set", KEY, make))
    assert {path.name[-6:] for path in entry.parent.glob(".*")} == {"living"}


def test_work_that_its_maker_puts_in_place_meanwhile_is_no_failure(cache: Path) -> None:
    make = Maker()
    cached_images("set", KEY, make)
    entry = the_entry(cache)
    entry.rename(cache / "gone")
    # A name that is listed, and nothing behind it when it is looked at.
    (entry.parent / f".{entry.name}-renamed").symlink_to(cache / "nowhere")
    assert_whole(cached_images("set", KEY, make))


def test_faster_run_wins(cache: Path) -> None:
    inner = Maker()

    def slower() -> Contents:
        contents = Maker()()
        # Another process finishes the same entry while this one is at work.
        cached_images("set", KEY, inner)
        return contents

    assert_whole(cached_images("set", KEY, slower))
    assert inner.calls == 1 and len(list((cache / "datasets").iterdir())) == 1


def test_full_disk_is_one_line_that_names_the_remedy(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match="cache: folder .* room, got .*No space.*GANAGERIE_CACHE"):
        cached_images("set", KEY, Maker())
    assert not list((cache / "datasets").iterdir())


def test_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANAGERIE_CACHE", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="cache: folder must be writable.*set GANAGERIE_CACHE"):
        cached_images("set", KEY, Maker())


def test_cache_lies_in_the_home_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("GANAGERIE_CACHE")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    assert cache_folder() == Path("/home/ada/.cache/ganagerie")


def test_mapped_images_travel_as_their_path() -> None:
    images = cached_images("set", KEY, Maker())
    data = pickle.dumps(images.images)
    assert len(data) < 500
    assert np.array_equal(pickle.loads(data).array, IMAGES)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: replace(c, rows=iter(IMAGES ^ 1)),
        lambda c: replace(c, labels=np.array([1, 0, 0, 1, 1])),
        lambda c: replace(c, class_names=("cat", "cow")),
        lambda c: replace(c, held_out=None),
    ],
    ids=["images", "labels", "class_names", "held_out"],
)
def test_content_follows_everything_that_the_set_holds(
    change: Callable[[Contents], Contents],
) -> None:
    same = cached_images("set", KEY, Maker()).content
    assert cached_images("again", {"data": "again"}, Maker()).content == same
    assert cached_images("other", {"data": "other"}, lambda: change(Maker()())).content != same
