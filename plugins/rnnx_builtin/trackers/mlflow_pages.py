"""Which runs and experiments have pages in MLflow's UI.

A SQLite store is asked directly: MLflow's client takes seconds to begin.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rnnx_builtin.trackers.mlflow_place import opened_to_read

IDS_PER_CALL = 200  # of runs, in one query
# In each address, or a browser that has last shown tools for language models shows those.
MODE = "workflowType=machine_learning"


def run_page(run_id: str, experiment_id: str) -> str:
    """The end of the address of a run's page."""
    return f"#/experiments/{experiment_id}/runs/{run_id}?{MODE}"


def runs_page(store: Path, experiment: str) -> str:
    """The end of the address of an experiment's runs; empty where it has none yet.

    Without it MLflow opens the list of experiments.
    """
    found = _rows(store, "SELECT experiment_id FROM experiments WHERE name = ?", [experiment])
    return f"/{found[0][0]}/runs" if found else ""


def stored_experiments_of(run_ids: Sequence[str], store: Path) -> list[tuple[str, str]]:
    """The runs that a SQLite store has and has not deleted, each with its experiment's id."""
    found: list[tuple[str, str]] = []
    for some in _in_calls(run_ids):
        places = ", ".join("?" * len(some))
        query = (
            "SELECT run_uuid, experiment_id FROM runs "
            f"WHERE lifecycle_stage = 'active' AND run_uuid IN ({places})"
        )
        found += [(str(run), str(experiment)) for run, experiment in _rows(store, query, some)]
    return found


def experiments_of(
    run_ids: Sequence[str], client: Any, experiment: str
) -> Iterator[tuple[str, str]]:
    """As :func:`stored_experiments_of`, of the runs of one experiment of any store."""
    known = client.get_experiment_by_name(experiment)
    for some in _in_calls(run_ids) if known else ():
        listed = ", ".join(f"'{run_id}'" for run_id in some)
        query = f"attributes.run_id IN ({listed})"
        for run in client.search_runs([known.experiment_id], query, max_results=len(some)):
            yield run.info.run_id, known.experiment_id


def _in_calls(run_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (run_ids[i : i + IDS_PER_CALL] for i in range(0, len(run_ids), IDS_PER_CALL))


def _rows(store: Path, query: str, values: Sequence[str]) -> list[Any]:
    """What a query finds; nothing where there is no database, or one with other tables."""
    try:
        with opened_to_read(store) as database:
            return database.execute(query, values).fetchall()
    except sqlite3.Error:
        return []
