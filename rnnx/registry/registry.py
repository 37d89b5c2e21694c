"""(kind, name) → component class and the distribution that owns it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rnnx.contracts.components import KINDS
from rnnx.errors import ConfigError, UnknownComponent
from rnnx.system.suggestion import did_you_mean


@dataclass(frozen=True)
class Owner:
    """Where a component came from."""

    distribution: str  # "rnnx"
    version: str  # "0.1.0"
    entry_point: str  # "cells = a_package.cells"

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Entry:
    """One registered component."""

    kind: str
    name: str
    given: type[Any] | str  # the class, or where it is: "package.module:Class"
    owner: Owner

    @cached_property
    def component(self) -> type[Any]:
        """The class; its module is imported now where only its place is registered."""
        return imported(self.given) if isinstance(self.given, str) else self.given

    @property
    def place(self) -> str:
        """Where the class is: ``package.module:Class``."""
        return self.given if isinstance(self.given, str) else place_of(self.given)

    @property
    def module(self) -> str:
        """The name of the class's module."""
        return self.place.partition(":")[0]

    def is_of(self, cls: type[Any]) -> bool:
        """Whether it registers ``cls``."""
        return self.given in (cls, place_of(cls))


def place_of(cls: type[Any]) -> str:
    """Where a class is, as ``register`` takes it: ``package.module:Class``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def imported(place: str) -> type[Any]:
    """The class at ``package.module:Class``."""
    module, _, name = place.partition(":")
    found: type[Any] = getattr(importlib.import_module(module), name)
    return found


@dataclass
class Registry:
    """Every component, and every name that two distributions claim."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    disabled: dict[tuple[str, str], str] = field(default_factory=dict)  # and why
    refused: dict[tuple[str, str], str] = field(default_factory=dict)  # that break their contract

    def add(self, entry: Entry, keeps_names: str) -> str | None:
        """Register ``entry``; the conflict in one line if its name is taken.

        The distribution ``keeps_names`` never loses a name. Any other two that claim one name
        both lose it: choosing one of them would change experiments silently.
        """
        key = (entry.kind, entry.name)
        if key in self.disabled:
            self.disabled[key] += f" and {entry.owner}"
            return f"{self.disabled[key]}; the name is disabled: uninstall all but one of them"
        taken = self.entries.get(key)
        if taken is None:
            self.entries[key] = entry
            return None
        both = f"{entry.kind} {entry.name!r} is registered by {taken.owner} and {entry.owner}"
        if taken.owner.distribution == entry.owner.distribution:
            return (
                f"{entry.kind} {entry.name!r} is registered twice by {taken.owner} (also "
                f"{taken.owner.entry_point}); the first one stays"
            )
        if taken.owner.distribution == keeps_names:
            return f"{both}; the built-in one stays: rename that of the plugin"
        del self.entries[key]
        self.disabled[key] = both
        return f"{both}; the name is disabled: uninstall one of the two"

    def names(self, kind: str) -> list[str]:
        """The names that can be chosen, sorted."""
        return sorted(name for k, name in self.entries if k == kind)

    def get(self, kind: str, name: str, where: str | None = None) -> Entry:
        """The entry, or UnknownComponent with the choices and the next step.

        ``where`` (default: the kind) is the configuration's key that holds the name.
        """
        entry = self.entries.get((kind, name))
        if entry is None:
            raise UnknownComponent(self._unknown(kind, name, where or kind))
        return entry

    def _unknown(self, kind: str, name: str, where: str) -> str:
        if (kind, name) in self.disabled:
            return f"{self.disabled[kind, name]}; the name is disabled: uninstall one of the two"
        if (kind, name) in self.refused:
            return f"{where}={name}: {self.refused[kind, name]}; rnnx plugins doctor says more"
        return unknown_name(where, kind, str(name), self.names(kind))

    def __iter__(self) -> Iterator[Entry]:
        order = list(KINDS)
        keys = sorted(self.entries, key=lambda key: (order.index(key[0]), key[1]))
        return (self.entries[key] for key in keys)


def unknown_name(where: str, kind: str, name: str, names: Sequence[str]) -> str:
    """The error for a name that no component, or no recipe, of this kind has."""
    elsewhere = (
        f"; no installed plugin provides {name!r}: if it comes from one, "
        "install that plugin (docs/plugins)"
    )
    choices = ", ".join(names) or "—"
    advice = did_you_mean(name, names) or elsewhere
    return f"{where}={name}: there is no such {kind}; choose from {choices}{advice}"


def kind_named(word: str) -> str:
    """The kind that a word names, singular or plural; ConfigError with the choices."""
    kinds = {**{kind: kind for kind in KINDS}, **{p: kind for kind, p in KINDS.items()}}
    if word in kinds:
        return kinds[word]
    choices, meant = ", ".join(KINDS), did_you_mean(word, list(KINDS))
    raise ConfigError(f"{word}: is no kind of component; choose from {choices}{meant}")
