"""All checks by kind, and pytest's parametrisation over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rnnx.contracts.components import KINDS
from rnnx.errors import PluginError
from rnnx.registry.validation import methods_of
from rnnx.testing import (
    cells,
    clippers,
    datasets,
    heads,
    initializers,
    optimizers,
    probes,
    samplers,
    schedules,
    trackers,
)
from rnnx.testing.suite import Check, CheckFailed, NotApplicable, conduct

if TYPE_CHECKING:
    import pytest

ROOMS = (
    datasets,
    cells,
    initializers,
    heads,
    clippers,
    optimizers,
    schedules,
    samplers,
    trackers,
    probes,
)
CHECKS: dict[str, tuple[Check, ...]] = {
    kind: room.CHECKS for kind, room in zip(KINDS, ROOMS, strict=True)
}
"""Kind → its checks, in the order in which they run."""

Reasons = Mapping[str, str]
"""Name of a check → why it is expected to fail."""


def kind_of(component: Any) -> str:
    """The kind whose contract a component has all methods of; PluginError if none or several."""
    fitting = [kind for kind in KINDS if all(map(partial(_has, component), methods_of(kind)))]
    if len(fitting) != 1:
        found = " and ".join(fitting) or "no kind"
        raise PluginError(
            f"{type(component).__name__}: has the methods of {found}; say kind='cell' or the like"
        )
    return fitting[0]


def _has(component: Any, method: str) -> bool:
    return callable(getattr(component, method, None))


def parametrize_with_checks(
    components: Sequence[Any],
    *,
    expected_failed_checks: Reasons | Callable[[Any], Reasons] | None = None,
    kind: str | None = None,
) -> pytest.MarkDecorator:
    """Parametrise a test over every check of every component:

        @parametrize_with_checks([MGU(), MGU(hidden_size=7)])
        def test_mgu(component, check):
            check(component)

    ``expected_failed_checks`` (or a function of the component) maps the name of a check to the
    reason why it fails; one that passes all the same fails, so that the list stays true. ``kind``
    is found by the component's methods where it is not given.
    """
    import pytest

    if not components:
        raise PluginError("parametrize_with_checks: there is no component to check")
    cases = []
    for component in components:
        own = kind or kind_of(component)
        given = expected_failed_checks
        reasons = (given(component) if callable(given) else given) or {}
        names = [check.__name__ for check in CHECKS[own]]
        if unknown := sorted(set(reasons) - set(names)):
            raise PluginError(
                f"expected_failed_checks: there is no {unknown[0]}; the checks of a {own} are "
                f"{', '.join(names)}"
            )
        for check in CHECKS[own]:
            reason, name = reasons.get(check.__name__), check.__name__
            expected = pytest.mark.xfail(reason=reason or "", strict=True, raises=CheckFailed)
            marks = [expected] if reason is not None else []
            case_id = f"{component!r:.60}-{name}"
            cases.append(pytest.param(component, _ready(check), marks=marks, id=case_id))
    return pytest.mark.parametrize(("component", "check"), cases)


def _ready(check: Check) -> Check:
    """The check as a test: empty is a failure, what the component lacks is a skip with a reason."""

    def ready(component: Any) -> None:
        import pytest

        try:
            conduct(check, component)
        except NotApplicable as reason:
            pytest.skip(str(reason))

    return ready
