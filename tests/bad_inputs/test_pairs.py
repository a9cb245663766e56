"""Pairs that are none, and pix2pix that does not go with them."""

import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_domains import AB, folders, judge, noise_pictures, pix2pix, unet
from tests.helpers_bad_inputs import Case, Place, check, damaged, deleted, half, text_file

BAD = "fit --config bad.yaml --run_dir new"
ROWS = "a,b\n" + "".join(f"A/{n:03d}.png,B/{n:03d}.png\n" for n in range(24))


def table(**more: object) -> dict[str, object]:
    small = {"table": "pairs.csv", "size": 16, "batch_size": 4}
    return {"class_path": "PairedCSV", "init_args": {**small, **more}}


def halves(**more: object) -> dict[str, object]:
    return {
        "class_path": "SideBySideImages",
        "init_args": {"folder": "C", "size": 16, "batch_size": 4, **more},
    }


# fmt: off
FOLDERS = (
    Case(
        "no names in common", BAD, "folder_b must hold a partner of the same name",
        "'000' in folder_a and '050' in folder_b", "give both halves of a pair one name",
        make=(noise_pictures("A"), noise_pictures("B", first=50), pix2pix()),
    ),
    Case(
        "half a pair missing", BAD, "files must all have a partner", r"1 \(A/007\.png\)",
        "add the partners, or set skip_unmatched", make=(*AB, deleted("B/007.png"), pix2pix()),
    ),
    Case(
        "halves of two sizes", BAD, "pairs must share their size",
        r"1 \(A/050\.png \(16x16\) and B/050\.png \(20x16\)", "bring both halves",
        make=(
            *AB, noise_pictures("A", 1, first=50), noise_pictures("B", 1, (20, 16), first=50),
            pix2pix(),
        ),
    ),
    Case(
        "two files of a name", BAD, "folder_a must hold one image of a name",
        r"003\.(jpg|png) and 003\.(jpg|png)", "rename or remove",
        make=(*AB, noise_pictures("A", 1, ending="jpg", first=3), pix2pix()),
    ),
    Case(
        "pairs of a folder with itself", BAD, "folder_b must be another folder", "'A'",
        "give two folders", make=(*AB, pix2pix(folders("PairedFolders", folder_b="A"))),
    ),
    Case(
        "truncated half", BAD, "files must be readable images", r"B/004\.png", "repair or remove",
        make=(*AB, damaged("B/004.png", half), pix2pix()),
    ),
)

