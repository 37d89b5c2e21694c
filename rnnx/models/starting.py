"""The state before the first step as parameters: ``initial_state=learned``.

Each array of a layer's state has a parameter of the same shape for one column: ``initial.0`` is h
before the first step, (n_a, 1), ``initial.1`` the LSTM's c. They are 0 at first, all columns that
begin share them, and they are trained like weights.

A state tells by itself which columns have not begun: its last array (B,) is 0 there, and 1 where
a column goes on from a batch or a step before. So what restarts, selects, keeps or resumes states
need not know of this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.probes import LayerCell

PREFIX = "initial."


class Cache(NamedTuple):
    cell: Any  # the inner cell's
    fresh: Array  # (B,) bool: the columns that began


class LearnedStart:
    """A layer's cell whose columns begin from learned values."""

    def __init__(self, cell: LayerCell) -> None:
        self.cell, self.component, self.hidden_size = cell, cell.component, cell.hidden_size
        self.reads_backwards = cell.reads_backwards

    @property
    def recurrent_weights(self) -> tuple[str, ...]:
        """The cell's own."""
        return self.cell.recurrent_weights

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        """The cell's own parameters, then the initial state of one column, zero."""
        zeros = self.cell.initial_state(1, dtype)
        own = self.cell.init(rng, n_x, dtype)
        return own | {f"{PREFIX}{k}": array for k, array in enumerate(zeros)}

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        """The state of B columns that have not begun."""
        return (*self.cell.initial_state(B, dtype), np.zeros(B, dtype))

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        """``Cell.forward``; a column without a step has not begun afterwards either."""
        own, before, fresh = _begin(params, state)
        h, final, cache = self.cell.forward(own, x, before, lengths, scratch)
        begun = np.ones_like(state[-1])
        if lengths is not None:
            begun = np.where(lengths > 0, begun, state[-1])
        return h, (*final, begun), Cache(cache, fresh)

    def backward(
        self,
        params: Params,
        cache: Cache,
        dh: Array,
        scratch: Scratch,
        dx_shape: tuple[int, ...] | None,
        dstate: State | None = None,
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``; the gradient by the state goes to the parameters where it began."""
        own, last, fresh = _own(params), None if dstate is None else dstate[:-1], cache.fresh
        found = self.cell.backward(own, cache.cell, dh, scratch, dx_shape, last)
        dparams, dx, dstate0 = found
        starts = {
            f"{PREFIX}{k}": d[..., fresh].sum(axis=-1, keepdims=True) for k, d in enumerate(dstate0)
        }
        back = tuple(np.where(fresh, 0, d) for d in dstate0)
        return {**dparams, **starts}, dx, (*back, np.zeros(len(fresh), dh.dtype))

    def gates(self, cache: Cache) -> Params:
        """Each gate of the cell by its name."""
        return self.cell.gates(cache.cell)

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        """One step at a time, from the learned state on."""
        step = self.cell.stream(_own(params), scratch)

        def begun(x: Array, state: State) -> State:
            _, before, _ = _begin(params, state)
            return (*step(x, before), np.ones_like(state[-1]))

        return begun


def _own(params: Params) -> Params:
    """The cell's own parameters."""
    return {name: array for name, array in params.items() if not name.startswith(PREFIX)}


def _begin(params: Params, state: State) -> tuple[Params, State, Array]:
    """The cell's parameters, its state with the columns begun, and which of them began."""
    *before, begun = state
    fresh = begun == 0
    if not fresh.any():
        return _own(params), tuple(before), fresh
    starts = (params[f"{PREFIX}{k}"] for k in range(len(before)))
    state = tuple(np.where(fresh, start, a) for start, a in zip(starts, before, strict=True))
    return _own(params), state, fresh
