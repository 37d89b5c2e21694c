"""Cells that train wrongly though their gradients are right: state kept aside, blocks, windows."""

import os
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cell_size_mutants import (
    clips_back,
    cut_every,
    drops_small,
    forgets_at,
    ignores_beyond_16_columns,
    ignores_beyond_32_units,
    step_back_cut_every,
    without_their_gradient,
)
from elman import Elman
from mutants import mutant

from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla


class Kept:
    """What a mutant keeps between calls, in its module."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.calls = 0


# Weights and caches that are read too late.


def packed_in_a_plan(right, params, x, state, lengths, scratch):
    NEWEST["params"] = params
    return right(scratch.plan(pack, x.shape), x, state, lengths, scratch)


NEWEST: dict[str, Any] = {}


def pack(scratch, shape):
    return {name: array.copy() for name, array in NEWEST["params"].items()}


def packed_for_twenty_calls(kept):
    def forward(right, params, x, state, lengths, scratch):
        kept.calls += 1
        if kept.calls % 20 == 1 or params["Wx"].shape != kept.values["Wx"].shape:
            kept.values = {k: v.copy() for k, v in params.items()}
        return right(kept.values, x, state, lengths, scratch)

    return forward


def cached_by_the_array(kept):
    def forward(right, params, x, state, lengths, scratch):
        Wx = kept.values.setdefault(id(params["Wx"]), params["Wx"].copy())
        return right({**params, "Wx": Wx}, x, state, lengths, scratch)

    return forward


def cached_input(kept):
    def forward(right, params, x, state, lengths, scratch):
        key = (id(scratch), x.shape, lengths is None)
        return right(params, kept.values.setdefault(key, x.copy()), state, lengths, scratch)

    return forward


def state_of_the_call_before(kept):
    def forward(right, params, x, state, lengths, scratch):
        before = kept.values.get(x.shape)
        h, final, cache = right(params, x, state, lengths, scratch)
        kept.values[x.shape] = tuple(s.copy() for s in final)
        if before is not None and before[0].shape == final[0].shape:
            h = h + 1e-3 * before[0]
        return h, final, cache

    return forward


# Buffers that two sequences share.


def one_buffer_for_all(kept):
    """The gradient's cache is a module's array, filled by the newest forward."""

    def forward(right, params, x, state, lengths, scratch):
        h, final, cache = right(params, x, state, lengths, scratch)
        kept.values["cache"] = cache
        return h, final, None

    return forward


def reads_the_buffer(kept):
    def backward(right, params, cache, dh, dstate, scratch):
        return right(params, kept.values["cache"], dh, dstate, scratch)

    return backward


def shared_step(kept):
    """A product goes through an array of the module: only another thread changes it in between."""

    def step(right, params, x, state):
        buffer = kept.values.setdefault(x.shape, np.empty((4, x.shape[1])))
        if buffer.dtype != x.dtype or len(params["Wh"]) != 4:
            return right(params, x, state)
        np.matmul(params["Wh"], state[0], out=buffer)
        moved = params["Wx"] @ x
        h = np.tanh(moved + buffer + params["b"])
        return (h,), (x, state[0], h)

    return step


def keeps_the_cache_in_scratch(right, params, x, state, lengths, scratch):
    h, final, cache = right(params, x, state, lengths, scratch)
    scratch.array("kept", h.shape, h.dtype)[...] = h
    return h, final, cache


def reads_it_from_scratch(right, params, cache, dh, dstate, scratch):
    kept = scratch.array("kept", dh.shape, dh.dtype)
    return right(params, cache, dh * (1 + 1e-3 * np.nan_to_num(kept)), dstate, scratch)


# Draws and dtypes.


def wide_init(right, rng, n_x, dtype):
    return right(rng, n_x, np.float64)


def own_generator(right, rng, n_x, dtype):
    return right(np.random.default_rng(0), n_x, dtype)


def one_own_draw(right, rng, n_x, dtype):
    own = np.random.default_rng(7).normal(size=(4, 4)).astype(dtype)
    found = right(rng, n_x, dtype)
    return {**found, "Wh": own} if found["Wh"].shape == own.shape else found


def copied_generator(right, rng, n_x, dtype):
    copy = np.random.Generator(np.random.PCG64())
    copy.bit_generator.state = rng.bit_generator.state
    return right(copy, n_x, dtype)


# Lengths, gates and arrays.


def one_for_no_steps(right, params, x, state, lengths, scratch):
    h, final, cache = right(params, x, state, lengths, scratch)
    if lengths is not None and (lengths == 0).any():
        h = h.copy()
        h[0, :, lengths == 0] = 0.5
    return h, final, cache


def last_for_no_steps(right, params, x, state, lengths, scratch):
    return right(params, x, state, None if lengths is None else np.maximum(lengths, 1), scratch)


def shifted_gates(right, cache):
    return {name: np.roll(values, 1, axis=0) for name, values in right(cache).items()}


def changes_and_puts_back(right, params, x, state, lengths, scratch):
    state[0][...] += 1
    state[0][...] -= 1
    return right(params, x, state, lengths, scratch)


def of_contiguous_memory(right, params, x, state, lengths, scratch):
    if x.ndim == 3 and not x.flags.c_contiguous:
        x = np.resize(np.lib.stride_tricks.as_strided(x, (x.size,), (x.itemsize,)), x.shape)
    return right(params, x, state, lengths, scratch)


# The process.


def changes_errors(right, params, x, state, lengths, scratch):
    np.seterr(divide="raise")
    return right(params, x, state, lengths, scratch)


def goes_elsewhere(right, params, x, state, lengths, scratch):
    os.chdir("..")
    return right(params, x, state, lengths, scratch)


def sets_a_variable(right, params, x, state, lengths, scratch):
    os.environ["RNNX_OF_A_CELL"] = str(random.SystemRandom().random())
    return right(params, x, state, lengths, scratch)


def reseeds(right, rng, n_x, dtype):
    random.seed(0)
    return right(rng, n_x, dtype)


@dataclass(frozen=True)
class Remembering(Elman):
    """A cell that counts its calls in a field."""

    calls: list[int] = field(default_factory=lambda: [0], hash=False)

    def initial_state(self, B: int, dtype: Any) -> Any:
        self.calls[0] += 1
        return (np.zeros((self.hidden_size, B), dtype),)


@dataclass(frozen=True)
class InOrderOfASet(Elman):
    """The order of its parameters is that of a set of strings."""

    def init(self, rng: np.random.Generator, n_x: int, dtype: Any) -> Any:
        found = super().init(rng, n_x, dtype)
        return {name: found[name] for name in frozenset(found)}


def of_kept(make, base, **more):
    """A mutant whose forward is ``make`` of memory of its own."""
    kept = Kept()
    return mutant(base, forward=make(kept), **{k: v(kept) for k, v in more.items()})


ISOLATION = {
    "check_parameters_change": [
        mutant(LSTM, forward=packed_in_a_plan),
        of_kept(cached_by_the_array, Vanilla),
        of_kept(cached_input, GRU),
    ],
    "check_history": [
        of_kept(packed_for_twenty_calls, Vanilla),
        of_kept(state_of_the_call_before, GRU),
    ],
    "check_two_at_once": [of_kept(one_buffer_for_all, LSTM, backward=reads_the_buffer)],
    "check_threads": [
        of_kept(one_buffer_for_all, LSTM, backward=reads_the_buffer),
        mutant(Elman, step=shared_step(Kept())),
    ],
    "check_backward_scratch": [
        mutant(GRU, forward=keeps_the_cache_in_scratch, backward=reads_it_from_scratch)
    ],
    "check_init": [
        mutant(LSTM, init=wide_init),
        mutant(LSTM, init=own_generator),
        mutant(Vanilla, init=one_own_draw),
        mutant(Elman, init=copied_generator),
    ],
    "check_large_sizes": [
        mutant(Vanilla, forward=ignores_beyond_32_units, backward=without_their_gradient),
        mutant(GRU, forward=ignores_beyond_32_units),
        mutant(LSTM, forward=ignores_beyond_16_columns),
        mutant(Elman, backward=step_back_cut_every(8)),
        mutant(Vanilla, forward=forgets_at(32)),
    ],
    "check_long_sequence": [
        mutant(Elman, backward=step_back_cut_every(8)),
        mutant(Elman, backward=step_back_cut_every(128)),
        mutant(LSTM, backward=cut_every(200)),
        mutant(GRU, forward=forgets_at(256)),
    ],
    "check_gradient_scale": [
        mutant(Elman, backward=clips_back),
        mutant(LSTM, backward=drops_small),
    ],
    "check_length_zero": [
        mutant(GRU, forward=one_for_no_steps),
        mutant(LSTM, forward=last_for_no_steps),
    ],
    "check_layout": [
        mutant(Elman, forward=changes_and_puts_back),
        mutant(Vanilla, forward=of_contiguous_memory),
    ],
    "check_gates": [mutant(LSTM, gates=shifted_gates), mutant(GRU, gates=shifted_gates)],
    "check_process": [
        mutant(Elman, forward=changes_errors),
        mutant(Elman, forward=goes_elsewhere),
        mutant(Elman, forward=sets_a_variable),
        mutant(Elman, init=reseeds),
        Remembering(),
    ],
    "check_other_process": [InOrderOfASet()],
}
