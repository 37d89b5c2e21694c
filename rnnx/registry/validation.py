"""Validate a component: its name, its fields, the methods of its contract."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from typing import Any

from rnnx import contracts
from rnnx.registry.registry import Entry
from rnnx.system.suggestion import nearest
from rnnx.system.text import one_line

# Names that a configuration file or a command line reads as no text: null, a truth value, a number.
NO_TEXTS = ("null", "true", "false", "nan", "inf", "yes", "no", "on", "off", "y", "n")


def validate(entry: Entry, third_party: bool) -> str | None:
    """Why a component cannot be registered, in one line; None if it can.

    Fields and methods are looked at only where the component is ``third_party``.
    """
    what = f"{entry.kind} {entry.name!r:.60}"
    if not isinstance(entry.name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", entry.name):
        return f"{what}: a name is lower case letters, digits and _, and begins with a letter"
    if entry.name in NO_TEXTS:
        return f"{what}: a configuration reads {entry.name} as no text; choose another name"
    if isinstance(entry.given, str):  # rnnx's own, which tests validate
        return None
    if not (isinstance(entry.component, type) and is_dataclass(entry.component)):
        return f"{what}: {entry.component!r:.100} is not a dataclass; add @dataclass(frozen=True)"
    if not entry.component.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return f"{what}: its dataclass is not frozen; write @dataclass(frozen=True)"
    # Tests validate rnnx's own; doing so here would take a third of the time that loading takes.
    cause = _validate_inside(entry) if third_party else None
    return f"{what}: {cause}" if cause else None


def _validate_inside(entry: Entry) -> str | None:
    from rnnx.registry.schema import component_node

    if cause := _wrong_fields(entry) or _wrong_methods(entry):
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


# A kind → a contract that a component may fulfil in the place of the kind's own, and the method by
# which it is known.
INSTEAD = {"head": (contracts.TargetHead, "takes")}


def methods_of(kind: str, component: Any = None) -> dict[str, Any]:
    """The methods of a kind's contract, or of that which ``component`` fulfils instead, by name."""
    other, known_by = INSTEAD.get(kind, (None, ""))
    is_other = other is not None and callable(getattr(component, known_by, None))
    members = vars(other if is_other else contract_of(kind)).items()
    return {name: value for name, value in members if callable(value) and not name.startswith("_")}


def _wrong_fields(entry: Entry) -> str | None:
    own = {item.name for item in fields(entry.component)}
    if "name" in own:
        return "has a field called name, which holds the component's name; rename the field"
    if cause := _wrong_names(entry.component):
        return cause
    if shared := sorted(own & methods_of(entry.kind, entry.component).keys()):
        return f"has a field called {shared[0]}, which is a method of its contract"
    for name in contract_of(entry.kind).__annotations__:
        if name not in own and not hasattr(entry.component, name):
            return f"has no field {name}; its contract asks for one"
    return None


def _wrong_names(cls: type[Any]) -> str | None:
    """Why a field cannot be a key of a configuration, or its default a value."""
    for item in fields(cls):
        if item.name == "defaults":
            return "has a field called defaults, Hydra's name for a list of choices; rename it"
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", item.name):
            return f"has a field called {item.name}, which no command line can set; use a-z, 0-9, _"
        if isinstance(item.default, str) and item.default == "???":
            return f"field {item.name}: its default ??? means that it is not set; give another"
    return None


def _wrong_methods(entry: Entry) -> str | None:
    methods = methods_of(entry.kind, entry.component)
    for name, contract in methods.items():
        if has_another(entry.component, name):
            continue
        method = getattr(entry.component, name, None)
        if not callable(method):
            if cause := _half_an_ability(entry.component, name):
                return cause
            public = [other for other in dir(entry.component) if not other.startswith("_")]
            close = nearest(name, public)
            advice = f"; it has {close}: rename it to {name}?" if close else ""
            return f"has no method {name}; a {entry.kind} has {', '.join(methods)}{advice}"
        static = inspect.getattr_static(entry.component, name)
        if isinstance(static, staticmethod | classmethod):
            continue  # without self its signature cannot be compared
        if cause := _wrong_arguments(method, contract):
            return f"its method {name} {cause}"
    return None


def _half_an_ability(component: Any, method: str) -> str | None:
    """Which methods are missing of the ability that a component without ``method`` comes near."""
    for ability in contracts.IN_PLACE_OF.get(method, ()):
        wanted = _methods_in(ability)
        there = [name for name in wanted if callable(getattr(component, name, None))]
        if there:
            lacking = " and ".join(name for name in wanted if name not in there)
            has = f"has {' and '.join(there)}, and has no method {lacking}"
            return f"{has}: a {ability.__name__} has all; else write {method} in their place"
    return None


def has_another(component: Any, method: str) -> bool:
    """Whether a component, or a class, has an ability that takes the place of a method.

    Its methods are known by their names: a class has no values of its fields.
    """
    abilities = contracts.IN_PLACE_OF.get(method, ())
    return any(
        all(callable(getattr(component, name, None)) for name in _methods_in(ability))
        for ability in abilities
    )


def _methods_in(ability: type[Any]) -> list[str]:
    """The names of an ability's methods."""
    return [name for name in vars(ability) if not name.startswith("_")]


def _wrong_arguments(method: Any, contract: Any) -> str | None:
    """Why ``method`` cannot be called with the contract's arguments, or None."""
    arguments = list(inspect.signature(contract).parameters)
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError:
        return f"has to take ({', '.join(arguments)})"
    except ValueError:  # a method written in C has no signature
        return None
    return None
