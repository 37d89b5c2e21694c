"""What every job of a sweep would import and compile for itself, done once before they are forked.

Nothing of a job's is made here: no data, no store's client, no thread.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnx.config.components import Components, components_from, settings_from
from rnnx.config.settings import Backend, Train
from rnnx.contracts.components import KINDS
from rnnx.models.backend import choose, load
from rnnx.models.network import Network
from rnnx.runs.loss_curve import warm_up as warm_up_figures
from rnnx.system.files import replacing
from rnnx.system.threads import BlasThreads

NAME = "rehearsal.json"
VARIABLE = "RNNX_REHEARSAL"  # the environment's word for the folder that holds it
SYMBOLS, COLUMNS, UNITS = 4, 2, 8  # of the networks that are tried


def keep(configs: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write down what jobs there will be, for :func:`rehearse` in another process."""
    with replacing(folder / NAME) as temporary:
        temporary.write_text(json.dumps(configs), "utf-8")


def rehearse(folder: Path) -> None:
    """Import and compile what the kept configurations need; whatever fails, a job will tell."""
    path = folder / NAME
    with suppress(OSError, ValueError):
        configs = json.loads(path.read_text("utf-8"))
        path.unlink()  # one that kills its process is not tried again
        with suppress(Exception):
            warm_up_figures()
        done: set[tuple[object, ...]] = set()
        for config in configs:
            with suppress(Exception):
                _rehearse(settings_from(config), components_from(config), done)


def _rehearse(settings: Train, parts: Components, done: set[tuple[object, ...]]) -> None:
    for part in _all(parts):
        for name in getattr(part, "preload", ()):
            with suppress(ImportError):
                importlib.import_module(name)
    backend = choose(settings, parts.cell.hidden_size, 1)
    kernels = (type(parts.cell), type(parts.head), settings.dtype)
    if backend is Backend.fast and kernels not in done:
        done.add(kernels)
        cell = replace(parts.cell, hidden_size=UNITS)
        network = Network(cell, parts.head, SYMBOLS, 1, 0)
        _compile(network, settings.dtype.value)


def _compile(network: Network, dtype: str) -> None:
    import numpy as np

    with BlasThreads(1):
        params = network.init(np.random.default_rng(0), dtype)
        load(network, params, network.initial_state(COLUMNS, dtype), 1)


def _all(parts: Components) -> Iterable[object]:
    single = (getattr(parts, kind, None) for kind in KINDS)
    return [*(part for part in single if part is not None), *parts.probes.values()]
