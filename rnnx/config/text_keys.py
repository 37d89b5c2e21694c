"""Which keys hold text: what is typed for them is taken to the letter."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType
from typing import Any, get_args, get_type_hints

from rnnx.config.settings import Train
from rnnx.contracts.components import KINDS, RECIPES
from rnnx.registry.manager import registry

SCALARS = (str, int, float, bool, NoneType)


def holds_text(key: str) -> bool:
    """Whether a key's value is text: that of a field, or the name of a choice."""
    return is_group(key) or is_text(key)


def is_group(key: str) -> bool:
    """Whether a key chooses something by its name: a component or a recipe."""
    return key in KINDS or key in RECIPES


def is_text(key: str) -> bool:
    """Whether a key is a field of type str in the settings or in some component of its kind.

    Which component is chosen may not be known yet. Where another one of the kind has a number of
    that name, the number is read from the text; where it has a list, the key is none of text.
    """
    types = list(_types(key))
    return str in types and all(kind in SCALARS for kind in types)


def may_be_null(key: str) -> bool:
    """Whether ``null`` is a value of its own for a key, not a text of four letters."""
    return key in RECIPES or NoneType in _types(key)


def _types(key: str) -> Iterator[Any]:
    """The types that a key may have; both of ``str | None``."""
    for cls, path in _places(key):
        hint = _type_at(cls, path)
        yield from get_args(hint) or ([hint] if hint is not None else [])


def _places(key: str) -> Iterator[tuple[type[Any], list[str]]]:
    """The dataclasses in which a key may be a field, and its path there."""
    first, *path = key.split(".")
    if first == "probes" and path:
        kind, name, path = "probe", path[0], path[1:]
    else:
        kind, name = first, ""
    if kind in KINDS and path:
        for entry in registry():
            if entry.kind == kind and name in ("", entry.name):
                yield entry.component, path
    elif first not in KINDS:
        yield Train, [first, *path]


def _type_at(cls: Any, path: list[str]) -> Any:
    """The type of a field, which may be one of a nested dataclass; None where there is none."""
    for part in path:
        try:
            cls = get_type_hints(cls).get(part)
        except (TypeError, NameError):  # no class, or one that was annotated wrongly
            return None
    return cls
