import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.label_sets import LabelSetFolder
from datamodules.mnist import MNIST5k
from datamodules.multi_digits import MultiDigits, true_correlation


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> MultiDigits:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAGERIE_CACHE", str(tmp_path_factory.mktemp("digits")))
        module = MultiDigits(batch_size=64)
        module.setup()
    return module


def folder(tmp_path: Path, text: str, **options: Any) -> LabelSetFolder:
    (tmp_path / "all").mkdir(exist_ok=True)
    for number in range(3):
        picture = Image.fromarray(np.full((4, 4), 60 * number, np.uint8))
        picture.save(tmp_path / "all" / f"{number}.png")
    (tmp_path / "t.csv").write_text(text)
    return LabelSetFolder(
        str(tmp_path / "all"),
        str(tmp_path / "t.csv"),
        **{"batch_size": 1, "held_out_share": 0.0, **options},
    )


def test_correlation_of_the_labels_is_the_known_one(digits: MultiDigits) -> None:
    sets = digits.label_sets("train").double()
    assert sets.shape == (9000, 10)
    torch.testing.assert_close(torch.corrcoef(sets.T), true_correlation(), atol=0.04, rtol=0)
    assert true_correlation()[2, 7].item() == pytest.approx((0.32 - 0.36**2) / (0.36 * 0.64))
    assert true_correlation()[2, 3].item() == pytest.approx((0.081 - 0.36**2) / (0.36 * 0.64))
    torch.testing.assert_close(sets.mean(0), torch.full((10,), 0.36).double(), atol=0.03, rtol=0)


def test_other_rules_have_other_correlations() -> None:
    never = MultiDigits(together=0.0, length=4000)
    sets = never.label_sets("train").double()
    assert (sets[:, :5] * sets[:, 5:] == 0).all() and (sets.sum(1) == 2).all()
    torch.testing.assert_close(torch.corrcoef(sets.T), true_correlation(0.0), atol=0.06, rtol=0)
    always = MultiDigits(together=1.0, length=50).label_sets("train")
    assert torch.equal(always[:, :5], always[:, 5:])


def test_collages_show_the_digits_that_their_labels_say(digits: MultiDigits) -> None:
    array: Any = digits._opened().array
    source = MNIST5k(16).load()
    assert source.labels is not None
    rows = digits._part("train")[[0, 9, 77]]
    for row in rows:
        shown = set()
        for cell, digit in enumerate(array.cells[row]):
            top, left = 16 * (cell // 2), 16 * (cell % 2)
            part = array[row][0, top : top + 16, left : left + 16]
            if digit < 0:
                assert not part.any()
            else:
                assert np.array_equal(part, source.array[digit, 0])
                shown.add(int(source.labels[digit]))
        names = {n for n in range(10) if digits._names_and_sets()[1][row, n]}
        assert shown == names and 2 <= len(shown) <= 4
    assert digits.label_names == tuple("0123456789") and digits.class_names is None
    assert digits.image_shape == (1, 32, 32) and "MNIST" in digits.attribution


def test_cells_are_used_alike(digits: MultiDigits) -> None:
    used = (digits._opened().array.cells >= 0).mean(0)  # type: ignore[attr-defined]
    assert np.abs(used - 0.9).max() < 0.02


def test_held_out_collages_show_digits_that_no_training_collage_has(digits: MultiDigits) -> None:
    cells = digits._opened().array.cells  # type: ignore[attr-defined]
    train, held_out = (set(cells[digits._part(part)].ravel()) for part in ("train", "held_out"))
    assert train & held_out == {-1} and len(digits._part("held_out")) == 1000


def test_collages_travel_to_a_worker_without_their_pixels(digits: MultiDigits) -> None:
    assert len(pickle.dumps(digits._opened())) < 3_000_000


def test_labels_are_names_in_one_column_or_flags_in_many(tmp_path: Path) -> None:
    names = folder(tmp_path, "image,labels\n1.png,dog cat\n0.png,\n2.png,owl;dog\n")
    assert names.label_names == ("cat", "dog", "owl")
    expected = [[0, 0, 0], [1, 1, 0], [0, 1, 1]]
    assert names.label_sets("train").tolist() == expected
    assert names.preview(3)["labels"].tolist() == expected
    flags = folder(tmp_path, "image,cat,dog,owl\n1.png,1,1,0\n0.png,0,0,0\n2.png,0,1,1\n")
    assert flags.label_names == ("cat", "dog", "owl")
    assert flags.label_sets("train").tolist() == expected
    assert flags.fingerprint() == names.fingerprint()
    other = folder(tmp_path, "image,cat,dog,owl\n1.png,1,1,0\n0.png,0,0,1\n2.png,0,1,1\n")
    assert other.fingerprint() != flags.fingerprint()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,cat\n0.png,1\n1.png,2\n2.png,0\n", "column cat must hold 0 or 1, got '2'; correct"),
        ("image,cat\n0.png,1\n1.png,\n2.png,0\n", "column cat must hold 0 or 1, got ''; correct"),
        ("image\n0.png\n1.png\n2.png\n", "table must name a label, got"),
        ("image,labels\n0.png,a\n1.png,b\n", "table must have a row for every image"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^LabelSetFolder: {message}"):
        folder(tmp_path, text).setup()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 15}, "size must be even and at least 16, got 15"),
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"together": 1.5}, r"together must lie in \[0, 1\], got 1.5"),
        ({"mirror": True}, "mirror must be false for digits, got True"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^MultiDigits: {message}; set "):
        MultiDigits(**options)
