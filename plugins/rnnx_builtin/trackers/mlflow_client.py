"""A client of an MLflow store; many processes may make one at once."""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rnnx.errors import StoreError, StoreUnwritable
from rnnx.system.distributions import entry_points
from rnnx.system.secrets import has_passwords, is_named, masked, without_password
from rnnx.system.text import shortened
from rnnx_builtin.trackers.mlflow_empty import copy_empty, forget_empty, keep_empty
from rnnx_builtin.trackers.mlflow_place import (
    ARTIFACTS,
    follow,
    is_database,
    location,
    read_where_it_is,
)

# Environment variables that MLflow reads; where the user has set one, that stays.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's own 7 hang one call for four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
}
LEVELS = {
    "alembic": logging.WARNING,  # the migration logs forty lines of progress
    # These log in a hundred lines what they raise as well.
    "mlflow.store.db.utils": logging.CRITICAL,
    "urllib3.connectionpool": logging.CRITICAL,
}
SQLITE, SQLITE_DRIVER = "sqlite:///", "sqlite+pysqlite:///"
QUERY = re.compile(r"\?[\w.-]+=[^/?]*$")  # of a URI; any other ? is a letter of its path
QUIET = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"
# What MLflow and the databases' clients send, whatever the server.
WEB_SECRETS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_USERNAME")
DATABASE_SECRETS = ("PGPASSWORD", "MYSQL_PWD")
CREDENTIALS = Path("~/.mlflow/credentials")
CREATION_TIMEOUT = 120.0  # seconds that a process waits for another one that creates the store
CAUSE_LENGTH = 400  # characters
# Of SQLite, PostgreSQL, MySQL and the operating system; a server passes on what its database says.
UNWRITABLE = re.compile(
    r"disk is full|table is full|No space left|[Qq]uota exceeded|File too large|disk I/O error"
    r"|read-?only|unable to open database file"
)
DAMAGED = re.compile(r"database disk image is malformed|file is not a database")  # of SQLite


@dataclass
class _Users:
    """The threads that work with MLflow for rnnx, and what was set for them."""

    count: int = 0
    added: list[str] = field(default_factory=list)
    entry_points: Any = metadata.entry_points  # the function of importlib
    levels: dict[str, int] = field(default_factory=dict)  # the loggers' before
    softened: list[tuple[Any, Any]] = field(default_factory=list)  # filters: set here, before


_LOCK = threading.Lock()
_USERS = _Users()


def _entry_points(**params: Any) -> Any:
    """Entry points where one damaged distribution would keep MLflow from being imported."""
    try:
        return _USERS.entry_points(**params)
    except Exception:
        return entry_points(**params)[0]


def _soften_warnings() -> list[tuple[Any, Any]]:
    """Let warnings that would be errors (``python -W error``) be printed: MLflow's own are many."""
    softened = []
    for before in list(warnings.filters):
        if before[0] == "error":
            softened.append((("default", *before[1:]), before))
            _replace_filter(before, softened[-1][0])
    return softened


def _replace_filter(there: Any, other: Any) -> None:
    filters: Any = warnings.filters
    filters[:] = [other if one is there else one for one in filters]


def _set_levels(levels: Mapping[str, int]) -> None:
    """Set the loggers' levels; ``setLevel`` has every logger look up its own again, so it is called
    once.
    """
    *others, (last, own) = levels.items()
    for name, level in others:
        logging.getLogger(name).level = level
    logging.getLogger(last).setLevel(own)


def _import_mlflow() -> Any:
    """MLflow; earlier versions forget the levels of their loggers while they are imported."""
    import mlflow

    with _LOCK:
        if _USERS.count:
            _set_levels(LEVELS)
    return mlflow


