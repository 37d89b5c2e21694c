"""The check of a cell's golden vectors: what another implementation computes from the same numbers.

A file is JSON: arrays as nested lists, in this cell's names and layout, in float64.

    source, script     the implementation with its version; the script that made the file
    fields             the cell's hyperparameters for which it holds
    params, x, dh      the inputs: the loss is Σ h ⊙ dh + Σ final ⊙ dstate
    state, dstate      the same of the states, if the other implementation takes them
    h, dparams         what it computed
    dx, final, dstate0 the same, as far as it has them
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnx.arrays import Array
from rnnx.contracts.components import Cell
from rnnx.contracts.self_description import GoldenCell
from rnnx.errors import RnnxError
from rnnx.registry.schema import fields_node
from rnnx.testing.cells.case import Case, run
from rnnx.testing.gradients import same
from rnnx.testing.suite import NotApplicable, expect

TEXTS = ("source", "script")
NEEDED = (*TEXTS, "fields", "params", "x", "dh", "h", "dparams")


def check_golden(cell: Cell) -> None:
    """Forward and gradients are those of the other implementations that the cell names."""
    if not isinstance(cell, GoldenCell) or not cell.golden:
        raise NotApplicable("the cell names no golden vectors of another implementation")
    owner = next(one for one in type(cell).__mro__ if "golden" in vars(one))
    for name in cell.golden:
        _check_file(type(cell), Path(inspect.getfile(owner)).parent / name)


def _check_file(cls: type[Any], path: Path) -> None:
    expect(path.is_file(), f"golden: there is no file {path}")
    try:
        given: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        expect(False, f"{path.name}: is no JSON: {error}")
    for key in NEEDED:
        expect(key in given, f"{path.name}: has no {key}")
    for key in TEXTS:
        expect(bool(str(given[key]).strip()), f"{path.name}: {key} says nothing")
    case = _case(cls, given, path.name)
    found = run(case)
    what = f"{path.name}, {given['source']}"
    same(found.h, _array(given["h"]), f"{what}: h")
    expect(
        found.dparams.keys() == given["dparams"].keys(),
        f"{what}: gradients of {', '.join(found.dparams)}, "
        f"expected of {', '.join(given['dparams'])}",
    )
    for name, expected in given["dparams"].items():
        same(found.dparams[name], _array(expected), f"{what}: d{name}")
    if "dx" in given:
        expect(found.dx is not None, f"{what}: backward returned no dx")
        same(np.asarray(found.dx), _array(given["dx"]), f"{what}: dx")
    for key, parts in (("final", found.final), ("dstate0", found.dstate0)):
        for k, expected in enumerate(given.get(key, ())):
            same(parts[k], _array(expected), f"{what}: {key} {k}")


def _case(cls: type[Any], given: dict[str, Any], name: str) -> Case:
    """The cell that the file is about, and the file's inputs."""
    try:
        cell: Any = OmegaConf.to_object(OmegaConf.merge(fields_node(cls), given["fields"]))
    except (RnnxError, OmegaConfBaseException) as error:
        expect(False, f"{name}: the cell refuses the fields: {error}")
    x = _array(given["x"])
    params = {key: _array(value) for key, value in given["params"].items()}
    own = cell.init(np.random.default_rng(0), x.shape[1], np.float64)
    shapes = {key: value.shape for key, value in own.items()}
    expect(
        {key: value.shape for key, value in params.items()} == shapes,
        f"{name}: its params are { {k: v.shape for k, v in params.items()} }, the cell's {shapes}",
    )
    zero = cell.initial_state(x.shape[-1], np.float64)
    state = tuple(map(_array, given["state"])) if "state" in given else zero
    zeros = tuple(map(np.zeros_like, zero))
    dstate = tuple(map(_array, given["dstate"])) if "dstate" in given else zeros
    return Case(cell, params, x, state, _array(given["dh"]), dstate)


def _array(value: Any) -> Array:
    return np.array(value, np.float64)
