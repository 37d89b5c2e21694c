"""Components ↔ configuration: a node for each registered component, and the way back."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnx.contracts import KINDS
from rnnx.errors import ConfigError
from rnnx.initialization import initializer
from rnnx.registry import Entry, Registry
from rnnx.settings import Train


@functools.cache  # the config store copies it; making all of them anew takes 40 ms
def component_node(entry: Entry) -> DictConfig:
    """The typed, closed node of a component: its fields and its name."""
    node = _fields_node(entry.component)
    with open_dict(node):
        node["name"] = entry.name
    return node


def _fields_node(cls: type[Any]) -> DictConfig:
    node: DictConfig = OmegaConf.structured(cls)
    _thaw(node)
    return node


def _thaw(node: DictConfig) -> None:
    # OmegaConf makes the node of a frozen dataclass read-only, the nested ones too.
    OmegaConf.set_readonly(node, None)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none():
            _thaw(child)


def component_from(kind: str, values: Mapping[str, Any], where: str | None = None) -> Any:
    """The component that ``values`` describes: ``name`` and any of its fields.

    ``where`` (default: the kind) stands in front of an error: ``cell.hidden_size=-5: must be …``.
    """
    from rnnx.plugins import registry

    where = where or kind
    given = dict(values) if isinstance(values, Mapping) else {}
    name = given.pop("name", None)
    if not isinstance(name, str):
        choices = ", ".join(registry().names(kind))
        raise ConfigError(f"{where}: it names no {kind}; give one of {choices}")
    cls = registry().get(kind, name, where).component
    try:
        node = OmegaConf.merge(_fields_node(cls), given)
        missing = sorted(OmegaConf.missing_keys(node))
        if missing:
            raise ConfigError(f"{missing[0]}: is not set; give {where}.{missing[0]}=…")
        component = OmegaConf.to_object(node)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{where}.{describe(error, fields_of(cls))}") from None
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}") from None
    _check_fillings(component, where)
    return component


def _check_fillings(component: Any, where: str) -> None:
    """A nested ``weights`` names initializers: look each up now, not at the first step."""
    weights = getattr(component, "weights", None)
    if is_dataclass(weights) and not isinstance(weights, type):
        for item in fields(weights):
            initializer(getattr(weights, item.name), f"{where}.weights.{item.name}")


def chosen_again(kind: str, values: Mapping[str, Any], component: Any) -> list[str]:
    """The overrides, quoted for a shell, that bring this component about once more."""
    from rnnx.plugins import CORE, registry

    name = values["name"]
    foreign = registry().get(kind, name).owner.distribution != CORE
    own = [f"{kind}={name}"] if foreign else []
    for item in fields(component):
        if (value := getattr(component, item.name)) != item.default:
            own.append(f"{kind}.{item.name}={value}")
    return [shlex.quote(text) for text in own]


def fields_of(cls: type[Any]) -> list[str]:
    """The names of a dataclass's fields."""
    return [item.name for item in fields(cls)]


def describe(error: OmegaConfBaseException, choices: Iterable[str] = ()) -> str:
    """OmegaConf's several lines as one: ``key=value: must be an integer``."""

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
    return f"{key}: {text}"


@dataclass(frozen=True)
class Components:
    """The components of one experiment."""

    dataset: Any
    cell: Any
    head: Any
    clipper: Any
    optimizer: Any
    schedule: Any
    sampler: Any
    tracker: Any
    probes: Mapping[str, Any]


def settings_from(config: Mapping[str, Any]) -> Train:
    """The run's own settings, their ranges checked; nothing but these and components."""
    foreign = sorted(str(key) for key in config.keys() - {*fields_of(Train), *KINDS, "probes"})
    if foreign:
        raise ConfigError(f"{foreign[0][:80]}: there is no such key")
    own = {key: value for key, value in config.items() if key in fields_of(Train)}
    try:
        made = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Train), own))
    except OmegaConfBaseException as error:
        raise ConfigError(describe(error, fields_of(Train))) from None
    assert isinstance(made, Train)
    return made


def components_from(config: Mapping[str, Any]) -> Components:
    """All components that a resolved configuration names, their ranges checked."""
    chosen = {}
    for kind in KINDS:
        if kind in ("initializer", "probe"):
            continue  # a cell's weights name initializers; probes may be none or many
        values = config.get(kind)
        if not isinstance(values, Mapping):
            raise ConfigError(f"{kind}={values}: must name a {kind}")
        chosen[kind] = component_from(kind, values)
    probes = config.get("probes") or {}
    if not isinstance(probes, Mapping):
        raise ConfigError(f"probes={probes}: must be a mapping of probes; choose with probe=[…]")
    made = {name: component_from("probe", v, f"probes.{name}") for name, v in probes.items()}
    return Components(**chosen, probes=made)


def store_nodes(registry: Registry) -> None:
    """Put every component and the run's settings where Hydra's composition finds them."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    for entry in registry:
        # Several probes may be chosen at once, so each has its own place.
        package = f"probes.{entry.name}" if entry.kind == "probe" else entry.kind
        node = component_node(entry)
        store.store(entry.name, node, group=entry.kind, package=package, provider="rnnx")
    store.store("train", _train_node(), group="schema", package="_global_")


def _train_node() -> DictConfig:
    """The run's settings and a place for each kind: typed and closed at the root."""
    node: DictConfig = OmegaConf.structured(Train)
    with open_dict(node):
        for kind in KINDS:
            if kind not in ("initializer", "probe"):
                node[kind] = {}
        node["probes"] = {}
    return node
