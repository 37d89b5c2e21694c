"""rnnx: experiments with recurrent networks, in NumPy.

``rnnx.build(overrides)`` makes a training session, ``rnnx.train(overrides)`` trains to the end,
``rnnx.load(run)`` loads a trained model. The names below are the public ones; each is imported
when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rnnx.version import __version__

if TYPE_CHECKING:
    from rnnx.api import build as build
    from rnnx.api import load as load
    from rnnx.api import train as train
    from rnnx.arrays import Array as Array
    from rnnx.arrays import Params as Params
    from rnnx.arrays import State as State
    from rnnx.cli.failure import guarded as guarded
    from rnnx.config.initialization import fill as fill
    from rnnx.contracts.buffers import Parameters as Parameters
    from rnnx.contracts.buffers import Scratch as Scratch
    from rnnx.contracts.components import API_VERSION as API_VERSION
    from rnnx.contracts.components import InitializerSpec as InitializerSpec
    from rnnx.contracts.probes import Findings as Findings
    from rnnx.contracts.probes import Observation as Observation
    from rnnx.contracts.probes import Outcome as Outcome
    from rnnx.contracts.ranges import require as require
    from rnnx.contracts.ranges import require_positive as require_positive
    from rnnx.contracts.ranges import require_share as require_share
    from rnnx.contracts.trackers import UI as UI
    from rnnx.contracts.trackers import Point as Point
    from rnnx.contracts.trackers import RunSummary as RunSummary
    from rnnx.data.array_file import read_arrays as read_arrays
    from rnnx.data.corpus import Corpus as Corpus
    from rnnx.data.corpus import Examples as Examples
    from rnnx.data.corpus import Stream as Stream
    from rnnx.data.corpus import examples_of as examples_of
    from rnnx.data.corpus import split_examples as split_examples
    from rnnx.data.corpus import split_stream as split_stream
    from rnnx.data.digest import sequences_sha256 as sequences_sha256
    from rnnx.data.metrics import Metric as Metric
    from rnnx.data.metrics import Metrics as Metrics
    from rnnx.data.metrics import Prediction as Prediction
    from rnnx.data.metrics import metrics_for as metrics_for
    from rnnx.data.named_file import NamedFile as NamedFile
    from rnnx.data.named_file import named_file as named_file
    from rnnx.data.ngram import ngram_losses as ngram_losses
    from rnnx.data.number_table import read_numbers as read_numbers
    from rnnx.data.sequences import Endless as Endless
    from rnnx.data.sequences import Sequences as Sequences
    from rnnx.data.sequences import sequences_of as sequences_of
    from rnnx.data.table_file import read_columns as read_columns
    from rnnx.data.targets import NEXT_SYMBOL as NEXT_SYMBOL
    from rnnx.data.targets import Quantity as Quantity
    from rnnx.data.targets import TargetKind as TargetKind
    from rnnx.data.targets import Targets as Targets
    from rnnx.data.targets import bits as bits
    from rnnx.data.targets import classes as classes
    from rnnx.data.targets import values as values
    from rnnx.data.vocabulary import Vocabulary as Vocabulary
    from rnnx.data.yardsticks import Criterion as Criterion
    from rnnx.data.yardsticks import Level as Level
    from rnnx.models.prediction import Predicted as Predicted
    from rnnx.models.trained import Model as Model
    from rnnx.registry.hookspecs import Register as Register
    from rnnx.registry.hookspecs import hookimpl as hookimpl
    from rnnx.system.files import replacing as replacing
    from rnnx.system.text import printable as printable
    from rnnx.unrolling import unroll as unroll

_HOME = {
    "API_VERSION": "contracts.components",
    "Array": "arrays",
    "InitializerSpec": "contracts.components",
    "Register": "registry.hookspecs",
    "UI": "contracts.trackers",
    "Findings": "contracts.probes",
    "Observation": "contracts.probes",
    "Outcome": "contracts.probes",
    "Params": "arrays",
    "Point": "contracts.trackers",
    "RunSummary": "contracts.trackers",
    "State": "arrays",
    "Corpus": "data.corpus",
    "Examples": "data.corpus",
    "Stream": "data.corpus",
    "Criterion": "data.yardsticks",
    "Endless": "data.sequences",
    "Level": "data.yardsticks",
    "Metric": "data.metrics",
    "Metrics": "data.metrics",
    "NEXT_SYMBOL": "data.targets",
    "Prediction": "data.metrics",
    "Quantity": "data.targets",
    "Sequences": "data.sequences",
    "TargetKind": "data.targets",
    "Targets": "data.targets",
    "bits": "data.targets",
    "classes": "data.targets",
    "metrics_for": "data.metrics",
    "sequences_of": "data.sequences",
    "sequences_sha256": "data.digest",
    "values": "data.targets",
    "examples_of": "data.corpus",
    "split_examples": "data.corpus",
    "split_stream": "data.corpus",
    "require": "contracts.ranges",
    "require_positive": "contracts.ranges",
    "require_share": "contracts.ranges",
    "hookimpl": "registry.hookspecs",
    "fill": "config.initialization",
    "Parameters": "contracts.buffers",
    "Scratch": "contracts.buffers",
    "NamedFile": "data.named_file",
    "named_file": "data.named_file",
    "read_arrays": "data.array_file",
    "read_columns": "data.table_file",
    "read_numbers": "data.number_table",
    "Predicted": "models.prediction",
    "Vocabulary": "data.vocabulary",
    "Model": "models.trained",
    "guarded": "cli.failure",
    "ngram_losses": "data.ngram",
    "printable": "system.text",
    "replacing": "system.files",
    "build": "api",
    "load": "api",
    "train": "api",
    "unroll": "unrolling",
}

# Public modules; docs/reference/api.md lists their names.
_MODULES = ("autodiff", "contracts", "errors", "padding", "store", "testing")

__all__ = ["__version__", *_HOME]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"rnnx.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'rnnx' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"rnnx.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
