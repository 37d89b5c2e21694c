"""The files in which compiled kernels are kept, in place of numba's own."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from rnnx.system.files import replacing


class KernelFiles(NullCache):  # type: ignore[misc]
    """One file for each kernel, its types and the processor, with a SHA-256 at its end.

    Numba keeps an index for each function, which two processes that compile at once for different
    types overwrite: one of them then loads the code of the other's types. Its entries are void once
    the time of the source file changes, as with each installation, or its place. Here a file is
    named by what it is made for, and the folder by the sources' content.

    A disk that fills or a machine that stops leaves files that are cut or have foreign bytes in
    them. numba would run these as machine code. What does not fit its digest is compiled anew, and
    what cannot be written is compiled again in the next process.
    """

    def __init__(self, folder: Path, function: Callable[..., Any]) -> None:
        self._folder = folder
        self._of = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}"

    def has(self, types: Any, context: Any) -> bool:
        """Whether there is code for these types; True also where none could be kept."""
        can_keep = self._folder.is_dir() and os.access(self._folder, os.W_OK)
        return not can_keep or self._path(types, context).exists()

    def load_overload(self, types: Any, context: Any) -> Any:
        """The code for these types, ready to be called, or None."""
        context.refresh()
        try:
            data = self._path(types, context).read_bytes()
        except OSError:
            return None
        size = hashlib.sha256().digest_size
        if hashlib.sha256(data[:-size]).digest() != data[-size:]:
            return None
        return CompileResult._rebuild(context, *pickle.loads(data[:-size]))

    def save_overload(self, types: Any, compiled: Any) -> None:
        """Keep the code for these types, all of it or nothing."""
        content = dumps(compiled._reduce())
        path = self._path(types, compiled.target_context)
        with suppress(OSError), replacing(path, tidy=False) as temporary:
            temporary.write_bytes(content + hashlib.sha256(content).digest())

    def _path(self, types: Any, context: Any) -> Path:
        key = sys.implementation.cache_tag, types, context.codegen().magic_tuple()
        name = hashlib.sha256(repr(key).encode()).hexdigest()
        return self._folder / f"{self._of}.{name[:32]}.code"
