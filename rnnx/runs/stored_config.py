"""The configuration that a run began with, read from its folder."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from rnnx.config.components import components_from, settings_from
from rnnx.config.plain import DEEPEST
from rnnx.config.yaml_nodes import nodes
from rnnx.contracts.trackers import Tracker
from rnnx.errors import CheckpointError, ConfigError, PluginError, UnknownComponent
from rnnx.runs.folder import FOLDER_TAG, RunFolder
from rnnx.runs.metadata import plain_config

MOST_YAML = 2**17  # characters of a config.yaml; ours have some two thousand


def begun_as(folder: RunFolder, tracker: Tracker) -> str:
    """The id of the tracker's run of a folder that has no run's name yet; empty: none was begun."""
    begun = (run.id for run in tracker.runs(1000) if run.tags.get(FOLDER_TAG) == folder.id)
    return str(folder.read().get("id") or next(begun, ""))


def stored_config(folder: RunFolder) -> dict[str, Any]:
    """The configuration that a run began with."""
    try:
        with folder.config.open(encoding="utf-8") as file:
            text = file.read(MOST_YAML)
        _refuse_more_than_values(text)
        stored = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except Exception as error:  # YAML's, OmegaConf's and the system's own kinds
        cause = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{folder.config}: cannot be read ({cause})") from None
    config = plain_config(stored, str(folder.config))
    try:
        settings_from(config)
        components_from(config)
    except (ConfigError, UnknownComponent, PluginError) as error:
        raise CheckpointError(f"{folder.config}: {error}") from None
    return config


def _refuse_more_than_values(text: str) -> None:
    """ValueError for what YAML has beside mappings, lists and values, before it is followed.

    An alias of an alias grows without bounds, and a tag names what shall be made of a value.
    """
    if len(text) >= MOST_YAML:
        raise ValueError(f"it has more than {MOST_YAML:,} characters")
    for node in nodes(text):
        if node.depth > DEEPEST:
            raise ValueError("it is nested too deep")
        if not node.is_plain:
            raise ValueError(f"line {node.line}: holds an alias or a tag")
