"""The contract of a tracker: where runs are kept, written by one side and read by another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rnnx.records import UI, Point, RunSummary


class RunLog(Protocol):
    """One open run of a tracker."""

    id: str

    def params(self, params: Mapping[str, str]) -> None:
        """Store parameters; those that the run has already, with the same values, do no harm."""

    def points(self, points: Sequence[Point]) -> None:
        """Store metric values."""

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set or replace tags."""

    def file(self, path: Path, folder: str = "") -> None:
        """Copy a local file into the run, under ``folder``."""

    def picture(self, name: str, path: Path, step: int) -> None:
        """Copy a PNG into the run as the picture ``name`` [a-z0-9_] of ``step``."""

    def finish(self, status: str, ended: float | None = None) -> None:
        """End the run as FINISHED, FAILED or KILLED.

        ``ended``, seconds since 1970, is when it did; None: now.
        """


class Tracker(Protocol):
    """Keeps runs: a side that writes and a side that reads.

    Raises :class:`rnnx.errors.StoreError` where the store cannot be used.
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
