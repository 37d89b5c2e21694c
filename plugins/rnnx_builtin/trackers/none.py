"""No tracker: the local folder of a run is all there is of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnx.contracts.trackers import UI, Point, RunLog, RunSummary
from rnnx.errors import RunNotFound


class NoLog:
    """A run that only has an id."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id

    def params(self, params: Mapping[str, str]) -> None: ...
    def points(self, points: Sequence[Point]) -> None: ...
    def tags(self, tags: Mapping[str, str]) -> None: ...
    def file(self, path: Path, folder: str = "") -> None: ...
    def image(self, name: str, path: Path, step: int) -> None: ...
    def finish(self, status: str, ended: float | None = None) -> None: ...


@dataclass(frozen=True)
class Nothing:
    """Keeps nothing; a run has its local folder alone."""

    def start(self, name: str, params: Mapping[str, str], tags: Mapping[str, str]) -> RunLog:
        return NoLog(uuid.uuid4().hex)

    def reopen(self, run_id: str) -> RunLog:
        return NoLog(run_id)

    def runs(self, limit: int) -> list[RunSummary]:
        return []

    def find(self, prefix: str) -> list[RunSummary]:
        return []

    def fetch(self, run_id: str, path: str, into: Path) -> Path:
        raise RunNotFound(f"{run_id}: no tracker has {path}; look into the run's folder")

    def history(self, run_id: str, key: str) -> list[Point]:
        return []

    def ui(self, host: str, port: int) -> UI | None:
        return None
