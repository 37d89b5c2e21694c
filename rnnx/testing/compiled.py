"""The compiled forms of a component, for the checks that compare them with the component."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rnnx.contracts.execution import Compilable, Execution
from rnnx.testing.suite import NotApplicable, expect


class Form(NamedTuple):
    """``forward`` and ``backward`` as a run calls them: compiled where the form has them."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]


def compiled_forms(component: Any) -> tuple[Form, Form]:
    """The compiled form of a cell or head for one thread, and for two.

    Raises NotApplicable if the component has none, or if its compiler is not installed.
    """
    if not isinstance(component, Compilable):
        raise NotApplicable("the component has no compiled form")
    try:
        form = component.compiled(1)
    except ImportError as error:
        raise NotApplicable(f"the compiled form cannot be imported: {error}") from error
    if form is None:
        raise NotApplicable("this configuration has no compiled form")
    expect(
        any(callable(getattr(form, name, None)) for name in Form._fields),
        "compiled: the form has neither forward nor backward",
    )
    one, two = (
        Form(*(Execution(True, threads).method(component, name) for name in Form._fields))
        for threads in (1, 2)
    )
    return one, two
