"""Checks by name, and the pytest classes made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

Check: TypeAlias = Callable[[Any], None]
"""Takes a component; raises CheckFailed, with the numbers, if it breaks its contract."""


class CheckFailed(AssertionError):
    """A component breaks its contract: what, where, the expected and the found."""


class NotApplicable(Exception):
    """A component has no part that the check is about: which."""


class _Tally:
    """How many comparisons were made; a check that makes none has checked nothing."""

    count = 0


TALLY = _Tally()


def expect(holds: bool, message: str, count: int = 1) -> None:
    """Raise CheckFailed with ``message`` unless ``holds``; it stands for ``count`` comparisons."""
    TALLY.count += count
    if not holds:
        raise CheckFailed(message)


def conduct(check: Check, component: Any) -> int:
    """Run one check; how many comparisons it made.

    Raises CheckFailed if one fails or if there was nothing to compare, NotApplicable if the
    component has no part that the check is about, and whatever the component raises.
    """
    before = TALLY.count
    check(component)
    made = TALLY.count - before
    if not made:
        raise CheckFailed(f"{check.__name__} found nothing to check: its subject is empty")
    return made


def global_state() -> bytes:
    """Where NumPy's global generator stands; whoever draws from it moves it."""
    state: Any = np.random.get_state(legacy=False)
    return bytes(state["state"]["key"].tobytes()) + str(state["state"]["pos"]).encode()


def make_suite(kind: str, checks: Iterable[Check]) -> type[Any]:
    """A pytest class with a test a check, for components of ``kind``.

    Subclass it, name it ``Test…``, and set ``component`` to one component or ``components`` to
    several:

        class TestMGU(CellSuite):
            component = MGU(hidden_size=5)
    """
    members: dict[str, Any] = {"kind": kind, "component": None, "components": ()}
    for check in checks:
        members[check.__name__.replace("check_", "test_", 1)] = _as_test(check)
    members["__doc__"] = f"The conformance tests of a {kind}: set ``component`` in a subclass."
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
