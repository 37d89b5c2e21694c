"""All checks by kind, and a pytest parametrisation over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rnnx.contracts.components import KINDS
from rnnx.errors import PluginError
from rnnx.registry.validation import has_another, methods_of
from rnnx.testing import (
    blocks,
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
from rnnx.testing.suite import Check, CheckFailed, NotApplicable, conduct, expected_failures

if TYPE_CHECKING:
    import pytest

MODULES = (
    datasets,
    cells,
    blocks,
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
    kind: module.CHECKS for kind, module in zip(KINDS, MODULES, strict=True)
}
"""The checks of each kind, in the order in which they run."""

Reasons = Mapping[str, str]
"""The name of a check → the reason why it is expected to fail."""


def kind_of(component: Any) -> str:
    """The kind all of whose methods a component has; PluginError unless there is exactly one.

    A block has all methods of a cell and more: of two kinds, one of which has all of the other's
    methods, it is the larger.
    """
    wanted = {kind: methods_of(kind, component).keys() for kind in KINDS}
    having = [kind for kind in KINDS if all(map(partial(_has, component), wanted[kind]))]
    fitting = [one for one in having if not any(wanted[one] < wanted[two] for two in having)]
    if len(fitting) != 1:
        found = " and ".join(fitting) or "no kind"
        raise PluginError(
            f"{type(component).__name__}: has the methods of {found}; give its kind, as kind='cell'"
        )
    return fitting[0]


def _has(component: Any, method: str) -> bool:
    return callable(getattr(component, method, None)) or has_another(component, method)


def parametrize_with_checks(
    components: Sequence[Any],
    *,
    expected_failed_checks: Reasons | Callable[[Any], Reasons] | None = None,
    kind: str | None = None,
) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of all components:

        @parametrize_with_checks([MGU(), MGU(hidden_size=7)])
        def test_mgu(component, check):
            check(component)

    ``expected_failed_checks`` (a dict, or a function of the component that returns one) maps the
    names of checks that fail to the reasons; so does an attribute ``expected_failed_checks`` of
    the component's class. If such a check passes, or raises anything but CheckFailed, the test
    fails, so that the list stays true.
    Without ``kind``, the component's methods decide which kind it is.
    """
    import pytest

    if not components:
        raise PluginError("parametrize_with_checks: the list of components is empty")
    cases = []
    for component in components:
        own = kind or kind_of(component)
        expected = expected_failed_checks
        given = (expected(component) if callable(expected) else expected) or {}
        reasons = reasons_of(own, component, given)
        for check in CHECKS[own]:
            reason, name = reasons.get(check.__name__), check.__name__
            xfail = pytest.mark.xfail(reason=reason or "", strict=True, raises=CheckFailed)
            marks = [xfail] if reason is not None else []
            case_id = f"{component!r:.60}-{name}"
            cases.append(pytest.param(component, _as_test(check), marks=marks, id=case_id))
    return pytest.mark.parametrize(("component", "check"), cases)


def reasons_of(kind: str, component: Any, more: Reasons | None = None) -> Reasons:
    """The checks that are expected to fail, by its class and ``more``, each with the reason."""
    reasons = {**expected_failures(component), **(more or {})}
    names = [check.__name__ for check in CHECKS[kind]]
    if unknown := sorted(set(reasons) - set(names)):
        raise PluginError(
            f"expected_failed_checks: there is no {unknown[0]}; the checks of a {kind} are "
            f"{', '.join(names)}"
        )
    return reasons


def _as_test(check: Check) -> Check:
    """The check as a test, which is skipped if the component lacks the part that it is about."""

    def test(component: Any) -> None:
        import pytest

        try:
            conduct(check, component)
        except NotApplicable as reason:
            pytest.skip(str(reason))

    return test
