"""The data of a sweep's jobs, read before the first one starts: a missing file fails no job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rnnx.config.components import component_from
from rnnx.data.batches import refuse_large_batch
from rnnx.errors import OutOfMemory, StorageError
from rnnx.registry.checks import load_corpus


class JobData:
    """Which data sets the jobs of a sweep train on, and the largest batch of each."""

    def __init__(self) -> None:
        self._largest: dict[str, int] = {}  # by the configuration of the data set

    def add(self, values: Mapping[str, Any]) -> None:
        """Take note of a job's configuration."""
        about = json.dumps(values["dataset"], default=str)
        self._largest[about] = max(self._largest.get(about, 0), int(values["batch_size"]))

    def refuse_unusable(self) -> None:
        """Read each data set once, as its jobs will; DataError or PluginError for a bad one.

        What may be otherwise when a job starts, or on its machine, is left to the job.
        """
        for about, batch_size in self._largest.items():
            with suppress(MemoryError, OutOfMemory, OSError, StorageError):
                corpus = load_corpus(component_from("dataset", json.loads(about)))
                refuse_large_batch(corpus.train, batch_size)
