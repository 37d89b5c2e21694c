"""The contract of a tracker: where runs are kept, written by one side and read by another."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeGuard, runtime_checkable

STARTED_TAG = "rnnx.started"  # with ``start``: when the run began, in seconds, if not just now


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


def is_folder(name: str) -> bool:
    """Whether ``name`` can be that of a tracker's folder: samples, checkpoints or a probe's."""
    return re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name) is not None


def is_key(key: str) -> bool:
    """Whether ``key`` can be a metric's name or a tag's."""
    return 0 < len(key) <= 250 and key.isprintable()


# The groups of metrics that have one value a run and so no course by step. Their points have the
# step at which they were measured; a tracker may show them as it shows single values.
TOTALS = ("best/", "final/")


class DataPart(NamedTuple):
    """A part of a run's data: what it trains on, or what it is measured on."""

    name: str  # "dinosaurs", "dinosaurs held-out"
    digest: str  # SHA-256 of what is trained on and what is held out, in hexadecimal
    use: str  # "training" or "validation"
    source: str  # the file or the address that it was read from; else the data set's name
    examples: int  # 0: one text
    tokens: int


class SavedCheckpoint(NamedTuple):
    """A checkpoint file of a run."""

    kind: str  # "best" or "last"
    step: int  # finished updates
    path: Path  # of the file, which a tracker need not copy
    sha256: str  # of its tensors and metadata, in hexadecimal; the file's header has it, too
    metrics: Mapping[str, float]  # of the model: "val_loss", "train_loss", nats a token
    data: DataPart | None  # that "val_loss" was measured on
    timestamp: int  # milliseconds since 1970


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


class RunLog(Protocol):
    """One open run of a tracker."""

    id: str

    def params(self, params: Mapping[str, str]) -> None:
        """Store parameters; those that the run has already, with the same values, do no harm."""

    def points(self, points: Sequence[Point]) -> None:
        """Store metric values."""

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set or replace tags; an empty text may remove one."""

    def file(self, path: Path, folder: str = "") -> None:
        """Copy a local file into the run, under ``folder``."""

    def image(self, name: str, path: Path, step: int) -> None:
        """Copy a PNG into the run as the image ``name`` [a-z0-9_] of ``step``.

        Its first name was ``picture``; trackers whose runs have that alone keep working.
        """

    def finish(self, status: str, ended: float | None = None) -> None:
        """End the run as FINISHED, FAILED or KILLED.

        ``ended``, seconds since 1970, is when it did; None: now.
        """


class Kept(NamedTuple):
    """What a tracker's run holds, read back from the store."""

    status: str  # RUNNING, FINISHED, FAILED or KILLED
    params: frozenset[str]  # the names of the parameters
    files: Mapping[str, int]  # path below the run, "samples/final.txt" → bytes
    images: frozenset[tuple[str, int]]  # name and step of each


@runtime_checkable
class RemovingLog(RunLog, Protocol):
    """A :class:`RunLog` that can delete a file again: optional."""

    def remove(self, path: str) -> None:
        """Delete a file of the run; one that it has not does no harm."""


@runtime_checkable
class DataLog(Protocol):
    """A :class:`RunLog` that keeps which data its run used: optional."""

    def data(self, parts: Sequence[DataPart]) -> None:
        """Note the data; the same data twice counts once."""


@runtime_checkable
class CheckpointLog(Protocol):
    """A :class:`RunLog` that keeps which checkpoints its run has: optional."""

    def checkpoints(self, saved: Sequence[SavedCheckpoint]) -> None:
        """Let the run have these checkpoints and no others: those of an earlier call are gone.

        A run that is resumed has none until it ends.
        """


@runtime_checkable
class DescribedLog(Protocol):
    """A :class:`RunLog` that has a description for people to read: optional."""

    def describe(self, text: str) -> None:
        """Set the description, in Markdown, unless the user has written one.

        ``[name](run:ID)`` is a link to the tracker's run of that id.
        """


@runtime_checkable
class TableLog(Protocol):
    """A :class:`RunLog` that shows tables: optional."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show the table ``name`` [a-z0-9_], of cells a row, in place of an earlier one.

        Where a table grows with training, all rows so far come each time, and ``step`` is the first
        column.
        """


@runtime_checkable
class ReadableLog(Protocol):
    """A :class:`RunLog` that can be read back: optional.

    What such a run was sent is compared with what it holds, and sent again where that is less.
    """

    def kept(self) -> Kept:
        """What the store holds of this run."""

    def count(self, key: str) -> int | None:
        """How many points of this metric it holds; None where it cannot hold fewer than it took."""


class Tracker(Protocol):
    """Keeps runs: a side that writes and a side that reads.

    Raises :class:`rnnx.errors.StoreError` where the store cannot be used, and of these
    :class:`rnnx.errors.StoreUnwritable` where it only takes nothing now (a full disk): a run trains
    then all the same and is sent later.
    """

    def start(self, name: str, params: Mapping[str, str], tags: Mapping[str, str]) -> RunLog:
        """Open the store and create a run that is RUNNING."""

    def reopen(self, run_id: str) -> RunLog:
        """Go on with a run that exists."""

    def runs(self, limit: int) -> list[RunSummary]:
        """The newest runs, newest first."""

    def find(self, prefix: str) -> list[RunSummary]:
        """The runs whose id begins with ``prefix``."""

    def fetch(self, run_id: str, path: str, into: Path) -> Path:
        """Copy the artifact ``path`` of a run into the folder ``into``."""

    def history(self, run_id: str, key: str) -> list[Point]:
        """All points of a metric, by step."""

    def ui(self, host: str, port: int) -> UI | None:
        """Where the tracker's own UI is and the command that serves it; None if it has none."""


@runtime_checkable
class StoreTracker(Tracker, Protocol):
    """A tracker that can say whether its store still has a run: optional.

    Such a store gets a run that it lacks whole, from the run's folder: one that was deleted there,
    or that began with another store.
    """

    def entry(self, run_id: str) -> RunSummary | None:
        """The run of this id; None where the store has none or has deleted it.

        Raises :class:`rnnx.errors.StoreError` where the store gives no answer.
        """
