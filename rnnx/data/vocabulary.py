"""Symbols ↔ ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rnnx.errors import DataError


@dataclass(frozen=True)
class Vocabulary:
    """The distinct symbols of a corpus, sorted; an id is a place in that order.

    ``symbols`` are single characters for text and may be longer for other sequences. ``end`` is
    the symbol that closes an example (the newline of a line), or None where data is one stream.
    ``separator`` stands between symbols in a text (a space where they are words or tokens); no
    symbol contains it.
    """

    symbols: tuple[str, ...]
    end: str | None = None
    separator: str = ""

    def __post_init__(self) -> None:
        if len(set(self.symbols)) != len(self.symbols):
            raise DataError("vocabulary: its symbols must be distinct")
        if self.end is not None and self.end not in self.symbols:
            raise DataError(f"vocabulary: the end symbol {self.end!r} is not one of its symbols")
        if self.separator and any(
            self.separator in symbol or not symbol for symbol in self.symbols
        ):
            raise DataError(f"vocabulary: a symbol contains the separator {self.separator!r}")

    @classmethod
    def of(cls, symbols: Iterable[str], end: str | None = None) -> Vocabulary:
        """The vocabulary of the symbols that occur in ``symbols`` (the characters of a text)."""
        return cls(tuple(sorted({*symbols, *([end] if end is not None else [])})), end)

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Symbol → id."""
        return {symbol: i for i, symbol in enumerate(self.symbols)}

    @property
    def end_id(self) -> int | None:
        """The id of ``end``, or None."""
        return None if self.end is None else self.ids[self.end]

    @property
    def unit(self) -> str:
        """The word for one symbol."""
        return "token" if self.separator else "character"

    def split(self, text: str) -> list[str]:
        """A text as symbols."""
        if not self.separator:
            return list(text)
        return [symbol for symbol in text.split(self.separator) if symbol]

    def encode(self, symbols: Iterable[str], what: str = "text") -> list[int]:
        """Symbols to ids; DataError names the symbols that are not in the vocabulary."""
        symbols = list(symbols)
        unknown = sorted({s for s in symbols if s not in self.ids})
        if unknown:
            raise DataError(
                f"{what}: {_quoted(unknown)} not in the model's vocabulary of {len(self)} symbols"
                f" ({_quoted(self.symbols)}); use only those"
            )
        return [self.ids[s] for s in symbols]

    def decode(self, ids: Iterable[int]) -> str:
        """Ids to text, without ids below 0."""
        return self.separator.join([self.symbols[i] for i in ids if i >= 0])


def _quoted(symbols: Sequence[str], limit: int = 30) -> str:
    shown = " ".join(repr(s) if not s.isprintable() or s == " " else s for s in symbols[:limit])
    return shown + (" …" if len(symbols) > limit else "")
