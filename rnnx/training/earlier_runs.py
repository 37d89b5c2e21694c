"""The runs of before that would compute the same as a configuration does now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rnnx.config.components import component_from
from rnnx.config.identity import changed_code, changed_data, config_hash, identity_of
from rnnx.data.corpus import Corpus
from rnnx.registry.checks import load_corpus
from rnnx.runs.folder import RunFolder, runs_with


class Earlier(NamedTuple):
    """Runs of one configuration."""

    runs: Sequence[RunFolder] = ()  # on the same data with the same code, the newest first
    changed: str = ""  # what differs in the newest run, where there are only others
    corpus: Corpus | None = None  # of the configuration, where it had to be loaded


def earlier_runs(
    outputs: str, config: Mapping[str, Any], alike: Sequence[RunFolder] | None = None
) -> Earlier:
    """The runs below ``outputs`` whose configuration, data and code are those of ``config`` now.

    ``alike`` are the runs of the configuration where they are known, the newest first.
    """
    if alike is None:
        alike = runs_with(outputs, config_hash=config_hash(config))
    if not alike:
        return Earlier()
    corpus = load_corpus(component_from("dataset", config["dataset"]))
    now = identity_of(config, corpus)
    changes = [
        changed_data(fields, now) or changed_code(fields, now)
        for fields in (run.read() for run in alike)
    ]
    same = [run for run, change in zip(alike, changes, strict=True) if not change]
    return Earlier(same, "" if same else changes[0], corpus)
