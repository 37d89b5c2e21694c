"""The configurations of many jobs: what they share is composed once.

Composing takes hundredths of a second, a sweep has thousands of jobs, and most of them differ in a
few values and choices. A choice of a component decides the keys below its kind and nothing else, so
each choice is composed once, each value is set once beside the choice that decides its key, and a
job's configuration is put together from these. A recipe may set anything: what was composed beside
one recipe is used beside that one alone.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import reduce
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from rnnx.config.composer import Composer, set_value
from rnnx.config.overrides import Overrides
from rnnx.config.plain import not_plain, plain
from rnnx.contracts.components import KINDS
from rnnx.errors import ConfigError
from rnnx.sweeps.space import GROUPS
from rnnx.training.sizing import Sizing

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


# Kind → the key below which its component is.
PLACES = {kind: kind for kind in KINDS if kind != "initializer"} | {"probe": "probes"}
MOST_KEPT = 1000  # values of keys: seeds are many, and each may be that of one job
WHOLE_NUMBER = re.compile(r"([a-z_]+(?:\.[a-z_]+)*)=(0|-?[1-9][0-9]{0,17})")


class JobConfigs:
    """Composes jobs in the Hydra of ``make``; ``hydra`` are the overrides of Hydra itself."""

    def __init__(self, make: Composer, hydra: Overrides, sizing: Sizing | None = None) -> None:
        from hydra.core.override_parser.overrides_parser import OverridesParser

        self._make, self._hydra, self._parser = make, hydra, OverridesParser.create()
        self._sizing = sizing or Sizing()
        self._parsed: dict[str, Override] = {}
        self._scratch: dict[tuple[str, ...], DictConfig] = {}
        self._bases: dict[tuple[str, ...], dict[str, Any] | None] = {}  # by all choices
        self._wholes: dict[tuple[tuple[str, ...], frozenset[str]], dict[str, Any]] = {}
        self._nodes: dict[tuple[tuple[str, ...], str], Any] = {}  # by the recipes and a choice
        self._first: dict[tuple[tuple[str, ...], str], Overrides] = {}  # which were composed so
        self._values: dict[tuple[tuple[tuple[str, ...], str], str], Any] = {}

    def in_hydra_of(self, make: Composer, hydra: Overrides) -> JobConfigs:
        """The same for another Hydra, with what was composed here if it has the same recipes."""
        if hydra.texts != self._hydra.texts:
            return JobConfigs(make, hydra)
        other = copy.copy(self)
        other._make, other._scratch = make, {}
        return other

    def values(self, overrides: Sequence[str]) -> dict[str, Any]:
        """A job's configuration as plain values, to be read alone: ConfigError for a wrong one."""
        parsed = [self._parse(text) for text in overrides]
        made = self._composed(parsed)
        return self._sizing.sized(made, Overrides(tuple(parsed)).keys)

    def parameters(self, values: Mapping[str, Any]) -> int | None:
        """Of a job's configuration, as ``Sizing.parameters``."""
        return self._sizing.parameters(values)

    def _composed(self, parsed: Sequence[Override]) -> dict[str, Any]:
        choices = Overrides(tuple(o for o in parsed if o.key_or_group in GROUPS))
        own = [override for override in parsed if override.key_or_group not in GROUPS]
        chosen = tuple(choices.texts)
        if chosen not in self._bases:
            self._bases[chosen] = self._base(choices)
        base = self._bases[chosen]
        if base is None or not _are_independent(own):
            return plain(self._make(self._hydra + Overrides(tuple(parsed))))
        made: dict[str, Any] = dict(base)
        for override in own:
            *path, last = str(override.key_or_group).split(".")
            _own_at(made, path)[last] = _copied(self._value(choices, override))
        return made

    def _value(self, choices: Overrides, override: Override) -> Any:
        """What an override sets, beside the choice that decides whether there is its key."""
        place = str(override.key_or_group).partition(".")[0]
        recipes, parts = _parts_of(choices)
        about = recipes, parts.get(place, "")
        if (about, str(override.input_line)) not in self._values:
            value = self._set(self._first.get(about, choices), override)
            _make_room(self._values)
            self._values[about, str(override.input_line)] = value
        return self._values[about, str(override.input_line)]

    def _set(self, choices: Overrides, override: Override) -> Any:
        """What an override sets, beside these choices: a number in a field of text is a text."""
        key, chosen = str(override.key_or_group), tuple(choices.texts)
        if isinstance(override.value(), list | dict) or key.startswith("tracker"):
            with_it = plain(self._make(self._hydra + choices + Overrides((override,))))
            return reduce(lambda found, part: found[part], key.split("."), with_it)
        # A scalar leaves nothing of the one before it, so that one configuration serves for all.
        if chosen not in self._scratch:
            self._scratch[chosen] = self._make(self._hydra + choices)
        set_value(self._scratch[chosen], override)
        value = OmegaConf.select(self._scratch[chosen], key)
        value = value.name if isinstance(value, Enum) else value
        if isinstance(value, DictConfig):
            return plain(value)
        if cause := not_plain({key: value}):
            raise ConfigError(cause)
        return value

    def _base(self, choices: Overrides) -> dict[str, Any] | None:
        """What the choices alone come to; None where one value is computed from another."""
        recipes, parts = _parts_of(choices)
        whole = self._wholes.get((recipes, frozenset(parts)))
        if whole is not None and all((recipes, text) in self._nodes for text in parts.values()):
            own = {place: self._nodes[recipes, text] for place, text in parts.items()}
            return {**whole, **own}
        composed = self._make(self._hydra + choices)
        written = OmegaConf.to_container(composed, resolve=False, enum_to_str=True)
        if "${" in json.dumps(written, default=str):
            return None
        made = plain(composed)
        self._wholes[recipes, frozenset(parts)] = made
        self._nodes |= {(recipes, text): made[place] for place, text in parts.items()}
        for text in ("", *parts.values()):
            self._first.setdefault((recipes, text), choices)
        return made

    def _parse(self, text: str) -> Override:
        if text not in self._parsed:
            _make_room(self._parsed)
            number = WHOLE_NUMBER.fullmatch(text)
            if number:
                self._parsed[text] = _whole_number(number[1], number[2], text)
            else:
                (self._parsed[text],) = self._parser.parse_overrides([text])
        return self._parsed[text]


