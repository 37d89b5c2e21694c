"""rnnx: experiments with recurrent networks, in NumPy.

``rnnx.build(overrides)`` makes a training session, ``rnnx.train(overrides)`` runs one to its end,
``rnnx.load(run)`` brings a trained model back. The names below are the public ones; what they
need is imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from rnnx.cache import replacing as replacing
    from rnnx.contracts import API_VERSION as API_VERSION
    from rnnx.contracts import Array as Array
    from rnnx.contracts import Params as Params
    from rnnx.contracts import State as State
    from rnnx.corpus import Corpus as Corpus
    from rnnx.corpus import Examples as Examples
    from rnnx.corpus import Stream as Stream
    from rnnx.corpus import examples_of as examples_of
    from rnnx.corpus import split_examples as split_examples
    from rnnx.corpus import split_stream as split_stream
    from rnnx.door import build as build
    from rnnx.door import load as load
    from rnnx.door import train as train
    from rnnx.failing import guarded as guarded
    from rnnx.hookspecs import Register as Register
    from rnnx.hookspecs import hookimpl as hookimpl
    from rnnx.initialization import fill as fill
    from rnnx.ngram import ngram_losses as ngram_losses
    from rnnx.parameters import Parameters as Parameters
    from rnnx.printing import printable as printable
    from rnnx.ranges import require as require
    from rnnx.ranges import require_positive as require_positive
    from rnnx.ranges import require_share as require_share
    from rnnx.records import UI as UI
    from rnnx.records import Findings as Findings
    from rnnx.records import Observation as Observation
    from rnnx.records import Outcome as Outcome
    from rnnx.records import Point as Point
    from rnnx.records import RunSummary as RunSummary
    from rnnx.scratch import Scratch as Scratch
    from rnnx.trained import Model as Model
    from rnnx.unrolling import unroll as unroll
    from rnnx.vocabulary import Vocabulary as Vocabulary

_HOME = {
    "API_VERSION": "contracts",
    "Array": "contracts",
    "Register": "hookspecs",
    "UI": "records",
    "Findings": "records",
    "Observation": "records",
    "Outcome": "records",
    "Params": "contracts",
    "Point": "records",
    "RunSummary": "records",
    "State": "contracts",
    "Corpus": "corpus",
    "Examples": "corpus",
    "Stream": "corpus",
    "examples_of": "corpus",
    "split_examples": "corpus",
    "split_stream": "corpus",
    "require": "ranges",
    "require_positive": "ranges",
    "require_share": "ranges",
    "hookimpl": "hookspecs",
    "fill": "initialization",
    "Parameters": "parameters",
    "Scratch": "scratch",
    "Vocabulary": "vocabulary",
    "Model": "trained",
    "guarded": "failing",
    "ngram_losses": "ngram",
    "printable": "printing",
    "replacing": "cache",
    "build": "door",
    "load": "door",
    "train": "door",
    "unroll": "unrolling",
}

# Modules that are public as such; docs/reference/api.md lists their names.
_ROOMS = ("autodiff", "contracts", "errors", "padding", "store", "testing")

__all__ = ["__version__", *_HOME]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"rnnx.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'rnnx' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"rnnx.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
