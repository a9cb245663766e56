import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.batches import PairedImages
from datamodules.contract import validate_batch
from datamodules.paired import PairedCSV, PairedFolders, SideBySideImages
from tests.datamodules.helpers_two_domains import levels, pairs, ramp, refused, save


def folders(root: Path, **options: Any) -> PairedFolders:
    a, b = pairs(root)
    return PairedFolders(a, b, **{"batch_size": 6, **options})


def epoch(module: Any, number: int = 0) -> list[Any]:
    loader = module.train_dataloader()
    loader.ranked.set_epoch(number)
    return list(loader)


def numbers_of(found: Any) -> list[tuple[int, int]]:
    """The numbers of both halves of all pairs, see ``ramp``."""
    both = [found[i] for i in range(len(found))]
    return [(int(one["a"][2, 0, 0]), int(one["b"][2, 0, 0])) for one in both]


def test_batches_hold_what_their_schema_says_k51(tmp_path: Path) -> None:
    module = folders(tmp_path, size=8, load_size=10, mirror=True)
    module.prepare_data()
    module.setup()
    for batch in (*epoch(module), module.preview(3)):
        validate_batch(batch, PairedImages)
        assert type(batch) is dict and set(batch) == {"a", "b", "index"}
    assert len(epoch(module)) == 3 and module.preview(3)["a"].shape == (3, 3, 8, 8)
    broken = {**module.preview(3), "b": module.preview(2)["b"]}
    with pytest.raises(ValueError, match="PairedImages must have one N"):
        validate_batch(broken, PairedImages)


def test_partners_meet_by_name_whatever_the_ending_and_the_sub_folder(tmp_path: Path) -> None:
    for place, number in (("x", 1), ("sub/y", 2), ("sub/x", 3)):
        save(tmp_path / "edges" / f"{place}.png", ramp(number))
        save(tmp_path / "photos" / f"{place}.bmp", ramp(100 + number))
    module = PairedFolders(
        str(tmp_path / "edges"), str(tmp_path / "photos"), batch_size=1, held_out_share=0.0
    )
    assert module.domain_titles == {"a": "edges", "b": "photos"}
    assert module.name == module.slug() == "edges-photos-12"
    found = module.paired_reference("train")
    assert found is not None and len(found) == 3
    numbers = numbers_of(found)
    assert sorted(numbers) == [(1, 101), (2, 102), (3, 103)]


