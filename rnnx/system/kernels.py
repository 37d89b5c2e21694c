"""Kernels that are compiled side by side, in processes beside this one, before they are needed.

A compiler that is written in Python compiles one function after the other in a process. So a run
whose kernels are in no cache first looks at which ones it calls (:func:`looking`), and then a few
processes compile them into the cache at once (:func:`compile_together`). Where no kernel is kept at
all, as before the first run, they are started while the run still does something else
(:func:`helpers_ready`).

What a kernel is, how it is compiled and where it is kept, is not known here.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

from rnnx.system.files import cache_folder
from rnnx.system.threads import processors

HELPERS = 2  # at most so many processes compile beside this one: a layer has two large kernels


def kernels_folder() -> Path:
    """Where compiled kernels are kept, in folders of their own."""
    return cache_folder() / "kernels"


class Compiled(Protocol):
    """A kernel: a function of a module, compiled for the types of its arguments."""

    def is_kept(self, types: Any) -> bool:
        """Whether the code for these types is in the cache."""

    def compile(self, types: Any) -> Any:
        """Load it, or compile it and keep it in the cache."""

    meanwhile: Callable[..., Any] | None
    """What computes the same bits in its place, if anything does."""
    coming: Coming | None
    """Where it is compiled meanwhile, if it need not be there yet."""


class Coming(Protocol):
    """What compiles kernels that nobody waits for."""

    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""


class Call(NamedTuple):
    """A kernel that was called, by its place, and the types of its arguments."""

    module: str
    name: str
    types: Any
    size: int  # about how much there is to compile

    def kernel(self) -> Compiled:
        """The kernel itself."""
        found: Compiled = getattr(importlib.import_module(self.module), self.name)
        return found


class _OfThread(threading.local):
    calls: list[Call] | None = None  # that are listed
    waiting: Sequence[subprocess.Popen[bytes]] = ()  # helpers that nobody has told what to compile


_now = _OfThread()


@contextmanager
def looking() -> Iterator[list[Call]]:
    """Inside, kernels that this thread calls are listed, once each, and not compiled.

    They compute nothing then. Kernels of this process that are loaded do compute.
    """
    calls: list[Call] = []
    _now.calls = calls
    try:
        yield calls
    finally:
        _now.calls = None


def is_listed(call: Call) -> bool:
    """List a kernel if that is all that is to be done in this thread; whether it was."""
    if _now.calls is None:
        return False
    if call not in _now.calls:
        _now.calls.append(call)
    return True


@contextmanager
def helpers_ready(prepare: Callable[[], object]) -> Iterator[None]:
    """Inside, helpers wait for this thread's :func:`compile_together`, if no kernel is kept at all.

    To start and to load the compiler takes them as long as a kernel. They do that meanwhile:
    ``prepare`` is a function of a module. Those that nobody needs end with the block.
    """
    waiting: list[subprocess.Popen[bytes]] = []
    try:
        if _keeps_none():
            with suppress(OSError):
                for _ in range(_most_helpers()):
                    waiting.append(_start_helper(prepare))
        _now.waiting = waiting
        yield
    finally:
        for process in _taken():
            process.kill()
            _wait(process)


def _keeps_none() -> bool:
    """Whether kernels can be kept and none are."""
    cache = cache_folder()
    can_keep = not cache.exists() or os.access(cache, os.W_OK)
    return can_keep and next(kernels_folder().glob("*/*"), None) is None


def _most_helpers() -> int:
    """One process for each processor: on two of them three would do more work in the same time."""
    return min(HELPERS, processors() - 1) if sys.executable else 0


def _taken() -> list[subprocess.Popen[bytes]]:
    """The helpers that wait, which are then the caller's."""
    taken, _now.waiting = list(_now.waiting), ()
    return taken


def missing(calls: Sequence[Call]) -> list[Call]:
    """Those that are in no cache."""
    return [call for call in calls if not call.kernel().is_kept(call.types)]


def compile_together(calls: Sequence[Call]) -> None:
    """Compile the kernels that are in no cache, those of ``calls``, in a few processes at once.

    A process that cannot be started, or ends early, leaves its part to whoever calls the kernels.
    """
    left = sorted(missing(calls), key=lambda call: -call.size)
    if not left:
        return
    with suppress(OSError), TemporaryDirectory(prefix="rnnx-kernels-") as folder:
        helpers = _taken()
        try:
            for number in range(min(_most_helpers(), len(left) - 1)):
                if number == len(helpers):
                    helpers.append(_start_helper())
                tell(helpers[number], folder, left)
            with _without_collector():
                _take(left, Path(folder))
        finally:
            for process in helpers:
                _wait(process)


@contextmanager
def _without_collector() -> Iterator[None]:
    """No garbage collection: a compiler makes many objects, and a tenth of its time went there."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _take(calls: Sequence[Call], claims: Path) -> None:
    """Compile one kernel after the other of those that no other process has taken."""
    for number, call in enumerate(calls):
        try:
            os.close(os.open(claims / str(number), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        call.kernel().compile(call.types)


START = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); \
pickle.load(sys.stdin.buffer)()"


def start(work: Callable[[], None]) -> subprocess.Popen[bytes]:
    """A process that does ``work``, a function of a module, which reads what it is told.

    A signal that stops this process does not print there.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", START],  # -P: nothing is imported from the working folder
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    tell(process, sys.path, work)
    return process


def tell(process: subprocess.Popen[bytes], *given: Any) -> None:
    """Give such a process what it reads."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended
        process.stdin.write(b"".join(map(pickle.dumps, given)))
        process.stdin.flush()


def told() -> Any:
    """What such a process was given next."""
    return pickle.load(sys.stdin.buffer)


def _start_helper(prepare: Callable[[], object] | None = None) -> subprocess.Popen[bytes]:
    process = start(help_to_compile)
    tell(process, prepare)
    return process


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended, which it does where it is told nothing more."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    process.wait()


def help_to_compile() -> None:
    """The whole of a process that helps :func:`compile_together`."""
    gc.disable()
    if prepare := told():
        prepare()
    claims, calls = Path(told()), told()
    _take(calls, claims)
