"""A table in MLflow: a JSON file that its pages show as rows and columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnnx_builtin.trackers.mlflow_readback import run_in_store

TABLES = "mlflow.loggedArtifacts"  # the tag in which MLflow notes which of a run's files are tables


def log_table(
    client: Any, run_id: str, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Keep the table ``name``, in place of an earlier one.

    MLflow's own ``log_table`` appends: rows that are sent again would be there twice.
    """
    table = {"columns": list(columns), "data": [[_cell(cell) for cell in row] for row in rows]}
    artifact = f"{name}.json"
    with TemporaryDirectory() as folder:
        local = Path(folder) / artifact
        local.write_text(json.dumps(table, ensure_ascii=False), "utf-8")
        client.log_artifact(run_id, str(local))
    tables = _tables(run_in_store(client, run_id).data.tags.get(TABLES, ""))
    if (entry := {"path": artifact, "type": "table"}) not in tables:
        client.set_tag(run_id, TABLES, json.dumps([*tables, entry]))


def _cell(cell: str) -> str | int:
    """A whole number as one, so that MLflow sorts steps by their value."""
    return int(cell) if cell.isdecimal() and cell.isascii() and len(cell) < 16 else cell


def _tables(tag: str) -> list[Any]:
    try:
        found = json.loads(tag)
    except ValueError:
        return []
    return found if isinstance(found, list) else []
