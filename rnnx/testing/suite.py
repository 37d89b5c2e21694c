"""Checks, and the pytest classes that run them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

Check: TypeAlias = Callable[[Any], None]
"""A function of a component that raises CheckFailed if it breaks its contract."""


class CheckFailed(AssertionError):
    """A component breaks its contract. The message says what and where, expected and found."""


class NotApplicable(Exception):
    """The component lacks the optional part that a check is about. The message names it."""


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

    Raises CheckFailed if a comparison fails or none was made, NotApplicable if the component lacks
    the part that the check is about, and whatever the component itself raises.
    """
    before = COMPARISONS.count
    check(component)
    made = COMPARISONS.count - before
    if not made:
        raise CheckFailed(f"{check.__name__} found nothing to check: it made no comparison")
    return made


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
    """
    members: dict[str, Any] = {"kind": kind, "component": None, "components": ()}
    for check in checks:
        members[check.__name__.replace("check_", "test_", 1)] = _as_test(check)
    members["__doc__"] = f"The conformance tests of a {kind}. Set ``component`` in a subclass."
    return type(f"{kind.capitalize()}Suite", (), members)


def _as_test(check: Check) -> Callable[[Any], None]:
    def test(self: Any) -> None:
        components = self.components or ([self.component] if self.component is not None else [])
        expect(bool(components), f"{type(self).__name__}: set component or components")
        missing = []
        for component in components:
            try:
                conduct(check, component)
            except NotApplicable as reason:
                missing.append(str(reason))
        if len(missing) == len(components):
            import pytest

            pytest.skip(missing[0])

    test.__doc__ = check.__doc__
    return test
