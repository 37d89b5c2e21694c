"""``${…}`` in a text: what is looked up, and how the letters ``${`` are written.

OmegaConf and Hydra look up every ``${…}`` that has no backslash before it. In a text that somebody
typed it is looked up if it names a key of the configuration, ``${seed}``, or a resolver,
``${oc.env:HOME}``; ``${x}``, ``${`` and ``$`` are letters. Files have OmegaConf's spelling, in
which ``\\${`` are letters: they hold letters alone, so nothing in them is ever looked up.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from rnnx.config.text_keys import ROOT_KEYS

BEGINNING = re.compile(r"(\\*)\$\{")  # with an odd number of backslashes it begins nothing
RESOLVER = re.compile(r"\s*[A-Za-z_][\w.]*\s*:")
# The path of another value, ``cell.hidden_size``, ``..steps`` or ``probes[one].every``.
PLACE = re.compile(r"\s*(\.*)([A-Za-z_]\w*)(?:\.\w+|\[\w+\])*\s*")
PART = re.compile(r"""\\.|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[{}]""", re.DOTALL)
LIKENESS = 0.8  # of a name to a key, from which on it is that key, misspelt


def literal(text: str) -> str:
    """The text in OmegaConf's spelling, in which it looks nothing up."""
    return BEGINNING.sub(r"\1\1\\${", text)


def literals(values: Any) -> Any:
    """Nested values with each text in OmegaConf's spelling."""
    return _mapped(literal, values)


def letters(text: str) -> str:
    """The text that OmegaConf's spelling stands for, where it looks nothing up."""
    return BEGINNING.sub(lambda found: found[1][: len(found[1]) // 2] + "${", text)


def all_letters(values: Any) -> Any:
    """Nested values with each text as what its spelling stands for."""
    return _mapped(letters, values)


def _mapped(change: Callable[[str], str], value: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(change, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(change, inner) for inner in value]
    return value


def looks_up(text: str) -> bool:
    """Whether OmegaConf looks something up in the text."""
    return any(len(found[1]) % 2 == 0 for found in BEGINNING.finditer(text))


def from_typed(text: str, in_quotes: bool = False) -> str:
    """A typed text in OmegaConf's spelling.

    A backslash before what would be looked up makes letters of it; before other letters it is one
    of them. In quotes, as in Hydra's grammar, it makes letters of every ``${``.
    """
    made, start = "", 0
    while found := BEGINNING.search(text, start):
        end, is_escaped = _end(text, found.end()), len(found[1]) % 2 == 1
        if end or (is_escaped and in_quotes):
            made += text[start : found.end()]
        else:
            slashes = found[1] if in_quotes else found[1] * 2
            made += text[start : found.start()] + slashes + "\\${"
        start = found.end()
        if end and not is_escaped:
            made, start = made + text[start:end], end
    return made + text[start:]


def to_typed(spelling: str) -> str:
    """What to type for a text in OmegaConf's spelling: with a backslash only where one is due."""
    marks, start = [], 0
    while found := BEGINNING.search(spelling, start):
        is_escaped = len(found[1]) % 2 == 1
        marks.append((found, is_escaped))
        start = found.end() if is_escaped else _end(spelling, found.end()) or found.end()
    typed, end = "", len(spelling)
    for found, is_escaped in reversed(marks):
        typed, slashes = spelling[found.end() : end] + typed, found[1]
        if is_escaped and not _end(typed, 0):
            slashes = slashes[: len(slashes) // 2]
        typed, end = f"{slashes}${{{typed}", found.start()
    return spelling[:end] + typed


def _end(text: str, start: int) -> int:
    """Where ``${…}`` ends, ``start`` being behind its first brace; 0 if nothing is looked up."""
    if RESOLVER.match(text, start):
        return _closing(text, start)
    place = PLACE.match(text, start)
    if place is None or not (place[1] or _is_key(place[2])):
        return 0
    # A path may have parts that are looked up themselves: ${cell.${x}}.
    is_whole = text.startswith("}", place.end()) or text.startswith((".${", "[${"), place.end())
    return _closing(text, start) if is_whole else 0


def _is_key(name: str) -> bool:
    return bool(difflib.get_close_matches(name, ROOT_KEYS, 1, LIKENESS))


def _closing(text: str, start: int) -> int:
    """Behind the brace that closes the one before ``start``; 0 if none does."""
    depth = 1
    for part in PART.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(part[0], 0)
        if not depth:
            return part.end()
    return 0
