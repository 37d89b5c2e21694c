"""A run that is logged as a sweep's jobs log theirs, and kept nowhere.

MLflow and SQLAlchemy look up and compile much at the first use of each call. What is made before
the jobs are forked, none of them makes. While it is rehearsed the store is led to an empty database
of the same tables in a temporary folder.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnnx.contracts import DataPart, SavedCheckpoint
from rnnx.contracts.trackers import Point
from rnnx_builtin.trackers.mlflow_log import MLflowLog
from rnnx_builtin.trackers.mlflow_place import opened_to_read
from rnnx_builtin.trackers.mlflow_readback import create

TABLES = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"


def rehearse(client: Any, file: Path) -> None:
    """Log a run with the client of the SQLite store ``file``, which gets nothing of it."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        _copy_tables(file, place / "store.db")
        with _led_to(place / "store.db", client._tracking_client.store.engine):
            _log_run(client, place)


def _copy_tables(file: Path, to: Path) -> None:
    with opened_to_read(file) as store, closing(sqlite3.connect(to)) as copy:
        copy.execute("BEGIN")
        for (made_by,) in store.execute(TABLES).fetchall():
            copy.execute(made_by)
        copy.commit()


@contextmanager
def _led_to(file: Path, engine: Any) -> Iterator[None]:
    """Inside, the connections of an engine are to another file; before and after it has none."""
    from sqlalchemy import event

    def connect(dialect: Any, record: Any, given: Any, named: Any) -> Any:
        return dialect.connect(str(file), **named)

    engine.dispose()
    event.listen(engine, "do_connect", connect)
    try:
        yield
    finally:
        event.remove(engine, "do_connect", connect)
        engine.dispose()


def _log_run(client: Any, place: Path) -> None:
    """Each call of a job's at least once; those that ask what is there find something at the end.

    ``place`` is a folder for files.
    """
    folder, file = str(place), place / "file.txt"
    file.write_text("what a run keeps", "utf-8")
    experiment = client.create_experiment("rehearsal", str(place / "artifacts"))
    client.get_experiment_by_name("rehearsal")
    run = create(client, experiment, "rehearsal", {"rnnx.folder": folder}, start_time=0)
    log = MLflowLog(client, run.info.run_id, None, run)
    data = DataPart("data", "0" * 64, "training", "data", 1, 1)
    log.params({"seed": "0", "steps": "2"})
    log.tags({"rnnx.folder": folder})
    log.file(file)
    log.data([data, data._replace(name="held out", use="validation")])
    log.describe("rehearsed")
    for step in (1, 2):  # a metric that is new, and one that is there
        log.points([Point(key, 1.0, step, step) for key in ("train/loss", "val/loss")])
    log.points([Point("best/val_loss", 1.0, 2, 2)])
    log.file(file, "checkpoints")
    loss = {"val_loss": 1.0}
    log.checkpoints(
        [SavedCheckpoint(k, 2, file, "0" * 64, loss, data, 2) for k in ("best", "last")]
    )
    log.finish("FINISHED", 1.0)
    log.kept()
