"""The configuration that a run began with, read from its folder."""

from __future__ import annotations

import copy
import functools
import re
from contextlib import suppress
from typing import Any

from omegaconf import OmegaConf

from rnnx.config.components import components_from, settings_from
from rnnx.config.earlier import with_split_seed
from rnnx.config.plain import DEEPEST
from rnnx.config.yaml_nodes import refuse_more_than_plain
from rnnx.contracts.trackers import Tracker
from rnnx.errors import CheckpointError, ConfigError, PluginError, UnknownComponent
from rnnx.runs.folder import FOLDER_TAG, RunFolder
from rnnx.runs.metadata import plain_config
from rnnx.system.files import read_regular

TOP_KEY = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*):", re.MULTILINE)
CONFIG_LIMIT = 2**17  # bytes of a config.yaml; rnnx's own have some two thousand


def tracker_run_of(folder: RunFolder, tracker: Tracker) -> str:
    """The id of the tracker's run for a folder that is not named after it; empty: there is none."""
    tagged = (run.id for run in tracker.runs(1000) if run.tags.get(FOLDER_TAG) == folder.id)
    return str(folder.read().get("id") or next(tagged, ""))


def kept_config(folder: RunFolder) -> dict[str, Any]:
    """The configuration as the run's folder has it: its components may not be installed.

    Raises CheckpointError for a damaged one.
    """
    try:
        text = read_regular(folder.config, CONFIG_LIMIT).decode()
        stored = _by_parts(text) or _parsed(text)
    except Exception as error:  # of YAML, OmegaConf or the system
        cause = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{folder.config}: cannot be read ({cause})") from None
    return with_split_seed(plain_config(stored, str(folder.config)))


def kept_tracker(folder: RunFolder) -> Any:
    """The tracker in the configuration that the folder has; CheckpointError for a damaged one.

    A page asks it of each of thousands of runs, so the rest is not parsed.
    """
    with suppress(Exception):  # the whole configuration says what is wrong
        parts = _parts(read_regular(folder.config, CONFIG_LIMIT).decode())
        if "tracker" in parts:
            tracker = _parsed_part(f"tracker:{parts['tracker']}")["tracker"]
            return plain_config({"tracker": tracker}, str(folder.config))["tracker"]
    return kept_config(folder)["tracker"]


def _by_parts(text: str) -> dict[str, Any]:
    """What :func:`_parsed` gives, put together from the part of each key; empty where it is not so
    simple.

    Parsing takes hundredths of a second, and the jobs of a sweep share all but a few parts.
    """
    found: dict[str, Any] = {}
    for key, rest in _parts(text).items():
        try:
            part = _parsed_part(f"{key}:{rest}")
        except Exception:  # the whole text says it by its line
            return {}
        if not isinstance(part, dict) or list(part) != [key]:
            return {}
        found |= copy.deepcopy(part)
    return found


def _parts(text: str) -> dict[str, str]:
    """Each key of a YAML text and what follows it; empty where the text is not so simple."""
    parts = TOP_KEY.split(text)  # what is before the first key, then keys and what follows each
    keys, rests = parts[1::2], parts[2::2]
    lines = (line for rest in rests for line in rest.split("\n"))
    if parts[0] or len(set(keys)) < len(keys) or any(line[:1] not in (" ", "") for line in lines):
        return {}
    return dict(zip(keys, rests, strict=True))


@functools.lru_cache(maxsize=4096)
def _parsed_part(text: str) -> Any:
    return _parsed(text)


def _parsed(text: str) -> Any:
    """The plain values of a YAML text; ValueError where it has more than them."""
    refuse_more_than_plain(text, DEEPEST)
    return OmegaConf.to_container(OmegaConf.create(text), resolve=False)


def stored_config(folder: RunFolder) -> dict[str, Any]:
    """The configuration that a run began with; CheckpointError for a damaged one."""
    config = kept_config(folder)
    try:
        settings_from(config)
        components_from(config)
    except (ConfigError, UnknownComponent, PluginError) as error:
        raise CheckpointError(f"{folder.config}: {error}") from None
    return config