@contextmanager
def mlflow_settings() -> Iterator[None]:
    """Inside, MLflow works with SETTINGS and LEVELS; the user's own use of it keeps the user's.

    All threads share one environment and the loggers: the first one in sets them, the last one out
    undoes that.
    """
    with _LOCK:
        if not _USERS.count:
            # MLflow prints the address of a run that ends, and what is in it.
            settings = SETTINGS | ({QUIET: "true"} if has_passwords() else {})
            _USERS.added = [name for name in settings if name not in os.environ]
            os.environ.update({name: settings[name] for name in _USERS.added})
            _USERS.entry_points = metadata.entry_points
            metadata.entry_points = _entry_points
            _USERS.levels = {name: logging.getLogger(name).level for name in LEVELS}
            _set_levels(LEVELS)
            _USERS.softened = _soften_warnings()
        _USERS.count += 1
    try:
        yield
    finally:
        with _LOCK:
            _USERS.count -= 1
            if not _USERS.count:
                for name in _USERS.added:
                    os.environ.pop(name, None)
                metadata.entry_points = _USERS.entry_points
                _set_levels(_USERS.levels)
                for ours, before in _USERS.softened:
                    _replace_filter(ours, before)


def connect(uri: str, to_read: bool = False) -> Any:
    """An MlflowClient; a SQLite store is migrated by one process at a time.

    StoreUnwritable for a SQLite file that cannot be written, unless it is only ``to_read``.
    """
    if uri.startswith("file:") or "://" not in uri:
        raise StoreError(
            f"tracker.uri={without_password(uri)}: MLflow no longer keeps runs in plain folders; "
            "say tracker.uri=sqlite:///FILE"
        )
    file = sqlite_file(uri)
    if file is None:
        _refuse_unnamed(uri, "tracker.uri")
        return _client(uri)
    _refuse_unusable(file, uri)
    if not (to_read or os.access(file if file.exists() else file.parent, os.W_OK)):
        raise unwritable(uri, "it is read-only")
    if _is_missing(file):
        _create_once(file, uri)
    (read_where_it_is if to_read else follow)(file)
    return _client(address(uri))


def _refuse_unnamed(uri: str, where: str) -> None:
    """StoreError where MLflow would send the user's password to a server that nobody named.

    The address may come from a run's folder or a store, which other people write.
    """
    is_web = uri.startswith(("http:", "https:", "mlflow-artifacts:"))
    sent = [name for name in (WEB_SECRETS if is_web else DATABASE_SECRETS) if os.getenv(name)]
    if is_web and CREDENTIALS.expanduser().is_file():
        sent.append(str(CREDENTIALS))
    server = without_password(uri)
    if sent and not is_named(uri):
        raise StoreError(
            f"{where}={server}: this server would get {' and '.join(sent)}, and you have not named "
            f"it; if it is yours, say so: MLFLOW_TRACKING_URI={server}"
        )


def refuse_foreign_artifacts(store: str, artifacts: str) -> None:
    """StoreError where a run's artifacts are on a server that nobody named, as for its store.

    ``mlflow-artifacts:/…`` is on the store's own server, ``mlflow-artifacts://HOST/…`` on HOST.
    """
    parts, own = urlsplit(artifacts), urlsplit(without_password(store))
    if parts.scheme in ("http", "https", "mlflow-artifacts") and parts.netloc not in (
        "",
        own.netloc,
    ):
        _refuse_unnamed(f"{parts.scheme}://{parts.netloc}", "the run's artifacts")


def _is_missing(file: Path) -> bool:
    return not (file.exists() and file.stat().st_size)


def _create_once(file: Path, uri: str) -> None:
    """Create the store, or wait until another process has."""
    _import_mlflow()  # takes seconds, and so not with the lock
    from filelock import FileLock, Timeout

    lock = file.with_name(file.name + ".lock")
    try:
        # The client's constructor migrates the store; two that do so at once break it for good.
        with FileLock(lock, timeout=CREATION_TIMEOUT):
            if _is_missing(file):
                _create(file)
    except Timeout:
        raise StoreError(
            f"{lock}: another process has been creating the store for {CREATION_TIMEOUT:.0f} s; "
            "try again, or end that process"
        ) from None
    except OSError as error:
        raise unwritable(uri, f"its folder: {error.strerror}") from None


def _refuse_unusable(file: Path, uri: str) -> None:
    """StoreError at once for a file that SQLAlchemy would try to open for a minute."""
    cause = ""
    if file.is_dir():
        cause = "it is a folder"
    elif not file.parent.is_dir():
        cause = f"there is no folder {file.parent}"
    elif file.exists() and not is_database(file):
        cause = "the file is no SQLite database"
    if cause:
        raise StoreError(
            f"tracker.uri={uri}: {cause}; name another store with tracker.uri=sqlite:///FILE, "
            "or train with tracker=none"
        )


