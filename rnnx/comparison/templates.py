"""The templates of pages and of model cards, which stand beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnnx.system.markdown import code, fenced

FOLDER = Path(__file__).parent


def template(name: str) -> Any:
    """A template: every value is escaped, but in Markdown, where each has a filter of its own.

    A value that is missing is an error.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=lambda name: not (name or "").endswith(".md.jinja"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code, "fenced": fenced, "cell": _cell}
    return environment.get_template(name)


def _cell(text: object) -> str:
    """A text in a cell of a table in Markdown."""
    return code(text).replace("|", "\\|")
