import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.captions import CaptionedFolder, OpenMojiCaptions
from datamodules.text_encoders import HashingEncoder


class Counting:
    """Embeds a sentence as its number among those asked for, and counts the calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def embed(self, sentences: list[str]) -> torch.Tensor:
        self.calls.append(sentences)
        return torch.eye(len(sentences), 64)


@pytest.fixture(scope="module")
def emoji(tmp_path_factory: pytest.TempPathFactory) -> OpenMojiCaptions:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("captions")))
        module = OpenMojiCaptions(size=16, batch_size=64)
        module.setup()
    return module


def folder(tmp_path: Path, rows: list[dict[str, Any]], count: int = 3, **options: Any) -> Any:
    (tmp_path / "all").mkdir(exist_ok=True)
    for number in range(count):
        image = Image.fromarray(np.full((4, 4), 60 * number, np.uint8))
        image.save(tmp_path / "all" / f"{number}.png")
    (tmp_path / "table.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return CaptionedFolder(
        str(tmp_path / "all"),
        str(tmp_path / "table.jsonl"),
        **{"batch_size": 1, "held_out_share": 0.0, **options},
    )


def rows(*captions: Any) -> list[dict[str, Any]]:
    return [{"image": f"{i}.png", "caption": caption} for i, caption in enumerate(captions)]


def test_pictures_bear_their_english_names(emoji: OpenMojiCaptions) -> None:
    captions = emoji.captions("train") + emoji.captions("held_out")
    assert {"red apple", "steaming bowl", "cat face"} <= set(captions)
    assert not any(":" in one or "_" in one or "flag: " in one for one in captions)
    assert len(set(captions)) > 0.99 * len(captions) and 1500 < len(captions) < 1800
    index = emoji.captions("train").index("red apple")
    assert emoji.caption(index) == "red apple"
    red = emoji.reference("train")[index]["image"].float()
    assert red[0].sum() > red[2].sum() + 5000
    assert "OpenMoji" in emoji.attribution and emoji.class_names is None


def test_text_of_a_batch_is_the_embedded_caption(emoji: OpenMojiCaptions) -> None:
    part = emoji._training_set()
    batch = part.__getitems__([(index, 0) for index in range(40)])
    sentences = [emoji.sentences()[emoji._part("train")[index]] for index in range(40)]
    for text, own in zip(batch["text"], sentences, strict=True):
        if len(own) <= 4:
            torch.testing.assert_close(text, HashingEncoder().embed(list(own)).mean(0))
    assert emoji.text_dim == 256
    torch.testing.assert_close(emoji.embed(["red apple"]), HashingEncoder().embed(["red apple"]))


def test_mismatched_images_are_real_training_images_of_another_caption(
    emoji: OpenMojiCaptions,
) -> None:
    batch = next(iter(emoji.train_dataloader()))
    assert (batch["label"] != batch["mismatched_label"]).all()
    images = emoji._opened().array[emoji._part("train")].reshape(len(emoji._part("train")), -1)
    for image in batch["mismatched_image"][:8]:
        levels = ((image + 1) * 127.5).round().numpy().astype(np.uint8).reshape(-1)
        assert (images == levels).all(1).any()
    # Rolling the batch would give each of its images just once.
    own = {tuple(image.flatten().tolist()) for image in batch["image"]}
    others = [tuple(image.flatten().tolist()) in own for image in batch["mismatched_image"]]
    assert sum(others) < 20


def test_mismatched_images_come_from_another_category_where_there_are_classes() -> None:
    data = OpenMojiCaptions(size=8, labels=True, batch_size=256)
    batch = next(iter(data.train_dataloader()))
    assert data.class_names is not None and len(data.class_names) in (8, 9)
    assert (batch["label"] != batch["mismatched_label"]).all()
    labels = data._opened().labels
    assert labels is not None
    rows = data._part("train")[batch["index"]]
    assert batch["label"].tolist() == labels[rows].tolist()
    assert batch["mismatched_label"].unique().numel() == len(data.class_names)


def test_pictures_that_look_the_same_do_not_misfit_each_other() -> None:
    data = OpenMojiCaptions(size=16, flags=True, batch_size=2)
    captions = [own[0] for own in data.sentences()]
    numbers = data._numbers()
    norway, svalbard = (captions.index(name) for name in ("Norway", "Svalbard & Jan Mayen"))
    assert numbers[norway] == numbers[svalbard]
    assert 0.98 * len(numbers) < len(set(numbers)) < len(numbers)


def test_captions_are_embedded_once(tmp_path: Path) -> None:
    encoder = Counting()
    data = folder(tmp_path, rows("one", "two", "three"), encoder=encoder, batch_size=3)
    for _ in range(3):
        for _ in data.train_dataloader():
            pass
    data.preview()
    assert encoder.calls == [["one", "three", "two"]]


def test_several_captions_are_averaged_anew_in_every_epoch(tmp_path: Path) -> None:
    six = ["a", "b", "c", "d", "e", "f"]
    data = folder(tmp_path, rows(six, "g", "h"), encoder=Counting(), captions_averaged=2)
    part = data._training_set()
    texts = torch.stack([part[(0, epoch)]["text"] for epoch in range(300)])
    assert (texts[:, :6].sum(1) == 1).all() and ((texts == 0.5).sum(1) == 2).all()
    counts = (texts[:, :6] > 0).sum(0)
    assert (counts - 100).abs().max() < 5 * np.sqrt(300 * 2 / 9)
    assert part[(1, 0)]["text"].argmax() == 6


def test_folder_reads_lists_repeated_rows_and_classes(tmp_path: Path) -> None:
    table = [
        {"image": "1.png", "caption": ["one", "a  one"], "class": "odd"},
        {"image": "0.png", "caption": "nought", "class": "even"},
        {"image": "2.png", "caption": "two", "class": "even"},
        {"image": "2.png", "caption": "a pair", "class": "even"},
    ]
    data = folder(tmp_path, table)
    assert list(data.sentences()) == [("nought",), ("one", "a one"), ("two", "a pair")]
    assert data.class_names == ("even", "odd") and data.caption(2) == "two"
    assert data.captions("train") == ["nought", "one", "two"]
    batch = data.preview(3)
    assert batch["label"].tolist() == [0, 1, 0] and batch["mismatched_label"].tolist() == [1, 0, 1]
    other = folder(tmp_path, [*table[:3], {**table[3], "caption": "a couple"}])
    assert other.fingerprint() != data.fingerprint()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (rows("same", "same", "same"), "captions must differ, or belong to two classes"),
        (rows("a", ["b", 3], "c"), "caption must be a sentence, got 3"),
        (rows("a", "b", [" "]), "caption must be a sentence, got ' '"),
        (rows("a", "b", ""), "table must give every row a caption, got none in row 3"),
        (rows("a", "b"), "table must have a row for every image, got none for '2.png'"),
        (
            [{**row, "class": "x" if i else ""} for i, row in enumerate(rows("a", "b", "c"))],
            r"class must be one and the same in all rows of an image, got \[''\]",
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, table: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^CaptionedFolder: {message}.*; ") as caught:
        folder(tmp_path, table).preview()
    assert "\n" not in str(caught.value)


def test_options_out_of_range_are_refused(emoji: OpenMojiCaptions) -> None:
    with pytest.raises(ValueError, match="captions_averaged must be at least 1, got 0; set"):
        OpenMojiCaptions(captions_averaged=0)
    with pytest.raises(ValueError, match=r"encoder must have a method embed.*got 'int'; use Hash"):
        OpenMojiCaptions(encoder=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sentences must not be empty"):
        emoji.embed([])
