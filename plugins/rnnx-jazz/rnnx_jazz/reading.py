"""Files of music: what they are, how large they may be, and the tunes in them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from rnnx.errors import DataError
from rnnx_jazz.abcfile import read_abc
from rnnx_jazz.midi import read_midi
from rnnx_jazz.musicxml import read_musicxml
from rnnx_jazz.scores import Score

# Bytes of a file. What a parser makes of one takes up to two hundred times as much memory.
MOST = {".abc": 512_000, ".mid": 500_000, ".midi": 500_000, ".musicxml": 2_000_000}
MOST |= {".xml": MOST[".musicxml"]}


class Music(NamedTuple):
    """A file, read."""

    scores: list[Score]
    sha256: str  # of its bytes


def read_music(path: str, where: str) -> Music:
    """Every tune of a file, or of the embedded lead sheets where ``path`` is empty."""
    data = read_bytes(path, where) if path else embedded()
    kind = Path(path).suffix.lower() if path else ".abc"
    return Music(_readers()[kind](data, where), hashlib.sha256(data).hexdigest())


def embedded() -> bytes:
    """The lead sheets that come with the plugin."""
    return (files(__package__) / "leadsheets.abc").read_bytes()


def _readers() -> dict[str, Callable[[bytes, str], list[Score]]]:
    def text(data: bytes, where: str) -> list[Score]:
        return read_abc(_decoded(data, where), where)

    def midi(data: bytes, where: str) -> list[Score]:
        return [read_midi(data, where)]

    def xml(data: bytes, where: str) -> list[Score]:
        return [read_musicxml(data, where)]

    return {".abc": text, ".mid": midi, ".midi": midi, ".musicxml": xml, ".xml": xml}


def read_bytes(path: str, where: str) -> bytes:
    """The bytes of a file of music; DataError before anything large or strange is read."""
    file = Path(os.path.expanduser(path))
    most = MOST.get(file.suffix.lower())
    if most is None:
        raise DataError(f"{where}: is none of {', '.join(MOST)}; convert it to one of them")
    try:
        about = file.stat()
        if not stat.S_ISREG(about.st_mode):
            raise DataError(f"{where}: is no regular file; name a file of music")
        if about.st_size > most:
            raise DataError(
                f"{where}: has {about.st_size:,} bytes; a {file.suffix} file may have {most:,}: "
                "give a part of it"
            )
        with file.open("rb") as binary:
            data = binary.read(most + 1)
    except FileNotFoundError:
        raise DataError(f"{where}: there is no such file in {Path.cwd()}") from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "its name is none of a file"
        raise DataError(f"{where}: cannot be read ({cause})") from None
    if not data.strip():
        raise DataError(f"{where}: is empty; give a file with music in it")
    return data


def _decoded(data: bytes, where: str) -> str:
    if b"\0" in data:
        raise DataError(f"{where}: looks binary (a NUL byte); ABC is a text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # older ABC
