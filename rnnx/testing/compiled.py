"""The compiled forms of a component, for the checks that compare them with the component."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts.execution import Compilable, Execution, changed_below
from rnnx.testing.isolation import Exercise, equal_results
from rnnx.testing.suite import Check, NotApplicable, expect


class Form(NamedTuple):
    """``forward`` and ``backward`` as a run calls them: compiled where the form has them."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]


def compiled_forms(component: Any) -> tuple[Form, Form]:
    """The compiled form of a cell or head for one thread, and for two.

    Raises NotApplicable if the component has none, or if its compiler is not installed.
    """
    form = _form_of(component, 1)
    expect(
        any(callable(getattr(form, name, None)) for name in Form._fields),
        "compiled: the form has neither forward nor backward",
    )
    one, two = (
        Form(*(Execution(True, threads).method(component, name) for name in Form._fields))
        for threads in (1, 2)
    )
    return one, two


def compiled_check(exercise: Exercise, methods: Sequence[str]) -> Check:
    """The check of a kind's compiled form, by what ``exercise`` computes with ``methods`` of it."""

    def check_compiled(component: Any) -> None:
        """A compiled form computes the component's results, the same for any number of threads."""
        expected = exercise(component, 0)
        one, two = (exercise(_with_form(component, methods, n), 0) for n in (1, 2))
        equal_results(one, expected, "the compiled form has another result")
        for name, value in one.items():
            alike = np.array_equal(two[name], value, equal_nan=True)
            expect(alike, f"the compiled form: two threads have another result for {name}")

    return check_compiled


def _with_form(component: Any, methods: Sequence[str], threads: int) -> Any:
    """A component whose ``methods`` are those of its compiled form, where that has them."""
    form = _form_of(component, threads)
    found = {name: staticmethod(getattr(form, name)) for name in methods if hasattr(form, name)}
    expect(bool(found), f"compiled: the form has none of {', '.join(methods)}")
    made = type(type(component).__name__, (type(component),), dict(found))
    return made(**{item.name: getattr(component, item.name) for item in fields(component)})


def _form_of(component: Any, threads: int) -> Any:
    if not isinstance(component, Compilable):
        raise NotApplicable("the component has no compiled form")
    try:
        form = component.compiled(threads)
    except ImportError as error:
        raise NotApplicable(f"the compiled form cannot be imported: {error}") from error
    if form is None:
        raise NotApplicable("this configuration has no compiled form")
    if name := changed_below(component, form):
        raise NotApplicable(f"it changes {name}, so that the inherited compiled form is not used")
    return form
