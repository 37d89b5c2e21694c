"""The compiled forms of the cells whose units see themselves alone: one loop, two passes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn.sequence import as_flat_steps
from rnnx_zoo.kernels import diagonal_loop
from rnnx_zoo.kernels.rows import (
    Rows,
    as_rows,
    in_chunks,
    input_gradients,
    input_rows,
    last_states,
    share,
    states_of,
    sums,
    zero_beyond,
)


class Kept(NamedTuple):
    """What a loop read and left, for the way back."""

    given: Rows
    z: Array  # (blocks · n, ≥ T · B_p)
    s: Array  # (n, ≥ T · B_p)
    own: Array  # (n, 4)
    hs: Array  # (n, ≥ (T + 1) · B_p)


class Gradients(NamedTuple):
    """What the loop back gives."""

    dz: Array  # (blocks · n, ≥ T · B_p)
    ds: Array  # (n, ≥ T · B_p)
    d_own: Array  # (n, 2)
    d_start: Array  # (n, B)


def advance(kind: int, kept: Kept, b: Array, out: Array, threads: int) -> None:
    """Run the loop: fills hs and ``out``, and leaves in z what the way back needs."""
    given, z, s, own, hs = kept
    arguments = z, b, s, own, hs, out, given.active, given.B_p
    share(lambda *part: diagonal_loop.forward(kind, *arguments, *part), len(own), given, threads)


def own_numbers(n: int, dtype: Any, *columns: Array | float) -> Array:
    """A unit's own numbers, (n, 4)."""
    own = np.zeros((n, 4), dtype)
    for place, column in enumerate(columns):
        own[:, place : place + 1] = column
    return own


def retreat(
    kind: int,
    kept: Kept,
    dh: Array,
    d_final: Array | None,
    d_last: Array | None,
    threads: int,
    scratch: Scratch,
) -> Gradients:
    """Run the loop back, by h of all steps (T, n, B) and by the final state (n, B).

    ``d_last`` (n, B) is a gradient by h of each column's last step alone. Where z has a fourth
    block of rows, ds is that of dz.
    """
    given, z, s, own, hs = kept
    n, B, dtype = len(own), len(given.ends), z.dtype
    zero = np.zeros((n, B), dtype)
    dz = given.buffer("dz_rows", len(z), dtype, scratch)
    g, back = given.buffer("g_rows", n, dtype, scratch), np.empty((n, given.B_p), dtype)
    ds = dz[3 * n :] if len(z) > 3 * n else given.buffer("ds_rows", n, dtype, scratch)
    d_own, steps = np.empty((n, 2), dtype), as_flat_steps(dh, scratch)
    by_last = zero if d_last is None else np.ascontiguousarray(d_last)
    by_state = zero if d_final is None else np.ascontiguousarray(d_final)
    loop = z, s, own, hs, g, by_state, given.ends, given.ending, given.active, back, dz, ds, d_own

    def units(first: int, last: int) -> None:
        diagonal_loop.gradient_rows(steps, by_last, given.ends, g, given.B_p, first, last)
        diagonal_loop.backward(kind, *loop, first, last)

    share(in_chunks(units, given, dtype.itemsize), n, given, threads)
    return Gradients(dz, ds, d_own, at_start(back, by_state, given))


def at_start(back: Array, d_final: Array, given: Rows) -> Array:
    """The gradient of the initial state (n, B): that of the final one where a length is 0."""
    d_start = back[:, : len(given.ends)].copy()
    d_start[:, given.ends == 0] += d_final[:, given.ends == 0]
    return d_start


@dataclass(frozen=True)
class CompiledGates:
    """minGRU, minLSTM and IndRNN: h is the whole state, Wx and b all that the input meets."""

    threads: int
    kind: int

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        Wx = params["Wx"]
        given = as_rows(x, Wx.shape[1], lengths, Wx.dtype, scratch)
        z, b = sums("z_rows", Wx, params["b"], given, self.threads, scratch)
        # minLSTM's bound of an exponent, IndRNN's recurrent weights
        own = params.get("u", 0.9 * math.log(np.finfo(Wx.dtype).max))
        own = own_numbers(len(state[0]), Wx.dtype, own)
        kept = Kept(given, z, z, own, states_of(state[0], "hs_rows", given, scratch))
        advance(self.kind, kept, b, z, self.threads)
        final = last_states(kept.hs, given)
        return zero_beyond(given.steps(kept.hs[:, given.B_p :]), given), (final,), kept

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        d_final = None if dstate is None else dstate[0]
        found = retreat(self.kind, cache, dh, d_final, None, self.threads, scratch)
        dWx, db, dx = input_gradients(params["Wx"], cache.given, found.dz, self.threads, scratch)
        dparams = {"Wx": dWx, "b": db}
        if "u" in params:
            dparams["u"] = found.d_own[:, :1].copy()
        return dparams, dx, (found.d_start,)


@dataclass(frozen=True)
class CompiledSRU:
    """SRU: c is the state of the loop, h is read out of it."""

    threads: int
    alpha: float

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        Wx, n, v = params["Wx"], len(state[0]), params["v"]
        b = np.zeros((len(Wx), 1), Wx.dtype)
        b[n : 3 * n] = params["b"]
        given = as_rows(x, Wx.shape[1], lengths, Wx.dtype, scratch)
        z, b = sums("z_rows", Wx, b, given, self.threads, scratch)
        s = z[3 * n :]
        if len(z) == 3 * n:
            s = input_rows(given, n, Wx.dtype, self.threads, scratch)
        own = own_numbers(n, Wx.dtype, v[:n], v[n:], self.alpha)
        kept = Kept(given, z, s, own, states_of(state[1], "cs_rows", given, scratch))
        out = given.buffer("h_rows", n, Wx.dtype, scratch)
        advance(diagonal_loop.SRU, kept, b, out, self.threads)
        h = given.steps(out)
        last = h[given.ends - 1, :, np.arange(len(given.ends))].T  # of no step: the initial h
        final = np.where(given.ends > 0, last, state[0]), last_states(kept.hs, given)
        return zero_beyond(h, given), final, kept

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        given, Wx, n = cache.given, params["Wx"], dh.shape[1]
        by_h, by_c = (None, None) if dstate is None else dstate
        found = retreat(diagonal_loop.SRU, cache, dh, by_c, by_h, self.threads, scratch)
        dWx, db, dx = input_gradients(Wx, given, found.dz, self.threads, scratch)
        if dx is not None and len(Wx) == 3 * n:
            dx += given.steps(found.ds)
        dv = found.d_own.T.reshape(-1, 1).copy()
        initial = np.zeros((n, dh.shape[2]), dh.dtype)
        if by_h is not None:
            initial[:, given.ends == 0] = by_h[:, given.ends == 0]
        return {"Wx": dWx, "b": db[n : 3 * n], "v": dv}, dx, (initial, found.d_start)
