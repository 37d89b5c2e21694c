"""The hooks of a plugin.

A plugin is a module that an entry point of the group ``rnnx`` names. It marks functions of these
names with :data:`rnnx.hookimpl`; rnnx calls each once, with a function ``register``:

    import rnnx

    @rnnx.hookimpl
    def register_cells(register):
        register("scrn", SCRN)          # now cell=scrn works, with SCRN's fields as options

Names are unique in a kind. Every command registers all plugins, so import heavy libraries inside
functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pluggy

hookspec = pluggy.HookspecMarker("rnnx")
hookimpl = pluggy.HookimplMarker("rnnx")

Register: TypeAlias = Callable[[str, type[Any] | str], None]
"""``register(name, component class)``; the name is lower case letters, digits and ``_``.

In the class's place stands where it is, too: ``"package.module:Class"``."""


@hookspec
def register_datasets(register: Register) -> None:
    """Add data sets: from text to ids. Contract: :class:`rnnx.contracts.Dataset`."""


@hookspec
def register_cells(register: Register) -> None:
    """Add recurrent cells. Contract: :class:`rnnx.contracts.Cell`."""


@hookspec
def register_blocks(register: Register) -> None:
    """Add blocks: what stands around a cell. Contract: :class:`rnnx.contracts.Block`."""


@hookspec
def register_initializers(register: Register) -> None:
    """Add initializers of weights. Contract: :class:`rnnx.contracts.Initializer`."""


@hookspec
def register_heads(register: Register) -> None:
    """Add heads: from hidden states to a loss. Contract: :class:`rnnx.contracts.Head`."""


@hookspec
def register_clippers(register: Register) -> None:
    """Add clippers: bounds on gradients. Contract: :class:`rnnx.contracts.Clipper`."""


@hookspec
def register_optimizers(register: Register) -> None:
    """Add optimizers: rules that update parameters. Contract: :class:`rnnx.contracts.Optimizer`."""


@hookspec
def register_schedules(register: Register) -> None:
    """Add learning-rate schedules. Contract: :class:`rnnx.contracts.Schedule`."""


@hookspec
def register_samplers(register: Register) -> None:
    """Add samplers: from logits to ids. Contract: :class:`rnnx.contracts.Sampler`."""


@hookspec
def register_trackers(register: Register) -> None:
    """Add trackers of runs. Contract: :class:`rnnx.contracts.Tracker`."""


@hookspec
def register_probes(register: Register) -> None:
    """Add probes of training. Contract: :class:`rnnx.contracts.Probe`."""


@hookspec
def conf_paths() -> list[str]:  # type: ignore[empty-body]
    """Return the plugin's folders of configuration, as ``["pkg://my_package/conf"]``.

    A folder holds ``experiment/*.yaml``, recipes, ``sweep/*.yaml``, sets of values to sweep, or
    ``reproduce/*.yaml``, published tables, and nothing else.
    """
