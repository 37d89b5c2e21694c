"""A block as training calls it: what it returns is checked, and no padding reaches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.blocks import Block, Place
from rnnx.contracts.buffers import Scratch
from rnnx.padding import clean
from rnnx.registry.attribution import attribute, attributing
from rnnx.registry.checks import (
    checked_gradients,
    checked_parameters,
    contract_error,
    is_like,
    unlike,
)


class CheckedBlock:
    """A block whose results are checked and whose exceptions name it."""

    def __init__(self, block: Block) -> None:
        self.component = block

    def features(self, n_a: int) -> int:
        """``Block.features``: a whole number of at least 1."""
        with attributing():
            return self._count("features", self.component.features(n_a))

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        """``Block.cell_inputs``: a whole number of at least 1."""
        with attributing():
            return self._count("cell_inputs", self.component.cell_inputs(n_x, n_a))

    def _count(self, method: str, found: Any) -> int:
        if not isinstance(found, int | np.integer) or found < 1:
            what = f"{method} returned {found!r:.60}, expected a whole number of at least 1"
            raise contract_error("block", self.component, what)
        return int(found)

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        """``Block.init``: arrays of ``dtype`` by name, without NaN."""
        with attributing():
            found = self.component.init(rng, n_x, n_a, place, dtype)
        return checked_parameters("block", self.component, found, dtype)

    def initial_state(self, n_a: int, B: int, dtype: npt.DTypeLike) -> State:
        """``Block.initial_state``: a tuple of arrays whose last axis is B, or ()."""
        with attributing():
            found: Any = self.component.initial_state(n_a, B, dtype)
        if not isinstance(found, tuple):
            what = f"initial_state returned {type(found).__name__}, expected a tuple of arrays"
            raise contract_error("block", self.component, what)
        for k, array in enumerate(found):
            shape = (*np.shape(array)[:-1], B)
            if not is_like(array, shape, dtype):
                what = f"initial_state: part {k} is {unlike(array, shape, dtype)}"
                raise contract_error("block", self.component, what)
        return found

    def forward(
        self,
        params: Params,
        x: Array,
        state: State,
        lengths: Array | None,
        cell: Callable[[Array], Array],
        scratch: Scratch,
        n_a: int,
    ) -> tuple[Array, State, Any]:
        """``Block.forward``: y (T, d, B) for a cell of ``n_a`` units, a state like ``state``."""
        block, inner = self.component, _Once(cell)
        if block.embeds:
            x = clean(x, lengths)
        try:
            result: Any = block.forward(params, x, state, lengths, inner, scratch)
        except BaseException as error:
            attribute(error)
            raise
        if not isinstance(result, tuple) or len(result) != 3:
            what = f"forward returned {type(result).__name__}, expected (y, state, cache)"
            raise contract_error("block", block, what)
        self._expect_once(inner, "forward")
        y, final, cache = result
        assert inner.result is not None
        shape = (len(x), block.features(n_a), x.shape[-1])
        if not is_like(y, shape, inner.result.dtype):
            what = f"forward: y is {unlike(y, shape, inner.result.dtype)}"
            raise contract_error("block", block, what)
        self._check_state(final, state)
        return y, final, cache

    def _expect_once(self, inner: _Once, method: str) -> None:
        if inner.count != 1:
            what = f"{method} called its cell {inner.count} times, expected once"
            raise contract_error("block", self.component, what)

    def _check_state(self, found: Any, like: State) -> None:
        if not isinstance(found, tuple) or len(found) != len(like):
            count = len(found) if isinstance(found, tuple) else type(found).__name__
            what = f"forward: final state is {count}, expected a tuple of {len(like)} arrays"
            raise contract_error("block", self.component, what)
        for k, other in enumerate(like):
            if not is_like(found[k], other.shape, other.dtype):
                what = f"forward: final state {k} is {unlike(found[k], other.shape, other.dtype)}"
                raise contract_error("block", self.component, what)

    def backward(
        self,
        params: Params,
        cache: Any,
        dy: Array,
        lengths: Array | None,
        cell: Callable[[Array], Array],
        scratch: Scratch,
        dx_shape: tuple[int, ...] | None,
    ) -> tuple[Params, Array | None]:
        """``Block.backward``: ``dparams, dx`` of ``dx_shape``; None: the input was ids."""
        block, inner = self.component, _Once(cell)
        if block.embeds:
            dy = clean(dy, lengths)
        try:
            result: Any = block.backward(params, cache, dy, inner, scratch)
        except BaseException as error:
            attribute(error)
            raise
        if not isinstance(result, tuple) or len(result) != 2:
            what = f"backward returned {type(result).__name__}, expected (dparams, dx)"
            raise contract_error("block", block, what)
        self._expect_once(inner, "backward")
        dparams = checked_gradients("block", block, result[0], params)
        if dx_shape is None:
            return dparams, None
        if not is_like(result[1], dx_shape, dy.dtype):
            what = f"backward: dx is {unlike(result[1], dx_shape, dy.dtype)}"
            raise contract_error("block", block, what)
        return dparams, result[1]


class _Once:
    """A cell that counts its calls."""

    def __init__(self, cell: Callable[[Array], Array]) -> None:
        self._cell, self.count = cell, 0
        self.result: Array | None = None

    def __call__(self, array: Array) -> Array:
        self.count += 1
        self.result = self._cell(array)
        return self.result
