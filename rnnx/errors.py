"""All exceptions that rnnx raises on purpose.

    RnnxError                    a message of one line: what, where, the choices, the next step
    ├── InputError               the input was wrong: exit 2
    │   ├── ConfigError          a key, a value or a type of the configuration
    │   ├── UnknownComponent     a name that no installed plugin provides
    │   ├── DataError            a file or text that cannot be trained on
    │   │   └── CorpusError      arrays that are no corpus: the code of the data set is at fault
    │   ├── RunNotFound          a RUN that names no run
    │   ├── RunBusy              a run that another process works on
    │   ├── CheckpointError      a file that is no checkpoint of rnnx, or a damaged one
    │   │   └── MissingCode      a whole checkpoint whose components are not here
    │   └── StoreError           a tracking store that cannot be written or reached
    │       └── StoreUnwritable  one that is there and takes nothing now: full, or read-only
    ├── PluginError              a plugin that breaks its contract: exit 2
    ├── OutOfMemory              arrays that do not fit: exit 1
    ├── StorageError             a file of a run that cannot be written (a full disk): exit 1
    └── Diverged                 a loss or a gradient that is not finite: exit 1

Every class pickles with its message alone: the jobs of a sweep send them between processes.
"""

from __future__ import annotations

import errno
from pathlib import Path


class RnnxError(Exception):
    """The base class: catch it to catch every exception that rnnx raises on purpose."""

    exit_code = 2


class InputError(RnnxError):
    """The input was wrong."""


class ConfigError(InputError):
    """A key, a value or a type of the configuration is wrong."""


class UnknownComponent(InputError):
    """No installed plugin provides that name."""


class DataError(InputError):
    """A file or text cannot be trained on."""


class CorpusError(DataError):
    """Arrays do not fit together as a corpus: the code that made them is at fault."""


class RunNotFound(InputError):
    """A RUN on the command line names no run."""


class RunBusy(InputError):
    """Another process is working on the run."""


class CheckpointError(InputError):
    """A file is no checkpoint of rnnx, or is damaged."""


class MissingCode(CheckpointError):
    """A checkpoint is whole, and its components are not installed, or take other fields."""


class StoreError(InputError):
    """A tracking store cannot be written or reached."""


class StoreUnwritable(StoreError):
    """A tracking store is there and cannot be written now: its disk is full, or it is read-only.

    A tracker that raises it as a run starts loses nothing: the run trains and is sent later.
    """


class PluginError(RnnxError):
    """A plugin breaks its contract."""


class OutOfMemory(RnnxError):
    """Arrays do not fit into memory."""

    exit_code = 1


class StorageError(RnnxError):
    """A run's file cannot be written."""

    exit_code = 1

    @classmethod
    def of(cls, error: OSError, folder: Path, run: str, step: int | None = None) -> StorageError:
        """The error for a file in a run's folder, with the way to resume the ``run``."""
        what = error.filename or folder
        when = "" if step is None else f" after step {step}"
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not folder.is_dir():
            advice = "the run's folder is gone; train anew"
        else:
            todo = "free some space" if full else "correct this"
            advice = f"earlier checkpoints are whole: {todo}, then rnnx resume {run}"
        return cls(f"{what}: cannot be written ({error.strerror or error}){when}; {advice}")


class Diverged(RnnxError):
    """A loss or a gradient is not finite."""

    exit_code = 1
