"""outbox.db: a new one where it is missing, and where it is damaged and set aside.

Its write-ahead log makes a commit one write that waits for no disk, and a kill harmless. The
connection holds the file alone, so that SQLite maps no memory of a file: writing to such memory
ends the process where the disk refuses it.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from tempfile import TemporaryFile

from rnnx.runs import earlier_outbox

NAME = "outbox.db"
SCHEMA = "CREATE TABLE outbox (id INTEGER PRIMARY KEY, entry TEXT NOT NULL, sent INTEGER NOT NULL)"


def connect(folder: Path) -> sqlite3.Connection:
    """Open the outbox of a run's folder, for several threads; OSError where the disk refuses it."""
    try:
        return _connect(folder)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
            raise os_error(error, folder) from error  # the disk, not what is in the file
    for end in ("-wal", "-shm"):
        (folder / f"{NAME}{end}").unlink(missing_ok=True)
    (folder / NAME).replace(folder / f"{NAME}.damaged")
    try:
        return _connect(folder)
    except sqlite3.Error as error:
        raise os_error(error, folder) from error


def os_error(error: sqlite3.Error, folder: Path) -> OSError:
    """The system's error behind one of SQLite's, which does not tell it: the folder is asked."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    try:
        with TemporaryFile(dir=folder, buffering=0) as probe:
            probe.write(bytes(4096))
    except OSError as found:
        return found
    return OSError(errno.EIO, str(error))


def _connect(folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(folder / NAME, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA page_size = 1024")  # rows are short, and a commit writes pages
        database.execute("PRAGMA synchronous = OFF")  # a new file need not outlive a power cut
        database.execute("PRAGMA journal_mode = WAL")
        schema = database.execute("SELECT sql FROM sqlite_master").fetchall()
        if not schema:
            _create(database, folder)
        elif schema != [(SCHEMA,)] or database.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError(f"{NAME}: is no outbox, or a damaged one")
        database.execute("PRAGMA synchronous = NORMAL")
        if earlier_outbox.exists(folder):
            database.execute("PRAGMA wal_checkpoint")  # on the disk before the old files go
            earlier_outbox.remove(folder)
    except BaseException:
        database.close()
        raise
    return database


def _create(database: sqlite3.Connection, folder: Path) -> None:
    """Create the table and move the entries of an earlier outbox into it."""
    points_sent, entries = earlier_outbox.read(folder)
    database.execute("BEGIN")
    database.execute(SCHEMA)
    database.execute("INSERT INTO outbox VALUES (0, 'metrics.jsonl', ?)", [points_sent])
    database.executemany("INSERT INTO outbox (entry, sent) VALUES (?, ?)", entries)
    database.execute("COMMIT")
