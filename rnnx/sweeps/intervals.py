"""Intervals of keys that hold whole numbers: Hydra reads the ends of all intervals as floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from rnnx.config.overrides import parse
from rnnx.sweeps.words import Interval, Part, When, Word

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

Compose = Callable[[Sequence[str]], DictConfig]  # the configuration with more overrides


def with_int_ends(override: Override, base: DictConfig) -> Override:
    """An interval of a key that holds integers, cast to int."""
    if override.is_interval_sweep() and type(OmegaConf.select(base, override.key_or_group)) is int:
        ends = override.value()
        if ends.start == int(ends.start) and ends.end == int(ends.end):
            key, value = str(override.input_line).split("=", 1)
            return parse([f"{key}=int({value})"]).parsed[0]
    return override


def with_int_intervals(word: Word, compose: Compose, given: Sequence[str] = ()) -> Word:
    """A condition whose intervals have whole ends where their keys hold integers then."""
    return _in_condition(word, compose, given) if isinstance(word, When) else word


def _in_condition(word: When, compose: Compose, given: Sequence[str]) -> When:
    given = [*given, f"{word.condition.key}={word.condition.values[0]}"]
    base = compose(given) if any(isinstance(part, Interval) for part in word.parts) else None
    parts: list[Part] = []
    for part in word.parts:
        if isinstance(part, When):
            parts.append(_in_condition(part, compose, given))
        elif isinstance(part, Interval) and base is not None:
            (override,) = parse([str(part)], several=True)
            text = str(with_int_ends(override, base).input_line).partition("=")[2]
            parts.append(replace(part, text=text))
        else:
            parts.append(part)
    return replace(word, parts=tuple(parts))
