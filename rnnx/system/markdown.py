"""Text for Markdown: whatever is in it is shown as it is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from rnnx.system.secrets import masked
from rnnx.system.text import printable

LINE_LENGTH, COMMAND_LENGTH = 90, 2000  # characters


def code(text: object) -> str:
    """The text inside a line, in the type of code."""
    text = printable(str(text))
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}" if text else ""


def command(words: Sequence[str]) -> str:
    """A command for a shell, without passwords, as a block of code.

    Its lines are short: a page may be as wide as its longest line. What is too long is left out.
    """
    lines = [""]
    for word in (printable(masked(shlex.quote(word))) for word in words):
        if lines[-1] and len(lines[-1]) + len(word) >= LINE_LENGTH:
            lines.append("   ")
        lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    text = " \\\n".join(lines)
    return fenced(text if len(text) <= COMMAND_LENGTH else f"{text[:COMMAND_LENGTH]} …")


def fenced(text: str, language: str = "") -> str:
    """A text as a block of code."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{printable(text, chr(10))}\n{fence}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells in Markdown; columns after the first are aligned to the right."""
    aligned = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in [columns, aligned, *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
