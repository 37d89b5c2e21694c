"""The state of a component that the checks begin with."""

from __future__ import annotations

from typing import Any

from rnnx.arrays import Params
from rnnx.registry.first_update import wrong_state
from rnnx.testing.suite import expect


def fresh_state(component: Any, method: str, *given: Any) -> Params:
    """What the method ``init`` or ``init_state`` returns; CheckFailed where it is no state."""
    found: Any = getattr(component, method)(*given)
    cause = wrong_state(found)
    expect(not cause, f"{method}: {cause}")
    made: Params = found
    return made
