"""What ends a command, as one line."""

import re

import pytest

from experiments.errors import INTERNAL, USER, report


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            RuntimeError("InvalidCxxCompiler: No working C++ compiler found in g++\n\nSet X=1"),
            r"compile needs a C\+\+ compiler, got none that works; install it .* set compile: off",
        ),
        (
            RuntimeError("Cannot find a working triton installation. More information"),
            "compile needs triton, got none that works; .* set compile: off",
        ),
        (
            OSError(36, "File name too long", "x" * 300),
            r"x{60} \.\.\. \(300 characters\): file name too long; choose another name",
        ),
        (PermissionError(13, "Permission denied", "a/b"), "a/b: permission denied; choose another"),
        (FileNotFoundError("ours: nothing at a/b; check it"), "^ganagerie: error: ours: .* it$"),
    ],
)
def test_what_a_user_can_mend_is_named_with_its_remedy(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error, debug=False) == USER
    output = capsys.readouterr().err.rstrip("\n")
    assert "\n" not in output
    assert re.search(line, output), output


def test_anything_else_is_a_defect_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(RuntimeError("no such thing"), debug=False) == INTERNAL
    assert "internal error: RuntimeError: no such thing" in capsys.readouterr().err
