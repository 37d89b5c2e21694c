"""Compile kernels for this processor, and cache the code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import config
from numba.core.caching import IndexDataCacheFile

from rnnx.errors import ConfigError
from rnnx.system.files import cache_folder, other_writers


def _vector_bytes() -> tuple[int, int]:
    """``bytes, count``: the size of a vector register, and how many there are."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx2") and features.get("fma"):
        return 32, 16
    return 16, 32 if features.get("neon") else 16


VECTOR, REGISTERS = _vector_bytes()


@cache
def _folder(package: Path = Path(__file__).parent) -> Path:
    """The cache folder of this source text: a changed function must not meet old callers' code.

    It is the text of these kernels, and of those in the folder ``package`` that are made of them.
    ConfigError where somebody else may write into it: numba runs what it finds there.
    """
    sha = hashlib.sha256(numba.__version__.encode())
    own = Path(__file__).parents[1]
    for path in sorted({*own.rglob("*.py"), *package.rglob("*.py")}):
        sha.update(path.read_bytes())
    folder = cache_folder() / "kernels" / sha.hexdigest()[:16]
    with suppress(OSError):  # a folder that cannot be written: see kernel()
        cache_folder().mkdir(parents=True, exist_ok=True)
        for path in (folder.parent, folder):
            path.mkdir(mode=0o700, exist_ok=True)
    for path in (cache_folder(), folder.parent, folder):
        if others := other_writers(path):
            raise ConfigError(
                f"{path}: {others} may write there, and compiled code that is loaded from it would "
                f"run as you; name a folder of your own in RNNX_CACHE, or say: chmod go-w {path}"
            )
    return folder


OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile at the first call for each dtype, and cache the code in rnnx's cache folder.

    numba would cache beside the source. Its configuration names rnnx's folder only while this
    function is registered, so that other code in this process keeps its own.
    """
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_folder(Path(function.__code__.co_filename).parent))
    try:
        return _sealed(numba.njit(cache=True, **OPTIONS)(function))
    except RuntimeError:  # the folder cannot be written: compile in every process
        return numba.njit(**OPTIONS)(function)
    finally:
        config.CACHE_DIR = before


def _sealed(compiled: Any) -> Any:
    """The compiled function, with entries in the cache that are whole or not used."""
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if isinstance(file, IndexDataCacheFile):
        file.__class__ = SealedCacheFile
    return compiled


class SealedCacheFile(IndexDataCacheFile):  # type: ignore[misc]
    """The files of numba's cache, each with the SHA-256 of its content at its end.

    A disk that fills or a machine that stops leaves files that are cut or have foreign bytes in
    them. numba would run these as machine code. What does not fit its digest is compiled anew.
    """

    def _load_index(self) -> Any:
        return super()._load_index() if _is_whole(self._index_path) else {}

    def _load_data(self, name: str) -> Any:
        path = self._data_path(name)
        if not _is_whole(path):
            raise FileNotFoundError(path)  # which numba takes for: compile it
        return super()._load_data(name)

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[Any]:
        with super()._open_for_write(filepath) as file:
            digested = _Digested(file)
            yield digested
            file.write(digested.sha.digest())  # unpickling ends before it


class _Digested:
    """A file to write to, and the digest of what was written."""

    def __init__(self, file: Any) -> None:
        self._file, self.sha = file, hashlib.sha256()

    def write(self, data: Any) -> int:
        self.sha.update(data)
        return int(self._file.write(data))


def _is_whole(path: str) -> bool:
    try:
        data = Path(path).read_bytes()
    except OSError:
        return False
    size = hashlib.sha256().digest_size
    return hashlib.sha256(data[:-size]).digest() == data[-size:]


def inline(function: Callable[..., Any]) -> Any:
    """Compile a part of kernels: inlined into them, never called from Python."""
    return numba.njit(no_cpython_wrapper=True, **OPTIONS)(function)
