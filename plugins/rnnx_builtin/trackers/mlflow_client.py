"""A client of an MLflow store, made so that many processes may make one at once."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rnnx.errors import StoreError

# What MLflow reads from the environment; what the user has set stays.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's own 7 hang one call for four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
}

SQLITE = b"SQLite format 3\0"  # how every SQLite file begins


_TURN = threading.Lock()
_inside: list[None] = []  # one for each that speaks: a run, and the thread that sends for it
_added: list[str] = []


@contextmanager
def quietly() -> Iterator[None]:
    """QUIET for as long as MLflow works for rnnx; the user's own use of MLflow keeps its ways.

    The environment is one for all threads: the first one in sets it, the last one out undoes it.
    """
    with _TURN:
        if not _inside:
            _added[:] = [name for name in QUIET if name not in os.environ]
            os.environ.update({name: QUIET[name] for name in _added})
        _inside.append(None)
    try:
        yield
    finally:
        with _TURN:
            _inside.pop()
            for name in () if _inside else _added:
                os.environ.pop(name, None)


def connect(uri: str) -> Any:
    """An MlflowClient; a SQLite store is migrated by one process at a time."""
    if uri.startswith("file:") or "://" not in uri:
        raise StoreError(
            f"tracker.uri={uri}: MLflow no longer keeps runs in plain folders; "
            "say tracker.uri=sqlite:///FILE"
        )
    file = sqlite_file(uri)
    if file is None:
        return _client(uri)
    _refuse_unusable(file, uri)
    if _is_missing(file):
        _create_once(file, uri)
    return _client(uri)


def _is_missing(file: Path) -> bool:
    return not (file.exists() and file.stat().st_size)


def _create_once(file: Path, uri: str) -> None:
    """Make the store unless another process is just doing so."""
    import mlflow  # noqa: F401 - takes seconds, in which nobody has to wait for the lock
    from filelock import FileLock, Timeout

    lock = file.with_name(file.name + ".lock")
    try:
        # The migration happens in the constructor; two at once break the store for good.
        with FileLock(lock, timeout=120):
            if _is_missing(file):
                _create(file)
    except Timeout:
        raise StoreError(f"{lock}: another process holds the store since two minutes") from None
    except OSError as error:
        raise StoreError(
            f"tracker.uri={uri}: its folder cannot be written ({error.strerror}); name another "
            "with tracker.uri=sqlite:///FILE, or train with tracker=none"
        ) from None


def _refuse_unusable(file: Path, uri: str) -> None:
    """Say at once what SQLAlchemy would try for a minute."""
    cause = ""
    if file.is_dir():
        cause = "it is a folder"
    elif not file.parent.is_dir():
        cause = f"there is no folder {file.parent}"
    elif not os.access(file if file.exists() else file.parent, os.W_OK):
        cause = "it cannot be written"
    elif file.exists() and file.stat().st_size:
        with file.open("rb") as database:
            if database.read(len(SQLITE)) != SQLITE:
                cause = "the file is no SQLite database"
    if cause:
        raise StoreError(
            f"tracker.uri={uri}: {cause}; name another store with tracker.uri=sqlite:///FILE, "
            "or train with tracker=none"
        )


def _create(file: Path) -> None:
    """A migrated store at ``file``, or none: half a migration can never be used again.

    It takes seconds, in which a user may lose patience or a machine its power; so it happens under
    another name. The caller holds the store's lock.
    """
    new = file.with_name(file.name + ".new")
    leftovers = [new.with_name(new.name + end) for end in ("", "-journal", "-wal", "-shm")]
    for path in leftovers:
        path.unlink(missing_ok=True)
    try:
        _close(_client(f"sqlite:///{new}"))
        if _is_missing(file):
            file.unlink(missing_ok=True)  # an empty file
        try:
            os.link(new, file)  # unlike a rename it never replaces what somebody else made
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            new.rename(file)
    finally:
        for path in leftovers:
            path.unlink(missing_ok=True)


def _close(client: Any) -> None:
    """Let go of a SQLite file; its engine would keep it open under the old name."""
    with suppress(AttributeError):  # MLflow's inside: without it the file stays open, no more
        client._tracking_client.store.engine.dispose()


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    # The migration's forty lines of progress are nobody's news.
    alembic = logging.getLogger("alembic")
    level = alembic.level
    alembic.setLevel(logging.WARNING)
    # What fails is raised, too, and told in one line; these say it in a hundred.
    for name in ("mlflow.store.db.utils", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return MlflowClient(uri)
    finally:
        alembic.setLevel(level)


def cause_of(error: Exception) -> str:
    """What SQLAlchemy, requests or MLflow says in hundreds of words, in one line."""
    text = " ".join(str(error).split())
    text = re.sub(r"\(raised as a result of [^)]*\) ", "", text).split("[SQL: ")[0].strip()
    return text[:200] or type(error).__name__


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite uri, else None."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def default_artifacts(uri: str) -> str:
    """The folder of artifacts beside a SQLite store, for new experiments."""
    file = sqlite_file(uri)
    folder = (file.parent if file is not None else Path.cwd()) / "mlruns"
    return str(folder.resolve())
