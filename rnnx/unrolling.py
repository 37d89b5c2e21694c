"""The easy road to a cell: write one step and its backward, get the whole sequence.

    @rnnx.unroll
    @dataclass(frozen=True)
    class Elman:
        hidden_size: int = 32

        def init(self, rng, n_x, dtype): ...              # → params by name
        def step(self, params, x, state): ...             # → state, cache
        def step_back(self, params, cache, dstate): ...   # → dparams, dx, dstate before

``x`` is (n_x, B), ids come as one-hot columns; ``state`` is a tuple whose first array is h
(n_a, B), the others are of any shape (…, B); ``dstate`` already holds what reaches this step's h
from the loss. ``initial_state`` may be left out where the state is h alone. A cell that hoists its
input product out of the loop is faster; this one is right first.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx.errors import PluginError
from rnnx.padding import FinalGradient, clean, is_padded, mask

C = TypeVar("C")


class Cache(NamedTuple):
    steps: list[Any]  # the T caches of step
    is_ids: bool
    lengths: Array | None  # (B,)
    initial: State


def unroll(cls: type[C]) -> type[C]:
    """Give a dataclass with ``step`` and ``step_back`` the Cell contract's sequence methods."""
    for name in ("init", "step", "step_back"):
        if not callable(getattr(cls, name, None)):
            raise PluginError(f"{cls.__name__}: unroll needs a method {name}; write it")
    for method in (forward, backward):
        setattr(cls, method.__name__, method)
    if not hasattr(cls, "initial_state"):
        cls.initial_state = initial_state  # type: ignore[attr-defined]
    return cls


def initial_state(self: Any, B: int, dtype: npt.DTypeLike) -> State:
    """h alone, all zero."""
    return (np.zeros((self.hidden_size, B), dtype),)


def forward(
    self: Any, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
) -> tuple[Array, State, Cache]:
    """All steps of ``self.step``, as the Cell contract has it."""
    T, B = len(x), x.shape[-1]
    is_ids = x.ndim == 2
    x = clean(x, lengths)
    n_x = _n_x(self, params) if is_ids else 0
    h = scratch.array("h", (T, self.hidden_size, B), state[0].dtype)
    ends = lengths if is_padded(lengths, T) else None
    caches, initial, final = [], state, state
    for t in range(T):
        x_t = _one_hot(x[t], n_x, state[0].dtype) if is_ids else x[t]
        state, cache = self.step(params, x_t, state)
        _check(self, state, initial)
        caches.append(cache)
        h[t] = state[0]
        # All states of all steps may not fit into memory: a column's last one is taken at its end.
        if ends is not None and (last := ends == t + 1).any():
            final = tuple(np.where(last, a, b) for a, b in zip(state, final, strict=True))
    if ends is not None:
        h *= mask(ends, T, h.dtype)[:, None]
    else:
        final = state
    return h, tuple(a.copy() for a in final), Cache(caches, is_ids, lengths, initial)


def backward(
    self: Any, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """All steps of ``self.step_back``, last to first."""
    T = len(dh)
    ends = FinalGradient(dstate, cache.lengths, T)
    padded = cache.lengths is not None and is_padded(cache.lengths, T)
    valid = mask(cache.lengths, T) if padded and cache.lengths is not None else None
    dparams = {name: np.zeros_like(array) for name, array in params.items()}
    back: State = tuple(np.zeros_like(array) for array in cache.initial)
    dx: list[Array] = []
    for t in reversed(range(T)):
        if (final := ends.at(t)) is not None:
            back = tuple(a + b for a, b in zip(back, final, strict=True))
        dh_t = dh[t] if valid is None else np.where(valid[t], dh[t], 0)
        back = (back[0] + dh_t, *back[1:])
        found, dx_t, back = self.step_back(params, cache.steps[t], back)
        for name in dparams:
            _check_gradient(self, name, found, params)
            dparams[name] += found[name]
        dx.append(dx_t)
    if (final := ends.at(-1)) is not None:
        back = tuple(a + b for a, b in zip(back, final, strict=True))
    return dparams, None if cache.is_ids else np.stack(dx[::-1]), back


def _n_x(cell: Any, params: Params) -> int:
    """How many ids there are: the columns of the input weights, ``Wx``."""
    if "Wx" not in params:
        raise PluginError(
            f"{type(cell).__name__}: ids need to know n_x; call the input weights Wx (n, n_x)"
        )
    return int(params["Wx"].shape[1])


def _one_hot(ids: Array, n_x: int, dtype: npt.DTypeLike) -> Array:
    """(B,) ids → (n_x, B); −1 is the zero vector."""
    columns: Array = (np.arange(n_x)[:, None] == ids).astype(dtype)
    return columns


def _check(cell: Any, state: State, initial: State) -> None:
    expected = [array.shape for array in initial]
    found = [np.shape(array) for array in state]
    if found != expected:
        raise PluginError(
            f"{type(cell).__name__}.step: returned a state of shapes {found}, expected {expected}"
        )


def _check_gradient(cell: Any, name: str, found: Params, params: Params) -> None:
    if name not in found or np.shape(found[name]) != params[name].shape:
        got = f"shape {np.shape(found[name])}" if name in found else "nothing"
        raise PluginError(
            f"{type(cell).__name__}.step_back: returned {got} for parameter {name}, "
            f"expected shape {params[name].shape}"
        )
