"""The data of a sweep's jobs, read before the first one starts: a missing file fails no job, and
neither does a head or a metric that does not fit the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rnnx.config.components import component_from
from rnnx.config.resolved import ResolvedConfig
from rnnx.data.batches import refuse_large_batch
from rnnx.data.corpus import Corpus
from rnnx.errors import OutOfMemory, StorageError
from rnnx.registry.checks import load_corpus
from rnnx.training.task import fitted


class JobData:
    """Which data sets the jobs of a sweep train on, the largest batch of each, and with what."""

    def __init__(self) -> None:
        self._largest: dict[str, int] = {}  # by the configuration of the data set
        self._kinds: dict[str, dict[str, Mapping[str, Any]]] = {}  # likewise; a job of each kind

    def add(self, values: Mapping[str, Any]) -> None:
        """Take note of a job's configuration."""
        about = json.dumps(values["dataset"], default=str)
        self._largest[about] = max(self._largest.get(about, 0), int(values["batch_size"]))
        kind = json.dumps(_kind(values), default=str)
        self._kinds.setdefault(about, {}).setdefault(kind, values)

    def refuse_unusable(self) -> None:
        """Read each data set once, as its jobs will, and look whether they fit it; DataError,
        PluginError or ConfigError for what does not.

        What may be otherwise when a job starts, or on its machine, is left to the job.
        """
        made: dict[str, Any] = {}  # components, which many jobs share
        for about, batch_size in self._largest.items():
            with suppress(MemoryError, OutOfMemory, OSError, StorageError):
                corpus = load_corpus(component_from("dataset", json.loads(about)))
                refuse_large_batch(corpus.train, batch_size)
                for values in self._kinds[about].values():
                    _refuse_unfit(values, corpus, made)


def _kind(value: Any) -> Any:
    """What decides whether a job fits its data: choices as they are, and whether a number is 0."""
    if type(value) is dict:  # values are plain, and of ten thousand jobs there are a million
        return {key: _kind(inner) for key, inner in value.items() if key not in ("dataset", "seed")}
    return value != 0 if type(value) in (int, float) else value


def _refuse_unfit(values: Mapping[str, Any], corpus: Corpus, made: dict[str, Any]) -> None:
    config = ResolvedConfig.of(values, made)
    fitted(config.values, config.settings, config.components, corpus)