def test_both_halves_are_cropped_and_mirrored_alike(tmp_path: Path) -> None:
    module = folders(tmp_path, size=7, load_size=12, mirror=True)
    corners, flips = [], []
    for batch in epoch(module) + epoch(module, 1):
        a, b = levels(batch["a"]), levels(batch["b"])
        assert a.shape[1:] == b.shape[1:] == (3, 7, 7)
        # Columns and rows, the first two channels, are the same place of both.
        assert np.array_equal(a[:, :2], b[:, :2])
        assert np.array_equal(a[:, 2] + 100, b[:, 2])
        corners += list(zip(a[:, 0].min((1, 2)) // 8, a[:, 1].min((1, 2)) // 8, strict=True))
        flips += list(a[:, 0, 0, 0] > a[:, 0, 0, 6])
    assert len(flips) == 36 and 8 < sum(flips) < 28
    columns, rows = zip(*corners, strict=True)
    assert set(columns) == set(rows) == set(range(6))
    assert abs(np.corrcoef(columns, rows)[0, 1]) < 0.5


def test_augmentation_is_drawn_anew_and_depends_on_seed_epoch_and_index_alone(
    tmp_path: Path,
) -> None:
    options: Any = {"size": 7, "load_size": 12, "mirror": True}
    module = folders(tmp_path, **options)
    first, second = module._training_set(), folders(tmp_path, seed=1, **options)._training_set()
    together = first.__getitems__([(i, 4) for i in range(12)])
    alone = [first[(i, 4)] for i in range(12)]
    assert torch.equal(together["a"], torch.stack([one["a"] for one in alone]))
    assert torch.equal(together["b"], torch.stack([one["b"] for one in alone]))
    assert alone[3]["index"].item() == 3
    for other in (
        first.__getitems__([(i, 5) for i in range(12)]),
        second.__getitems__([(i, 4) for i in range(12)]),
    ):
        same = (other["a"] == together["a"]).flatten(1).all(1)
        assert same.sum() < 4
    workers = list(folders(tmp_path, num_workers=2, **options).train_dataloader())
    for mine, theirs in zip(epoch(folders(tmp_path, **options)), workers, strict=True):
        assert torch.equal(mine["a"], theirs["a"]) and torch.equal(mine["b"], theirs["b"])
    again = pickle.loads(pickle.dumps(first))
    assert torch.equal(again[(2, 1)]["b"], first[(2, 1)]["b"])


def test_two_ranks_see_what_one_process_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: Any = {"size": 7, "load_size": 12, "mirror": True}
    whole = torch.cat([batch["b"] for batch in epoch(folders(tmp_path, **options))])
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
        parts.append([b["b"] for b in epoch(folders(tmp_path, **{**options, "batch_size": 3}))])
    joined = [half for step in zip(*parts, strict=True) for half in step]
    assert torch.equal(torch.cat(joined), whole)


def test_noise_of_the_levels_differs_between_the_halves(tmp_path: Path) -> None:
    for number in range(4):
        for side in ("in", "out"):
            save(tmp_path / side / f"{number}.png", ramp(number))
    module = PairedFolders(
        str(tmp_path / "in"), str(tmp_path / "out"), batch_size=4, dequantize=True, mirror=True
    )
    batch = epoch(module)[0]
    assert torch.equal(torch.floor((batch["a"] + 1) * 128), torch.floor((batch["b"] + 1) * 128))
    noise = [((batch[k] + 1) * 128).frac().flatten() for k in "ab"]
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.1


def test_channels_may_differ_and_16_bits_survive(
    tmp_path: Path, noise: Any, write_deep_png: Any
) -> None:
    deep = [noise(6, 8, 3, dtype="uint16") for _ in range(3)]
    spectra = [noise(6, 8, 7) for _ in range(3)]
    for number in range(3):
        save(tmp_path / "in" / f"{number}.npy", spectra[number])
        (tmp_path / "out").mkdir(exist_ok=True)
        write_deep_png(tmp_path / "out" / f"{number}.png", deep[number])
    module = PairedFolders(
        str(tmp_path / "in"), str(tmp_path / "out"), batch_size=3, held_out_share=0.0
    )
    assert module.image_shapes == {"a": (7, 6, 8), "b": (3, 6, 8)}
    assert module.image_shape == (3, 6, 8) and module.name == "in-out-6x8"
    (batch,) = epoch(module)
    for place, index in enumerate(batch["index"].tolist()):
        expected = torch.from_numpy(deep[index].astype(np.float64)).permute(2, 0, 1)
        torch.testing.assert_close(((batch["b"][place].double() + 1) * 32767.5).round(), expected)
        assert np.array_equal(levels(batch["a"][place]), spectra[index].transpose(2, 0, 1))
    assert module.audit.domains["b"].precisions == {"uint16": 3}
    assert module.audit.domains["a"].channels == {7: 3}


def test_conversion_is_an_option_for_each_side(tmp_path: Path) -> None:
    module = folders(tmp_path, channels_a=1, channels_b=4)
    assert module.image_shapes == {"a": (1, 12, 12), "b": (4, 12, 12)}


def test_held_out_pairs_are_never_trained_on_and_equal_pairs_stay_together(tmp_path: Path) -> None:
    for number in range(30):
        save(tmp_path / "in" / f"{number:02d}.png", ramp(number // 3))
        save(tmp_path / "out" / f"{number:02d}.png", ramp(100 + number // 3))
    module = PairedFolders(str(tmp_path / "in"), str(tmp_path / "out"), batch_size=3)
    sides = [
        {
            int(module.reference(split, "a")[i]["image"][2, 0, 0])
            for i in range(len(module.reference(split, "a")))
        }
        for split in ("train", "held_out")
    ]
    assert len(sides[0]) == 9 and len(sides[1]) == 1 and not sides[0] & sides[1]
    assert len(module.reference("held_out", "b")) == 3
    assert module.audit.domains["a"].repeated == 20
    trained = {int(one) for batch in epoch(module) for one in levels(batch["a"])[:, 2, 0, 0]}
    assert trained <= sides[0]


def test_reference_is_the_centre_at_the_scale_of_training(tmp_path: Path) -> None:
    module = folders(tmp_path, size=8, load_size=12)
    item = module.reference("train", "a")[0]["image"]
    assert item.dtype == torch.uint8 and item.shape == (3, 8, 8)
    assert item[0, 0].tolist() == [8 * column for column in range(2, 10)]
    assert item[1, :, 0].tolist() == [8 * row for row in range(2, 10)]
    pair = module.paired_reference("held_out")
    assert len(pair) == 2 and torch.equal(pair[0]["b"], module.reference("held_out")[0]["image"])
    assert torch.equal(pair[0]["a"][:2], pair[0]["b"][:2])


def test_fingerprint_follows_content_split_and_crop_but_not_the_order(tmp_path: Path) -> None:
    same = folders(tmp_path, size=8, load_size=12).fingerprint()
    assert same == folders(tmp_path, size=8, load_size=12, seed=3, mirror=True).fingerprint()
    others = [
        folders(tmp_path, size=7, load_size=12),
        folders(tmp_path, size=8, load_size=11),
        folders(tmp_path, size=8, load_size=12, held_out_share=0.3),
        folders(tmp_path, size=8, load_size=12, channels_a=1),
    ]
    assert len({same, *(other.fingerprint() for other in others)}) == 5


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_halves_side_by_side_are_told_apart(tmp_path: Path, order: Any) -> None:
    for number in range(4):
        both = np.concatenate([ramp(number), ramp(100 + number)], 1)
        save(tmp_path / "maps" / f"{number}.png", both)
    module = SideBySideImages(str(tmp_path / "maps"), order=order, batch_size=4, held_out_share=0.0)
    assert module.image_shapes == {"a": (3, 12, 12), "b": (3, 12, 12)} and module.name == "maps-12"
    left, right = order
    assert module.domain_titles == {left: "left half", right: "right half"}
    (batch,) = epoch(module)
    assert sorted(levels(batch[left])[:, 2, 0, 0]) == [0, 1, 2, 3]
    assert np.array_equal(levels(batch[left])[:, 2] + 100, levels(batch[right])[:, 2])
    assert np.array_equal(levels(batch[left])[:, :2], levels(batch[right])[:, :2])


def table(root: Path, text: str) -> str:
    root.mkdir(parents=True, exist_ok=True)
    (root / "pairs.csv").write_text(text, encoding="utf-8")
    return str(root / "pairs.csv")


def test_table_names_its_pairs_relative_to_itself(tmp_path: Path) -> None:
    pairs(tmp_path / "set", 4)
    lines = [f"in/{number:02d}.png,out/{number:02d}.png" for number in (3, 1, 0)]
    module = PairedCSV(
        table(tmp_path / "set", "\ufeff" + "sketch,photo\n" + "\n".join(lines)),
        column_a="photo",
        column_b="sketch",
        batch_size=3,
        held_out_share=0.0,
    )
    found = module.paired_reference("train")
    numbers = numbers_of(found)
    assert numbers == [(103, 3), (101, 1), (100, 0)]
    assert module.domain_titles == {"a": "photo", "b": "sketch"} and module.name == "pairs-12"


def test_files_without_a_partner_are_left_out_when_asked(tmp_path: Path) -> None:
    a, b = pairs(tmp_path, 4)
    (tmp_path / "in" / "02.png").unlink()
    save(tmp_path / "out" / "00.png", ramp(100, 12, 14))
    message = refused(lambda: PairedFolders(a, b), "files must all have a partner, got", "02.png")
    assert message.endswith("add the partners, or set skip_unmatched: true")
    module = PairedFolders(a, b, skip_unmatched=True, batch_size=1, held_out_share=0.0)
    assert len(module.reference("train")) == 2
    assert len(module.audit.unmatched) == 1 and len(module.audit.misaligned) == 1
    lines = module.audit.lines()
    assert any(line.startswith("left out, without a partner: 1 (") for line in lines)
    assert any("left out, halves differ in size: 1 (" in line for line in lines)
    listed = table(tmp_path, "a,b\nin/01.png,out/01.png\nin/02.png,out/02.png\n")
    refused(lambda: PairedCSV(listed), "partner", "in/02.png")
    whole = PairedCSV(listed, skip_unmatched=True, batch_size=1, held_out_share=0.0)
    assert len(whole.reference("train")) == 1


def test_corrupt_half_takes_its_partner_along_when_asked(tmp_path: Path) -> None:
    a, b = pairs(tmp_path, 4)
    (tmp_path / "out" / "01.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    message = refused(
        lambda: PairedFolders(a, b), "files must be readable images, got '1 (", "01.png"
    )
    assert message.endswith("repair or remove them, or set skip_unreadable: true")
    module = PairedFolders(a, b, skip_unreadable=True, batch_size=1, held_out_share=0.0)
    found = module.paired_reference("train")
    numbers = numbers_of(found)
    assert numbers == [(0, 100), (2, 102), (3, 103)]


def test_stacks_are_paired_image_by_image(tmp_path: Path) -> None:
    save(tmp_path / "in" / "x.npy", np.stack([ramp(number) for number in range(3)]))
    save(tmp_path / "out" / "x.npy", np.stack([ramp(100 + number) for number in range(3)]))
    a, b = str(tmp_path / "in"), str(tmp_path / "out")
    found = PairedFolders(a, b, batch_size=1, held_out_share=0.0).paired_reference("train")
    assert [int(found[i]["b"][2, 0, 0]) for i in range(len(found))] == [100, 101, 102]
    save(tmp_path / "out" / "x.npy", np.stack([ramp(100 + number) for number in range(2)]))
    refused(lambda: PairedFolders(a, b), "pairs must share their size", "3 of 12x12", "2 of 12x12")


def test_files_are_decoded_again_only_when_one_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = folders(tmp_path).fingerprint()
    calls: list[str] = []
    original = Image.open

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(str(args[0]))
        return original(*args, **kwargs)

    monkeypatch.setattr("datamodules.decoding.Image.open", counted)
    a, b = str(tmp_path / "in"), str(tmp_path / "out")
    assert PairedFolders(a, b, seed=4).fingerprint() == first and not calls
    save(tmp_path / "in" / "03.png", ramp(77))
    assert PairedFolders(a, b).fingerprint() != first and calls


def make(root: Path, **options: Any) -> Any:
    return lambda: PairedFolders(str(root / "in"), str(root / "out"), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be at least 1, got 0; set size: 64"),
        ({"load_size": 9}, "size must be set with load_size, got None; set size: 8"),
        ({"size": 8, "load_size": 7}, "load_size must be at least size, here 8, got 7; set load"),
        ({"channels_a": 5}, "channels_a must be 1, 2, 3 or 4, got 5; set channels_a: 3"),
        ({"channels_b": 0}, "channels_b must be 1, 2, 3 or 4, got 0; set channels_b: 3"),
        ({"float_range": (1.0, 0.0)}, "float_range must rise from black to white, got (1.0, 0.0)"),
        ({"batch_size": 19}, "batch_size must be at most 18 for 18 training images on 1 rank"),
        ({"held_out_share": 1.0}, "held_out_share must lie in [0, 1), got 1.0; set"),
    ],
)
def test_options_out_of_range_are_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    pairs(tmp_path)
    refused(make(tmp_path, **options), message)


def test_folders_that_hold_no_pairs_are_refused(tmp_path: Path) -> None:
    a, b = pairs(tmp_path, 3)
    missing, empty, other = (str(tmp_path / name) for name in ("gone", "empty", "other"))
    Path(empty).mkdir()
    save(Path(other) / "unlike.png", ramp(0))
    save(Path(a) / "deeper" / "x.png", ramp(0))
    refused(lambda: PairedFolders(missing, b), "folder_a must be a folder of images", "gone")
    refused(lambda: PairedFolders(a, missing), "folder_b must be a folder of images", "gone")
    refused(lambda: PairedFolders(a, a), "folder_b must be another folder than folder_a")
    refused(lambda: PairedFolders(a, f"{a}/deeper"), "folder_b must lie beside folder_a")
    refused(lambda: PairedFolders(f"{a}/deeper", a), "folder_b must lie beside folder_a")
    refused(lambda: PairedFolders(a, empty), "folder_b must hold images", "empty")
    refused(lambda: PairedFolders(other, b), "hold a partner of the same name", "unlike", "00")


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    a, b = pairs(tmp_path, 3)
    save(tmp_path / "in" / "01.bmp", ramp(1))
    refused(lambda: PairedFolders(a, b), "folder_a must hold one image of a name", "01.bmp", "01.p")


def test_pairs_that_differ_in_size_are_refused_with_both_files(tmp_path: Path) -> None:
    a, b = pairs(tmp_path, 5)
    save(tmp_path / "out" / "03.png", ramp(103, 12, 10))
    for options in ({}, {"size": 8}):
        refused(
            make(tmp_path, **options),
            "pairs must share their size",
            "in/03.png (12x12)",
            "out/03.png (10x12)",
        )


def test_images_that_differ_from_each_other_are_refused_unless_an_option_says_how(
    tmp_path: Path,
) -> None:
    pairs(tmp_path, 3)
    for side in ("in", "out"):
        save(tmp_path / side / "01.png", ramp(1, 10, 10, channels=1))
    refused(make(tmp_path), "size must be set where images differ in size", "set size: 10")
    refused(make(tmp_path, size=8), "channels_a must be set where images differ", "channels_a: 3")
    refused(make(tmp_path, size=8, channels_a=3), "channels_b must be set where images differ")
    whole = make(tmp_path, size=8, channels_a=3, channels_b=1)()
    assert whole.image_shapes == {"a": (3, 8, 8), "b": (1, 8, 8)}
    save(tmp_path / "in" / "01.npy", np.zeros((12, 12, 7), np.uint8))
    (tmp_path / "in" / "01.png").unlink()
    save(tmp_path / "out" / "01.png", ramp(1))
    refused(make(tmp_path, channels_a=3), "channels_a must be left out where an image has 7")


def test_reference_to_what_is_not_there_is_refused(tmp_path: Path) -> None:
    module = folders(tmp_path, held_out_share=0.0)
    with pytest.raises(ValueError, match="must hold out some of the 20 images of a, got 0.0; set"):
        module.reference("held_out", "a")
    with pytest.raises(ValueError, match="split must be train or held_out, got 'test'; ask"):
        module.paired_reference("test")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="domain must be a or b, got 'c'; ask"):
        module.reference("train", "c")  # type: ignore[arg-type]


def test_side_by_side_images_without_two_halves_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "maps" / f"{number}.png", ramp(number, 12, 24))
    save(tmp_path / "maps" / "odd.png", ramp(9, 12, 23))
    folder = str(tmp_path / "maps")
    refused(lambda: SideBySideImages(folder), "odd.png (its width of 23 pixels is odd", "1 (")
    whole = SideBySideImages(folder, skip_unreadable=True, batch_size=1, held_out_share=0.0)
    assert len(whole.reference("train")) == 3 and len(whole.audit.unreadable) == 1
    wrong: Any = "AB"
    refused(lambda: SideBySideImages(folder, order=wrong), "order must be ab or ba, got 'AB'; set")
    refused(lambda: SideBySideImages(str(tmp_path / "gone")), "folder must be a folder of images")


@pytest.mark.parametrize(
    ("text", "options", "parts"),
    [
        ("x,y\nin/00.png,out/00.png\n", {}, ("column_a must be a column of pairs.csv", "has x, y")),
        ("a,c\nin/00.png,out/00.png\n", {}, ("column_b must be a column of pairs.csv",)),
        ("a,b\n", {}, ("table must have rows, got none",)),
        ("a,b\nin/00.png,\n", {}, ("column_b must name a file in every row", "row 1 of pairs.csv")),
        ("a,b\nin/99.png,out/00.png\n", {}, ("must all have a partner", "in/99.png")),
        (
            "a,b\nin/99.png,out/00.png\n",
            {"skip_unmatched": True},
            ("table must name files that are there, relative to itself", "in/99.png"),
        ),
        ("a,b\nin/00.png,out/00.png\n", {"column_b": "a"}, ("column_b must be another column",)),
    ],
)
def test_tables_that_name_no_pairs_are_refused(
    tmp_path: Path, text: str, options: dict[str, Any], parts: tuple[str, ...]
) -> None:
    pairs(tmp_path, 2)
    refused(lambda: PairedCSV(table(tmp_path, text), **options), *parts)


def test_missing_table_is_refused(tmp_path: Path) -> None:
    refused(lambda: PairedCSV(str(tmp_path / "gone.csv")), "table must be a CSV file", "gone.csv")


def test_floats_without_levels_cannot_be_dequantized(tmp_path: Path) -> None:
    for side in ("in", "out"):
        for number in range(2):
            save(tmp_path / side / f"{number}.npy", np.linspace(-1, 1, 48).reshape(4, 4, 3))
    refused(make(tmp_path, dequantize=True), "dequantize must be false for data without levels")


def test_every_image_unreadable_is_refused(tmp_path: Path) -> None:
    a, b = pairs(tmp_path, 2)
    for path in Path(a).iterdir():
        path.write_text("no image")
    message = refused(make(tmp_path, skip_unreadable=True), "hold images that can be read for a")
    assert message.endswith("repair the files, or give others")
