"""A file that a user named, read line by line, and one line of text for what is wrong with it."""

from __future__ import annotations

import codecs
import hashlib
import io
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rnnx.errors import DataError
from rnnx.system.files import expanded
from rnnx.system.text import is_text

CHUNK_SIZE = 4 << 20  # bytes that are read at once
# How files in other encodings begin; UTF-32 first, which begins like UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True)
class NamedFile:
    """A regular file, or bytes in memory (standard input), that can be read again and again."""

    name: str
    """What errors begin with: ``dataset.path=reviews.csv``, or ``-`` for standard input."""
    content: Path | bytes

    @property
    def suffix(self) -> str:
        """The end of its name in lower case, ``.csv``; empty for bytes in memory."""
        return self.content.suffix.lower() if isinstance(self.content, Path) else ""

    @property
    def source(self) -> str:
        """Where it is, for a person; empty for bytes in memory."""
        return str(self.content.resolve()) if isinstance(self.content, Path) else ""

    @contextmanager
    def binary(self) -> Iterator[BinaryIO]:
        """Its bytes from the first one on; DataError where it cannot be read."""
        if isinstance(self.content, bytes):
            yield io.BytesIO(self.content)
            return
        with _reading_errors(self.name), self.content.open("rb") as file:
            yield file

    def lines(self) -> Iterator[str]:
        """Its lines, each with its newline: \\r\\n and \\r are \\n, a byte order mark is dropped.

        DataError for other encodings than UTF-8 and for what is no text.
        """
        with self.binary() as file:
            self._refuse_other_encoding(file.read(1000))
            file.seek(0)
            try:
                for number, line in enumerate(io.TextIOWrapper(file, "utf-8-sig"), 1):
                    if "\0" in line:
                        raise DataError(f"{self.name}, line {number}: {BINARY}")
                    yield line
            except UnicodeDecodeError as error:
                raise self.not_utf8(error) from None

    def sha256(self, is_text: bool = False) -> str:
        """SHA-256 of its bytes, in hexadecimal.

        With ``is_text`` DataError for UTF-16, UTF-32 and NUL bytes.
        """
        sha = hashlib.sha256()
        with self.binary() as file:
            if is_text:
                self._refuse_other_encoding(file.read(1000))
                file.seek(0)
            while chunk := file.read(CHUNK_SIZE):
                if is_text and b"\0" in chunk:
                    raise DataError(f"{self.name}: {BINARY}")
                sha.update(chunk)
        return sha.hexdigest()

    def not_utf8(self, error: UnicodeDecodeError) -> DataError:
        """The error for bytes that are not UTF-8, with the command that converts the file."""
        return DataError(
            f"{self.name}: is not UTF-8 ({error.reason}); "
            f"{self._how_to_convert('LATIN1')}, with the name of its own encoding after -f"
        )

    def _refuse_other_encoding(self, beginning: bytes) -> None:
        """DataError for UTF-16 and UTF-32, which Windows' programs write."""
        encoding = next((found for mark, found in MARKS.items() if beginning.startswith(mark)), "")
        if not encoding and len(beginning) > 1:  # without a mark: letters of ASCII beside zeros
            for place, found in ((1, "UTF-16LE"), (0, "UTF-16BE")):
                zeros, letters = beginning[place::2], beginning[1 - place :: 2]
                if not zeros.strip(b"\0") and b"\0" not in letters:
                    encoding = found
        if encoding:
            raise DataError(
                f"{self.name}: is {encoding}, not UTF-8; {self._how_to_convert(encoding)}"
            )

    def _how_to_convert(self, encoding: str) -> str:
        file = shlex.quote(str(self.content)) if isinstance(self.content, Path) else "FILE"
        return f"convert it: iconv -f {encoding} -t UTF-8 {file} > utf8.txt"


BINARY = "looks binary (a NUL byte); give a text file"


def named_file(path: str, key: str = "") -> NamedFile:
    """The file at ``path``, which the user gave as ``key``; DataError unless it is a regular one.

    Without a ``key`` the path came as an argument of a command.
    """
    if not path:
        raise DataError(f"{key or 'FILE'}: is not set; say {key}=FILE")
    name = f"{key}={path}" if key else path
    if not is_text(path) or "\0" in path:
        raise DataError(f"{name!r}: is not the name of a file")
    file = expanded(path)
    with _reading_errors(name):
        if file.is_dir():
            raise DataError(f"{name}: is a folder; name a file in it")
        if not stat.S_ISREG(file.stat().st_mode):
            raise DataError(f"{name}: is no regular file; copy its text into one")
    return NamedFile(name, file)


@contextmanager
def _reading_errors(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{name}: there is no such file in {Path.cwd()}") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})") from None
