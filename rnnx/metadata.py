"""What a checkpoint says of itself, checked before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rnnx.errors import CheckpointError, DataError
from rnnx.vocabulary import Vocabulary

KINDS: Mapping[str, type | tuple[type, ...]] = {
    "config": dict,
    "symbols": list,
    "end": (str, type(None)),
    "data_sha256": str,
    "step": int,
    "smooth_loss": (int, float),
    "generators": dict,
    "batches": dict,
    "threads": int,
    "progress": dict,
}
MOST_THREADS = 1024


def validated(metadata: Any, where: str) -> dict[str, Any]:
    """The metadata, if it has all that a checkpoint's has; CheckpointError if not."""
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{where}: its metadata is no mapping")
    for key, kind in KINDS.items():
        value = metadata.get(key)
        if key not in metadata or not isinstance(value, kind) or isinstance(value, bool):
            raise CheckpointError(f"{where}: its metadata has no valid {key!r}")
    if metadata["step"] < 0 or not 1 <= metadata["threads"] <= MOST_THREADS:
        raise CheckpointError(f"{where}: its step or its number of threads is out of range")
    if not math.isfinite(metadata["smooth_loss"]):
        raise CheckpointError(f"{where}: its smoothed loss is not finite")
    if not all(isinstance(symbol, str) for symbol in metadata["symbols"]):
        raise CheckpointError(f"{where}: its vocabulary has symbols that are no text")
    try:
        Vocabulary(tuple(metadata["symbols"]), metadata["end"])
    except DataError as error:
        raise CheckpointError(f"{where}: {error}") from None
    plain_config(metadata["config"], where)
    return metadata


def plain_config(config: Any, where: str) -> dict[str, Any]:
    """A stored configuration: plain values, nothing that would be looked up when it is read."""
    if not isinstance(config, dict):
        raise CheckpointError(f"{where}: its configuration is no mapping")
    for path, value in _leaves(config, ""):
        if isinstance(value, str) and "${" in value:
            raise CheckpointError(
                f"{where}: {path} holds an interpolation ({value[:60]!r}); a stored "
                "configuration has plain values alone"
            )
    return {str(key): value for key, value in config.items()}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value and every key of nested mappings and lists."""
    if isinstance(value, dict):
        for key, inner in value.items():
            where = f"{path}.{key}" if path else str(key)
            yield where, key
            yield from _leaves(inner, where)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{place}]")
    else:
        yield path, value
