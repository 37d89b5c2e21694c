"""A small cell with random values, and the results of its forward and backward."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Cell
from rnnx.testing.gradients import same

T, B, N_X, N_A = 5, 3, 4, 4


class Case(NamedTuple):
    """A small cell with random parameters, input, states and gradients."""

    cell: Cell
    params: Params
    x: Array
    state: State
    dh: Array  # (T, n_a, B)
    dstate: State


class Result(NamedTuple):
    """Copies of all results of one forward and backward."""

    h: Array
    final: State
    dparams: Params
    dx: Array | None
    dstate0: State


def make_case(
    cell: Any,
    dtype: Any = np.float64,
    ids: bool = False,
    seed: int = 0,
    sizes: tuple[int, int, int, int] = (T, B, N_X, N_A),
    scale: float = 0.5,
    noise: float = 0.3,
) -> Case:
    """A case of ``cell`` with ``sizes`` T, B, n_x and n_a; the same seed gives the same case.

    ``scale`` is the standard deviation of the states' entries, ``noise`` that of what is added to
    the parameters.
    """
    length, columns, n_x, n_a = sizes
    small: Any = replace(cell, hidden_size=n_a)
    rng = np.random.default_rng(seed)
    params = small.init(rng, n_x, dtype)
    # Biases of 0 hide errors: add noise to every parameter.
    params = {
        k: (v + rng.normal(scale=noise, size=v.shape)).astype(dtype) for k, v in params.items()
    }
    dense = (length, n_x, columns)
    x = rng.integers(-1, n_x, (length, columns)) if ids else rng.normal(size=dense).astype(dtype)
    zero = small.initial_state(columns, dtype)
    state = tuple(rng.normal(scale=scale, size=s.shape).astype(dtype) for s in zero)
    dh = rng.normal(size=(length, n_a, columns)).astype(dtype)
    dstate = tuple(rng.normal(size=s.shape).astype(dtype) for s in zero)
    return Case(small, params, x, state, dh, dstate)


def run(
    case: Case, lengths: Array | None = None, scratch: Scratch | None = None, **changed: Any
) -> Result:
    """Run forward and backward; ``changed`` replaces parts of the case."""
    cell, params, x, state, dh, dstate = case._replace(**changed)
    scratch = scratch or Scratch()
    h, final, cache = cell.forward(params, x, state, lengths, scratch)
    h, final = h.copy(), tuple(s.copy() for s in final)
    dparams, dx, dstate0 = cell.backward(params, cache, dh, dstate, scratch)
    dparams = {name: array.copy() for name, array in dparams.items()}
    back = tuple(s.copy() for s in dstate0)
    return Result(h, final, dparams, None if dx is None else dx.copy(), back)


def named(result: Result) -> dict[str, Array]:
    """All arrays of a result by name; no dx where it is None."""
    arrays = {"h": result.h} | {f"d{name}": array for name, array in result.dparams.items()}
    arrays |= {f"final state {k}": array for k, array in enumerate(result.final)}
    arrays |= {f"gradient of initial state {k}": s for k, s in enumerate(result.dstate0)}
    return arrays if result.dx is None else arrays | {"dx": result.dx}


def same_results(found: Result, expected: Result, what: str, dtype: Any = np.float64) -> None:
    """Raise CheckFailed unless two results agree to rounding; dx may be missing in one."""
    arrays = named(found)
    for name, array in named(expected).items():
        if name != "dx" or found.dx is not None:
            same(arrays[name], array, f"{what}: {name}", dtype)


def arrays_of(case: Case) -> dict[str, Array]:
    """All arrays that are passed in, by name."""
    arrays = {**case.params, "x": case.x, "dh": case.dh}
    arrays |= {f"state {k}": s for k, s in enumerate(case.state)}
    return arrays | {f"dstate {k}": s for k, s in enumerate(case.dstate)}
