"""Text that anybody may have written, made fit for one line or for a terminal."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rnnx.errors import RnnxError
from rnnx.system.secrets import masked

INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # categories of Unicode
# Of these, joiners (Persian, emoji) and Arabic signs are part of a word.
VISIBLE = "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2"


def replace_unprintable(encoding: str | None = None) -> None:
    """Have stdout and stderr print ? for what their ``encoding`` (None: as it is) does not have.

    A terminal or a cluster's log may be ASCII or Latin-1, and a model's texts any of Unicode.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="replace")


def is_text(text: str) -> bool:
    """Whether ``text`` can be written as UTF-8: it has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shortened(text: str, limit: int) -> str:
    """The text in at most ``limit`` characters: one that is longer ends after a word, with …"""
    if len(text) <= limit:
        return text
    cut = text[: limit - 2]
    return f"{cut.rpartition(' ')[0] or cut} …"


def cause(error: BaseException, limit: int = 300) -> str:
    """The message of an exception in one line of up to ``limit`` characters, else its class."""
    return shortened(masked(" ".join(str(error).split())), limit) or type(error).__name__


def reason(error: BaseException) -> str:
    """Why a run failed, in one line; an error that is not rnnx's with its class."""
    if not isinstance(error, RnnxError):
        return one_line(error, 5000)
    return masked(" ".join(str(error).split()))


def one_line(error: BaseException, limit: int = 400) -> str:
    """Class and message of any exception in one line; a long message loses its middle."""
    try:
        text = masked(" ".join(str(error).split()))
    except Exception:
        text = "its message cannot be printed"
    text = text if len(text) <= limit else f"{text[: limit - 100]}…{text[-80:]}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def storable(text: str) -> str:
    """The text with \\0 and halves of surrogate pairs as escapes.

    No database takes these, and anybody's text may hold them: the message of a component's error,
    say. Else the text is as it was typed.
    """
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def printable(text: str, allowed: str = "") -> str:
    """The text with what is no visible character as escapes, except those in ``allowed``.

    Everything that rnnx prints goes through here. A terminal obeys control characters: they colour
    and clear it, and some make it type; others let a line read from right to left. A model's
    alphabet is that of its data, and the name of a file or the message of a plugin may hold any.
    """
    if text.isprintable():
        return text
    shown = {*VISIBLE, *allowed}
    escaped = {c for c in set(text) - shown if unicodedata.category(c) in INVISIBLE}
    return text.translate({ord(c): repr(c)[1:-1] for c in escaped})


def csv_text(text: str) -> str:
    """A text as a cell of CSV that no spreadsheet computes: one that begins like a formula, or
    with apostrophes before one, gets an apostrophe in front.
    """
    return f"'{text}" if re.match(r"'*[=+\-@\t\r]", text) else text


def from_csv(cell: str) -> str:
    """The text that became this cell."""
    return cell[1:] if re.match(r"'+[=+\-@\t\r]", cell) else cell


@contextmanager
def long_csv_fields() -> Iterator[None]:
    """Inside, CSV has fields of any length: a long text is no mistake."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def json_text(value: Any) -> str:
    """A value as JSON to be printed: what is no visible character is an escape."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    # Strings hold no line breaks of their own, so every one is of the indentation.
    return "".join(
        json.dumps(c)[1:-1] if unicodedata.category(c) in INVISIBLE and c != "\n" else c
        for c in text
    )
