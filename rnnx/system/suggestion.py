"""The choice that a misspelt word comes closest to."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def nearest(word: str, choices: Sequence[str]) -> str:
    """The choice most like ``word``; "" where none is."""
    return next(iter(difflib.get_close_matches(word, choices, n=1)), "")


def did_you_mean(word: str, choices: Sequence[str]) -> str:
    """``"; did you mean lstm?"`` for the end of an error; "" where no choice is like ``word``."""
    close = nearest(word, choices)
    return f"; did you mean {close}?" if close else ""
