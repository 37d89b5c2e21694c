"""The newest runs of a SQLite store, read from its tables: MLflow's client takes seconds to begin.

A store whose tables are others, or that cannot be read now, is left to the client, which says why.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import RunSummary
from rnnx_builtin.trackers.mlflow_log import as_told
from rnnx_builtin.trackers.mlflow_models import METRICS
from rnnx_builtin.trackers.mlflow_place import opened_to_read
from rnnx_builtin.trackers.mlflow_system import PREFIX

RUN_NAME = "mlflow.runName"
# MLflow's own order: the newest first, those without a start last, and of equals by id.
FOUND = """
    FROM runs WHERE experiment_id = :experiment AND lifecycle_stage = 'active'
    AND substr(run_uuid, 1, length(:prefix)) = :prefix
    ORDER BY start_time IS NULL, start_time DESC, run_uuid LIMIT :limit
"""


def newest_runs(file: Path, experiment: str, prefix: str, limit: int) -> list[RunSummary] | None:
    """The newest runs of an experiment whose ids begin with ``prefix``; None: ask the client."""
    try:
        with opened_to_read(file) as database:
            named = "SELECT experiment_id FROM experiments WHERE name = ?"
            ids = [number for (number,) in database.execute(named, [experiment])]
            if len(ids) > 1:  # of several workspaces
                return None
            about = {"experiment": ids[0], "prefix": prefix, "limit": limit} if ids else {}
            return list(_summaries(database, about)) if ids else []
    except (sqlite3.Error, TypeError, ValueError):
        return None


def _summaries(
    database: sqlite3.Connection, about: Mapping[str, int | str]
) -> Iterator[RunSummary]:
    database.execute("BEGIN")  # all that follows sees one state of the store
    rows = database.execute(f"SELECT run_uuid, status, name, start_time {FOUND}", about).fetchall()
    tags: dict[str, dict[str, str]] = {run_id: {} for run_id, *_ in rows}
    metrics: dict[str, dict[str, float]] = {run_id: {} for run_id, *_ in rows}
    which = f"WHERE run_uuid IN (SELECT run_uuid {FOUND})"
    for run_id, key, text in database.execute(
        f"SELECT run_uuid, key, value FROM tags {which}", about
    ):
        tags[run_id][key] = text
    latest = f"SELECT run_uuid, key, value, is_nan FROM latest_metrics {which}"
    for run_id, key, value, is_nan in database.execute(latest, about):
        metrics[run_id][key] = math.nan if is_nan else float(value)
    for run_id, status, name, started in rows:
        called = name or tags[run_id].get(RUN_NAME)
        yield summary(run_id, status, called, started, metrics[run_id], tags[run_id])


def summary(
    run_id: str,
    status: str,
    name: str | None,
    started: int | None,
    metrics: Mapping[str, float],
    tags: Mapping[str, Any],
) -> RunSummary:
    """What rnnx knows of a run of MLflow's, which ``started`` in milliseconds since 1970."""
    folder = tags.get("rnnx.folder", "")
    # What rnnx told MLflow in the form of metrics, and was no metric of the run.
    own = {key: value for key, value in metrics.items() if not key.startswith((METRICS, PREFIX))}
    return RunSummary(run_id, status, name or "", (started or 0) / 1000, folder, own, as_told(tags))
