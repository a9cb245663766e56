"""The contract of all sets whose batches hold more than images, each made small."""

import csv
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.base import DataModule
from datamodules.batches import (
    CaptionedImages,
    DomainImages,
    LabelSets,
    SoundImages,
    TalkingHeads,
    Videos,
)
from datamodules.captions import CaptionedFolder, OpenMojiCaptions
from datamodules.coloured_shapes import ColouredShapes
from datamodules.contract import validate_batch
from datamodules.domains import AttributeFolder, DomainFolders
from datamodules.images import ImageFolder
from datamodules.label_sets import LabelSetFolder
from datamodules.maze import ForkingMaze
from datamodules.mel import write_wave
from datamodules.moving_mnist import MovingMNIST
from datamodules.multi_digits import MultiDigits
from datamodules.puppets import PuppetFaces
from datamodules.skin_tones import OpenMojiSkinTones
from datamodules.sounds import SoundFolder
from datamodules.tones import TonesAndShapes
from datamodules.videos import VideoFolder

Make = Callable[..., Any]


def pictures(folder: Path, names: list[str], edge: int = 8) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (edge, edge, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)


def table(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def domain_folders(path: Path, **options: Any) -> DomainFolders:
    pictures(path, [f"{domain}/{i}.png" for domain in ("day", "night", "dawn") for i in range(12)])
    return DomainFolders(str(path), **options)


def attribute_folder(path: Path, **options: Any) -> AttributeFolder:
    pictures(path / "all", [f"{i:02}.png" for i in range(30)])
    known = ("0", "1", "")
    rows = [{"image": f"{i:02}.png", "hat": known[i % 3], "beard": i % 2} for i in range(30)]
    table(path / "table.csv", rows)
    return AttributeFolder(str(path / "all"), str(path / "table.csv"), **options)


def captioned_folder(path: Path, **options: Any) -> CaptionedFolder:
    pictures(path / "all", [f"{i:02}.png" for i in range(30)])
    rows = [
        {"image": f"{i:02}.png", "caption": f"picture {i} of {n}"} for i in range(30) for n in "ab"
    ]
    table(path / "table.csv", rows)
    return CaptionedFolder(str(path / "all"), str(path / "table.csv"), **options)


def label_set_folder(path: Path, **options: Any) -> LabelSetFolder:
    pictures(path / "all", [f"{i:02}.png" for i in range(30)])
    sets = ("cat", "", "cat dog", "dog;owl")
    table(path / "t.csv", [{"image": f"{i:02}.png", "labels": sets[i % 4]} for i in range(30)])
    return LabelSetFolder(str(path / "all"), str(path / "t.csv"), **options)


def video_folder(path: Path, **options: Any) -> VideoFolder:
    pictures(path, [f"clip{clip}/{frame}.png" for clip in range(6) for frame in range(11)])
    return VideoFolder(str(path), size=8, frames=4, stride=2, **options)


def sound_folder(path: Path, **options: Any) -> SoundFolder:
    names = ("cat", "dog")
    pictures(path / "images", [f"{name}/{i}.png" for name in names for i in range(15)])
    for number, name in enumerate(names * 5):
        (path / "sounds" / name).mkdir(parents=True, exist_ok=True)
        tone = torch.sin(torch.arange(3000) * 0.1 * (number + 1))
        write_wave(path / "sounds" / name / f"{number}.wav", tone)
    images = ImageFolder(str(path / "images"))
    return SoundFolder(str(path / "sounds"), images, seconds=0.25, **options)


def built_in(kind: Any, **small: Any) -> Make:
    return lambda path, **options: kind(**small, **options)


SETS: dict[str, tuple[Make, type]] = {
    "skin tones": (built_in(OpenMojiSkinTones, size=16), DomainImages),
    "domain folders": (domain_folders, DomainImages),
    "attribute folder": (attribute_folder, DomainImages),
    "openmoji captions": (built_in(OpenMojiCaptions, size=8), CaptionedImages),
    "captioned folder": (captioned_folder, CaptionedImages),
    "coloured shapes": (built_in(ColouredShapes, size=16, length=1440), CaptionedImages),
    "tones and shapes": (built_in(TonesAndShapes, size=16, length=60), SoundImages),
    "sound folder": (sound_folder, SoundImages),
    "multi digits": (built_in(MultiDigits, size=16, length=60), LabelSets),
    "label set folder": (label_set_folder, LabelSets),
    "puppets": (built_in(PuppetFaces, size=32, persons=10, frames=5, support=3), TalkingHeads),
    "moving mnist": (built_in(MovingMNIST, size=32, frames=5, length=40), Videos),
    "maze": (built_in(ForkingMaze, length=40), Videos),
    "video folder": (video_folder, Videos),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(params=list(SETS))
def make(request: pytest.FixtureRequest, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Build the set in a folder of its own, with one cache for all tests of this file."""
    monkeypatch.setenv("GANAGERIE_CACHE", str(shared / "cache"))
    folder = shared / request.param.replace(" ", "-")
    build = SETS[request.param][0]
    return lambda **options: build(folder, **{"batch_size": 4, "seed": 3, **options})


@pytest.fixture
def schema(request: pytest.FixtureRequest) -> type:
    return SETS[request.node.callspec.params["make"]][1]


def same(one: Any, other: Any) -> bool:
    return set(one) == set(other) and all(torch.equal(one[key], other[key]) for key in one)


def joined(parts: list[Any]) -> Any:
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def test_batches_keep_their_contract_k51(make: Make, schema: type) -> None:
    data = make()
    batch = next(iter(data.train_dataloader()))
    validate_batch(batch, schema)
    assert "index" in batch and len(batch["index"]) == 4
    # Whatever is an optional key in the schema is handed out where it means something.
    for key in set(batch) & {"image", "frames", "support"}:
        with pytest.raises(ValueError, match=f"{schema.__name__}.{key} must be finite"):
            validate_batch({**batch, key: batch[key] * float("nan")}, schema)
    with pytest.raises(ValueError, match=f"{schema.__name__} must have one N"):
        validate_batch({**batch, "index": batch["index"][:3]}, schema)


def test_a_batch_is_a_function_of_seed_epoch_and_indices(make: Make) -> None:
    part = make().train_dataloader().dataset
    items = [(index, epoch) for index, epoch in ((3, 0), (1, 2), (7, 1), (3, 5))]
    together, again = part.__getitems__(items), make()._training_set().__getitems__(items)
    assert same(together, again)
    for place, item in enumerate(items):
        single = part[item]
        assert set(single) == set(together)
        assert all(torch.equal(single[key], together[key][place]) for key in single)


def test_what_goes_beside_an_image_is_drawn_anew_in_every_epoch(make: Make, schema: type) -> None:
    part = make()._training_set()
    epochs = [part.__getitems__([(index, epoch) for index in range(8)]) for epoch in (0, 1)]
    drawn = {
        CaptionedImages: {"mismatched_image"},
        Videos: {"mismatched"},
        TalkingHeads: {"support", "support_landmarks"},
    }.get(schema, set())
    # Which caption, sound or class is drawn depends on how many there are.
    may_be_drawn = {"text", "sound", "mismatched_label"}
    changed = {key for key in epochs[0] if not torch.equal(epochs[0][key], epochs[1][key])}
    assert drawn <= changed <= drawn | may_be_drawn


def test_ranks_together_see_what_one_process_sees(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(make(batch_size=8).train_dataloader())
    ranks = []
    for rank in (0, 1):
        monkeypatch.setattr(DataModule, "_rank_and_world_size", lambda self, rank=rank: (rank, 2))
        ranks.append(list(make(batch_size=4).train_dataloader()))
    assert len(whole) == len(ranks[0]) >= 2
    for one, *parts in zip(whole, *ranks, strict=True):
        assert same(one, joined(parts))


def test_resumed_loader_goes_on_with_the_next_batch(make: Make) -> None:
    few = max(1, make().train_dataloader().ranked.length // 5)
    whole = make(batch_size=few).train_dataloader()
    expected = [batch for _ in range(2) for batch in whole]
    interrupted = make(batch_size=few).train_dataloader()
    for count, _ in enumerate(interrupted, 1):
        if count == 3:
            break
    resumed = make(batch_size=few, num_workers=1).train_dataloader()
    resumed.load_state_dict(interrupted.state_dict())
    rest = [batch for _ in range(2) for batch in resumed]
    assert len(rest) == len(expected) - 3
    assert all(same(one, other) for one, other in zip(rest, expected[3:], strict=True))


def test_reference_is_the_images_as_bytes_on_both_sides_of_the_split(make: Make) -> None:
    data = make()
    train, held_out = data.reference("train"), data.reference("held_out")
    assert not set(train.rows) & set(held_out.rows) and len(held_out) >= 1
    assert len(train) + len(held_out) == len(data._opened().array)
    for part in (train, held_out):
        image = part[0]["image"]
        assert image.dtype == torch.uint8 and tuple(image.shape) == data.image_shape
        assert len(image.shape) == 3
    if data.class_names is not None:
        assert 0 <= train[0]["label"] < len(data.class_names)
    with pytest.raises(ValueError, match="split must be train or held_out, got 'test'; ask"):
        data.reference("test")


def test_set_has_its_name_preview_source_and_fingerprint(make: Make, schema: type) -> None:
    data = make()
    assert data.name == data.slug() and " " not in data.slug() and isinstance(data.attribution, str)
    preview = data.preview(3)
    validate_batch(preview, schema)
    # The frames of a person lie beside each other, so the preview of puppets strides over them.
    if not isinstance(data, PuppetFaces):
        assert preview["index"].tolist() == [0, 1, 2]
    assert data.fingerprint() == make(seed=9, batch_size=2).fingerprint()
    assert len(data.fingerprint()) == 16
    assert make(held_out_share=0.3).fingerprint() != data.fingerprint()
    with pytest.raises(ValueError, match="batch_size must be at most"):
        make(batch_size=100_000).setup("fit")


def test_training_part_travels_to_a_spawned_worker(make: Make) -> None:
    part = make()._training_set()
    again = pickle.loads(pickle.dumps(part))
    assert same(part.__getitems__([(2, 1)]), again.__getitems__([(2, 1)]))


def test_set_is_opened_and_split_offline_before_training(make: Make) -> None:
    data = make()
    data.prepare_data()
    data.setup("fit")
    assert len(data.train_dataloader()) >= 4
