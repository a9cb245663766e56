"""Who may import whom: the arrows between the packages run downward only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: What each package must not import, and what of it it may.
FORBIDDEN = {
    "gan_modules": ({"callbacks", "datamodules", "experiments", "benchmarks", "tests"}, "batches"),
    "datamodules": ({"gan_modules", "callbacks", "experiments", "benchmarks", "tests"}, ""),
    "callbacks": ({"experiments", "benchmarks", "tests"}, ""),
    "experiments": ({"benchmarks", "tests"}, ""),
}


def imported(file: Path) -> Iterator[str]:
    """Modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("package", FORBIDDEN)
def test_arrows_run_downward(package: str) -> None:
    above, but = FORBIDDEN[package]
    files = list((ROOT / package).rglob("*.py"))
    assert len(files) > 20
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        for name in imported(file)
        if name.split(".")[0] in above and not (but and name.split(".")[1:2] == [but])
    ]
    assert wrong == []
