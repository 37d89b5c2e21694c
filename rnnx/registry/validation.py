"""Whether a class can be a component: its name, its fields, its contract's methods."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from typing import Any

from rnnx import contracts
from rnnx.registry.registry import Entry
from rnnx.system.suggestion import nearest
from rnnx.system.text import one_line


def unfit(entry: Entry, stranger: bool) -> str | None:
    """Why a component cannot be registered, in one line; a ``stranger``'s is looked into."""
    what = f"{entry.kind} {entry.name!r:.60}"
    if not isinstance(entry.name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", entry.name):
        return f"{what}: a name is lower case letters, digits and _, and begins with a letter"
    if not (isinstance(entry.component, type) and is_dataclass(entry.component)):
        return f"{what}: {entry.component!r:.100} is not a dataclass; add @dataclass(frozen=True)"
    if not entry.component.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return f"{what}: its dataclass is not frozen; write @dataclass(frozen=True)"
    # rnnx's own are tested: looking into them would be a third of what all plugins cost.
    cause = _unfit_inside(entry) if stranger else None
    return f"{what}: {cause}" if cause else None


def _unfit_inside(entry: Entry) -> str | None:
    from rnnx.registry.schema import component_node

    if cause := _foreign_fields(entry) or _without_methods(entry):
        return cause
    try:
        component_node(entry)
    except Exception as error:
        return f"no configuration can be made from its fields: {one_line(error)}"
    return None


def contract_of(kind: str) -> type[Any]:
    """The Protocol of a kind."""
    found: type[Any] = getattr(contracts, kind.capitalize())
    return found


def methods_of(kind: str) -> dict[str, Any]:
    """The methods that a kind's contract asks for, by name."""
    members = vars(contract_of(kind)).items()
    return {name: value for name, value in members if callable(value) and not name.startswith("_")}


def _foreign_fields(entry: Entry) -> str | None:
    own = {item.name for item in fields(entry.component)}
    if "name" in own:
        return "has a field called name, which is the component's own name; call it otherwise"
    if shared := sorted(own & methods_of(entry.kind).keys()):
        return f"has a field called {shared[0]}, which is a method of its contract"
    asked = contract_of(entry.kind).__annotations__
    for name in asked:
        if name not in own and not hasattr(entry.component, name):
            return f"has no field {name}; its contract asks for one"
    return None


def _without_methods(entry: Entry) -> str | None:
    wanted = methods_of(entry.kind)
    for name, contract in wanted.items():
        method = getattr(entry.component, name, None)
        if not callable(method):
            public = [other for other in dir(entry.component) if not other.startswith("_")]
            close = nearest(name, public)
            meant = f"; {close} is there: is it meant?" if close else ""
            return f"has no method {name}; a {entry.kind} has {', '.join(wanted)}{meant}"
        written = inspect.getattr_static(entry.component, name)
        if isinstance(written, staticmethod | classmethod):
            continue  # it has no self to be counted
        if cause := _other_arguments(method, contract):
            return f"its method {name} {cause}"
    return None


def _other_arguments(method: Any, contract: Any) -> str | None:
    """Why ``method`` cannot be called as the contract's is, or None."""
    asked = list(inspect.signature(contract).parameters)
    try:
        inspect.signature(method).bind(*asked)
    except TypeError:
        return f"has to take ({', '.join(asked)})"
    except ValueError:  # written in C: it has no signature to look at
        return None
    return None
