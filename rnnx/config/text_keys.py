"""Which keys hold text, alone or in lists and mappings: what is typed is taken to the letter."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from rnnx.config.settings import Train
from rnnx.contracts.components import KINDS, RECIPES
from rnnx.registry.manager import registry

SCALARS = (str, int, float, bool, NoneType)
LISTS, MAPPINGS = (list, tuple, Sequence), (dict, Mapping)
# The keys with which the path of a value begins; Hydra's own are not among a job's.
ROOT_KEYS = (*(item.name for item in fields(Train)), *KINDS, "probes", "hydra")


@dataclass(frozen=True)
class Text:
    """A value that is text."""

    may_be_null: bool  # null is a value of its own, not a text of four letters


@dataclass(frozen=True)
class Listed:
    """A list or tuple of texts."""

    inner: Form


@dataclass(frozen=True)
class Mapped:
    """A mapping to texts."""

    inner: Form


Form: TypeAlias = Text | Listed | Mapped


def holds_text(key: str) -> bool:
    """Whether a key's value is text or made of texts: that of a field, or the name of a choice."""
    return is_group(key) or form_of(key) is not None


def is_group(key: str) -> bool:
    """Whether a key chooses something by its name: a component or a recipe."""
    return key in KINDS or key in RECIPES


def is_text(key: str) -> bool:
    """Whether a key is a field of type str in the settings or in some component of its kind."""
    return isinstance(form_of(key), Text)


def may_be_null(key: str) -> bool:
    """Whether ``null`` is a value of its own for a key, not a text of four letters."""
    form = form_of(key)
    return key in RECIPES or (isinstance(form, Text) and form.may_be_null)


def form_of(key: str) -> Form | None:
    """How the value of a key is made of texts; None where it is not.

    Which component is chosen may not be known yet. Where another one of the kind has a number of
    that name, the number is read from the text; where it has a list, the key is none of text.
    """
    return _form([found for cls, path in _places(key) for found in _types_at(cls, path)])


def _form(types: Sequence[Any]) -> Form | None:
    if str in types and all(kind in SCALARS for kind in types):
        return Text(NoneType in types)
    types = [kind for kind in types if kind is not NoneType]
    for origins, form in ((LISTS, Listed), (MAPPINGS, Mapped)):
        if types and all(get_origin(kind) in origins for kind in types):
            inner = _form([one for kind in types for one in _inside(kind)])
            return form(inner) if inner is not None else None
    return None


def _inside(kind: Any) -> Iterator[Any]:
    """The types of the values in a list, a tuple or a mapping."""
    arguments = get_args(kind)
    for argument in arguments[1:] if get_origin(kind) in MAPPINGS else arguments:
        if argument is not Ellipsis:  # tuple[str, ...]
            yield from _alternatives(argument)


def _alternatives(hint: Any) -> Sequence[Any]:
    """Both types of ``str | None``."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


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


def _types_at(hint: Any, path: Sequence[str]) -> Iterator[Any]:
    """The types of a field, which may be in a nested dataclass or a mapping; none: no field."""
    for kind in _alternatives(hint):
        if not path:
            yield kind
        elif get_origin(kind) in MAPPINGS:
            for inner in _inside(kind):
                yield from _types_at(inner, path[1:])
        else:
            try:
                hints = _hints(kind)
            except (TypeError, NameError):  # no class, or one that was annotated wrongly
                continue
            if path[0] in hints:
                yield from _types_at(hints[path[0]], path[1:])


@functools.lru_cache(maxsize=1024)  # a table of results has thousands of keys
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    return get_type_hints(kind)
