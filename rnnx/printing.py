"""Text of a stranger's on its way to a terminal: shown, never obeyed."""

from __future__ import annotations

import traceback
import unicodedata

from rnnx.errors import RnnxError


def cause(error: BaseException, most: int = 300) -> str:
    """What an exception says, in one line of at most so many characters; else its class."""
    return " ".join(str(error).split())[:most] or type(error).__name__


def reason(error: BaseException) -> str:
    """Why a run failed, in one line; an error that is not ours with its class."""
    told = (
        str(error) if isinstance(error, RnnxError) else traceback.format_exception_only(error)[-1]
    )
    return " ".join(told.split())


def printable(text: str, kept: str = "") -> str:
    """The text with control characters as escapes, but those of ``kept``.

    A terminal obeys such characters: they colour and clear it, and some make it type. A model's
    alphabet is that of its data, and a file's name or a plugin's message may hold anything.
    """
    return "".join(
        repr(c)[1:-1] if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in kept else c
        for c in text
    )
