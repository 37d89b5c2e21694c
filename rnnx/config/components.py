"""Make the components and settings that a configuration names."""

from __future__ import annotations

import copy
import functools
import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnx.config.interpolations import literal, literals, to_typed
from rnnx.config.settings import Train
from rnnx.config.spelling import quoted
from rnnx.contracts.components import KINDS, Initializer
from rnnx.errors import ConfigError
from rnnx.registry.attribution import attribute
from rnnx.registry.manager import CORE, registry
from rnnx.registry.registry import Entry
from rnnx.registry.schema import (
    component_node,
    error_line,
    fields_node,
    fields_of,
    initializer_fields,
)
from rnnx.system.suggestion import did_you_mean


def component_from(kind: str, values: Mapping[str, Any], where: str | None = None) -> Any:
    """Make the component of this kind with the ``name`` and the fields in ``values``.

    ``where`` (default: the kind) begins an error: ``cell.hidden_size=-5: must be at least 1``.
    """
    where = where or kind
    given = dict(values) if isinstance(values, Mapping) else {}
    name = given.pop("name", None)
    if not isinstance(name, str):
        choices = ", ".join(registry().names(kind))
        raise ConfigError(f"{where}: it names no {kind}; give one of {choices}")
    cls = registry().get(kind, name, where).component
    try:
        node = OmegaConf.merge(fields_node(cls), literals(given))
        missing = sorted(OmegaConf.missing_keys(node))
        if missing:
            raise ConfigError(f"{missing[0]}: is not set; give {where}.{missing[0]}=…")
        _refuse_unset(given)
        component = OmegaConf.to_object(node)
    except OmegaConfBaseException as error:
        if isinstance(error.__context__, TypeError):  # which OmegaConf takes for one of its own
            attribute(error.__context__)
        raise ConfigError(f"{where}.{error_line(error, fields_of(cls))}") from None
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}") from None
    _check_initializers(component, where)
    return component


def _refuse_unset(values: Mapping[str, Any]) -> None:
    """ConfigError for a value that OmegaConf would leave at its default without a word."""
    for key, value in values.items():
        if value == "???":
            raise ConfigError(f"{key}=???: says that nothing is set; give a value")
        if isinstance(value, Mapping):
            _refuse_unset(value)


def _check_initializers(component: Any, where: str) -> None:
    """Look up each initializer that a component names, so that a wrong name fails at once."""
    for field in initializer_fields(type(component)):
        initializer(attrgetter(field)(component), f"{where}.{field}")


def as_overrides(kind: str, values: Mapping[str, Any], component: Any) -> list[str]:
    """The overrides, quoted for a shell, that choose a component equal to this one."""
    name = values["name"]
    is_third_party = registry().get(kind, name).owner.distribution != CORE
    overrides = [f"{kind}={name}"] if is_third_party else []
    for item in fields(component):
        if (value := getattr(component, item.name)) != item.default:
            # A value in quotes would be taken without them.
            is_quoted = isinstance(value, str) and value.startswith(("'", '"'))
            typed = to_typed(literal(value)) if isinstance(value, str) else value
            overrides.append(f"{kind}.{item.name}={quoted(literal(value)) if is_quoted else typed}")
    return [shlex.quote(text) for text in overrides]


LATER = ("block",)
"""Kinds that configurations of earlier versions do not name."""


@dataclass(frozen=True)
class Components:
    """The components of one experiment."""

    dataset: Any
    cell: Any
    block: Any  # None in a configuration of a version that knew no blocks
    head: Any
    clipper: Any
    optimizer: Any
    schedule: Any
    sampler: Any
    tracker: Any
    probes: Mapping[str, Any]


@functools.cache
def _settings_node() -> DictConfig:
    """The typed node of the run's own settings; OmegaConf merges values into a copy of it."""
    node: DictConfig = OmegaConf.structured(Train)
    return node


def settings_from(config: Mapping[str, Any]) -> Train:
    """The run's own settings, their ranges checked.

    ConfigError for a key that is neither a setting nor a kind of component.
    """
    keys = [*fields_of(Train), *KINDS, "probes"]
    if unknown := sorted(str(key) for key in config.keys() - set(keys)):
        key, choices = unknown[0][:80], ", ".join(keys)
        meant = did_you_mean(key, keys)
        raise ConfigError(f"{key}: there is no such key; choose from {choices}{meant}")
    own = {key: value for key, value in config.items() if key in fields_of(Train)}
    try:
        text = json.dumps(own)
    except TypeError:  # a date in a stored configuration, say
        return _settings_of(own)
    return copy.deepcopy(_settings_in(text))


