"""The number of threads of NumPy's BLAS, for a while."""

from __future__ import annotations

import contextvars
import functools
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class BlasThreads:
    """``with BlasThreads(1): …`` — afterwards the BLAS has as many threads as before.

    A BLAS has one number for the whole process, and sums in another order with another number.
    Python's threads that ask for the same number compute at once; where one asks for another
    number, they take turns, so that each has its own whenever it computes.

    Where the BLAS has that number already, entering and leaving costs some µs: a step can afford
    it, and a notebook's own products keep their threads.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def __enter__(self) -> None:
        _turns.enter(self.count)

    def __exit__(self, *error: object) -> None:
        _turns.leave()

    def in_effect(self) -> int:
        """The number that the BLAS takes where ``count`` is asked for: it has a largest one."""
        with self:
            return min(_numbers(), default=self.count)


def side_by_side(here: Callable[[], A], there: Callable[[], B]) -> tuple[A, B]:
    """Both results: ``there`` is called in another thread, which stays alive between calls.

    It computes in the context (NumPy's error settings) and with the BLAS's number of this thread,
    and must not ask for a number of its own: this thread waits for it.
    """
    waiting = _other_thread().submit(contextvars.copy_context().run, there)
    try:
        found = here()
    finally:
        wait([waiting])  # it may write to buffers that the next call uses
    return found, waiting.result()


@functools.cache
def _other_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "rnnx-side")


def give_way() -> None:
    """Let Python's threads that wait for another number compute; for a long loop, each step."""
    if _turns.waiting:
        _turns.give_way()


def usual_threads() -> int:
    """The number of the BLAS's threads where no BlasThreads changes it."""
    return _turns.usual()


class _Turns:
    """Who computes with which number of threads.

    A thread inside BlasThreads computes, except while it waits here for another number than its
    last; so the threads that compute all have one number, and it changes when none does.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self.waiting: deque[object] = deque()  # in the order of their turns
        self._computing = 0  # threads
        self._inside = 0  # threads, also those that wait between two numbers
        self._count = 0  # of the threads that compute
        self._taken: list[int] = []  # what each library took for it
        self._before: list[int] = []  # each library's number where no thread is inside
        self._is_set = False  # whether a library was given another number since
        self._own = _Entered()

    def enter(self, count: int) -> None:
        counts, now = self._own.counts, None
        with self._lock:
            if counts:
                self._computing -= 1
            elif not self._inside:
                self._before = now = _numbers()
            self._inside += not counts
            counts.append(count)
            try:
                self._take_turn(now)
            except BaseException:  # a signal
                self._go_back(_numbers())
                raise

    def leave(self) -> None:
        with self._lock:
            now = _numbers()
            changed = now != self._taken
            self._go_back(now)
        if changed:
            warnings.warn(
                "another thread changed the number of BLAS threads while rnnx computed: "
                "the last digits of its results may differ from those of a run alone",
                RuntimeWarning,
                stacklevel=3,
            )

    def give_way(self) -> None:
        with self._lock:
            if self._own.counts:
                self._computing -= 1
                self._take_turn()

    def usual(self) -> int:
        with self._lock:
            return min(self._before if self._inside else _numbers(), default=1)

    def after_fork(self) -> None:
        """In a forked process the parent's other threads are not there."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self.waiting.clear()
        self._computing = self._inside = int(bool(self._own.counts))

    def _go_back(self, now: list[int]) -> None:
        """Compute with the number from before the last one; the libraries have ``now``."""
        counts = self._own.counts
        counts.pop()
        self._computing -= 1
        self._inside -= not counts
        if counts:
            self._take_turn(now)
        elif not self._inside and (self._is_set or now != self._before):
            for library, number, its in zip(blas_libraries(), self._before, now, strict=True):
                _set(library, number, its)
                _let_go(library)
            self._is_set = False
        if self.waiting:
            self._changed.notify_all()

    def _take_turn(self, now: list[int] | None = None) -> None:
        """Wait until no thread computes with another number than this thread's, then compute.

        The libraries have the numbers ``now``, where those are known and no thread computes.
        """
        count = self._own.counts[-1]
        if self.waiting or (self._computing and self._count != count):
            self._wait_for_turn(count)
            now = None
        self._count = count
        self._computing += 1
        now = now or _numbers()
        self._is_set = self._is_set or any(its != count for its in now)
        libraries = zip(blas_libraries(), now, strict=True)
        self._taken = [_set(library, count, its) for library, its in libraries]

    def _wait_for_turn(self, count: int) -> None:
        turn = object()
        self.waiting.append(turn)
        self._changed.notify_all()
        try:
            while self.waiting[0] is not turn or (self._computing and self._count != count):
                self._changed.wait()
        finally:
            self.waiting.remove(turn)
            self._changed.notify_all()


class _Entered(threading.local):
    """The numbers that a thread has entered, one inside the other."""

    def __init__(self) -> None:
        self.counts: list[int] = []


_turns = _Turns()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turns.after_fork)
    os.register_at_fork(after_in_child=_other_thread.cache_clear)  # a fork copies no threads


def _numbers() -> list[int]:
    return [library.get_num_threads() for library in blas_libraries()]


def _set(library: Any, count: int, now: int) -> int:
    """Set a library's number, which is ``now``, also where another thread has set it last.

    threadpoolctl 3.8 lets one thread alone set that of OpenBLAS, until it ends or lets go. The
    number that the library took is returned: it has a largest one.
    """
    if now == count:
        return now
    library.set_num_threads(count)
    if (taken := library.get_num_threads()) != count:
        _let_go(library)
        library.set_num_threads(count)
        taken = library.get_num_threads()
    return int(taken)


def _let_go(library: Any) -> None:
    """Let any thread set the library's number, where threadpoolctl has such a rule."""
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)


@functools.cache
def blas_libraries() -> list[Any]:
    """The BLAS libraries that this process has loaded."""
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library for library in found if library.get_num_threads() is not None]
