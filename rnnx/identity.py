"""What tells runs apart and brings equal ones together: hashes, tags and flat parameters."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import rnnx
from rnnx.contracts import KINDS
from rnnx.plugins import plugins, registry

if TYPE_CHECKING:
    from rnnx.training import Session

# What changes where a run is kept, how many go side by side or what it is compared with, but not
# what it computes.
ELSEWHERE = ("tracker", "outputs", "hydra", "jobs", "sweep", "resume", "baseline")


def config_hash(config: Mapping[str, Any], seedless: bool = False) -> str:
    """A SHA-256 (16 hexadecimal digits) of all that decides a run's figures."""
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


def run_params(session: Session) -> dict[str, str]:
    """The resolved configuration and the sizes that follow from it."""
    val = session.corpus.val
    return flat_params(session.config) | {
        "count.parameters": str(session.params.size),
        "count.symbols": str(len(session.corpus.vocabulary)),
        "count.train_tokens": str(session.corpus.train.tokens),
        "count.val_tokens": str(val.tokens if val else 0),
    }


def versions(config: Mapping[str, Any]) -> dict[str, str]:
    """Distribution → version of rnnx and of every plugin that owns a chosen component."""
    chosen = [(kind, config[kind]["name"]) for kind in KINDS if kind in config]
    chosen += [("probe", name) for name in config.get("probes") or {}]
    chosen += [("initializer", name) for _, name in _fillings(config)]
    owners = [registry().get(kind, name).owner for kind, name in chosen]
    return {"rnnx": rnnx.__version__} | {o.distribution: o.version for o in owners}


def run_tags(session: Session) -> dict[str, str]:
    """Versions, owners, hashes and the commit of the code around the run."""
    config = session.config
    tags = {
        "rnnx.version": rnnx.__version__,
        "rnnx.config_hash": config_hash(config),
        "rnnx.seedless_hash": config_hash(config, seedless=True),
        "rnnx.threads": str(session.threads.count),
        "rnnx.backend": session.backend.value,
        "data.sha256": session.corpus.sha256,
    }
    for kind in KINDS:
        chosen = config.get(kind)
        if isinstance(chosen, Mapping) and "name" in chosen:
            tags[f"owner.{kind}"] = str(registry().get(kind, chosen["name"]).owner)
    for name in config.get("probes") or {}:
        tags[f"owner.probe.{name}"] = str(registry().get("probe", name).owner)
    for where, name in _fillings(config):
        tags[f"owner.initializer.{where}"] = str(registry().get("initializer", name).owner)
    for owner in plugins().owners:
        tags[f"plugin.{owner.distribution}"] = owner.version
    commit = _git_commit()
    return tags | ({"git.commit": commit} if commit else {})


def _fillings(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``cell.input``, ``head.output``, … and the initializer that each names."""
    for kind in KINDS:
        component = config.get(kind)
        weights = component.get("weights") if isinstance(component, Mapping) else None
        for field, filling in (weights if isinstance(weights, Mapping) else {}).items():
            name = filling.get("name") if isinstance(filling, Mapping) else filling
            if isinstance(name, str):
                yield f"{kind}.{field}", name


def _git_commit() -> str:
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def run_name(overrides: list[str]) -> str:
    """What a run is called: its overrides."""
    return " ".join(overrides)[:250] or "default"
