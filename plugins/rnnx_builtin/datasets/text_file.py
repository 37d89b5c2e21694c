"""A UTF-8 file as ids in the smallest unsigned type, however large it is.

The file is read in chunks: once for its SHA-256, once for its characters, once to write the ids to
the cache folder under that hash, from where they are memory-mapped. The next run with the same
content finds them there. A large text of ASCII is not written: large_text.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from rnnx.arrays import Array
from rnnx.data.coded import CodedIds, MappedText
from rnnx.data.corpus import smallest_unsigned
from rnnx.data.named_file import NamedFile, named_file
from rnnx.errors import DataError
from rnnx.system.files import cache_folder, read_json, replacing, write_json
from rnnx_builtin.datasets.large_text import look_through

CHUNK_SIZE = 4 << 20  # bytes that are read at once
CACHE_FORMAT = 2  # another one leaves old entries unused
NEWLINE = ord("\n")
BLANKS = [code for code in range(0x3001) if chr(code).isspace() and code != NEWLINE]
AT_THE_ENDS = re.compile(r"^[^\S\n]+|[^\S\n]+$", re.MULTILINE)  # of a line


class TextFile(NamedTuple):
    """A text as ids."""

    symbols: tuple[str, ...]  # its characters, sorted
    ids: Array  # (n,), memory-mapped and read-only; of a large text CodedIds
    sha256: str  # of the file's bytes
    notes: tuple[str, ...] = ()  # what the user may not have meant to be in it


class Reading(NamedTuple):
    """How a text is read."""

    lower: bool  # in lower case
    lines: bool  # no blank lines, and the last line gets a newline
    strip: bool = False  # without blanks at the ends of lines
    normalize: bool = False  # a letter with its accent is one symbol

    @property
    def name(self) -> str:
        """A part of the name of what is kept for it."""
        return "-".join(field for field, is_on in self._asdict().items() if is_on) or "text"


def read_text(
    path: str, lower: bool, lines: bool, strip: bool = False, normalize: bool = False
) -> TextFile:
    """The ids of a file; DataError for a file that cannot be learned from.

    \\r\\n and \\r become \\n and a byte order mark is dropped. With ``lines`` blank lines are
    dropped and the last line gets a newline, so that each line is its characters and a newline.
    ``strip`` takes the blanks off both ends of each line first; ``normalize`` composes letters and
    their accents (Unicode's NFC).
    """
    named = named_file(path, "dataset.path")
    assert isinstance(named.content, Path)
    file = named.content
    try:
        return _read(named, file, Reading(lower, lines, strip, normalize))
    except UnicodeDecodeError as error:
        raise named.not_utf8(error) from None
    except OSError as error:
        raise DataError(f"dataset.path={path}: cannot be read ({error.strerror})") from None


def _read(named: NamedFile, file: Path, how: Reading) -> TextFile:
    if not any(how) and (plain := look_through(file)) is not None:
        symbols = _symbols(file, how, plain.codes)
        text = MappedText(file, plain.signature, plain.sha256)
        # It is read as an array is wherever a text is trained and measured on.
        return TextFile(symbols, cast(Array, CodedIds.whole(text, symbols)), plain.sha256)
    sha256 = named.sha256(is_text=True)
    stored = cache_folder() / "ids" / f"{sha256}-{how.name}-{CACHE_FORMAT}.bin"
    found = _stored(stored, sha256)
    if found is not None:
        return found
    codes = _plain_codes(file, how)
    symbols = _symbols(file, how, codes)
    notes = tuple(_notes(file, how, symbols))
    dtype, count = smallest_unsigned(len(symbols)), 0
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        with replacing(stored, to_disk=True) as temporary, temporary.open("wb") as out:
            for piece in _ids(file, how, symbols, codes is not None):
                count += out.write(piece) // dtype.itemsize
        about = {"symbols": symbols, "count": count, "dtype": dtype.str, "notes": notes}
        write_json(stored.with_suffix(".json"), about)
    except OSError as error:
        raise DataError(
            f"{stored.parent}: the cache cannot be written ({error.strerror}); name another "
            "folder in the environment variable RNNX_CACHE"
        ) from None
    ids = np.asarray(np.memmap(stored, dtype, "r", shape=(count,)))
    return TextFile(symbols, ids, sha256, notes)


def _stored(stored: Path, sha256: str) -> TextFile | None:
    """The text from the cache; None unless all of it is there."""
    try:
        about = read_json(stored.with_suffix(".json"))
        dtype, count = np.dtype(about["dtype"]), int(about["count"])
        if stored.stat().st_size != dtype.itemsize * count:
            return None
        ids = np.asarray(np.memmap(stored, dtype, "r", shape=(count,)))
        return TextFile(tuple(about["symbols"]), ids, sha256, tuple(about["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _notes(file: Path, how: Reading, symbols: tuple[str, ...]) -> Iterator[str]:
    """What the user may not have meant to be in the text, one line each."""
    if how.lines and not how.strip and set(BLANKS) & set(map(ord, symbols)):
        alone, at_ends = _count_blanks(file, how)
        if alone:
            yield (
                f"{alone:,} of the examples {'is a line' if alone == 1 else 'are lines'} of blanks "
                "alone; dataset.strip=true leaves them out"
            )
        if at_ends:
            yield (
                f"{at_ends:,} {'line begins or ends' if at_ends == 1 else 'lines begin or end'} "
                "with blanks, which are learned; dataset.strip=true takes them off"
            )
    if not how.normalize and (twice := _twice(file, how, symbols)):
        shown = ", ".join(twice[:5]) + (" …" if len(twice) > 5 else "")
        yield (
            f"{shown}: in the file both as one symbol and as a letter with an accent after it; "
            "dataset.normalize=true makes them one"
        )


def _count_blanks(file: Path, how: Reading) -> tuple[int, int]:
    """The lines of blanks alone, and the others with blanks at an end."""
    is_blank = np.zeros(0x110000, bool)
    is_blank[BLANKS] = True
    alone = at_ends = 0
    for codes in _codes(file, how):
        ends = np.flatnonzero(codes == NEWLINE)
        starts = np.concatenate([[0], ends + 1])[: len(ends)]
        blank = is_blank[codes]
        letters = np.concatenate([[0], np.cumsum(~blank)])
        has_none = letters[ends] == letters[starts]
        alone += int(np.sum(has_none))
        at_ends += int(np.sum(~has_none & (blank[starts] | blank[ends - 1])))
    return alone, at_ends


def _twice(file: Path, how: Reading, symbols: tuple[str, ...]) -> list[str]:
    """The letters that are in the text composed and decomposed."""
    there = set(symbols)
    parts = {s: unicodedata.normalize("NFD", s) for s in symbols if not s.isascii()}
    wanted = {s: pair for s, pair in parts.items() if pair != s and set(pair) <= there}
    found: set[str] = set()
    for text in _chunks(file, how) if wanted else ():
        found |= {s for s in wanted.keys() - found if wanted[s] in text}
    return sorted(found)


def _plain_codes(file: Path, how: Reading) -> bytes | None:
    """The distinct codes of a text whose bytes are its characters, as it is read; None for others.

    Those are ASCII without carriage returns. Such a text is read several times as fast.
    """
    if any(how):
        return None
    seen = b""
    with file.open("rb") as data:
        while chunk := data.read(CHUNK_SIZE):
            if fresh := chunk.translate(None, seen):  # what is left without those that are known
                seen = bytes(sorted({*seen, *fresh}))
                if b"\r" in seen or not seen.isascii():
                    return None
    return seen


def _ids(file: Path, how: Reading, symbols: tuple[str, ...], is_plain: bool) -> Iterator[bytes]:
    """The text's ids in chunks, each the bytes of an array."""
    dtype = smallest_unsigned(len(symbols))
    table = np.zeros(max(ord(symbols[-1]) + 1, 256), dtype)
    table[[ord(symbol) for symbol in symbols]] = np.arange(len(symbols), dtype=dtype)
    if not is_plain:
        for codes in _codes(file, how):
            yield table[codes].tobytes()
        return
    with file.open("rb") as data:  # at most 128 symbols: an id is a byte, too
        while chunk := data.read(CHUNK_SIZE):
            yield chunk.translate(table.tobytes())


def _symbols(file: Path, how: Reading, plain: bytes | None) -> tuple[str, ...]:
    """The distinct characters, sorted; DataError for fewer than two."""
    lines, seen = how.lines, np.zeros(0x110000, bool)
    if plain is None:
        for codes in _codes(file, how):
            seen[codes] = True
    else:
        seen[list(plain)] = True
    symbols = tuple(chr(code) for code in np.flatnonzero(seen))
    letters = [symbol for symbol in symbols if not (lines and symbol == "\n")]
    if not letters:
        what = "holds blank lines alone" if file.stat().st_size else "is empty"
        raise DataError(f"dataset.path={file}: {what}; give a file with text in it")
    if len(letters) == 1:
        raise DataError(
            f"dataset.path={file}: holds one character alone ({letters[0]!r}); "
            "there is nothing to learn from it"
        )
    return symbols


def _codes(file: Path, how: Reading) -> Iterator[Array]:
    """The code points of the text, in chunks."""
    before, last = NEWLINE, np.zeros(0, np.uint32)
    for text in _chunks(file, how):
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        if how.lines:
            newline = codes == NEWLINE
            after_newline = np.concatenate([[before == NEWLINE], newline[:-1]])
            codes = codes[~(newline & after_newline)]
        if len(codes):
            before = int(codes[-1])
            yield last
            last = codes
    if how.lines and before != NEWLINE:
        last = np.append(last, np.uint32(NEWLINE))
    yield last


def _chunks(file: Path, how: Reading) -> Iterator[str]:
    """The text as it is read, in chunks of whole lines where that is possible."""
    for read in _raw_chunks(file, whole_lines=how.strip):
        composed = unicodedata.normalize("NFC", read) if how.normalize else read
        text = composed.lower() if how.lower else composed
        yield AT_THE_ENDS.sub("", text) if how.strip else text


def _raw_chunks(file: Path, whole_lines: bool) -> Iterator[str]:
    """The text in chunks that end after a line, else, unless ``whole_lines``, between words.

    Lower-casing depends on the letters beside a letter (Σ at the end of a word becomes ς), so a
    chunk must not end inside a word, unless the text has no white space.
    """
    with file.open(encoding="utf-8-sig", newline=None) as text:
        rest = ""
        while chunk := text.read(CHUNK_SIZE):
            chunk = rest + chunk
            cut = chunk.rfind("\n") + 1
            if not (cut or whole_lines):
                cut = chunk.rfind(" ") + 1 or _before_last_letter(chunk)
            rest = chunk[cut:]
            yield chunk[:cut]
        if rest:
            yield rest


def _before_last_letter(text: str) -> int:
    """The place of the last letter: accents may follow it in what is not read yet."""
    place = len(text) - 1
    while place > 0 and unicodedata.combining(text[place]):
        place -= 1
    return place
