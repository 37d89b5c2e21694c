"""Everything that rnnx raises on purpose.

    RnnxError                    one line: what, where, the choices, the next step
    ├── InputError               the input was wrong: exit 2
    │   ├── ConfigError          a key, a value or a type of the configuration
    │   ├── UnknownComponent     a name that no installed plugin provides
    │   ├── DataError            a file or text that cannot be learned from
    │   ├── RunNotFound          a RUN that names no run
    │   ├── CheckpointError      a file that is no checkpoint of ours, or a damaged one
    │   └── StoreError           a tracking store that cannot be written or reached
    ├── PluginError              a plugin that breaks its contract: exit 2
    ├── OutOfMemory              arrays that do not fit: exit 1
    └── Diverged                 a loss or a gradient that is not finite: exit 1

Every class pickles with its message alone, because a sweep's jobs send them between processes.
"""

from __future__ import annotations


class RnnxError(Exception):
    """The root: catch this to catch all that rnnx raises on purpose."""

    exit_code = 2


class InputError(RnnxError):
    """The input was wrong."""


class ConfigError(InputError):
    """A key, a value or a type of the configuration is wrong."""


class UnknownComponent(InputError):
    """No installed plugin provides that name."""


class DataError(InputError):
    """A file or text cannot be learned from."""


class RunNotFound(InputError):
    """A RUN on the command line names no run."""


class CheckpointError(InputError):
    """A file is no checkpoint of rnnx, or is damaged."""


class StoreError(InputError):
    """A tracking store cannot be written or reached."""


class PluginError(RnnxError):
    """A plugin breaks its contract."""


class OutOfMemory(RnnxError):
    """Arrays do not fit into memory."""

    exit_code = 1


class Diverged(RnnxError):
    """A loss or a gradient is not finite."""

    exit_code = 1
