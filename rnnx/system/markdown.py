"""Text for Markdown: whatever is in it is shown as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rnnx.system.text import printable


def code(text: str) -> str:
    """The text inside a line, in the type of code."""
    text = printable(text)
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}" if text else ""


def block(text: str) -> str:
    """The text as a block of code of a line."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{printable(text)}\n{fence}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells in Markdown; columns after the first are aligned to the right."""
    aligned = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in [columns, aligned, *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
