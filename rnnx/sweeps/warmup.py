"""Imports and compiles what every job of a sweep needs, once, before the jobs are forked.

Nothing here belongs to one job: no data, no open store, no thread.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rnnx.config.components import Components, components_from, settings_from
from rnnx.config.identity import versions
from rnnx.config.settings import Backend, Train
from rnnx.contracts.components import KINDS
from rnnx.contracts.execution import Execution
from rnnx.models.backend import choose, load
from rnnx.models.network import Network
from rnnx.registry.sources import source_sha256
from rnnx.registry.update_checks import try_update
from rnnx.runs.loss_curve import warm_up as warm_up_figures
from rnnx.system.files import replacing
from rnnx.system.machine import machine
from rnnx.system.threads import BlasThreads

CONFIGS = "warmup.json"  # the file of the jobs' configurations
FOLDER_VARIABLE = "RNNX_WARMUP"  # the environment variable that names its folder
# Sizes of the network whose kernels are compiled: small, since they do not decide what is compiled.
SYMBOLS, COLUMNS, UNITS = 4, 2, 8


def write_configs(configs: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write the configurations of the jobs for :func:`warm_up` in another process."""
    with replacing(folder / CONFIGS) as temporary:
        temporary.write_text(json.dumps(configs), "utf-8")


def warm_up(folder: Path) -> None:
    """Import and compile what the configurations in ``folder`` need.

    Errors are ignored here; the job itself will raise and report them.
    """
    path = folder / CONFIGS
    with suppress(OSError, ValueError):
        configs = json.loads(path.read_text("utf-8"))
        path.unlink()  # if one of them kills this process, the next process does not try it again
        with suppress(Exception):
            machine()
            warm_up_figures()
        done: set[tuple[object, ...]] = set()
        # Jobs that differ in their seed or their steps need the same.
        for config in {_deciding(config): config for config in configs}.values():
            with suppress(Exception):
                settings, components = settings_from(config), components_from(config)
                for distribution in versions(config):
                    source_sha256(distribution)  # of which a job's identity has a digest
                _warm_up(settings, components, done)


def _deciding(config: Mapping[str, Any]) -> str:
    """What of a configuration decides what is imported and compiled for it."""
    keys = (*KINDS, "probes", "backend", "batch_size", "dtype")
    return json.dumps({key: config.get(key) for key in keys})


def _warm_up(settings: Train, components: Components, done: set[tuple[object, ...]]) -> None:
    """Do what is not ``done`` yet for another configuration."""
    for component in _all(components):
        for module in getattr(component, "preload", ()):
            with suppress(ImportError):
                importlib.import_module(module)
        if hasattr(component, "warm_up") and (component,) not in done:
            done.add((component,))
            with suppress(Exception):  # a job says what is wrong with its store
                component.warm_up()
    backend = choose(settings, components.cell.hidden_size, 1)
    own, dtype = components, settings.dtype
    kernels = (*map(type, (own.cell, own.head, own.clipper, own.optimizer)), dtype)
    if backend is Backend.fast and kernels not in done:
        done.add(kernels)
        network = Network(replace(own.cell, hidden_size=UNITS), own.head, SYMBOLS, 1, 0)
        rules = partial(try_update, own.clipper, own.optimizer, Execution(True), dtype.value)
        _compile(network, dtype.value, rules)


def _compile(network: Network, dtype: str, rules: Callable[[], None]) -> None:
    import numpy as np

    with BlasThreads(1):
        params = network.init(np.random.default_rng(0), dtype)
        load(network, params, network.initial_state(COLUMNS, dtype), 1, rules)
        rules()  # or each job would load their kernels


def _all(components: Components) -> Iterable[object]:
    single = (getattr(components, kind, None) for kind in KINDS)
    return [*(one for one in single if one is not None), *components.probes.values()]
