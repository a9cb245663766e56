"""``ganagerie list``: the catalogue, read without importing torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from experiments.arguments import OneLineParser
from gan_modules import CATALOGUE, Variant


def main(argv: Sequence[str]) -> int:
    """Print the catalogue as a table, or as one JSON object a line."""
    parser = OneLineParser("ganagerie list", description="The catalogue of variants.")
    parser.add_argument("--json", action="store_true", help="one JSON object a variant")
    options = parser.parse_args(argv)
    if options.json:
        for row in CATALOGUE:
            print(json.dumps(as_record(row)))
        return 0
    width = max(len(row.name) for row in CATALOGUE)
    of_id = max(len(row.arxiv) for row in CATALOGUE)
    for family, rows in groupby(CATALOGUE, key=lambda row: row.family):
        print(family)
        for row in rows:
            command = f"ganagerie fit --config experiments/configs/{row.config}"
            print(f"  {row.name:<{width}}  arXiv:{row.arxiv:<{of_id}}  {command}")
    print("\nAny other combination: class_path: AdversarialModule with your own parts.")
    return 0


def as_record(row: Variant) -> dict[str, str]:
    """What ``list --json`` says of one variant."""
    return {
        "name": row.name,
        "family": row.family,
        "arxiv": row.arxiv,
        "config": f"experiments/configs/{row.config}",
        "batch": row.batch,
    }
