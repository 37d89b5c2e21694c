"""The parameters and tags under which a tracker keeps a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rnnx.config.identity import flat_params, group_of, initializers_of
from rnnx.contracts.components import KINDS
from rnnx.registry.manager import plugins, registry
from rnnx.system.git import git_state
from rnnx.system.text import shortened, storable
from rnnx.version import __version__

if TYPE_CHECKING:
    from rnnx.training.session import Session

ABOUT_TAG = "rnnx.about"
# The beginnings of tags that a tracker keeps by themselves: runs are found and grouped by them.
OWN = (
    *("rnnx.config_hash", "rnnx.seedless_hash", "rnnx.loss_unit"),
    *("data.split_sha256", "git."),
)


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
    if not session.corpus.is_language:  # losses in different units are not compared
        tags["rnnx.loss_unit"] = session.loss_unit
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
    return tags | git_state()


def tracker_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a run as a tracker gets them: few of their own, all others in ``rnnx.about``.

    That is JSON: group → key → value, as ``{"owner": {"cell": "rnnx 0.1.0"}}``.
    """
    own = {key: value for key, value in tags.items() if key.startswith(OWN)}
    about: dict[str, dict[str, str]] = {}
    for key, value in tags.items():
        if key not in own:
            group, _, name = key.partition(".")
            about.setdefault(group, {})[name] = value
    return own | {ABOUT_TAG: json.dumps(about, sort_keys=True, ensure_ascii=False)}


def run_name(overrides: list[str]) -> str:
    """The name of a run: its overrides."""
    return shortened(" ".join(overrides), 250) or "default"
