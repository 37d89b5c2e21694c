"""Cells that have kernels, and what to try them with."""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from rnnx.testing.cells.case import Case
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Activation, Vanilla
from rnnx_builtin.numerics.outputs import OutputCache

CELLS = (LSTM(), GRU(), GRU(reset_after=False), Vanilla(), Vanilla(activation=Activation.relu))


def case_of(cell: Any, shape: tuple[int, int, int, int], dtype: Any, ids: bool, seed: int) -> Case:
    T, B, n_x, n_a = shape
    rng, cell = np.random.default_rng(seed), replace(cell, hidden_size=n_a)
    params = {
        name: (array + rng.normal(scale=0.1, size=array.shape)).astype(dtype)
        for name, array in cell.init(rng, n_x, dtype).items()
    }
    x = rng.integers(-1, n_x, (T, B)) if ids else rng.normal(size=(T, n_x, B)).astype(dtype)
    zero = cell.initial_state(B, dtype)
    state, dstate = (tuple(rng.normal(size=s.shape).astype(dtype) for s in zero) for _ in range(2))
    dh = rng.normal(size=(n_a, T, B)).astype(dtype).transpose(1, 0, 2)  # as the head gives it
    return Case(cell, params, x, state, dh, dstate)


def compiled(component: Any, threads: int = 1) -> Any:
    """The component whose forward and backward are those of its compiled form."""
    kind = type(component)

    def forward(self: Any, *given: Any) -> Any:
        return kind.compiled(self, threads).forward(*given)

    def backward(self: Any, params: Any, cache: Any, *given: Any) -> Any:
        if isinstance(cache, OutputCache):  # of a head's measure, which NumPy computes
            return kind.backward(self, params, cache, *given)
        return kind.compiled(self, threads).backward(params, cache, *given)

    made = type(f"Compiled{kind.__name__}", (kind,), {"forward": forward, "backward": backward})
    return made(**{item.name: getattr(component, item.name) for item in fields(component)})


def with_kernels(case: Case, threads: int = 1) -> Case:
    """The same case for the compiled form of its cell."""
    return case._replace(cell=compiled(case.cell, threads))
