"""Configurations that an earlier version of rnnx stored, as this version reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnx.registry.manager import registry
from rnnx.registry.schema import fields_of


def with_split_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with ``dataset.split_seed``: the run's own seed once drew the split."""
    dataset = config.get("dataset")
    if not isinstance(dataset, Mapping) or "split_seed" in dataset:
        return dict(config)
    entry = registry().entries.get(("dataset", str(dataset.get("name"))))
    if entry is None or "split_seed" not in fields_of(entry.component):
        return dict(config)
    return {**config, "dataset": {**dataset, "split_seed": config.get("seed", 0)}}
