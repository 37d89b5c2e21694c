"""How long a finished run took, and which runs take as long an update as it."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from rnnx.contracts.trackers import is_time

# What decides how long an update takes, beside the sizes and choices of the components.
SIZES = (
    *("batch_size", "accumulate", "layers", "dtype", "backend"),
    *("optimizer.name", "clipper.name"),
)
ONE_BATCH = ("accumulate", "1")  # runs of earlier versions do not name it
COMPONENTS = ("dataset.", "cell.", "head.", "probes.")


class Took(NamedTuple):
    """The time of a finished run."""

    shape: str  # see shape_of
    seconds: float  # from its beginning to its end
    training: float  # of these in updates; all of them where an earlier rnnx kept no such time
    steps: int


def took(fields: Mapping[str, Any]) -> Took | None:
    """How long a finished run took, by the fields of its run.json; None where they do not tell."""
    params = fields.get("told", {}).get("params")
    if fields.get("status") != "FINISHED" or params is None:
        return None
    began, ended, steps = fields.get("started"), fields.get("ended"), fields.get("steps")
    if steps is None and params.get("patience") == "0":  # of an earlier rnnx
        steps = int(params["steps"]) if str(params.get("steps", "")).isdecimal() else 0
    if not (is_time(began) and is_time(ended) and type(steps) is int and steps > 0):
        return None
    seconds = float(ended - began)
    if not 0 < seconds < math.inf:
        return None
    training = fields.get("metrics", {}).get("final/seconds")
    own = min(float(training), seconds) if is_time(training) else seconds
    return Took(shape_of(params), seconds, own, steps)


def shape_of(params: Mapping[str, str]) -> str:
    """A digest of what decides how long an update takes, of flat parameters as text.

    Numbers with a decimal point (rates, biases) and initializers decide nothing about it.
    """
    return _digest(frozenset(p for p in params.items() if _may_decide(p[0]) and _decides(*p)))


@functools.lru_cache(maxsize=4096)  # thousands of runs have few shapes
def _digest(pairs: frozenset[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(pairs)).encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=4096)
def _may_decide(key: str) -> bool:
    return key in SIZES or _is_of_component(key)


@functools.lru_cache(maxsize=4096)
def _decides(key: str, value: str) -> bool:
    is_size = key in SIZES and (key, value) != ONE_BATCH
    return is_size or (_is_of_component(key) and not _is_fraction(value))


def _is_of_component(key: str) -> bool:
    return key.startswith(COMPONENTS) and ".weights." not in key


def _is_fraction(value: str) -> bool:
    try:
        return not value.lstrip("+-").isdecimal() and not math.isnan(float(value))
    except ValueError:
        return False