def unwritable(uri: str, why: str) -> StoreUnwritable:
    """The error of a store that is there and takes nothing now."""
    return StoreUnwritable(
        f"tracker.uri={without_password(uri)}: cannot be written ({why}); free some space or "
        "correct its permissions"
    )


def _create(file: Path) -> None:
    """Create the whole store at ``file``, or none: half a migration can never be used.

    The migration takes seconds, in which the process may be killed, so it gets another name until
    it is done. Where an empty store is kept, it is a copy of that. The caller holds the store's
    lock.
    """
    new = file.with_name(file.name + ".new")
    leftovers = [new.with_name(new.name + end) for end in ("", "-journal", "-wal", "-shm")]
    for path in leftovers:
        path.unlink(missing_ok=True)
    try:
        _make(new)
        if _is_missing(file):
            file.unlink(missing_ok=True)  # an empty file
        try:
            os.link(new, file)  # unlike a rename, it never replaces a file
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            new.rename(file)
    finally:
        for path in leftovers:
            path.unlink(missing_ok=True)


def _make(new: Path) -> None:
    is_copy = copy_empty(new)
    try:
        close(_client(_address(new)))  # MLflow migrates what is not migrated yet
    except Exception:
        forget_empty()
        raise
    if not is_copy:
        keep_empty(new)


def close(client: Any) -> None:
    """Close a SQLite file, which the engine would keep open, under its old name as well."""
    with suppress(AttributeError):  # private to MLflow: without it the file only stays open
        client._tracking_client.store.engine.dispose()


def _client(uri: str) -> Any:
    return _import_mlflow().MlflowClient(uri)


def cause_of(error: Exception) -> str:
    """The cause in a message of SQLAlchemy, requests or MLflow, in one line."""
    text = masked(" ".join(str(error).split()))
    text = re.sub(r"\(raised as a result of [^)]*\) |^\(\w+\.\w+\) ", "", text)
    text = text.split("[SQL: ")[0].strip()
    # urllib3 says what it tried, and last, in brackets, why that failed.
    before, _, inner = text.rpartition("(Caused by ")
    if before:
        why = re.sub(r"^\w+\(|[\"')]+$", "", inner).strip("\"'")
        text = why.rpartition("object at ")[2].partition(">: ")[2] or why
    return shortened(text, CAUSE_LENGTH) or type(error).__name__


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite URI; None for other URIs.

    The path is what was typed, ``%20`` included, unless only the decoded one leads to a folder.
    """
    if not uri.startswith(SQLITE):
        return None
    typed = QUERY.sub("", uri.removeprefix(SQLITE))
    path, decoded = Path(typed), Path(unquote(typed))
    return decoded if decoded.parent.is_dir() and not path.parent.is_dir() else path


def _address(file: Path, query: str = "") -> str:
    """The URI by which MLflow opens a SQLite file, whatever characters are in its path."""
    from sqlalchemy.engine import make_url

    path = str(file)
    if not set("%?") & set(path):
        return f"{SQLITE}{path}{query}"
    # A name of the driver keeps MLflow from making a folder of the encoded name.
    encoded = path.replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    if make_url(f"{SQLITE}%25").database == "%":
        return f"{SQLITE_DRIVER}{encoded}{query}"
    # SQLAlchemy before 2.1 decodes no path, SQLite itself does.
    return f"{SQLITE_DRIVER}file:{encoded}?uri=true{query.replace('?', '&')}"


def address(uri: str) -> str:
    """The URI that MLflow is given for ``uri``."""
    file, query = sqlite_file(uri), QUERY.search(uri)
    return uri if file is None else _address(file, query[0] if query else "")


def default_artifacts(uri: str) -> str:
    """The folder of the artifacts of new experiments: beside a SQLite store, else here."""
    file = sqlite_file(uri)
    folder = (file.parent if file is not None else Path.cwd()) / ARTIFACTS
    return location(folder.resolve())
