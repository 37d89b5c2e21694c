"""Zoneout: some units keep the value of the step before (Krueger et al. 2017).

    h̃⟨t⟩, c̃⟨t⟩ = cell(x⟨t⟩, h⟨t−1⟩, c⟨t−1⟩)
    training    h⟨t⟩ = m ⊙ h⟨t−1⟩ + (1 − m) ⊙ h̃⟨t⟩     m is 1 with probability z, new each step
    evaluation  h⟨t⟩ = z · h⟨t−1⟩ + (1 − z) · h̃⟨t⟩      the expectation

and c likewise, with a mask and a probability of its own. Any cell computes so, one step a call, in
NumPy: a compiled form has no place for the mask between its steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Cell
from rnnx.models.dropout import survivors
from rnnx.padding import clean, mask
from rnnx.registry.attribution import attributing


class Cache(NamedTuple):
    steps: list[Any]  # the T caches of the cell
    keeps: list[list[Array | float]]  # by step, for each array of the state: the part that stays
    is_ids: bool


def forward(
    cell: Cell,
    rates: tuple[float, float],
    params: Params,
    x: Array,
    state: State,
    lengths: Array | None,
    scratch: Scratch,
    rng: np.random.Generator | None,
) -> tuple[Array, State, Cache]:
    """All steps, as ``Cell.forward``; masks are drawn from ``rng``, None: the expectation."""
    T, first, x = len(x), state[0], clean(x, lengths)
    keeps = [_keeps(rates, state, rng) for t in range(T)]
    valid = None if lengths is None else mask(lengths, T)
    h = scratch.array("zoned_h", (T, *first.shape), first.dtype)
    caches = []
    for t in range(T):
        if valid is not None:  # a column that has ended keeps its whole state
            keeps[t] = [np.where(valid[t], keep, 1).astype(first.dtype) for keep in keeps[t]]
        with attributing():
            own = scratch.child(f"step{t}")  # a cache lives until backward
            _, after, cache = cell.forward(params, x[t : t + 1], state, None, own)
        state = mixed(keeps[t], state, after)
        caches.append(cache)
        h[t] = state[0] if valid is None else np.where(valid[t], state[0], 0)
    return h, state, Cache(caches, keeps, x.ndim == 2)


def backward(
    cell: Cell, params: Params, cache: Cache, dh: Array, lengths: Array | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """All steps, as ``Cell.backward`` with no gradient of the final state."""
    dparams = {name: np.zeros_like(array) for name, array in params.items()}
    dh, dx = clean(dh, lengths), []
    none = np.zeros_like(dh[:1])
    back: State = cell.initial_state(dh.shape[-1], dh.dtype)
    for t in reversed(range(len(dh))):
        back = (back[0] + dh[t], *back[1:])
        pairs = list(zip(cache.keeps[t], back, strict=True))
        inner = tuple((1 - keep) * d for keep, d in pairs)
        with attributing():
            found, dx_t, before = cell.backward(
                params, cache.steps[t], none, inner, scratch.child("back")
            )
        back = tuple(keep * d + own for (keep, d), own in zip(pairs, before, strict=True))
        for name in dparams:
            dparams[name] += found[name]
        dx.append(None if dx_t is None else dx_t[0].copy())
    if cache.is_ids:
        return dparams, None, back
    return dparams, np.stack([array for array in dx[::-1] if array is not None]), back


def streamed(
    step: Callable[[Array, State], State], rates: tuple[float, float]
) -> Callable[[Array, State], State]:
    """One step of a cell, as evaluation computes it."""

    def zoned(x: Array, state: State) -> State:
        return mixed(_keeps(rates, state, None), state, step(x, state))

    return zoned


def mixed(keeps: list[Array | float], before: State, after: State) -> State:
    """Each array of the state: the part ``keep`` of what it was and the rest of what it is."""
    trios = zip(keeps, before, after, strict=True)
    # Not new + keep·(old − new): where keep is 1 the old value stays to the last bit.
    return tuple(keep * old + (1 - keep) * new for keep, old, new in trios)


def _keeps(
    rates: tuple[float, float], state: State, rng: np.random.Generator | None
) -> list[Array | float]:
    """For each array of the state the part that stays: a mask of 0 and 1, or the rate itself."""
    own = (*rates, *(0.0 for _ in state))[: len(state)]
    if rng is None:
        return list(own)
    return [
        (~survivors(rate, array.size, rng)).reshape(array.shape).astype(array.dtype)
        if rate
        else 0.0
        for rate, array in zip(own, state, strict=True)
    ]
