import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.batches import UnpairedImages
from datamodules.contract import validate_batch
from datamodules.unpaired import UnpairedFolders
from tests.datamodules.helpers_two_domains import levels, ramp, refused, save


def folders(root: Path, a: int = 20, b: int = 30, **options: Any) -> UnpairedFolders:
    for side, count, first in (("horse", a, 0), ("zebra", b, 100)):
        for number in range(count):
            if not (root / side / f"{number:02d}.png").exists():
                save(root / side / f"{number:02d}.png", ramp(first + number))
    given = {"batch_size": 6, **options}
    return UnpairedFolders(str(root / "horse"), str(root / "zebra"), **given)


def epoch(module: Any, number: int = 0) -> list[Any]:
    loader = module.train_dataloader()
    loader.ranked.set_epoch(number)
    return list(loader)


def test_batches_hold_what_their_schema_says_k51(tmp_path: Path) -> None:
    module = folders(tmp_path, size=8, load_size=10, mirror=True)
    module.prepare_data()
    module.setup()
    batches = epoch(module)
    for batch in (*batches, module.preview(3)):
        validate_batch(batch, UnpairedImages)
        assert type(batch) is dict and set(batch) == {"a", "b", "index_a", "index_b"}
    assert len(batches) == 5  # 27 zebras in training, filled up to 30
    assert module.name == "horse-zebra-8" and module.class_names is None
    assert module.domains == ("a", "b") and module.domain_titles == {"a": "horse", "b": "zebra"}
    assert module.attribution == "" and module.image_shape == (3, 8, 8)
    assert module.paired_reference("train") is None is module.paired_reference("held_out")
    broken = {**module.preview(3), "a": module.preview(3)["a"] * 2}
    with pytest.raises(ValueError, match=r"UnpairedImages.a must lie in \[-1, 1\]"):
        validate_batch(broken, UnpairedImages)


@pytest.mark.parametrize(("length", "batches"), [("max", 5), ("min", 3), (40, 7)])
def test_length_of_an_epoch_is_an_option(tmp_path: Path, length: Any, batches: int) -> None:
    assert len(epoch(folders(tmp_path, length=length))) == batches


def test_every_training_image_of_the_larger_domain_comes_in_every_epoch(tmp_path: Path) -> None:
    module = folders(tmp_path)
    held_out = {
        side: {
            int(module.reference("held_out", side)[i]["image"][2, 0, 0])
            for i in range(len(module.reference("held_out", side)))
        }
        for side in ("a", "b")
    }
    assert len(held_out["a"]) == 2 and len(held_out["b"]) == 3
    for number in range(3):
        seen_a = {int(v) for one in epoch(module, number) for v in levels(one["a"])[:, 2, 0, 0]}
        seen_b = {int(v) for one in epoch(module, number) for v in levels(one["b"])[:, 2, 0, 0]}
        assert seen_a == set(range(20)) - held_out["a"]
        assert seen_b == set(range(100, 130)) - held_out["b"]


def test_sides_are_augmented_on_their_own_and_anew_within_an_epoch(tmp_path: Path) -> None:
    module = folders(tmp_path, 8, 60, size=7, load_size=12, mirror=True, held_out_share=0.0)
    part = module._training_set()
    rows = [(index, 3, index, 3) for index in range(8)]
    batch = part.__getitems__(rows)
    corner_a, corner_b = levels(batch["a"])[:, :2, 0, 0], levels(batch["b"])[:, :2, 0, 0]
    assert (corner_a != corner_b).any(1).sum() > 3
    again = part.__getitems__([(index, 4, index, 3) for index in range(8)])
    assert torch.equal(again["b"], batch["b"])
    assert ((again["a"] == batch["a"]).flatten(1).all(1)).sum() < 4
    assert torch.equal(part[rows[2]]["a"], batch["a"][2])
    assert part[rows[2]]["index_b"].item() == 2 and len(part) == 60
    crops: dict[int, set[bytes]] = {}
    for one in epoch(module):
        for image, index in zip(levels(one["a"]), one["index_a"].tolist(), strict=True):
            crops.setdefault(index, set()).add(image[:2].tobytes())
    assert all(len(found) > 3 for found in crops.values())


def test_two_ranks_see_what_one_process_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: Any = {"size": 7, "load_size": 12, "mirror": True}
    whole = epoch(folders(tmp_path, **options), 2)
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
        parts.append(epoch(folders(tmp_path, **{**options, "batch_size": 3}), 2))
    for key in ("a", "b", "index_a", "index_b"):
        joined = [half[key] for step in zip(*parts, strict=True) for half in step]
        assert torch.equal(torch.cat(joined), torch.cat([batch[key] for batch in whole]))


def test_workers_change_nothing_and_runs_resume_with_the_next_batch(tmp_path: Path) -> None:
    options: Any = {"size": 7, "load_size": 12, "mirror": True}
    whole = epoch(folders(tmp_path, **options))
    workers = epoch(folders(tmp_path, num_workers=2, **options))
    loader = folders(tmp_path, **options).train_dataloader()
    for count, _ in enumerate(loader, 1):
        if count == 2:
            break
    resumed = folders(tmp_path, **options).train_dataloader()
    resumed.load_state_dict(loader.state_dict())
    rest = list(resumed)
    assert len(rest) == 3 and len(workers) == 5
    for mine, theirs in zip([*whole, *whole[2:]], [*workers, *rest], strict=True):
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)


