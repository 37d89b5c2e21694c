"""How a run computes: in NumPy or in compiled code, and with how many threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Compilable(Protocol):
    """A component that also has a compiled form: optional, for every kind that computes.

    A run asks for the form once, when it begins to compute compiled. The component itself, in
    NumPy, stays the reference: the form's results equal its results to rounding.
    """

    def compiled(self, threads: int) -> Any:
        """An object whose methods take the place of this component's methods of the same names.

        A cell's form has ``forward`` and ``backward``, as a head's; an optimizer's has
        ``update``; what the form lacks is computed by the component. ``threads`` (≥ 1) is how
        many threads the form may use. Results are to be the same for any number, because a run
        may be resumed on another machine. None: this configuration has no compiled form.

        A class that inherits ``compiled`` and changes a method of the form computes by itself: the
        form would do what its base class does.
        """


@dataclass(frozen=True)
class Execution:
    """The backend and the number of threads of a run, as one value."""

    compiled: bool = False
    """Whether components compute in compiled code where they have a form of it."""
    threads: int = 1
    """How many threads the BLAS and compiled code may use (≥ 1)."""

    def method(self, component: Any, name: str) -> Callable[..., Any]:
        """The method ``name`` of a component, or of its compiled form where that is to compute."""
        form = self.form(component)
        found: Callable[..., Any] = getattr(form, name, None) or getattr(component, name)
        return found

    def form(self, component: Any) -> Any:
        """The compiled form of a component, or None where it computes by itself."""
        if not self.compiled or not isinstance(component, Compilable):
            return None
        form = component.compiled(self.threads)
        return None if changed_below(component, form) else form


def changed_below(component: Any, form: Any) -> str:
    """The method of ``form`` that a class changes below the one that has ``compiled``, or ""."""
    for kind in type(component).__mro__:
        if "compiled" in vars(kind):
            break
        for name in vars(kind):
            if not name.startswith("_") and callable(getattr(form, name, None)):
                return name
    return ""


NUMPY = Execution()
"""One thread, nothing compiled."""
