"""Other processes, which compute what this one computed: their sets are ordered differently."""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, NamedTuple

from rnnx.system.threads import BlasThreads
from rnnx.testing.suite import CheckFailed, NotApplicable

HASH_SEEDS = ("1", "2")  # two processes: few strings may by chance be in one order in both
BEGIN = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from rnnx.testing.workers import serve; serve()"
)


class Answer(NamedTuple):
    """What a worker sends back: a result, or in words why there is none."""

    result: Any
    missing: str = ""  # why the function or its arguments cannot be imported
    raised: str = ""


def in_other_processes(function: Callable[..., Any], component: Any, *more: Any) -> list[Any]:
    """What ``function(component, *more)`` returns in each of two other processes.

    Raises NotApplicable where a class is defined where another process cannot import it,
    CheckFailed where the function raises.
    """
    try:
        job = pickle.dumps((os.getcwd(), pickle.dumps((function, (component, *more)))))
    except Exception as error:  # whatever a __reduce__ raises
        raise NotApplicable(f"another process cannot be given the component: {error}") from error
    _forget_old_source(component)
    workers = [_worker(seed) for seed in HASH_SEEDS]
    for worker in workers:  # all of them, so that they compute at the same time
        _pipe(worker.stdin).write(job)
        _pipe(worker.stdin).flush()
    try:
        answers = [pickle.load(_pipe(worker.stdout)) for worker in workers]
    except EOFError:
        stop_all()
        raise CheckFailed("another process that computes the same ended") from None
    return [_result(answer) for answer in answers]


def _result(answer: Answer) -> Any:
    if answer.missing:
        raise NotApplicable(f"another process cannot import the component: {answer.missing}")
    if answer.raised:
        raise CheckFailed(f"another process that computes the same raised {answer.raised}")
    return answer.result


def serve() -> None:
    """Answer jobs from standard input until it is closed."""
    jobs, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a component prints must not come between the answers
    while True:
        try:
            folder, job = pickle.load(jobs)
        except EOFError:
            return
        os.chdir(folder)
        pickle.dump(_answer(job), answers)
        answers.flush()


def _answer(job: bytes) -> Answer:
    try:
        function, args = pickle.loads(job)
    except Exception as error:  # a module that is not there, a class of __main__
        return Answer(None, missing=f"{error}")
    try:
        with BlasThreads(1):  # as the process that asks
            return Answer(function(*args))
    except Exception as error:  # whatever a component raises
        return Answer(None, raised=f"{type(error).__name__}: {error}")


_workers: dict[str, tuple[list[str], subprocess.Popen[bytes]]] = {}  # by hash seed, with sys.path
_sources: dict[str, float] = {}  # the files of components, and when they had been written


def _worker(seed: str) -> subprocess.Popen[bytes]:
    """A running worker, which imports from where this process imports."""
    if seed in _workers:
        path, worker = _workers[seed]
        if path == sys.path and worker.poll() is None:
            return worker
        _stop(seed)
    worker = subprocess.Popen(
        [sys.executable, "-P", "-c", BEGIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    pickle.dump(list(sys.path), _pipe(worker.stdin))
    _workers[seed] = list(sys.path), worker
    return worker


def _forget_old_source(component: Any) -> None:
    """Stop the workers if the file of the component's class has changed since they imported it."""
    file = str(getattr(sys.modules.get(type(component).__module__), "__file__", None))
    with suppress(OSError):
        written = os.stat(file).st_mtime
        if _sources.setdefault(file, written) != written:
            _sources[file] = written
            stop_all()


def _pipe(stream: Any) -> BinaryIO:
    found: BinaryIO = stream
    return found


def _stop(seed: str) -> None:
    worker = _workers.pop(seed)[1]
    for stream in (worker.stdin, worker.stdout):
        _pipe(stream).close()
    worker.wait()


@atexit.register
def stop_all() -> None:
    """Stop all workers."""
    for seed in list(_workers):
        _stop(seed)
