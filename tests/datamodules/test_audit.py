import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datamodules.audit import Audit, DomainAudit, audit_domain, inspect_files, shared_pictures, told
from datamodules.reading import ImageFile
from tests.datamodules.helpers_two_domains import ramp, save


@pytest.fixture
def files(tmp_path: Path) -> list[ImageFile]:
    save(tmp_path / "a.png", ramp(1))
    save(tmp_path / "b.png", ramp(2, 10, 8, channels=1))
    save(tmp_path / "c.npy", np.stack([ramp(1), ramp(3)]))
    (tmp_path / "d.png").write_bytes(b"no image")
    save(tmp_path / "e.npy", np.full((4, 4), np.nan))
    return [ImageFile(tmp_path / name) for name in ("a.png", "b.png", "c.npy", "d.png", "e.npy")]


def test_findings_tell_shape_pixels_and_faults(files: list[ImageFile]) -> None:
    found = inspect_files("set", {"x": 1}, files)
    assert [one.fault for one in found[:3]] == ["", "", ""]
    assert found[3].header is None and found[3].fault == "cannot identify image file"
    assert found[4].fault == "NaN or infinity"
    header = found[1].header
    assert header is not None and (header.height, header.width, header.channels) == (10, 8, 1)
    # The same pixels in a PNG and in an array.
    assert found[0].prints[0] == found[2].prints[0] != found[2].prints[1]
    audit = audit_domain("things", found[:3])
    assert audit == DomainAudit(
        "things", 4, {"12x12": 3, "8x10": 1}, {3: 3, 1: 1}, {"uint8": 4}, repeated=1
    )
    assert audit.line() == (
        "things: 4 images, 12x12 (3), 8x10 (1), RGB (3), grey (1), uint8, 1 repeated"
    )
    assert shared_pictures(found[:1], found[1:3]) == ((str(files[0].path), str(files[2].path)),)


def test_findings_are_kept_and_made_again_where_they_are_damaged(
    files: list[ImageFile], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = inspect_files("set", {"x": 1}, files)
    (record,) = (cache / "audits").iterdir()
    opened: list[Any] = []
    original = Image.open
    monkeypatch.setattr(
        "datamodules.decoding.Image.open", lambda *args: opened.append(args) or original(*args)
    )
    assert inspect_files("set", {"x": 1}, files) == first and not opened
    for damage in ("", "{", json.dumps({"key": "other", "found": []}), json.dumps([])):
        record.write_text(damage)
        opened.clear()
        assert inspect_files("set", {"x": 1}, files) == first and opened
    opened.clear()
    inspect_files("set", {"x": 2}, files)
    assert opened


def test_cache_that_cannot_be_written_is_one_line(
    files: list[ImageFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANAGERIE_CACHE", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="cache: folder must be writable.*set GANAGERIE_CACHE"):
        inspect_files("set", {"x": 1}, files)


def test_long_lists_are_cut() -> None:
    assert told(["x"]) == "1 (x)"
    assert told([*"vwxyz"]) == "5 (v, w, x and 2 more)"
    audit = DomainAudit(
        "t", 15, {f"{n}x9": n for n in range(1, 6)}, {7: 15}, {"uint8": 14, "uint16": 1}
    )
    assert audit.line() == (
        "t: 15 images, 5x9 (5), 4x9 (4), 3x9 (3) and 2 other, 7 channels, uint8 (14), uint16 (1)"
    )


def test_what_is_wrong_has_a_line_each() -> None:
    plain = DomainAudit("t", 1, {"9x9": 1}, {3: 1}, {"uint8": 1})
    audit = Audit({"a": plain, "b": plain}, ("u",), ("m",), ("s",), (("x", "y"),))
    assert audit.lines() == [
        "a = t: 1 image, 9x9, RGB, uint8",
        "b = t: 1 image, 9x9, RGB, uint8",
        "left out, unreadable: 1 (u)",
        "left out, without a partner: 1 (m)",
        "left out, halves differ in size: 1 (s)",
        "the same picture in both domains: 1 (x = y)",
    ]
    assert len(Audit({"a": plain, "b": plain}).lines()) == 2
