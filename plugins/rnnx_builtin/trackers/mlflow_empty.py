"""An empty store to copy: the migration that makes one takes seconds and is the same for all.

The cache folder keeps one for each version of MLflow. Its name has the digest of its content, so
that a damaged one is as good as none. It has no experiments: MLflow makes the default one, which
has a path, where the copy is opened.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path

from rnnx.system.files import cache_folder, other_writers, replacing
from rnnx_builtin.trackers.mlflow_place import opened_to_read


def copy_empty(file: Path) -> bool:
    """Put a copy of the empty store of this version at ``file``; False where none is kept."""
    for path in _kept():
        with suppress(OSError):
            content = path.read_bytes()
            if path.name == _name(content):
                file.write_bytes(content)
                return True
    return False


def keep_empty(file: Path) -> None:
    """Keep the store at ``file``, which was made just now; where it cannot be, the next one takes
    its time.
    """
    with suppress(OSError, sqlite3.Error):
        _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        forget_empty()  # a damaged one
        content = _without_experiments(file)
        with replacing(_folder() / _name(content)) as temporary:
            temporary.write_bytes(content)


def forget_empty() -> None:
    """Delete what is kept for this version."""
    for path in _kept():
        path.unlink(missing_ok=True)


def _without_experiments(file: Path) -> bytes:
    with opened_to_read(file) as store, closing(sqlite3.connect(":memory:")) as copy:
        store.backup(copy)
        copy.execute("DELETE FROM experiments")
        copy.commit()
        copy.execute("VACUUM")
        return copy.serialize()


def _kept() -> list[Path]:
    """The files of this version; none where others may write into the folder."""
    return [] if other_writers(_folder()) else sorted(_folder().glob(_name(None)))


def _name(content: bytes | None) -> str:
    """The file's name; of any content: a pattern."""
    digest = "*" if content is None else hashlib.sha256(content).hexdigest()[:32]
    return f"{metadata.version('mlflow')}-{digest}.db"


def _folder() -> Path:
    return cache_folder() / "mlflow"
