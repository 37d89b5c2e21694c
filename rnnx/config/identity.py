"""The identity of a configuration: its hash, its flat parameters, the plugins that it needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from rnnx.contracts.components import KINDS
from rnnx.registry.manager import registry
from rnnx.registry.schema import initializer_fields
from rnnx.version import __version__

# Keys that do not change what a run computes: where it is kept, how many jobs run at once, what it
# is compared with.
ELSEWHERE = ("tracker", "outputs", "hydra", "jobs", "sweep", "resume", "baseline")


def config_hash(config: Mapping[str, Any], seedless: bool = False) -> str:
    """The SHA-256 (16 hexadecimal digits) of everything that decides a run's metrics."""
    left_out = {*ELSEWHERE, "seed"} if seedless else set(ELSEWHERE)
    kept = {key: value for key, value in config.items() if key not in left_out}
    text = json.dumps(kept, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def flat_params(config: Mapping[str, Any]) -> dict[str, str]:
    """``{"cell": {"name": …}}`` as ``{"cell.name": …}``, values as text."""
    return dict(_flatten(config, ""))


def _flatten(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, str(value)


def versions(config: Mapping[str, Any]) -> dict[str, str]:
    """Distribution → version of rnnx and of every plugin that owns a chosen component."""
    chosen = [(kind, values["name"]) for kind, _, values in _chosen(config)]
    chosen += [("initializer", name) for _, name in initializers_of(config)]
    owners = [registry().get(kind, name).owner for kind, name in chosen]
    return {"rnnx": __version__} | {o.distribution: o.version for o in owners}


def initializers_of(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``cell.input``, ``head.output``, … and the name of the initializer that each asks for."""
    for kind, where, values in _chosen(config):
        for field in initializer_fields(registry().get(kind, values["name"]).component):
            spec: Any = values
            for key in field.split("."):
                spec = spec.get(key) if isinstance(spec, Mapping) else None
            name = spec.get("name") if isinstance(spec, Mapping) else spec
            if isinstance(name, str):  # a stored configuration may leave a default out
                yield f"{where}.{field.removeprefix('weights.')}", name


def _chosen(config: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The kind, the place and the values of every component that a configuration chooses."""
    for kind in KINDS:
        if kind in config:
            yield kind, kind, config[kind]
    for name, values in (config.get("probes") or {}).items():
        yield "probe", f"probe.{name}", values
