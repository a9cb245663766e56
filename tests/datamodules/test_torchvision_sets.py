"""The sets of torchvision, on a few images in the format that each has on disk."""

import gzip
import pickle
import struct
import sys
import types
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from torchvision import datasets

from datamodules.torchvision_sets import (
    CIFAR10,
    CIFAR100,
    LSUN,
    MNIST,
    STL10,
    CelebA,
    FashionMNIST,
    TorchvisionSet,
)

Noise = Callable[..., NDArray[Any]]
SETS = [MNIST, FashionMNIST, CIFAR10, CIFAR100, STL10, CelebA, LSUN]


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(head + array.tobytes())


def write_digits(place: Path, noise: Noise) -> dict[str, NDArray[np.uint8]]:
    written = {}
    for part, count in (("train", 20), ("t10k", 10)):
        written[part] = noise(count, 28, 28)
        write_idx(place / f"{part}-images-idx3-ubyte", written[part])
        write_idx(place / f"{part}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 10)
    return written


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_digits_come_from_idx_files_with_the_official_split(
    tmp_path: Path, noise: Noise, kind: type[TorchvisionSet]
) -> None:
    written = write_digits(tmp_path / kind.__name__ / "raw", noise)
    module = kind(str(tmp_path), batch_size=4)
    assert module.image_shape == (1, 28, 28) and module.name == f"{kind.__name__.lower()}-28"
    for split, part in (("train", "train"), ("held_out", "t10k")):
        reference = module.reference(split)  # type: ignore[arg-type]
        assert len(reference) == len(written[part])
        for i, item in enumerate(reference):
            assert np.array_equal(item["image"][0], written[part][i]) and item["label"] == i % 10
    assert module.class_names is not None and len(module.class_names) == 10
    larger = kind(str(tmp_path), size=32, channels=3, batch_size=4)
    image = larger.reference("train")[0]["image"].numpy()
    assert image.shape == (3, 32, 32) and not image[:, :2].any()
    assert np.array_equal(image[1, 2:-2, 2:-2], written["train"][0])


def test_own_share_may_be_held_out_instead(tmp_path: Path, noise: Noise) -> None:
    write_digits(tmp_path / "MNIST" / "raw", noise)
    module = MNIST(str(tmp_path), held_out="share", held_out_share=0.5, batch_size=4)
    assert len(module.reference("train")) == len(module.reference("held_out")) == 10
    labels = sorted(item["label"] for item in module.reference("held_out"))
    assert labels == list(range(10))


def pickled(path: Path, images: NDArray[np.uint8], **entries: Any) -> tuple[str, None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"data": images.reshape(len(images), -1), **entries}))
    return path.name, None


@pytest.mark.parametrize(("kind", "labels"), [(CIFAR10, "labels"), (CIFAR100, "fine_labels")])
def test_cifar_comes_from_its_pickles(
    tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch, kind: Any, labels: str
) -> None:
    theirs = getattr(datasets, kind.__name__)
    place = tmp_path / kind.place
    train, test = noise(6, 3, 32, 32), noise(4, 3, 32, 32)
    names = {"label_names": list("abcdef"), "fine_label_names": list("abcdef")}
    monkeypatch.setattr(
        theirs, "train_list", [pickled(place / "t", train, **{labels: [0, 1, 2, 3, 4, 5]})]
    )
    monkeypatch.setattr(theirs, "test_list", [pickled(place / "s", test, **{labels: [5, 4, 3, 2]})])
    (place / "meta").write_bytes(pickle.dumps(names))
    monkeypatch.setattr(theirs, "meta", {**theirs.meta, "filename": "meta", "md5": None})
    module = kind(str(tmp_path), batch_size=2)
    assert module.class_names == tuple("abcdef") and module.image_shape == (3, 32, 32)
    assert np.array_equal(module.reference("train")[4]["image"], train[4])
    held_out = module.reference("held_out")
    assert [item["label"] for item in held_out] == [5, 4, 3, 2]
    assert np.array_equal(held_out[3]["image"], test[3])


