import json
from pathlib import Path

import numpy as np
import pytest

from datamodules.images import ImageFolder
from datamodules.tables import read_table, rows_in_order


def test_csv_and_json_lines_give_the_same_rows(tmp_path: Path) -> None:
    rows = [{"image": "a/b.png", "caption": 'so, "quoted"'}, {"image": "c.png", "caption": "é"}]
    csv, lines = tmp_path / "t.csv", tmp_path / "t.jsonl"
    csv.write_text('\ufeffimage,caption\na/b.png,"so, ""quoted"""\nc.png,é\n', encoding="utf-8")
    lines.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    assert read_table("X", csv, ("image", "caption")) == rows == read_table("X", lines)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.txt", b"a", "must end in .csv or .jsonl, got '.*t.txt'"),
        ("t.csv", b"image\n\xff\xfe\n", "must be readable, got .*utf-8"),
        ("t.jsonl", b"{nonsense", "must be readable, got .*Expecting property name"),
        ("t.jsonl", b"[1]", "must be readable, got .*no JSON object"),
        ("t.csv", b"", "must have rows, got none"),
        ("t.csv", b"image,caption\na.png\n", "must give every row a caption, got none in row 1"),
    ],
)
def test_bad_tables_are_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"^X: table {message}.*; ") as caught:
        read_table("X", tmp_path / name, ("image", "caption"))
    assert "\n" not in str(caught.value)


def test_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="^X: table must be a .csv or .jsonl file, got"):
        read_table("X", tmp_path / "t.csv")


def test_stacks_have_no_rows_of_their_own(tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", np.zeros((3, 4, 4, 1), np.uint8))
    folder = ImageFolder(str(tmp_path))
    with pytest.raises(ValueError, match="every file must hold one image, got 3 images in 1 files"):
        rows_in_order("X", folder, [{"image": "stack.npy"}], 3)