TABLES = (
    Case(
        "no table", BAD, "PairedCSV: table must be a CSV file", r"'pairs\.csv'", "existing file",
        make=(pix2pix(table()),),
    ),
    Case(
        "folder for a table", BAD, "PairedCSV: table must be a CSV file", "'A'", "existing file",
        make=(*AB, pix2pix(table(table="A"))),
    ),
    Case(
        "table of another kind", BAD, r"table must end in \.csv or \.jsonl", r"pairs\.txt",
        "convert it", make=(*AB, text_file("pairs.txt", ROWS), pix2pix(table(table="pairs.txt"))),
    ),
    Case(
        "empty table", BAD, "table must have rows", r"none in pairs\.csv", "write one row",
        make=(*AB, text_file("pairs.csv", ""), pix2pix(table())),
    ),
    Case(
        "table of a header alone", BAD, "table must have rows", r"none in pairs\.csv",
        "write one row", make=(*AB, text_file("pairs.csv", "a,b\n"), pix2pix(table())),
    ),
    Case(
        "table that is not UTF-8", BAD, "table must be readable", r"pairs\.csv", "save it as UTF-8",
        make=(
            *AB, text_file("pairs.csv", ROWS.encode() + b"A/\xff.png,B/\xff.png\n"),
            pix2pix(table()),
        ),
    ),
    Case(
        "column that is missing", BAD, "column_b must be a column of pairs.csv, which has a, b",
        "got 'photo'", "set column_b to one of them",
        make=(*AB, text_file("pairs.csv", ROWS), pix2pix(table(column_b="photo"))),
    ),
    Case(
        "one column twice", BAD, "column_b must be another column", "got 'a'", "name two columns",
        make=(*AB, text_file("pairs.csv", ROWS), pix2pix(table(column_b="a"))),
    ),
    Case(
        "path that is missing", BAD, "files must all have a partner", r"A/999\.png",
        "add the partners, or set skip_unmatched",
        make=(*AB, text_file("pairs.csv", ROWS + "A/999.png,B/001.png\n"), pix2pix(table())),
    ),
    Case(
        "empty cell", BAD, "column_b must name a file in every row", "nothing in row 25",
        "fill it in", make=(*AB, text_file("pairs.csv", ROWS + "A/001.png,\n"), pix2pix(table())),
    ),
    Case(
        "row that is too short", BAD, "column_b must name a file in every row", "row 25",
        "fill it in", make=(*AB, text_file("pairs.csv", ROWS + "A/001.png\n"), pix2pix(table())),
    ),
    Case(
        "lines that are no JSON", BAD, "table must be readable", r"pairs\.jsonl",
        "save it as UTF-8",
        make=(*AB, text_file("pairs.jsonl", ROWS), pix2pix(table(table="pairs.jsonl"))),
    ),
    Case(
        "lines that are no objects", BAD, "table must be readable", "no JSON object", "save it",
        make=(
            *AB, text_file("pairs.jsonl", '["A/000.png", "B/000.png"]\n'),
            pix2pix(table(table="pairs.jsonl")),
        ),
    ),
    Case(
        "number for a path", BAD, "file", "7", "correct|add the partners",
        make=(
            *AB, text_file("pairs.jsonl", '{"a": 7, "b": [1]}\n'),
            pix2pix(table(table="pairs.jsonl")),
        ),
    ),
    Case(
        "odd width side by side", BAD, "files must be readable images",
        "24 .*width of 33 pixels is odd", "repair or remove|even",
        make=(noise_pictures("C", size=(33, 16)), pix2pix(halves())),
    ),
    Case(
        "order of no halves", BAD, "order", "abc", "ab|ba",
        make=(noise_pictures("C", size=(32, 16)), pix2pix(halves(order="abc"))),
    ),
)

GAMES = (
    Case(
        "discriminator of the output alone", BAD, "PatchDiscriminator: input must have shape",
        r"\(N, 3, H, W\), got \(\d, 6, 16, 16\)", "match the channels",
        make=(*AB, pix2pix(discriminator=judge(3))), told=True,
    ),
    Case(
        "terms that there are not", BAD, "terms", "l2", r"l1\+cgan",
        make=(*AB, pix2pix(terms="l2")),
    ),
    Case(
        "nobody to play against", BAD, "Pix2Pix: discriminator must be given unless terms is l1",
        r"none for l1\+cgan", "set or remove it", make=(*AB, pix2pix(discriminator="left out")),
    ),
    Case(
        "somebody too many", BAD, "Pix2Pix: discriminator must be given unless terms is l1",
        "one for l1", "set or remove it", make=(*AB, pix2pix(terms="l1")),
    ),
    Case(
        "too many halvings", BAD, "UNet: height and width must be multiples", "16x16 px at downs 5",
        "set downs to 4", make=(*AB, pix2pix(generator=unet(downs=5))), told=True,
    ),
    Case(
        "no error to ask for", BAD, "Pix2Pix: l1_weight must be positive", "got 0", "above 0",
        make=(*AB, pix2pix(l1_weight=0)),
    ),
    Case(
        "mode that there is not", BAD, "inference_mode", "test", "train.*eval",
        make=(*AB, pix2pix(inference_mode="test")),
    ),
    Case(
        "corruption without a way back", BAD, "Pix2Pix: corruption must be null", "got NoisyWay",
        "no way back",
        make=(*AB, pix2pix(corruption={"class_path": "gan_modules.corruptions.NoisyWay"})),
    ),
    Case(
        "pix2pix without pairs", BAD, "Pix2Pix: batch must be of pairs", "index_a", "PairedFolders",
        make=(*AB, pix2pix(folders())), told=True,
    ),
)
# fmt: on


@pytest.mark.parametrize("case", [*FOLDERS, *TABLES, *GAMES], ids=lambda case: case.id)
def test_pairs_are_refused_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
