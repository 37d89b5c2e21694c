"""A SQLite store that was moved or copied takes its artifacts along.

MLflow keeps the absolute paths of artifacts in the database and has no command that changes them
(mlflow/mlflow#3144). A store remembers where it was, in a tag of each of its experiments. Where the
file is found at another path, the paths below its old folder become paths below its new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.request import url2pathname

STORE_TAG = "rnnx.store"  # of an experiment: the path of the store's file
ARTIFACTS = "mlruns"  # the folder of artifacts, beside the store's file
LOCK_TIMEOUT = 30.0  # seconds that another process may hold the database
# Tables and columns of MLflow's with paths; those that a version of MLflow lacks are passed over.
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
# Tables of tags with the columns of name and value, and the tag that is a path.
TAGS = (
    ("tags", "key", "value", "rnnx.folder"),
    ("logged_model_tags", "tag_key", "tag_value", "rnnx.checkpoint"),
)


def location(folder: Path) -> str:
    """A folder as MLflow stores it: a path, or a URI where it would misread the path as one."""
    return folder.as_uri() if set("%?#") & set(str(folder)) else str(folder)


def _folder(location: str) -> Path:
    """The folder of a stored location."""
    is_uri = location.startswith("file://")
    return Path(url2pathname(location.removeprefix("file://")) if is_uri else location)


def opened_to_read(file: Path) -> closing[sqlite3.Connection]:
    """A store, to be read in a ``with``; raises ``sqlite3.Error``.

    Its file is read through SQLite alone: when a process closes a file, it loses all its locks on
    it (POSIX), also those of a connection that writes in another thread. Another process then
    writes into the same pages, and the database is broken for good.
    """
    return closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True))


def is_database(file: Path) -> bool:
    """Whether a file is a SQLite database, or empty; True as well where it cannot be read now."""
    try:
        with opened_to_read(file) as database:
            database.execute("PRAGMA schema_version")
    except sqlite3.OperationalError:
        return True  # locked, or its folder may not be written
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode != sqlite3.SQLITE_NOTADB
    return True


def read_where_it_is(file: Path) -> None:
    """:func:`follow`, where the store can be written; else its files are looked for as before."""
    with suppress(sqlite3.OperationalError):
        follow(file)


def follow(file: Path) -> None:
    """Change the paths in the store at ``file`` if it was elsewhere when they were written."""
    here = file.resolve()
    with closing(sqlite3.connect(here, timeout=LOCK_TIMEOUT, isolation_level=None)) as database:
        if _tables(database) >= {"experiments", "experiment_tags", "runs", "tags"}:
            before = _folder_before(database, here)
            if before is not None:
                database.execute("BEGIN IMMEDIATE")  # one process alone; the others find it done
                _change(database, before, here.parent)
                _remember(database, here)
                database.execute("COMMIT")


def _tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master")}


def _folder_before(database: sqlite3.Connection, here: Path) -> Path | None:
    """The folder in which the store was; None where it has not left it."""
    tag = "SELECT DISTINCT value FROM experiment_tags WHERE key = ?"
    tagged = [Path(value) for (value,) in database.execute(tag, [STORE_TAG])]
    if tagged:
        return next((path.parent for path in tagged if path != here), None)
    # An earlier rnnx wrote no tag; it has made its experiments' folder beside the store.
    places = "SELECT artifact_location FROM experiments"
    for (place,) in database.execute(places):
        path = _folder(place or "")
        is_elsewhere = path.is_absolute() and path.parent != here.parent
        if path.name == ARTIFACTS and is_elsewhere and _has_left(path.parent, here):
            return path.parent
    return None


def _has_left(folder: Path, here: Path) -> bool:
    """Whether the store at ``here`` was in ``folder``: it is gone, or has another file there."""
    there = folder / here.name
    return not there.samefile(here) if there.is_file() else not folder.exists()


def _change(database: sqlite3.Connection, before: Path, now: Path) -> None:
    """Let all paths below ``before`` lead below ``now``, where what they name is."""
    if len(before.parts) < 2:
        return  # everything is below /
    columns = {
        (table, column)
        for table in _tables(database)
        for _, column, *_ in database.execute(f'PRAGMA table_info("{table}")')
    }
    for table, column in COLUMNS:
        if (table, column) in columns:
            values = database.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()
            # What an experiment has is the place of new runs, whatever stayed behind of old ones.
            moved = _moved(values, before, now, follow_all=table == "experiments")
            change = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
            database.executemany(change, list(moved))
    for table, name, value, tag in TAGS:
        if {(table, name), (table, value)} <= columns:
            there = f"SELECT DISTINCT {value} FROM {table} WHERE {name} = ?"
            tagged = _moved(database.execute(there, [tag]).fetchall(), before, now)
            change = f"UPDATE {table} SET {value} = ? WHERE {name} = ? AND {value} = ?"
            database.executemany(change, [(str(_folder(new)), tag, old) for new, old in tagged])


def _moved(
    values: Iterable[tuple[str | None]], before: Path, now: Path, follow_all: bool = False
) -> Iterator[tuple[str, str]]:
    """The new and the old form of the paths below ``before``; what stayed there keeps its path."""
    for (value,) in values:
        path = _folder(value or "")
        if before in path.parents:
            new = now / path.relative_to(before)
            if follow_all or new.exists() or not path.exists():
                yield location(new), str(value)


def _remember(database: sqlite3.Connection, here: Path) -> None:
    """Write where the store is now on every experiment that was made by rnnx or has been moved."""
    database.execute("UPDATE experiment_tags SET value = ? WHERE key = ?", [str(here), STORE_TAG])
    made = "SELECT experiment_id FROM experiments WHERE artifact_location = ?"
    for (experiment,) in database.execute(made, [location(here.parent / ARTIFACTS)]).fetchall():
        database.execute(
            "INSERT OR IGNORE INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?)",
            [experiment, STORE_TAG, str(here)],
        )
