"""What a run leaves behind: figures, summaries, and what probes see and find."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy.typing as npt

if TYPE_CHECKING:
    from rnnx.corpus import Corpus
    from rnnx.model import Network
    from rnnx.parameters import Parameters
    from rnnx.trained import Model

Array = npt.NDArray[Any]


class Point(NamedTuple):
    """One value of one metric."""

    key: str  # "train/loss"
    value: float
    step: int  # finished updates
    timestamp: int  # milliseconds since 1970, made with the point


LARGEST = 2**63  # of whole numbers that a tracker can store


def is_number(value: object) -> bool:
    """Whether a value that was read is a number which a float can take."""
    if isinstance(value, int) and not isinstance(value, bool):
        return -LARGEST <= value < LARGEST
    return isinstance(value, float)


def is_time(value: object) -> TypeGuard[float]:
    """Whether a value that was read is a time in seconds since 1970, up to the year 2242."""
    return isinstance(value, int | float) and is_number(value) and 0 <= value < 2**33


def point_of(line: str) -> Point | None:
    """The point of a line ``[key, value, step, timestamp]``; None for a damaged one."""
    try:
        key, value, step, timestamp = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    whole = all(type(n) is int and 0 <= n < LARGEST for n in (step, timestamp))
    if not (whole and is_number(value) and isinstance(key, str) and is_key(key)):
        return None
    return Point(key, float(value), step, timestamp)


def is_picture(name: str) -> bool:
    """Whether ``name`` can be a picture's."""
    return re.fullmatch(r"[a-z0-9_]{1,200}", name) is not None


def is_folder(name: str) -> bool:
    """Whether ``name`` can be that of a tracker's folder: samples, checkpoints or a probe's."""
    return re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name) is not None


def is_file_name(name: str) -> bool:
    """Whether ``name`` can be that of a probe's file."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", name) is not None


def is_key(key: str) -> bool:
    """Whether ``key`` can be a metric's name or a tag's."""
    return 0 < len(key) <= 250 and key.isprintable()


class RunSummary(NamedTuple):
    """What a tracker knows of a run."""

    id: str
    status: str  # RUNNING, FINISHED, FAILED or KILLED
    name: str
    started: float  # seconds since 1970
    folder: str  # the run's local folder, "" if unknown
    metrics: Mapping[str, float]  # the last value of each
    tags: Mapping[str, str]


class UI(NamedTuple):
    """A tracker's own pages."""

    address: str  # what to open in a browser
    command: list[str]  # what serves them; empty: a server runs already
    environment: Mapping[str, str]  # for the command, beside the user's own


class Observation(NamedTuple):
    """What a step produced, for a probe to look at and leave as it is."""

    step: int
    x: Array  # (T, B) ids
    y: Array  # (T, B) ids
    lengths: Array | None  # (B,)
    h: Array  # (T, n_a, B), the top layer's
    dh: Array  # (T, n_a, B)
    params: Parameters
    grads: Parameters  # before clipping
    symbols: Sequence[str]  # the vocabulary
    network: Network  # cells and head, as functions of params


class Outcome(NamedTuple):
    """What a run came to, for a probe to look at when it ends and leave as it is."""

    model: Model  # the run's: the best by held-out loss, else the last
    corpus: Corpus
    seed: int  # the run's


class Findings(NamedTuple):
    """What a probe found."""

    figures: Mapping[str, float]  # metric name → value
    pictures: Mapping[str, bytes]  # picture name [a-z0-9_] → PNG
    files: Mapping[str, bytes] = {}  # file name [A-Za-z0-9_.-] → its bytes
