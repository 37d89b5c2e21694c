"""Checks, and the pytest classes that run them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from rnnx.system.threads import BlasThreads

Check: TypeAlias = Callable[[Any], None]
"""A function of a component that raises CheckFailed if it breaks its contract."""


class CheckFailed(AssertionError):
    """A component breaks its contract. The message says what and where, expected and found."""


class NotApplicable(Exception):
    """A check cannot be run: the component lacks the optional part that it is about, or a library
    is not installed. The message says which.
    """


LEAST: Mapping[str, int] = {
    "dataset": 8,
    "cell": 28,
    "block": 10,
    "initializer": 6,
    "head": 10,
    "clipper": 9,
    "optimizer": 14,
    "schedule": 6,
    "sampler": 10,
    "tracker": 5,
    "probe": 7,
}
"""How many checks run for a component of each kind that has no optional part and is local to a
function, where no library is installed that is not needed: with fewer, the kit has lost some.
"""


class Comparisons:
    """Counts comparisons: a check that makes none has checked nothing."""

    count = 0


COMPARISONS = Comparisons()


def expect(holds: bool, message: str, count: int = 1) -> None:
    """Raise CheckFailed with ``message`` unless ``holds``; counts as ``count`` comparisons."""
    COMPARISONS.count += count
    if not holds:
        raise CheckFailed(message)


def conduct(check: Check, component: Any) -> int:
    """Run one check, and return how many comparisons it made.

    Raises CheckFailed if a comparison fails or none was made, NotApplicable, with the reason, if
    the component lacks the part that the check is about, and whatever the component itself raises.
    """
    before = COMPARISONS.count
    with BlasThreads(1):  # with more, the last bits depend on the machine
        try:
            check(component)
        except NotApplicable as reason:
            if not str(reason).strip():
                raise CheckFailed(f"{check.__name__} is skipped without a reason") from None
            raise
    made = COMPARISONS.count - before
    if not made:
        raise CheckFailed(f"{check.__name__} found nothing to check: it made no comparison")
    return made


class ExpectedFailure(Exception):
    """A check failed that was expected to fail. The message is the reason that was given."""


def expected_failures(component: Any) -> Mapping[str, str]:
    """The checks that a component's author expects to fail, each with the reason.

    They stand in the class attribute ``expected_failed_checks``.
    """
    found: Mapping[str, str] = getattr(component, "expected_failed_checks", {})
    return found


def conduct_expected(check: Check, component: Any, reason: str | None) -> int:
    """:func:`conduct`, where ``reason`` says why the check is expected to fail (None: it is not).

    Raises ExpectedFailure if a comparison fails, CheckFailed if the check passes, and whatever else
    is raised: an import that fails or a wrong call is not the fault that the author knows of.
    """
    if reason is None:
        return conduct(check, component)
    try:
        conduct(check, component)
    except CheckFailed as failure:
        raise ExpectedFailure(reason) from failure
    raise CheckFailed(
        f"it passes, but it is expected to fail ({reason}): remove {check.__name__} from "
        "expected_failed_checks"
    )


def global_state() -> bytes:
    """The state of NumPy's global generator; each draw changes it."""
    state: Any = np.random.get_state(legacy=False)
    return bytes(state["state"]["key"].tobytes()) + str(state["state"]["pos"]).encode()


def make_suite(kind: str, checks: Iterable[Check]) -> type[Any]:
    """Make a pytest class with one test for each check of ``kind``.

    Subclass it under a name that begins with ``Test``, and set ``component``, or ``components`` for
    several:

        class TestMGU(CellSuite):
            component = MGU(hidden_size=5)

    ``expected_failed_checks`` names checks that fail, with reasons, beside those that the
    component's class names in an attribute of the same name. Such a check must fail.

    The last test fails if all tests of the suite ran and fewer checks than :data:`LEAST` says were
    not skipped.
    """
    members: dict[str, Any] = {"kind": kind, "component": None, "components": ()}
    members["expected_failed_checks"] = {}
    members["_ran"] = {}  # class → name of a check → whether it was not skipped
    for check in checks:
        members[check.__name__.replace("check_", "test_", 1)] = _as_test(check)
    members["test_enough_checks"] = _as_count(LEAST.get(kind, 1), members)
    members["__doc__"] = f"The conformance tests of a {kind}. Set ``component`` in a subclass."
    return type(f"{kind.capitalize()}Suite", (), members)


def _as_test(check: Check) -> Callable[[Any], None]:
    def test(self: Any) -> None:
        components = self.components or ([self.component] if self.component is not None else [])
        expect(bool(components), f"{type(self).__name__}: set component or components")
        missing, excused = [], []
        for component in components:
            reasons = {**expected_failures(component), **self.expected_failed_checks}
            try:
                conduct_expected(check, component, reasons.get(check.__name__))
            except NotApplicable as reason:
                missing.append(str(reason))
            except ExpectedFailure as reason:
                excused.append(str(reason))
        self._ran.setdefault(type(self), {})[check.__name__] = len(missing) < len(components)
        if excused:
            import pytest

            pytest.xfail(excused[0])
        if len(missing) == len(components):
            import pytest

            pytest.skip(missing[0])

    test.__doc__ = check.__doc__
    return test


def _as_count(least: int, members: Mapping[str, Any]) -> Callable[[Any], None]:
    every = sum(name.startswith("test_") for name in members)

    def test(self: Any) -> None:
        """Enough checks ran: not most of them were skipped."""
        found = self._ran.get(type(self), {})
        if len(found) < every:  # a selection, or a check failed
            import pytest

            pytest.skip(f"{len(found)} of the suite's {every} checks came to an end here")
        ran = sum(found.values())
        expect(
            ran >= least,
            f"{ran} of {every} checks ran; {too_few(self.kind)}",
        )

    return test


def too_few(kind: str) -> str:
    """What is said where fewer checks ran than for a component without any optional part."""
    return f"at least {LEAST.get(kind, 1)} run for any {kind}: the kit itself is at fault"
