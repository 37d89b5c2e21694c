"""Output that nobody may read any more: what a pipe's reader (head, less) leaves ends no work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

UNREAD = "rnnx: nobody reads the output any more; training goes on"


@contextmanager
def lasting_output() -> Iterator[None]:
    """Inside, what is printed after the reader of stdout or stderr has gone is dropped."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Lasting(sys.stdout, UNREAD), _Lasting(sys.stderr)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # while a closed pipe is no error
        sys.stdout, sys.stderr = before


class _Lasting:
    """A text stream whose writes go nowhere once its reader has gone."""

    def __init__(self, stream: Any, note: str = "") -> None:
        self._stream, self._note = stream, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        self._attempt(self._stream.flush)

    def _attempt(self, do: Callable[[], object]) -> None:
        try:
            do()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            with suppress(OSError):
                do()  # the stream still has what it could not write
            if self._note:
                print(self._note, file=sys.stderr)
