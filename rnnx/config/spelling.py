"""A value as it was typed → the same value in Hydra's grammar.

Hydra's grammar reads 1.10 as a number, true as a boolean, brackets and commas as its own, and
letters beyond ASCII not at all. A text field takes what was typed to the letter, so quotes are put
around each value that the grammar would read as anything else, also around those in lists and
mappings. Two things are left to the grammar: quotes around a whole text, which are taken away, and
``${…}`` that is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rnnx.config.interpolations import from_typed
from rnnx.config.text_keys import Form, Listed, Mapped, Text, form_of, holds_text, is_group

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

LISTING = re.compile(r"(choice|shuffle|sort|tag)\((.*)\)", re.DOTALL)  # functions of values
# In quotes, as Hydra ends them; then a comma or a closing bracket follows.
_INSIDE = r"(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)"
QUOTED = rf"""(?:'{_INSIDE}'|"{_INSIDE}")(?=\s*(?:[,\])}}]|$))"""
# What is read whole: quotes, an interpolation, a letter after a backslash.
WHOLE = re.compile(rf"{QUOTED}|\$\{{[^}}]*\}}|\\.", re.DOTALL)
BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")  # a text in a list that needs no quotes
CLOSING = {"(": ")", "[": "]", "{": "}"}
MARKS = {",", *CLOSING, *CLOSING.values()}  # what separates values, or keeps them together
QUOTES_AFTER = ",([{:"  # where a value may begin, and so quotes


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
        if is_group(key):
            return self._spell_name(key, piece)
        form = form_of(key)
        if not isinstance(form, Text):
            return self._spell_in_brackets(form, piece)
        found = self._found(piece)
        if self._several and found is not None and found.is_sweep_override():
            return piece
        return _as_text(piece, self._letters(piece), found, form)

    def _spell_argument(self, key: str, part: str) -> str:
        is_named = re.match(r"[a-z]+=", part)  # sort(b,a,reverse=true)
        return part if is_named else self._spell_one(key, part)

    def _spell_name(self, group: str, piece: str) -> str:
        """Names, lists of names, null, and what is refused for being none of them."""
        found = self._found(piece)
        if found is None or not (_is_named(found._value) or found.is_sweep_override()):
            return quoted(self._letters(piece))
        return piece

    def _letters(self, piece: str) -> str:
        """Between commas a backslash makes the comma after it a letter."""
        return piece.replace("\\,", ",") if self._several else piece

    def _spell_in_brackets(self, form: Form | None, piece: str) -> str:
        """``[a,b]`` or ``{a:b}`` with each text in quotes; what is neither stays as it is."""
        brackets = {Listed: "[]", Mapped: "{}"}.get(type(form), "")
        if not brackets or piece[:1] != brackets[0] or piece[-1:] != brackets[1]:
            return piece
        if len(split(piece)) > 1:  # [a],[b], unless the brackets in between are quoted
            found = self._found(piece)
            if found is None or found.is_sweep_override():
                return piece
        parts = split(piece[1:-1])
        if not all(parts):
            return piece
        inner = [self._spell_part(form, part) for part in parts]
        return brackets[0] + ",".join(inner) + brackets[1]

    def _spell_part(self, form: Form | None, part: str) -> str:
        key, colon = "", ""
        if isinstance(form, Mapped):
            key, colon, part = part.partition(":")
        part = part.strip()
        inner = form.inner if isinstance(form, Listed | Mapped) else None
        if not isinstance(inner, Text):
            return key + colon + self._spell_in_brackets(inner, part)
        spelled = _as_text(part, part.replace("\\,", ","), self._found(part), inner)
        is_safe = spelled != part or part[:1] in ("'", '"') or BARE.fullmatch(part)
        return key + colon + (spelled if is_safe else quoted(spelled))

    def _found(self, piece: str) -> Override | None:
        from hydra.errors import HydraException

        try:
            return self.read(f"key={piece}")
        except (HydraException, ValueError, RecursionError):  # 5,000 digits; 500 brackets
            return None


def _is_named(value: Any) -> bool:
    from hydra.core.override_parser.types import QuotedString

    return value is None or isinstance(value, str | list | dict | QuotedString)


def _as_text(piece: str, letters: str, found: Override | None, form: Text) -> str:
    """A text in Hydra's grammar, which reads ``found`` in ``piece``; ``letters`` were meant."""
    from hydra.core.override_parser.types import QuotedString

    value: Any = found._value if found is not None else ""
    if isinstance(value, QuotedString):
        text = from_typed(value.text, in_quotes=True)
        return piece if text == value.text else quoted(text)
    if value is None and form.may_be_null:
        return piece
    text = from_typed(letters)
    is_itself = found is not None and value == piece == text and "\\" not in piece
    return piece if is_itself else quoted(text)


def quoted(text: str) -> str:
    """The text in quotes, as Hydra's grammar reads it back."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return str(QuotedString(text, Quote.single).with_quotes())


def split(values: str, quotes_after: str = QUOTES_AFTER) -> list[str]:
    """The values between commas, without blanks around them.

    A comma in quotes, in ``${…}``, in a pair of brackets or after a backslash separates nothing. A
    bracket that is never closed is a letter like others, and so are quotes elsewhere than at the
    beginning or after one of the letters ``quotes_after``.
    """
    opened: list[int] = []
    commas: list[int] = []
    for place in _marks(values, quotes_after):
        letter = values[place]
        if letter == ",":
            commas.append(place)
        elif letter in CLOSING:
            opened.append(place)
        elif any(CLOSING[values[at]] == letter for at in opened):
            at = opened.pop()
            while CLOSING[values[at]] != letter:  # in between it was never closed
                at = opened.pop()
            while commas and commas[-1] > at:
                commas.pop()
    starts, ends = [0, *(comma + 1 for comma in commas)], [*commas, len(values)]
    return [values[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def _marks(values: str, quotes_after: str) -> Iterator[int]:
    """The places of commas and brackets that are in nothing which is read whole."""
    place, may_begin = 0, True
    while place < len(values):
        letter = values[place]
        whole = WHOLE.match(values, place) if may_begin or letter in "$\\" else None
        if whole:
            place, may_begin = whole.end(), False
            continue
        if letter in MARKS:
            yield place
        may_begin = letter in quotes_after or (may_begin and letter.isspace())
        place += 1
