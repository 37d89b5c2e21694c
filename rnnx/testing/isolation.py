"""Checks for components of every kind: a result depends on what is passed in, and on nothing else.

Each kind gives its ``exercise``: a function of a component and a number that computes with the
component, and returns the results by name. The number chooses among inputs.
"""

from __future__ import annotations

import locale
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import fields
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from rnnx.testing.interruption import at_many_lines
from rnnx.testing.suite import Check, expect
from rnnx.testing.workers import in_other_processes

Results: TypeAlias = Mapping[str, Any]
Exercise: TypeAlias = Callable[[Any, int], Results]

CALLS, LEAST, SECONDS = 150, 4, 0.5  # of check_history: so many calls, or as many as there is time
TOLERANCE = 1e-9


class IsolationChecks(NamedTuple):
    """The checks that all kinds share, for one of them."""

    process: Check
    history: Check
    processes: Check


def isolation_checks(exercise: Exercise) -> IsolationChecks:
    """The checks of a kind that compute with ``exercise``."""

    def check_process(component: Any) -> None:
        """Computing leaves the process and the component's fields as they were.

        That is: the working directory, the environment, NumPy's error settings and print options,
        the global generators, the signal handlers, the locale and the umask.
        """
        check_process_of(component, lambda: exercise(component, 0))

    def check_history(component: Any) -> None:
        """Equal inputs give equal results, whatever was computed before, in up to 150 calls."""
        expected = [exercise(component, which) for which in range(3)]
        order = np.random.default_rng(0).permutation(CALLS) % len(expected)
        end = time.perf_counter() + SECONDS
        for call, which in enumerate(order.tolist()):
            if call >= LEAST and time.perf_counter() > end:
                return
            again = exercise(component, which)
            equal_results(again, expected[which], f"call {call + 4} differs from an equal one")

    def check_other_process(component: Any) -> None:
        """Two other processes, in which sets of strings have another order, compute the same."""
        expected = exercise(component, 1)
        for found in in_other_processes(exercise, component, 1):
            equal_results(found, expected, "another process has another result")

    return IsolationChecks(check_process, check_history, check_other_process)


def threads_check(exercise: Exercise) -> Check:
    """The check that two threads may use one component, each with a scratch of its own."""

    def check_threads(component: Any) -> None:
        """Another thread that computes in between, at up to 400 places, changes no result."""
        expected = exercise(component, 0)
        found = at_many_lines(
            lambda: exercise(component, 0),
            lambda: exercise(component, 1),
        )
        equal_results(found, expected, "another thread that computes in between changes the result")

    return check_threads


def check_process_of(component: Any, compute: Callable[[], Any]) -> None:
    """CheckFailed if ``compute``, called twice, changes the process or the component's fields."""
    own = {item.name: deepcopy(getattr(component, item.name)) for item in fields(component)}
    before = _process()
    try:
        compute()
        after = _process()
        # What is imported at the first call may set variables; the second call imports nothing.
        environment = dict(os.environ)
        compute()
        expect(dict(os.environ) == environment, "computing changed the environment (os.environ)")
        for what, value in before.items():
            expect(_equal(after[what], value), f"computing changed {what}: put it back")
    finally:
        _put_back(before)
    for name, value in own.items():
        expect(
            bool(getattr(component, name) == value),
            f"computing changed the component's field {name}: a component keeps no state",
        )
    expect(isinstance(hash(component), int), "the component is not hashable")


def _process() -> dict[str, Any]:
    umask = os.umask(0)
    os.umask(umask)
    return {
        "the working directory": os.getcwd(),
        "NumPy's error settings": np.geterr(),
        "NumPy's print options": np.get_printoptions(),
        "NumPy's global generator": np.random.get_state(),
        "the global generator of random": random.getstate(),
        "the signal handlers": {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)},
        "the locale": locale.setlocale(locale.LC_ALL),
        "the umask": umask,
        "the recursion limit": sys.getrecursionlimit(),
        "sys.path": list(sys.path),
    }


def _put_back(before: dict[str, Any]) -> None:
    os.chdir(before["the working directory"])
    np.seterr(**before["NumPy's error settings"])
    np.set_printoptions(**before["NumPy's print options"])
    np.random.set_state(before["NumPy's global generator"])
    random.setstate(before["the global generator of random"])
    locale.setlocale(locale.LC_ALL, before["the locale"])
    os.umask(before["the umask"])
    sys.setrecursionlimit(before["the recursion limit"])
    sys.path[:] = before["sys.path"]


def equal_results(found: Results, expected: Results, what: str) -> None:
    """Raise CheckFailed unless results agree: numbers to rounding, all else exactly."""
    expect(
        list(found) == list(expected),
        f"{what}: {', '.join(found)} for {', '.join(expected)}",
    )
    for name, value in expected.items():
        expect(_equal(found[name], value), f"{what}: {name}{_first_difference(found[name], value)}")


def _equal(found: Any, expected: Any) -> bool:
    if isinstance(expected, Mapping):
        return list(found) == list(expected) and all(
            _equal(found[key], value) for key, value in expected.items()
        )
    if isinstance(expected, tuple | list):
        return len(found) == len(expected) and all(map(_equal, found, expected))
    if not isinstance(expected, np.ndarray | float):
        return bool(found == expected)
    one, other = np.asarray(found), np.asarray(expected)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not np.issubdtype(other.dtype, np.floating):
        return np.array_equal(one, other)
    finite = np.abs(other[np.isfinite(other)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    close = TOLERANCE if other.dtype == np.float64 else 1e-5
    return bool(np.allclose(one, other, rtol=0, atol=close * scale, equal_nan=True))


def _first_difference(found: Any, expected: Any) -> str:
    """Where two arrays differ first, with both values; else the values, where they are short."""
    if not isinstance(expected, np.ndarray):
        return f" is {found!r:.60}, expected {expected!r:.60}"
    found = np.asarray(found)
    if found.shape != expected.shape or found.dtype != expected.dtype:
        one, other = f"{found.shape} of {found.dtype}", f"{expected.shape} of {expected.dtype}"
        return f" is {one}, expected {other}"
    places = np.argwhere(found != expected)
    if not len(places):
        return ""
    first = tuple(int(i) for i in places[0])
    return f"{list(first)} is {found[first]:.9g}, expected {expected[first]:.9g}"
