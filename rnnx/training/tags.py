"""The parameters and tags under which a tracker keeps a run."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rnnx.config.identity import flat_params, group_of, initializers_of
from rnnx.contracts.components import KINDS
from rnnx.registry.manager import plugins, registry
from rnnx.system.text import shortened, storable
from rnnx.version import __version__

if TYPE_CHECKING:
    from rnnx.training.session import Session


def run_params(session: Session) -> dict[str, str]:
    """The resolved configuration, and the sizes that follow from it."""
    val = session.corpus.val
    config = flat_params(session.config)
    return {key: storable(value) for key, value in config.items()} | {
        "count.parameters": str(session.params.size),
        "count.symbols": str(len(session.corpus.vocabulary)),
        "count.train_tokens": str(session.corpus.train.tokens),
        "count.val_tokens": str(val.tokens if val else 0),
    }


def run_tags(session: Session) -> dict[str, str]:
    """Versions, owners of the components, hashes, and the git commit of the working folder."""
    config, identity = session.config, session.identity
    tags = {
        "rnnx.version": __version__,
        "rnnx.config_hash": identity.config_hash,
        "rnnx.seedless_hash": group_of(identity._asdict()),
        "rnnx.threads": str(session.threads.count),
        "rnnx.backend": session.backend.value,
        "data.sha256": identity.data_sha256,
        "data.split_sha256": identity.split_sha256,
    }
    tags |= {f"source.{name}": digest for name, digest in identity.sources.items()}
    for kind in KINDS:
        chosen = config.get(kind)
        if isinstance(chosen, Mapping) and "name" in chosen:
            tags[f"owner.{kind}"] = str(registry().get(kind, chosen["name"]).owner)
    for name in config.get("probes") or {}:
        tags[f"owner.probe.{name}"] = str(registry().get("probe", name).owner)
    for where, name in initializers_of(config):
        tags[f"owner.initializer.{where}"] = str(registry().get("initializer", name).owner)
    for owner in plugins().owners:
        tags[f"plugin.{owner.distribution}"] = owner.version
    commit = _git_commit()
    return tags | ({"git.commit": commit} if commit else {})


def _git_commit() -> str:
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def run_name(overrides: list[str]) -> str:
    """The name of a run: its overrides."""
    return shortened(" ".join(overrides), 250) or "default"
