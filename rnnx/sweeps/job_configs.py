"""The configurations of many jobs: what they share is composed once.

Composing takes hundredths of a second, a sweep has thousands of jobs, and most of them differ in a
few values. So each choice of components is composed once, each value is set once beside each
choice, and a job's configuration is put together from these.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from enum import Enum
from functools import reduce
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from rnnx.config.composer import Composer, set_value
from rnnx.config.overrides import Overrides
from rnnx.config.plain import not_plain, plain
from rnnx.errors import ConfigError
from rnnx.sweeps.space import GROUPS
from rnnx.training.sizing import Sizing

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


WHOLE_NUMBER = re.compile(r"([a-z_]+(?:\.[a-z_]+)*)=(0|-?[1-9][0-9]{0,17})")


class JobConfigs:
    """Composes jobs in the Hydra of ``make``; ``hydra`` are the overrides of Hydra itself."""

    def __init__(self, make: Composer, hydra: Overrides, sizing: Sizing | None = None) -> None:
        from hydra.core.override_parser.overrides_parser import OverridesParser

        self._make, self._hydra, self._parser = make, hydra, OverridesParser.create()
        self._sizing = sizing or Sizing()
        self._parsed: dict[str, Override] = {}
        self._scratch: dict[tuple[str, ...], DictConfig] = {}
        self._bases: dict[tuple[str, ...], dict[str, Any] | None] = {}
        self._values: dict[tuple[tuple[str, ...], str], Any] = {}

    def values(self, overrides: Sequence[str]) -> dict[str, Any]:
        """A job's configuration as plain values, to be read alone: ConfigError for a wrong one."""
        parsed = [self._parse(text) for text in overrides]
        made = self._composed(parsed)
        return self._sizing.sized(made, Overrides(tuple(parsed)).keys)

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
            text = str(override.input_line)
            *path, last = str(override.key_or_group).split(".")
            if (chosen, text) not in self._values:
                self._values[chosen, text] = self._value(choices, override)
            _own_at(made, path)[last] = _copied(self._values[chosen, text])
        return made

    def _value(self, choices: Overrides, override: Override) -> Any:
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
        composed = self._make(self._hydra + choices)
        written = OmegaConf.to_container(composed, resolve=False, enum_to_str=True)
        return None if "${" in json.dumps(written, default=str) else plain(composed)

    def _parse(self, text: str) -> Override:
        if text not in self._parsed:
            number = WHOLE_NUMBER.fullmatch(text)
            if number:
                self._parsed[text] = _whole_number(number[1], number[2], text)
            else:
                (self._parsed[text],) = self._parser.parse_overrides([text])
        return self._parsed[text]


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
