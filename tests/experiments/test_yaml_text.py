from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from experiments.errors import CommandError
from experiments.study.reading import read_yaml
from experiments.yaml_text import composed


def file(folder: Path, text: str | bytes) -> Path:
    path = folder / "my.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_tree_and_its_text_and_nothing_of_an_empty_file(tmp_path: Path) -> None:
    text, tree = composed(file(tmp_path, "a: 1\n"), "it", "write one")
    assert text == "a: 1\n" and isinstance(tree, yaml.MappingNode)
    assert composed(file(tmp_path, "# nothing\n"), "it", "write one")[1] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff\xfe\x00", "it must be YAML, got no text; write one"),
        ("a: [1\nb: 2\n", r"it must be YAML, got '.*' at line 2, column 2; mend that line"),
        ("a: 1\nb: 2\na: 3\n", "it names a twice, at lines 1 and 3; keep it once"),
        ("a:\n- {b: 1, b: 2}\n", "it names b twice, at lines 2 and 2"),
    ],
)
def test_what_is_none_is_refused_in_one_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        composed(file(tmp_path, text), "it", "write one")


def test_merges_may_come_twice_and_a_key_may_be_overridden(tmp_path: Path) -> None:
    text = "x: &x {a: 1}\ny: &y {b: 2}\nz:\n  <<: *x\n  <<: *y\n  a: 3\n"
    composed(file(tmp_path, text), "it", "write one")
    assert read_yaml(file(tmp_path, text))["z"] == {"a": 3, "b": 2}


def test_a_tag_that_only_building_meets_is_one_line_too(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="study file .* must be YAML, got 'could not determine"):
        read_yaml(file(tmp_path, "a: !!python/name:os.system\n"))