def mixed(root: Path) -> dict[str, str]:
    """What users have: photographs of all sizes, one grey, one with alpha, one cut off."""
    draw = np.random.default_rng(0)

    def photo(height: int, width: int, *channels: int) -> Image.Image:
        return Image.fromarray(draw.integers(0, 256, (height, width, *channels), np.uint8))

    for side, count in (("summer", 5), ("winter", 4)):
        (root / side).mkdir(parents=True)
        for number in range(count):
            photo(40 + 7 * number, 90 - 5 * number, 3).save(root / side / f"{number}.jpg")
    photo(50, 60).save(root / "summer" / "grey.jpg")
    photo(70, 50, 4).save(root / "winter" / "alpha.png")
    whole = (root / "winter" / "2.jpg").read_bytes()
    (root / "winter" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    return {"folder_a": str(root / "summer"), "folder_b": str(root / "winter")}


def test_folders_as_users_have_them_train_with_one_line_of_options(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given: Any = {**mixed(tmp_path), "size": 16, "channels_a": 3, "channels_b": 3, "batch_size": 2}
    message = refused(lambda: UnpairedFolders(**given), "files must be readable images, got '1 (")
    assert "winter/cut.jpg" in message
    assert message.endswith("repair or remove them, or set skip_unreadable: true")
    module = UnpairedFolders(**given, skip_unreadable=True, mirror=True)
    with caplog.at_level(logging.INFO, "datamodules"):
        module.prepare_data()
        module.prepare_data()
        module.setup()
    lines = [one.getMessage() for one in caplog.records]
    assert len(lines) == 3  # once, and nothing else
    assert lines[0].startswith("summer-winter-16: a = summer: 6 images, ")
    assert "RGB (5), grey (1)" in lines[0] and "uint8" in lines[0]
    assert "b = winter: 5 images, " in lines[1] and "RGBA (1)" in lines[1]
    assert "left out, unreadable: 1 (" in lines[2] and "winter/cut.jpg (" in lines[2]
    assert all("\n" not in line for line in lines)
    audit = module.audit
    assert audit.domains["a"].count == 6 and len(audit.domains["a"].sizes) == 6
    assert audit.domains["b"].channels == {3: 4, 4: 1}
    batches = epoch(module)
    assert len(batches) == 3
    for batch in batches:
        validate_batch(batch, UnpairedImages)
        assert batch["a"].shape == batch["b"].shape == (2, 3, 16, 16)


def test_channels_may_differ_between_the_domains(tmp_path: Path) -> None:
    module = folders(tmp_path, channels_a=1)
    assert module.image_shapes == {"a": (1, 12, 12), "b": (3, 12, 12)}
    validate_batch(epoch(module)[0], UnpairedImages)


def test_pictures_that_both_domains_have_are_told(tmp_path: Path) -> None:
    save(tmp_path / "zebra" / "05.png", ramp(3))
    module = folders(tmp_path)
    ((one, other),) = module.audit.shared
    assert one.endswith("horse/03.png") and other.endswith("zebra/05.png")
    assert "the same picture in both domains: 1 (" in module.audit.lines()[-1]


def test_equal_images_of_a_domain_stay_on_one_side_of_the_split(tmp_path: Path) -> None:
    for number in range(30):
        save(tmp_path / "horse" / f"{number:02d}.png", ramp(number // 3))
    module = folders(tmp_path)
    numbers = [
        {
            int(module.reference(split, "a")[i]["image"][2, 0, 0])
            for i in range(len(module.reference(split, "a")))
        }
        for split in ("train", "held_out")
    ]
    assert len(numbers[0]) == 9 and not numbers[0] & numbers[1]


def test_fingerprint_follows_both_domains(tmp_path: Path) -> None:
    first = folders(tmp_path).fingerprint()
    assert first == folders(tmp_path, seed=9, length="min").fingerprint()
    for side in ("horse", "zebra"):
        save(tmp_path / side / "00.png", ramp(55))
        changed = folders(tmp_path).fingerprint()
        assert changed != first
        first = changed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": "mean"}, "UnpairedFolders: length must be max, min or a number of samples"),
        ({"length": -3}, "length must be max, min or a number of samples, got -3; set length: max"),
        ({"batch_size": 19}, "batch_size must be at most 18 for the 18 training images of a on 1"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"size": 4, "load_size": 3}, "load_size must be at least size, here 4, got 3"),
        ({"channels_a": 9}, "channels_a must be 1, 2, 3 or 4, got 9"),
    ],
)
def test_options_out_of_range_are_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    refused(lambda: folders(tmp_path, **options), message)


def test_folders_that_are_no_two_domains_are_refused(tmp_path: Path) -> None:
    folders(tmp_path)
    horse, empty = str(tmp_path / "horse"), str(tmp_path / "empty")
    Path(empty).mkdir()
    refused(lambda: UnpairedFolders(horse, horse + "/"), "folder_b must be another folder than")
    refused(lambda: UnpairedFolders(str(tmp_path), horse), "lie beside folder_a")
    refused(lambda: UnpairedFolders(horse, empty), "folder_b must hold images", "empty")
    refused(lambda: UnpairedFolders(empty, horse), "folder_a must hold images", "empty")
    refused(lambda: UnpairedFolders(horse, str(tmp_path / "no")), "folder_b must be a folder of")


def test_domain_of_mixed_sizes_is_refused_unless_a_size_is_set(tmp_path: Path) -> None:
    save(tmp_path / "zebra" / "07.png", ramp(107, 10, 14))
    refused(lambda: folders(tmp_path), "size must be set where images differ in size", "(14x10)")
    assert folders(tmp_path, size=8).image_shape == (3, 8, 8)


def test_domain_smaller_than_a_global_batch_is_refused_on_every_rank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = folders(tmp_path, batch_size=10)
    module.setup()
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    refused(
        lambda: folders(tmp_path, batch_size=10),
        "batch_size must be at most 9 for the 18 training images of a on 2 rank(s), got 10",
    )