@pytest.mark.parametrize("split", ["unlabeled", "train", "train+unlabeled"])
def test_stl10_trains_on_the_part_that_was_asked_for(
    tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch, split: Any
) -> None:
    place = tmp_path / "stl10_binary"
    place.mkdir()
    counts = {"train": 4, "test": 3, "unlabeled": 5}
    images = {part: noise(count, 3, 96, 96) for part, count in counts.items()}
    for part, array in images.items():
        (place / f"{part}_X.bin").write_bytes(array.transpose(0, 1, 3, 2).tobytes())
        (place / f"{part}_y.bin").write_bytes(bytes(range(1, len(array) + 1)))
    (place / "class_names.txt").write_text("\n".join("abcdefghij"))
    for name in ("train_list", "test_list"):
        listed = [[file, None] for file, _ in getattr(datasets.STL10, name)]
        monkeypatch.setattr(datasets.STL10, name, listed)
    module = STL10(split, size=None, folder=str(tmp_path), batch_size=1)
    expected = np.concatenate([images[part] for part in split.split("+")])
    reference = module.reference("train")
    assert np.array_equal(np.stack([item["image"] for item in reference]), expected)
    assert len(module.reference("held_out")) == 3
    assert (module.class_names is not None) == ("label" in reference[0]) == (split == "train")
    assert STL10(split, folder=str(tmp_path), batch_size=1).image_shape == (3, 48, 48)


