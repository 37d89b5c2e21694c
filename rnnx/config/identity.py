"""What a run's metrics depend on: its configuration, its data and the code of its components."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rnnx.config.settings import Train
from rnnx.contracts.components import KINDS
from rnnx.data.corpus import Corpus
from rnnx.data.digest import split_sha256
from rnnx.registry.manager import registry
from rnnx.registry.schema import initializer_fields
from rnnx.registry.sources import source_sha256
from rnnx.version import __version__

# Keys that do not change what a run computes: where it is kept, how many jobs and threads run at
# once, what it is compared with.
ELSEWHERE = ("tracker", "outputs", "hydra", "jobs", "threads", "sweep", "resume", "baseline")
SOLVED = ("params",)  # keys whose whole effect is in the value of another key


THEN = ", then "  # between the versions of a run that continued under another one


class Identity(NamedTuple):
    """What a run's metrics are a function of; run.json and checkpoints hold these fields."""

    config_hash: str
    seedless_hash: str  # of the configuration without its seed
    seed: int
    data_sha256: str  # of the data as read
    split_sha256: str  # of what is trained on and what is held out
    versions: Mapping[str, str]  # distribution → version, of rnnx and the components' owners
    sources: Mapping[str, str]  # distribution → digest of its source


def identity_of(config: Mapping[str, Any], corpus: Corpus) -> Identity:
    """The identity of a run of ``config`` on ``corpus`` with the code that is installed."""
    return identity_on(config, corpus.sha256, split_sha256(corpus))


def identity_on(
    config: Mapping[str, Any],
    data_sha256: str,
    split: str,
    used: Mapping[str, str] | None = None,
) -> Identity:
    """The same, where the digests of the data and of its split are known, and perhaps
    :func:`versions`.
    """
    used = versions(config) if used is None else used
    return Identity(
        config_hash(config),
        config_hash(config, seedless=True),
        int(config.get("seed", Train.seed)),  # a stored one may leave a default out
        data_sha256,
        split,
        used,
        {name: source_sha256(name) for name in used},
    )


def of_checkpoint(config: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a run's identity as far as its checkpoint has them."""
    known = {key: metadata[key] for key in Identity._fields if key in metadata}
    hashes = {"config_hash": config_hash(config), "seedless_hash": config_hash(config, True)}
    return {**hashes, "seed": config.get("seed"), **known}


def group_of(fields: Mapping[str, Any]) -> str:
    """What runs share that differ in their seed alone, from a run's fields; empty if unknown."""
    if not fields.get("seedless_hash"):
        return ""
    kept = {key: fields.get(key) for key in Identity._fields if key not in ("config_hash", "seed")}
    text = json.dumps(kept, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def made_of(fields: Identity | Mapping[str, Any]) -> str:
    """A digest of the data and the code of a run: where it is equal, neither has changed."""
    known = fields._asdict() if isinstance(fields, Identity) else fields
    own = {key: known.get(key) for key in ("data_sha256", "split_sha256", "versions", "sources")}
    text = json.dumps(own, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16] if all(own.values()) else ""


def continued(then: Mapping[str, Any], now: Identity) -> dict[str, Any]:
    """The fields of a run that continues: one under changed code names both, and is its own."""
    fields = now._asdict()
    for key in ("versions", "sources"):
        before, after = _strings(then.get(key)), dict(fields[key])
        for name, text in before.items():
            if text.rpartition(THEN)[2] != after.get(name, ""):
                after[name] = f"{text}{THEN}{after.get(name, 'none')}"
            else:
                after[name] = text
        fields[key] = after
    return fields


def changed_data(then: Mapping[str, Any], now: Identity | Mapping[str, Any]) -> str:
    """What differs between the data of a run (its fields) and that of now; empty: nothing."""
    now = now._asdict() if isinstance(now, Identity) else now
    for key, what in (("data_sha256", "the data"), ("split_sha256", "the split of the data")):
        if key in now and then.get(key) != now[key]:
            return f"{what} has changed" if then.get(key) else f"the run kept no digest of {what}"
    return ""


def changed_code(then: Mapping[str, Any], now: Identity | Mapping[str, Any]) -> str:
    """What differs between the code of a run (its fields) and that of now; empty: nothing."""
    now = now._asdict() if isinstance(now, Identity) else now
    before, after = _strings(then.get("versions")), _strings(now["versions"])
    gone = [f"{name} {before[name]}" for name in sorted(before.keys() - after.keys())]
    come = [f"{name} {after[name]}" for name in sorted(after.keys() - before.keys())]
    if gone or come:
        here = f", of {' and '.join(come)} now" if come else ""
        return f"components were of {' and '.join(gone) or 'rnnx alone'}{here}"
    for name in sorted(after):
        if before[name] != after[name]:
            return f"{name} was {before[name]}, it is {after[name]} now"
    sources, own = _strings(then.get("sources")), _strings(now["sources"])
    for name in sorted(own):
        if sources.get(name) != own[name]:
            return f"the source of {name} {after.get(name, '')} has changed"
    return ""


def _strings(value: Any) -> dict[str, str]:
    """A mapping of strings that came from a file."""
    pairs = value.items() if isinstance(value, Mapping) else ()
    return {key: text for key, text in pairs if isinstance(key, str) and isinstance(text, str)}


def config_hash(config: Mapping[str, Any], seedless: bool = False) -> str:
    """The SHA-256 (16 hexadecimal digits) of everything that decides a run's metrics."""
    left_out = {*ELSEWHERE, *SOLVED, *(["seed"] if seedless else [])}
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
        if config.get(kind) is not None:  # a stored configuration may have no block
            yield kind, kind, config[kind]
    for name, values in (config.get("probes") or {}).items():
        yield "probe", f"probe.{name}", values
