"""The configurations of many jobs: what they share is composed once.

Composing takes hundredths of a second, a sweep has thousands of jobs, and most of them differ in a
few values. So each choice of components is composed once, each value is set once beside each
choice, and a job's configuration is put together from these.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from rnnx.config.composer import Composer
from rnnx.config.overrides import Overrides, parse_job
from rnnx.config.plain import plain
from rnnx.sweeps.space import GROUPS

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


class JobConfigs:
    """Composes jobs in the Hydra of ``make``; ``hydra`` are the overrides of Hydra itself."""

    def __init__(self, make: Composer, hydra: Overrides) -> None:
        self._make, self._hydra = make, hydra
        self._parsed: dict[str, Override] = {}
        self._bases: dict[tuple[str, ...], dict[str, Any] | None] = {}
        self._values: dict[tuple[tuple[str, ...], str], Any] = {}

    def values(self, overrides: Sequence[str]) -> dict[str, Any]:
        """A job's configuration as plain values; ConfigError for a wrong one."""
        parsed = [self._parse(text) for text in overrides]
        choices = Overrides(tuple(o for o in parsed if o.key_or_group in GROUPS))
        own = [override for override in parsed if override.key_or_group not in GROUPS]
        chosen = tuple(choices.texts)
        if chosen not in self._bases:
            self._bases[chosen] = self._base(choices)
        base = self._bases[chosen]
        if base is None or not _are_independent(own):
            return plain(self._make(self._hydra + Overrides(tuple(parsed))))
        made: dict[str, Any] = _copied(base)
        for override in own:
            text = str(override.input_line)
            *path, last = str(override.key_or_group).split(".")
            if (chosen, text) not in self._values:
                with_it = plain(self._make(self._hydra + choices + Overrides((override,))))
                self._values[chosen, text] = _at(with_it, path)[last]
            _at(made, path)[last] = _copied(self._values[chosen, text])
        return made

    def _base(self, choices: Overrides) -> dict[str, Any] | None:
        """What the choices alone come to; None where one value is computed from another."""
        composed = self._make(self._hydra + choices)
        written = OmegaConf.to_container(composed, resolve=False, enum_to_str=True)
        return None if "${" in json.dumps(written, default=str) else plain(composed)

    def _parse(self, text: str) -> Override:
        if text not in self._parsed:
            self._parsed[text] = parse_job([text]).parsed[0]
        return self._parsed[text]


def _are_independent(overrides: Sequence[Override]) -> bool:
    """Whether each of them sets a place of its own, to a value that names no other."""
    keys = sorted(f"{override.key_or_group}." for override in overrides)
    nested = any(after.startswith(key) for key, after in itertools.pairwise(keys))
    return not nested and not any("${" in str(override.input_line) for override in overrides)


def _at(values: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """The mapping at a path."""
    inner: dict[str, Any] = reduce(lambda found, key: found[key], path, values)
    return inner


def _copied(value: Any) -> Any:
    """A copy of nested mappings and lists."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return list(map(_copied, value)) if isinstance(value, list) else value