def test_celeba_is_cut_to_its_central_square(
    tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "celeba"
    (place / "img_align_celeba").mkdir(parents=True)
    names = [f"{i:06d}.jpg" for i in range(5)]
    for name in names:
        image = np.zeros((218, 178, 3), np.uint8)
        image[20:198] = 200
        Image.fromarray(image).save(place / "img_align_celeba" / name)
    for file, row in (("identity_CelebA", "1"), ("list_eval_partition", None)):
        lines = [f"{name} {row or (2 if i > 2 else 0)}" for i, name in enumerate(names)]
        (place / f"{file}.txt").write_text("\n".join(lines))
    for file in ("list_bbox_celeba", "list_landmarks_align_celeba", "list_attr_celeba"):
        lines = ["5", "one two", *(f"{name} 1 -1" for name in names)]
        (place / f"{file}.txt").write_text("\n".join(lines))
    listed = [(one, None, file) for one, _, file in datasets.CelebA.file_list]
    monkeypatch.setattr(datasets.CelebA, "file_list", listed)
    module = CelebA(folder=str(tmp_path), batch_size=1)
    assert module.image_shape == (3, 64, 64) and module.class_names is None
    assert (len(module.reference("train")), len(module.reference("held_out"))) == (3, 2)
    assert abs(module.reference("train")[0]["image"].int() - 200).max() <= 6


class FakeLmdb(types.ModuleType):
    """As much of lmdb as is used, over a dictionary."""

    def __init__(self, images: dict[bytes, bytes]) -> None:
        super().__init__("lmdb")
        self.images = images

    def open(self, place: str, **options: Any) -> "FakeLmdb":
        assert options["readonly"] and not options["lock"] and Path(place).is_dir()
        return self

    def begin(self) -> "FakeLmdb":
        return self

    def __enter__(self) -> "FakeLmdb":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def cursor(self) -> "FakeLmdb":
        return self

    def iternext(self, keys: bool, values: bool) -> Iterator[bytes]:
        assert keys and not values
        return iter(self.images)

    def get(self, key: bytes) -> bytes:
        return self.images[key]


def test_lsun_reads_its_database_and_leaves_no_file_behind(
    tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {}
    for i in range(10):
        encoded = BytesIO()
        Image.fromarray(np.full((20 + i, 30, 3), 10 * i, np.uint8)).save(
            encoded, "WEBP", lossless=True
        )
        images[b"key%d" % i] = encoded.getvalue()
    monkeypatch.setitem(sys.modules, "lmdb", FakeLmdb(images))
    (tmp_path / "church_outdoor_train_lmdb").mkdir()
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    module = LSUN("church_outdoor", size=16, folder=str(tmp_path), batch_size=1)
    assert module.name == "lsun-church-outdoor-16" and module.image_shape == (3, 16, 16)
    levels = [
        int(item["image"].float().mean())
        for split in ("train", "held_out")
        for item in module.reference(split)
    ]
    assert sorted(levels) == [10 * i for i in range(10)] and len(module.reference("held_out")) == 1
    assert set(tmp_path.iterdir()) == before
    with pytest.raises(ValueError, match="LSUN: size must be set where images differ in size"):
        LSUN("church_outdoor", size=None, folder=str(tmp_path)).setup()


@pytest.mark.parametrize("kind", SETS, ids=lambda kind: kind.__name__)
def test_missing_data_are_one_line_with_folder_and_remedy(
    tmp_path: Path, kind: type[TorchvisionSet]
) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        kind(folder=str(tmp_path)).prepare_data()
    message = str(caught.value)
    assert "\n" not in message and message.startswith(f"{kind.__name__}: folder must hold ")
    assert str(tmp_path) in message
    assert ("set download: true" in message) == (kind is not LSUN)
    assert not list(tmp_path.iterdir())


def test_incomplete_data_are_refused_like_missing_ones(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(FileNotFoundError, match="CIFAR10: folder must hold .*set download: true"):
        CIFAR10(folder=str(tmp_path)).setup()


def test_nothing_is_fetched_unless_asked_for(
    tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(self: datasets.MNIST) -> None:
        asked.append(self.train)
        write_digits(tmp_path / "MNIST" / "raw", noise)

    monkeypatch.setattr(datasets.MNIST, "download", fetch)
    with pytest.raises(FileNotFoundError):
        MNIST(folder=str(tmp_path)).setup()
    assert asked == []
    MNIST(folder=str(tmp_path), download=True, batch_size=2).setup()
    assert asked


def test_failed_download_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(self: datasets.MNIST) -> None:
        raise RuntimeError("Error downloading\nfrom everywhere")

    monkeypatch.setattr(datasets.MNIST, "download", fetch)
    with pytest.raises(FileNotFoundError, match=r"MNIST: .*\(Error downloading from everywhere\)"):
        MNIST(folder=str(tmp_path), download=True).setup()


def test_unreadable_image_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setitem(sys.modules, "lmdb", FakeLmdb({b"a": b"no image"}))
    (tmp_path / "bedroom_train_lmdb").mkdir()
    with pytest.raises(ValueError, match="LSUN: data must be readable, got 'image 0 under "):
        LSUN(folder=str(tmp_path)).setup()
    assert not (cache / "datasets").exists() or not list((cache / "datasets").iterdir())


def test_missing_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lmdb", None)
    (tmp_path / "bedroom_train_lmdb").mkdir()
    with pytest.raises(ValueError, match="LSUN: data must have the package .*pip install lmdb"):
        LSUN(folder=str(tmp_path)).setup()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MNIST(size=3), "MNIST: size must be at least 4, got 3"),
        (lambda: CIFAR10(channels=4), "CIFAR10: channels must be 1 or 3, got 4"),
        (lambda: MNIST(held_out="test"), "MNIST: held_out must be official or share, got 'test'"),  # type: ignore[arg-type]
        (lambda: STL10("test"), "STL10: split must be unlabeled, train or .*got 'test'"),  # type: ignore[arg-type]
        (lambda: LSUN(download=True), "LSUN: download must be false"),
        (lambda: LSUN(held_out="official"), "LSUN: held_out must be share, got 'official'"),
    ],
)
def test_options_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}.*; "):
        make()


def test_compressed_originals_do_not_disturb(tmp_path: Path, noise: Noise) -> None:
    place = tmp_path / "MNIST" / "raw"
    write_digits(place, noise)
    for path in list(place.iterdir()):
        (place / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert len(MNIST(str(tmp_path), batch_size=2).reference("train")) == 20
