"""Plain values: numbers, texts, null, lists and mappings; no interpolation, no object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnx.config.interpolations import literals, looks_up
from rnnx.errors import ConfigError
from rnnx.registry.schema import error_line
from rnnx.system.secrets import take_out_of
from rnnx.system.text import is_text

LARGEST_INT = 2**63  # every integer that rnnx stores fits into int64
DEEPEST = 16  # nested mappings and lists in a configuration; those of rnnx have four


def plain(config: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain values; ConfigError for a value that is none."""
    try:
        resolved = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    except OmegaConfBaseException as error:
        raise ConfigError(error_line(error)) from None
    assert isinstance(resolved, dict)
    values = {str(key): value for key, value in resolved.items()}
    if "tracker" in values:  # its address may have come from a variable of the environment
        values["tracker"] = take_out_of(values["tracker"])
    if cause := not_plain(literals(values)):
        raise ConfigError(cause)
    return values


def not_plain(config: Mapping[str, Any]) -> str:
    """Why a configuration is not made of plain values, in one line; empty if it is.

    Its texts are in OmegaConf's spelling.
    """
    for path, value in _leaves(config, ()):
        cause = _cause(value)
        if "${" in str(path[-1]):  # OmegaConf has no spelling for such a key
            cause = f"holds an interpolation ({str(path[-1])[:60]!r})"
        if cause:
            return f"{_dotted(path)} {cause}; a configuration has plain values only"
    return ""


def _cause(value: Any) -> str:
    if isinstance(value, str):
        if looks_up(value):
            return f"holds an interpolation ({value[:60]!r})"
        if "\0" in value or not is_text(value):
            return f"holds characters that are no text ({value[:60]!r})"
        return ""
    if isinstance(value, int):
        return "" if -LARGEST_INT <= value < LARGEST_INT else "is too large a number"
    if value is None or isinstance(value, float):
        return ""
    return f"is a {type(value).__name__}, or nested too deep"


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value and every key of nested mappings and lists, each with its path."""
    inner: Sequence[tuple[Any, Any]] = ()
    if len(path) >= DEEPEST:
        yield path, value
    elif isinstance(value, Mapping):
        inner = list(value.items())
        for key, _ in inner:
            yield (*path, key), key if isinstance(key, str) else [key]
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        yield path, value
    for key, child in inner:
        yield from _leaves(child, (*path, key))


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(str(part)[:60] for part in path)
