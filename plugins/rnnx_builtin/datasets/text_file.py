"""A UTF-8 file as ids in the smallest unsigned type, however large it is.

The file is read in chunks: once for its SHA-256, once for its characters, once to write the ids to
the cache folder under that hash, from where they are memory-mapped. The next run with the same
content finds them there.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import smallest_unsigned
from rnnx.errors import DataError
from rnnx.system.files import cache_folder, expanded, read_json, replacing, write_json
from rnnx.system.text import is_text

CHUNK_SIZE = 4 << 20  # bytes that are read at once
CACHE_FORMAT = 1  # another one leaves old entries unused
NEWLINE = ord("\n")


class TextFile(NamedTuple):
    """A text as ids."""

    symbols: tuple[str, ...]  # its characters, sorted
    ids: Array  # (n,), memory-mapped and read-only
    sha256: str  # of the file's bytes


def read_text(path: str, lower: bool, lines: bool) -> TextFile:
    """The ids of a file; DataError for a file that cannot be learned from.

    \\r\\n and \\r become \\n and a byte order mark is dropped. With ``lines`` blank lines are
    dropped and the last line gets a newline, so that each line is its characters and a newline.
    """
    if not path:
        raise DataError("dataset.path: is not set; say dataset.path=FILE")
    if not is_text(path) or "\0" in path:
        raise DataError(f"dataset.path={path!r}: is not the name of a file")
    file = expanded(path)
    try:
        if not (stat.S_ISREG(file.stat().st_mode) or file.is_dir()):
            raise DataError(f"dataset.path={path}: is no regular file; copy its text into one")
        return _read(file, lower, lines)
    except UnicodeDecodeError as error:
        raise DataError(
            f"dataset.path={path}: is not UTF-8 ({error.reason}); convert it, as with "
            "`iconv -t UTF-8`"
        ) from None
    except IsADirectoryError:
        raise DataError(f"dataset.path={path}: is a folder; name a file in it") from None
    except FileNotFoundError:
        raise DataError(f"dataset.path={path}: there is no such file in {Path.cwd()}") from None
    except OSError as error:
        raise DataError(f"dataset.path={path}: cannot be read ({error.strerror})") from None


def _read(file: Path, lower: bool, lines: bool) -> TextFile:
    sha256 = _sha256(file)
    name = f"{sha256}-{'lower-' if lower else ''}{'lines' if lines else 'text'}-{CACHE_FORMAT}"
    stored = cache_folder() / "ids" / f"{name}.bin"
    found = _stored(stored, sha256)
    if found is not None:
        return found
    symbols = _symbols(file, lower, lines)
    dtype = smallest_unsigned(len(symbols))
    table = np.zeros(ord(symbols[-1]) + 1, dtype)
    table[[ord(symbol) for symbol in symbols]] = np.arange(len(symbols), dtype=dtype)
    count = 0
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        with replacing(stored, to_disk=True) as temporary, temporary.open("wb") as out:
            for codes in _codes(file, lower, lines):
                out.write(table[codes].tobytes())
                count += len(codes)
        about = {"symbols": symbols, "count": count, "dtype": dtype.str}
        write_json(stored.with_suffix(".json"), about)
    except OSError as error:
        raise DataError(
            f"{stored.parent}: the cache cannot be written ({error.strerror}); name another "
            "folder in the environment variable RNNX_CACHE"
        ) from None
    return TextFile(symbols, np.asarray(np.memmap(stored, dtype, "r", shape=(count,))), sha256)


def _stored(stored: Path, sha256: str) -> TextFile | None:
    """The text from the cache; None unless all of it is there."""
    try:
        about = read_json(stored.with_suffix(".json"))
        dtype, count = np.dtype(about["dtype"]), int(about["count"])
        if stored.stat().st_size != dtype.itemsize * count:
            return None
        ids = np.asarray(np.memmap(stored, dtype, "r", shape=(count,)))
        return TextFile(tuple(about["symbols"]), ids, sha256)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sha256(file: Path) -> str:
    sha = hashlib.sha256()
    with file.open("rb") as binary:
        while chunk := binary.read(CHUNK_SIZE):
            if b"\0" in chunk:
                raise DataError(f"dataset.path={file}: looks binary (a NUL byte); give a text file")
            sha.update(chunk)
    return sha.hexdigest()


def _symbols(file: Path, lower: bool, lines: bool) -> tuple[str, ...]:
    """The distinct characters, sorted; DataError for fewer than two."""
    seen = np.zeros(0x110000, bool)
    for codes in _codes(file, lower, lines):
        seen[codes] = True
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


def _codes(file: Path, lower: bool, lines: bool) -> Iterator[Array]:
    """The code points of the text, in chunks."""
    before = NEWLINE
    for text in _chunks(file):
        codes = np.frombuffer((text.lower() if lower else text).encode("utf-32-le"), np.uint32)
        if lines:
            newline = codes == NEWLINE
            after_newline = np.concatenate([[before == NEWLINE], newline[:-1]])
            codes = codes[~(newline & after_newline)]
        if len(codes):
            before = int(codes[-1])
            yield codes
    if lines and before != NEWLINE:
        yield np.array([NEWLINE], np.uint32)


def _chunks(file: Path) -> Iterator[str]:
    """The text in chunks that end between words.

    Lower-casing depends on the letters beside a letter (Σ at the end of a word becomes ς), so a
    chunk must not end inside a word, unless the text has no white space.
    """
    with file.open(encoding="utf-8-sig", newline=None) as text:
        rest = ""
        while chunk := text.read(CHUNK_SIZE):
            chunk = rest + chunk
            cut = max(chunk.rfind("\n"), chunk.rfind(" ")) + 1 or len(chunk)
            rest = chunk[cut:]
            yield chunk[:cut]
        if rest:
            yield rest
