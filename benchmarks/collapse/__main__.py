"""Command of the benchmark; see the package."""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

from benchmarks.collapse import fixture
from benchmarks.collapse.plan import CALIBRATION_SEEDS, TEST_SEEDS
from datamodules.cache import cache_folder
from experiments.cli import quiet_lightning


def main() -> None:
    """Run a suite; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks.collapse", description=__doc__)
    parser.add_argument("--suite", choices=("smoke", "full", "cost", "fixture"), default="smoke")
    parser.add_argument(
        "--seeds",
        default="test",
        help="test, calibration, or numbers such as 4,5; calibration leaves out what is held out",
    )
    parser.add_argument("--cache", type=Path, default=cache_folder() / "collapse")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="Markdown file; bench.json is put beside it")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    quiet_lightning()
    began = time.perf_counter()
    if options.suite == "smoke":
        result, text = fixture.smoke()
    elif options.suite == "cost":
        from benchmarks.collapse.cost import cost

        result, text = cost()
    elif options.suite == "fixture":
        result, text = fixture.write(options.cache, options.workers)
    else:
        from benchmarks.collapse.suite import full

        result, text = full(_seeds(options.seeds), options.cache, options.workers)
    result = {
        "benchmark": "collapse",
        "suite": options.suite,
        "seconds": round(time.perf_counter() - began, 1),
        **result,
    }
    print(text, file=sys.stderr)
    if options.out:
        options.out.write_text(text + "\n")
        options.out.with_name("bench.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    if not result.get("passed", True):
        raise SystemExit(1)


def _seeds(text: str) -> tuple[int, ...]:
    known = {"test": TEST_SEEDS, "calibration": CALIBRATION_SEEDS}
    return known.get(text) or tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    main()
