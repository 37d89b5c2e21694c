"""Text that anybody may have written, made fit for one line or for a terminal."""

from __future__ import annotations

import io
import sys
import unicodedata

from rnnx.errors import RnnxError


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


def cause(error: BaseException, limit: int = 300) -> str:
    """The message of an exception in one line of up to ``limit`` characters, else its class."""
    return " ".join(str(error).split())[:limit] or type(error).__name__


def reason(error: BaseException) -> str:
    """Why a run failed, in one line; an error that is not rnnx's with its class."""
    return " ".join(str(error).split()) if isinstance(error, RnnxError) else one_line(error, 5000)


def one_line(error: BaseException, limit: int = 400) -> str:
    """Class and message of any exception in one line; a long message loses its middle."""
    try:
        text = " ".join(str(error).split())
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
    """The text with its control characters as escapes, except those in ``allowed``.

    A terminal obeys control characters: they colour and clear it, and some make it type. A model's
    alphabet is that of its data, and the name of a file or the message of a plugin may hold any.
    """
    return "".join(
        repr(c)[1:-1] if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in allowed else c
        for c in text
    )
