"""A value as it was typed → the same value in Hydra's grammar.

Hydra's grammar reads 1.10 as a number, true as a boolean, brackets and commas as its own, and
letters beyond ASCII not at all. A text field takes what was typed to the letter, so quotes are put
around each value that the grammar would read as anything else. Two things are left to the grammar:
quotes around the whole value, which are taken away, and ``${…}``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rnnx.config.text_keys import holds_text, is_group, may_be_null

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

LISTING = re.compile(r"(choice|shuffle|sort|tag)\((.*)\)", re.DOTALL)  # functions of values
PIECE = re.compile(
    r"""\s*(?:
      '(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)'(?=\s*(?:,|$))   # in quotes, as Hydra ends them
    | "(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)"(?=\s*(?:,|$))
    | (?:\$\{[^}]*\}|\\.|[^,])*
    )\s*""",
    re.DOTALL | re.VERBOSE,
)
CLOSING = {"(": ")", "[": "]", "{": "}"}


class Speller:
    """Spells typed values; ``several``: a comma stands between values, as with ``-m``."""

    def __init__(self, several: bool) -> None:
        from hydra.core.override_parser.overrides_parser import OverridesParser

        self._parser, self._several = OverridesParser.create(), several

    def read(self, text: str) -> Override:
        """What Hydra's grammar reads in ``key=value``; HydraException if it reads nothing."""
        override: Override = self._parser.parse_override(text)
        return override

    def spellings(self, text: str) -> list[str]:
        """The ways to spell an override, the first that the grammar reads being the right one."""
        key, equals, value = text.partition("=")
        if not equals:
            return [text]
        if holds_text(key):
            return [f"{key}={self.spell(key, value)}", text]
        if "," in value:  # several values: no single text
            return [text]
        return [text, f"{key}={quoted(value)}"]

    def spell(self, key: str, value: str) -> str:
        """The value of a ``key`` that holds text."""
        pieces = split(value) if self._several else [value]
        if len(pieces) == 1 or not all(pieces):
            return self._spell_one(key, value)
        return ",".join(self._spell_one(key, piece) for piece in pieces)

    def _spell_one(self, key: str, piece: str) -> str:
        listing = LISTING.fullmatch(piece) if self._several else None
        if listing and not is_group(key):
            arguments = [self._spell_argument(key, part) for part in split(listing[2])]
            return f"{listing[1]}({','.join(arguments)})"
        found = self._found(piece)
        # Between commas a backslash makes the comma after it a letter.
        letters = piece.replace("\\,", ",") if self._several else piece
        if found is None:
            return quoted(letters)
        if found.is_sweep_override():
            return piece if self._several or is_group(key) else quoted(piece)
        return piece if _is_itself(key, piece, found) else quoted(letters)

    def _spell_argument(self, key: str, part: str) -> str:
        is_named = re.match(r"[a-z]+=", part)  # sort(b,a,reverse=true)
        return part if is_named else self._spell_one(key, part)

    def _found(self, piece: str) -> Override | None:
        from hydra.errors import HydraException

        try:
            return self.read(f"key={piece}")
        except (HydraException, ValueError, RecursionError):  # 5,000 digits; 500 brackets
            return None


def _is_itself(key: str, piece: str, found: Override) -> bool:
    """Whether the grammar reads the value as the text that it is."""
    from hydra.core.override_parser.types import QuotedString

    value: Any = found._value
    if isinstance(value, QuotedString) or (value is None and may_be_null(key)):
        return True
    if is_group(key):  # names, lists of names, and what is refused for being neither
        return value is None or isinstance(value, str | list | dict)
    return bool(value == piece and "\\" not in piece)


def quoted(text: str) -> str:
    """The text in quotes, as Hydra's grammar reads it back."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return str(QuotedString(text, Quote.single).with_quotes())


def split(values: str) -> list[str]:
    """The values between commas, without blanks around them.

    A comma in quotes, in ``${…}``, in a pair of brackets or after a backslash separates nothing.
    """
    pieces, start = [], 0
    while start <= len(values):
        match = PIECE.match(values, start)
        assert match is not None  # the pattern matches no character as well
        pieces.append(match[0])
        start = match.end() + 1
    return [piece.strip() for piece in _with_whole_brackets(pieces)]


def _with_whole_brackets(pieces: list[str]) -> list[str]:
    """Join the pieces of a pair of brackets; one that is never closed is a letter like others."""
    joined: list[str] = []
    start = 0
    while start < len(pieces):
        end = next((i for i in range(start, len(pieces)) if _closed(pieces[start : i + 1])), start)
        joined.append(",".join(pieces[start : end + 1]))
        start = end + 1
    return joined


def _closed(pieces: list[str]) -> bool:
    expected: list[str] = []
    for letter in ",".join(pieces):
        if letter in CLOSING:
            expected.append(CLOSING[letter])
        elif expected and letter == expected[-1]:
            expected.pop()
    return not expected
