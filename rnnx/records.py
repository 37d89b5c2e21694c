"""What a run leaves behind: figures, summaries, and what probes see and find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt

if TYPE_CHECKING:
    from rnnx.model import Network
    from rnnx.parameters import Parameters

Array = npt.NDArray[Any]


class Point(NamedTuple):
    """One value of one metric."""

    key: str  # "train/loss"
    value: float
    step: int  # finished updates
    timestamp: int  # milliseconds since 1970, made with the point


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


class Findings(NamedTuple):
    """What a probe found."""

    figures: Mapping[str, float]  # metric name → value
    pictures: Mapping[str, bytes]  # picture name [a-z0-9_] → PNG
