"""The metadata of a checkpoint, validated before anything is made of it.

    format        the layout of the file, a whole number
    config        the resolved configuration: plain values, nothing to look up
    symbols, end  the vocabulary; separator where its symbols have one between them
    features, targets   see data_fields.py; only where they are not those of a text
    versions      {distribution: version} of rnnx and of every plugin that owns a chosen component
    sources       {distribution: digest of its source}; not in files of earlier versions
    data_sha256   of the data that the run was trained on
    split_sha256  of what it trained on and what it held out; not in files of earlier versions
    step, smooth_loss, progress, threads      how far the run had come
    generators, batches                       the random states and the place in the data

A run adds its ``run_id`` and ``tags``, which are not read here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rnnx.config.interpolations import all_letters
from rnnx.config.plain import LARGEST_INT, not_plain
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import CheckpointError, DataError
from rnnx.runs.data_fields import features_of, targets_of
from rnnx.system.secrets import without_passwords
from rnnx.system.text import is_text

FIELD_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "config": dict,
    "symbols": list,
    "end": (str, type(None)),
    "versions": dict,
    "data_sha256": str,
    "step": int,
    "smooth_loss": (int, float, type(None)),
    "generators": dict,
    "batches": dict,
    "threads": int,
    "progress": dict,
}
MAX_THREADS = 1024


def validate(metadata: Any, where: str) -> dict[str, Any]:
    """Return the metadata; CheckpointError where a field is missing or wrong."""
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{where}: its metadata is no mapping")
    for key, kind in FIELD_TYPES.items():
        value = metadata.get(key)
        if key not in metadata or not isinstance(value, kind) or isinstance(value, bool):
            raise CheckpointError(f"{where}: its metadata has no valid {key!r}")
    step, threads, smooth = (metadata[key] for key in ("step", "threads", "smooth_loss"))
    if not (0 <= step < LARGEST_INT and 1 <= threads <= MAX_THREADS):
        raise CheckpointError(f"{where}: its step or its number of threads is out of range")
    if smooth is not None and not (-LARGEST_INT < smooth < LARGEST_INT and math.isfinite(smooth)):
        raise CheckpointError(f"{where}: its smoothed loss is not finite")
    features_of(metadata, where)
    targets_of(metadata, where)
    _check_vocabulary(metadata, where)
    for key in ("versions", "sources"):
        for name, text in _mapping(metadata, key, where).items():
            if not (isinstance(text, str) and _is_short(name) and _is_short(text)):
                raise CheckpointError(f"{where}: its metadata has no valid {key!r}")
    if not isinstance(metadata.get("split_sha256", ""), str):
        raise CheckpointError(f"{where}: its metadata has no valid 'split_sha256'")
    return {**metadata, "config": plain_config(metadata["config"], where)}


def _mapping(metadata: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = metadata.get(key, {})
    if not isinstance(value, dict):
        raise CheckpointError(f"{where}: its metadata has no valid {key!r}")
    return value


def _check_vocabulary(metadata: Mapping[str, Any], where: str) -> None:
    symbols, separator = metadata["symbols"], metadata.get("separator", "")
    if not (isinstance(separator, str) and is_text(separator) and len(separator) <= 100):
        raise CheckpointError(f"{where}: its metadata has no valid 'separator'")
    if not (symbols or metadata.get("features")) or not all(
        isinstance(s, str) and is_text(s) for s in symbols
    ):
        raise CheckpointError(f"{where}: its vocabulary is empty or has symbols that are no text")
    try:
        Vocabulary(tuple(symbols), metadata["end"], separator)
    except DataError as error:
        raise CheckpointError(f"{where}: {error}") from None


def _is_short(text: str) -> bool:
    return 0 < len(text) <= 100 and text.isprintable()


def plain_config(config: Any, where: str) -> dict[str, Any]:
    """Return a stored configuration; CheckpointError unless it has plain values alone."""
    if not isinstance(config, dict):
        raise CheckpointError(f"{where}: its configuration is no mapping")
    cause = not_plain(config)
    if cause:
        raise CheckpointError(f"{where}: {cause}")
    found: dict[str, Any] = all_letters(config)
    if "tracker" in found:  # of an rnnx that kept passwords
        found["tracker"] = without_passwords(found["tracker"])
    return found
