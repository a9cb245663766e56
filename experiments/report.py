"""Command ``report RUN [RUN ...]``: one static HTML page of one run, or of several side by side.

The page needs neither W&B nor a network nor torch: it is drawn from the files of the run folders.
"""

from collections.abc import Sequence
from pathlib import Path

from callbacks.durable import write_atomically
from callbacks.run_folder import RunFolder
from experiments.arguments import OneLineParser
from experiments.report_page.page import render
from experiments.report_page.run_files import read_run

MARK = b'<meta name="generator" content="ganagerie report">'


def write_report(runs: Sequence[Path], out: Path) -> Path:
    """Write the page of one or several runs.

    Args:
        runs: run folders, each named once; the first is the measure of the comparison.
        out: the HTML file; an older report there is replaced, any other file is not.

    Returns:
        ``out``.

    Raises:
        ValueError: a folder is no run, is named twice, or ``out`` may not be written.
    """
    if not runs:
        raise ValueError("Report: runs must be at least one run folder, got none; name one")
    named = [run.resolve() for run in runs]
    twice = [run for run, path in zip(runs, named, strict=True) if named.count(path) > 1]
    if twice:
        raise ValueError(f"Report: runs must differ, got {twice[0]} twice; name each run once")
    _check_out(out)
    page = render([read_run(run) for run in runs])
    # A file name in a run's settings may hold bytes that are no text: shown as "?", not fatal.
    write_atomically(out, page.encode("utf-8", errors="replace"))
    return out


def _check_out(out: Path) -> None:
    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise ValueError(f"Report: out must be an .html file, got {out}; name one, or leave it out")
    if not out.exists():
        return
    with out.open("rb") as stream:
        head = stream.read(2000)
    if head and MARK not in head:
        raise ValueError(
            f"Report: out must be a new file or an older report, got {out}, which is neither; "
            "choose another name"
        )


def parser() -> OneLineParser:
    """The options of the command."""
    options = OneLineParser(
        "ganagerie report",
        description="Write one static HTML page of one run, or of several runs side by side.",
    )
    options.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    options.add_argument(
        "--out",
        type=Path,
        metavar="FILE.html",
        help="where to write it; default: RUN/report.html, for several runs ./report.html",
    )
    return options


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        ValueError: see :func:`write_report`.
    """
    options = parser().parse_args(argv)
    runs: list[Path] = options.runs
    default = RunFolder(runs[0]).report_path if len(runs) == 1 else Path("report.html")
    out = write_report(runs, options.out or default)
    size = out.stat().st_size / 1e6
    print(f"{out} ({size:.1f} MB): open it in any browser, it needs no network")
    return 0