@functools.lru_cache(maxsize=64)  # the jobs of a sweep have few of them
def _settings_in(text: str) -> Train:
    return _settings_of(json.loads(text))


def _settings_of(own: Mapping[str, Any]) -> Train:
    _refuse_unset(own)
    try:
        made = OmegaConf.to_object(OmegaConf.merge(_settings_node(), literals(own)))
    except OmegaConfBaseException as error:
        raise ConfigError(error_line(error, fields_of(Train))) from None
    assert isinstance(made, Train)
    return made


def components_from(config: Mapping[str, Any], made: dict[str, Any] | None = None) -> Components:
    """Make all components that a resolved configuration names.

    ``made`` has those of other configurations; one with the same values is not made again.
    """
    chosen: dict[str, Any] = {}
    known = {} if made is None else made
    for kind in KINDS:
        if kind in ("initializer", "probe"):
            continue  # components name initializers; there may be none or many probes
        values = config.get(kind)
        if values is None and kind in LATER:
            chosen[kind] = None
            continue
        if not isinstance(values, Mapping):
            choices = ", ".join(registry().names(kind))
            raise ConfigError(f"{kind}={values}: must name a {kind}; choose: {choices}")
        about = f"{kind} {json.dumps(values, sort_keys=True, default=str)}"
        if about not in known:
            known[about] = component_from(kind, values)
        chosen[kind] = known[about]
    probes = config.get("probes") or {}
    if not isinstance(probes, Mapping):
        raise ConfigError(f"probes={probes}: must be a mapping of probes; choose with probe=[…]")
    own = {name: component_from("probe", v, f"probes.{name}") for name, v in probes.items()}
    return Components(**chosen, probes=own)


def store_nodes() -> None:
    """Put the nodes of all components and of the run's settings into Hydra's config store."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    for kind in KINDS:
        entries = [entry for entry in registry() if entry.kind == kind]
        store.repo[kind] = _Nodes({f"{entry.name}.yaml": entry for entry in entries})
    store.store("train", _train_node(), group="schema", package="_global_")


class _Nodes(dict[str, Any]):
    """The group of a kind in Hydra's config store: a component's node is made when it is chosen."""

    def __getitem__(self, name: str) -> Any:
        from hydra.core.config_store import ConfigNode

        entry = super().__getitem__(name)
        if isinstance(entry, Entry):
            kind, node = entry.kind, component_node(entry)
            # Several probes may be chosen at once, so each has its own place.
            package = f"probes.{entry.name}" if kind == "probe" else kind
            self[name] = ConfigNode(name, node, kind, package, provider="rnnx")
        return super().__getitem__(name)


def _train_node() -> DictConfig:
    """The run's settings and an empty node for each kind: typed, and closed at the root."""
    node: DictConfig = copy.deepcopy(_settings_node())
    with open_dict(node):
        for kind in KINDS:
            if kind not in ("initializer", "probe"):
                node[kind] = {}
        node["probes"] = {}
    return node


def initializer(spec: str | Mapping[str, Any] | Initializer, where: str = "weights") -> Initializer:
    """The initializer that ``spec`` names; ``where`` begins an error.

    ``spec`` is ``"normal"``, ``{"name": "normal", "scale": 0.1}`` or an initializer itself.
    """
    if isinstance(spec, str):
        spec = {"name": spec}
    if isinstance(spec, Mapping):
        return _initializer(spec, where)
    if not callable(getattr(spec, "fill", None)):
        choices = ", ".join(registry().names("initializer"))
        raise ConfigError(f"{where}={spec}: must name an initializer; choose: {choices}")
    return spec


def _initializer(spec: Mapping[str, Any], where: str) -> Initializer:
    """The initializer of these values; since none can change, it is made once for all weights."""
    name = spec.get("name")
    with suppress(TypeError):  # a value that JSON has not
        text = json.dumps(spec)
        if isinstance(name, str):
            cls: Any = registry().get("initializer", name, where).component
            return _shared_initializer(cls, text, where)
    made: Initializer = component_from("initializer", spec, where)
    return made


@functools.lru_cache(maxsize=256)
def _shared_initializer(cls: type[Any], text: str, where: str) -> Initializer:
    made: Initializer = component_from("initializer", json.loads(text), where)
    return made
