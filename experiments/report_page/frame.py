"""The frame of every report page: one file, from which no request ever leaves."""

from __future__ import annotations

from pathlib import Path

import jinja2

_HERE = Path(__file__).parent


def page_environment(folder: Path = _HERE) -> jinja2.Environment:
    """Templates of a folder, which may extend ``frame.html``; what is put into them is escaped.

    Args:
        folder: of the templates.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _HERE]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
