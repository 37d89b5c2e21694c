"""Text of a stranger's on its way to a terminal: shown, never obeyed."""

from __future__ import annotations

import unicodedata

from rnnx.errors import RnnxError


def is_text(text: str) -> bool:
    """Whether ``text`` can be written as UTF-8: no half of a surrogate pair in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def cause(error: BaseException, most: int = 300) -> str:
    """What an exception says, in one line of at most so many characters; else its class."""
    return " ".join(str(error).split())[:most] or type(error).__name__


def reason(error: BaseException) -> str:
    """Why a run failed, in one line; an error that is not ours with its class."""
    return " ".join(str(error).split()) if isinstance(error, RnnxError) else one_line(error, 5000)


def one_line(error: BaseException, most: int = 400) -> str:
    """An exception as one line, even one that cannot be printed; what is long loses its middle."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "its message cannot be printed"
    text = text if len(text) <= most else f"{text[: most - 100]}…{text[-80:]}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def printable(text: str, kept: str = "") -> str:
    """The text with control characters as escapes, but those of ``kept``.

    A terminal obeys such characters: they colour and clear it, and some make it type. A model's
    alphabet is that of its data, and a file's name or a plugin's message may hold anything.
    """
    return "".join(
        repr(c)[1:-1] if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in kept else c
        for c in text
    )
