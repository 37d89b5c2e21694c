"""A component's dataclass as a node of the configuration: typed, closed, with its name."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnx.contracts.components import InitializerSpec
from rnnx.registry.registry import Entry

_NODES: dict[Any, DictConfig] = {}


@functools.cache  # making all of them takes 40 ms; Hydra's config store copies them
def component_node(entry: Entry) -> DictConfig:
    """The typed, closed node of a component: its fields and its name."""
    node = copy.deepcopy(fields_node(entry.component))
    with open_dict(node):
        node["name"] = entry.name
    return node


def fields_node(cls: Any) -> DictConfig:
    """The typed, closed node of a dataclass; OmegaConf merges values into a copy of it."""
    if cls not in _NODES:
        node: DictConfig = OmegaConf.structured(cls)
        _thaw(node)
        _NODES[cls] = node
    return _NODES[cls]


def _thaw(node: DictConfig) -> None:
    # OmegaConf makes the node of a frozen dataclass, and of nested ones, read-only.
    OmegaConf.set_readonly(node, None)
    for key in node:
        child = child_of(node, str(key))
        if isinstance(child, DictConfig):
            _thaw(child)
            if not is_dataclass(OmegaConf.get_type(child)):  # a mapping has the keys it is given
                OmegaConf.set_struct(child, False)


def child_of(node: DictConfig, key: str) -> Any:
    """What stands under ``key``; None for a value that is missing or interpolated."""
    if OmegaConf.is_missing(node, key) or OmegaConf.is_interpolation(node, key):
        return None
    return node[key]


def fields_of(cls: type[Any]) -> list[str]:
    """The names of a dataclass's fields."""
    return [item.name for item in fields(cls)]


def default_of(item: Field[Any]) -> Any:
    """A field's default, or MISSING."""
    return item.default_factory() if item.default_factory is not MISSING else item.default


def initializer_fields(cls: Any) -> tuple[str, ...]:
    """The fields of a component that name initializers, as ``weights.input``.

    These are the fields of type InitializerSpec, and all fields of a nested ``weights``.
    """
    return _initializer_fields(cls)


@functools.lru_cache(maxsize=1024)  # the components of each job are asked
def _initializer_fields(cls: type[Any]) -> tuple[str, ...]:
    hints, found = get_type_hints(cls, include_extras=True), []
    for item in fields(cls):
        nested = type(default_of(item)) if is_dataclass(default_of(item)) else hints[item.name]
        if hints[item.name] == InitializerSpec:
            found.append(item.name)
        elif is_dataclass(nested):
            own = fields_of(nested) if item.name == "weights" else initializer_fields(nested)
            found += [f"{item.name}.{name}" for name in own]
    return tuple(found)


def error_line(error: OmegaConfBaseException, choices: Iterable[str] = ()) -> str:
    """OmegaConf's several lines as one: ``key=value: must be a whole number``."""
    key = str(getattr(error, "full_key", None) or getattr(error, "key", None) or "''")
    text = str(error).split("\n")[0]
    wrong_type = re.match(r"Value '(.*)' of type '.*' could not be converted to (\w+)", text)
    if wrong_type:
        kinds = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
        return f"{key}={wrong_type[1]}: must be {kinds.get(wrong_type[2], wrong_type[2])}"
    wrong_enum = re.match(r"Invalid value '(.*)', expected one of \[(.*)\]", text)
    if wrong_enum:
        return f"{key}={wrong_enum[1]}: must be one of {wrong_enum[2]}"
    if "is not Optional" in text or "non-optional" in text:
        return f"{key}=null: must have a value"
    if "is not a subclass of" in text:
        return f"{key}: has keys of its own; set one of them, as {key}.KEY=VALUE"
    if re.match(r"Key '.*' (not in|is not in struct)", text):
        return f"{key}: there is no such key; choose from {', '.join(choices) or '— (it has none)'}"
    return f"{key}: {_no_lookup(text) or text}"


def _no_lookup(text: str) -> str:
    """What OmegaConf says of ``${…}`` that it cannot look up, with the way to mean the letters."""
    for pattern in (
        r"Interpolation (key) '(.*)' not found",
        r"Unsupported interpolation (type) (.*)",
    ):
        if found := re.match(pattern, text):
            kind, inside = ("resolver", f"{found[2]}:…") if found[1] == "type" else found.groups()
            return (
                f"${{{inside}}}: there is no such {kind}; for the letters themselves, "
                f"put a backslash before them: \\${{{inside}}}"
            )
    return ""