def _make_room(kept: dict[Any, Any]) -> None:
    """Forget what is kept where that is much: it is made again, and no memory grows with jobs."""
    if len(kept) >= MOST_KEPT:
        kept.clear()


_BEFORE: ContextVar[JobConfigs | None] = ContextVar("before", default=None)


@contextmanager
def composed_before(configs: JobConfigs | None) -> Iterator[None]:
    """Inside, :func:`job_configs` composes nothing again that ``configs`` has composed."""
    token = _BEFORE.set(configs)
    try:
        yield
    finally:
        _BEFORE.reset(token)


def job_configs(make: Composer, hydra: Overrides) -> JobConfigs:
    """What composes the jobs of a sweep in the Hydra of ``make``."""
    before = _BEFORE.get()
    return before.in_hydra_of(make, hydra) if before else JobConfigs(make, hydra)


def _parts_of(choices: Overrides) -> tuple[tuple[str, ...], dict[str, str]]:
    """Choices as recipes, and as the components that are chosen, by the key that each decides."""
    recipes, parts = [], {}
    for choice in choices:
        kind, text = str(choice.key_or_group), str(choice.input_line)
        if kind in PLACES and text.startswith(f"{kind}="):
            parts[PLACES[kind]] = text
        else:
            recipes.append(text)
    return tuple(recipes), parts


def _whole_number(key: str, digits: str, text: str) -> Override:
    """What Hydra's parser makes of ``seed=3``, in a hundredth of its time: seeds are many."""
    from hydra.core.override_parser.types import Override, OverrideType, ValueType

    change, element = OverrideType.CHANGE, ValueType.ELEMENT
    return Override(change, key, element, int(digits), input_line=text)


def _are_independent(overrides: Sequence[Override]) -> bool:
    """Whether each of them sets a place of its own, to a value that names no other."""
    keys = sorted(f"{override.key_or_group}." for override in overrides)
    nested = any(after.startswith(key) for key, after in itertools.pairwise(keys))
    return not nested and not any("${" in str(override.input_line) for override in overrides)


def _own_at(values: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """The mapping at a path, copied with those above it: jobs share what none of them sets."""
    for key in path:
        values[key] = dict(values[key])
        values = values[key]
    return values


def _copied(value: Any) -> Any:
    """A copy of nested mappings and lists."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return list(map(_copied, value)) if isinstance(value, list) else value
