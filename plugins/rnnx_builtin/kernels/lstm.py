"""The LSTM's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params, State
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.activations import sigmoid, tanh
from rnnx_builtin.kernels.compiling import inline, kernel
from rnnx_builtin.kernels.lanes import load, store
from rnnx_builtin.kernels.parts import each, joined, parts_of
from rnnx_builtin.kernels.product import (
    all_rows,
    lanes_of,
    multiply,
    multiply_back,
    packed,
    packed_transpose,
    padded,
    padded_rows,
)
from rnnx_builtin.kernels.sequence import (
    Input,
    add_columns,
    add_outputs,
    begin_final,
    end_columns,
    enter_gradient,
    flat_buffer,
    input_gradient,
    input_of,
    laid_out,
    spread,
    steps_of,
    take_in,
    take_out,
)


class Kept(NamedTuple):
    """Of a part's columns; n_p and B_p are padded."""

    cs: Array  # (T + 1, n_p, B_p), cs[0] the initial state
    gates: Array  # (T, ≥ 4·n_p, B_p): i, f, o, g after their activations
    tanh_c: Array  # (T, n_p, B_p)


class Cache(NamedTuple):
    x: Input
    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    kept: list[Kept]
    ends: Array  # (B,) lengths


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
) -> tuple[Array, State, Any]:
    """LSTM.forward."""
    (n_a, B), T, dtype = state[0].shape, len(x), params["Wh"].dtype
    given = input_of(params["Wx"], params["b"], x, lengths, scratch)
    Wh = packed("Wh_packed", params["Wh"], 4, B, scratch)
    h_flat = flat_buffer("h_flat", n_a, (T + 1) * B, dtype, scratch)
    ends = np.full(B, T) if lengths is None else lengths
    n_p, kept, finals, calls = padded_rows(n_a, B, dtype), [], [], []
    for part in parts_of(B, scratch.threads, dtype):
        own, columns = scratch.child(f"part{part.first}"), padded(part.last - part.first, dtype)
        kept.append(
            Kept(
                own.array("cs", (T + 1, n_p, columns), dtype),
                own.array("gates", (T, all_rows(4 * n_p, B), columns), dtype),
                own.array("tanh_c", (T, n_p, columns), dtype),
            )
        )
        h, starts = own.array("h_t", (n_p, columns), dtype), [part.of(s) for s in state]
        finals.append([np.empty_like(start) for start in starts])
        where = (part.of(ends), part.first, B)
        fixed = (Wh, given.columns, part.of(given.ids), h_flat)
        calls.append((*fixed, *starts, *kept[-1], *where, h, *finals[-1]))
    each(_forward, calls)
    final_h, final_c = (joined(columns) for columns in zip(*finals, strict=True))
    return steps_of(h_flat[:, B:], T, B), (final_h, final_c), Cache(given, h_flat, kept, ends)


def backward(
    params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """LSTM.backward."""
    (T, n_a, B), dtype = dh.shape, dh.dtype
    WhT = packed_transpose("WhT_packed", params["Wh"], 4, B, scratch)
    dz_flat = flat_buffer("dz_flat", 4 * n_a, T * B, dtype, scratch)
    dh = laid_out(dh, scratch)
    d_final = dstate or (np.zeros((n_a, B), dtype),) * 2
    parts, starts, calls = parts_of(B, scratch.threads, dtype), [], []
    for part, kept in zip(parts, cache.kept, strict=True):
        own, (_, n_p, columns) = scratch.child(f"part{part.first}"), kept.tanh_c.shape
        given = [part.of(d) for d in d_final]
        starts.append([np.empty_like(d) for d in given])
        buffers = (
            own.array("dz_t", (4 * n_p, columns), dtype),
            own.array("dh_t", (n_p, columns), dtype),
            own.array("back_h", (all_rows(n_p, B), columns), dtype),
            own.array("back_c", (n_p, columns), dtype),
        )
        where = (part.of(cache.ends), part.first, B)
        here = dh[..., part.first : part.last]
        calls.append((WhT, here, dz_flat, *given, *kept, *where, *buffers, *starts[-1]))
    each(_backward, calls)
    dh0, dc0 = (joined(columns) for columns in zip(*starts, strict=True))
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, scratch)
    dWh = scratch.array("dWh", (4 * n_a, n_a), dtype)
    np.matmul(dz_flat[:, : T * B], cache.h_flat[:, : T * B].T, out=dWh)
    return {"Wx": dWx, "Wh": dWh, "b": db}, dx, (dh0, dc0)


@kernel
def _forward(
    Wh: Any,
    columns: Any,
    ids: Any,
    h_flat: Any,
    h0: Any,
    c0: Any,
    cs: Any,
    gates: Any,
    tanh_c: Any,
    ends: Any,
    first: int,
    all_B: int,
    h: Any,
    final_h: Any,
    final_c: Any,
) -> None:
    (T, B), n, n_p = ids.shape, len(h0), len(h)
    take_in(h0, h)
    take_in(c0, cs[0])
    spread(h, h_flat, 1, n, n_p, first, B)
    begin_final(h0, final_h, ends)
    begin_final(c0, final_c, ends)
    for t in range(T):
        multiply(Wh, h, gates[t])
        add_columns(gates[t], columns, ids[t], 4, n, n_p)
        _step(gates[t], cs[t], cs[t + 1], tanh_c[t], h)
        end_columns(h, final_h, ends, t)
        end_columns(cs[t + 1], final_c, ends, t)
        spread(h, h_flat, 1, n, n_p, (t + 1) * all_B + first, B)


@inline
def _step(a: Any, before: Any, c: Any, tanh_c: Any, h: Any) -> None:
    """From the sums a and c⟨t−1⟩: the gates in place, c, tanh(c) and h."""
    size = h.size
    for e in range(0, size, lanes_of(h)):
        i, f = sigmoid(load(a, e)), sigmoid(load(a, size + e))
        o, g = sigmoid(load(a, 2 * size + e)), tanh(load(a, 3 * size + e))
        store(a, e, i)
        store(a, size + e, f)
        store(a, 2 * size + e, o)
        store(a, 3 * size + e, g)
        new = f * load(before, e) + i * g
        bent = tanh(new)
        store(c, e, new)
        store(tanh_c, e, bent)
        store(h, e, o * bent)


@kernel
def _backward(
    WhT: Any,
    dh: Any,
    dz_flat: Any,
    d_final_h: Any,
    d_final_c: Any,
    cs: Any,
    gates: Any,
    tanh_c: Any,
    ends: Any,
    first: int,
    all_B: int,
    dz: Any,
    dh_t: Any,
    back_h: Any,
    back_c: Any,
    dh0: Any,
    dc0: Any,
) -> None:
    (T, n, B), n_p = dh.shape, len(dh_t)
    back_h[:] = 0
    back_c[:] = 0
    dh_t[:] = 0
    for t in range(T - 1, -1, -1):
        enter_gradient(back_h, d_final_h, ends, t)
        enter_gradient(back_c, d_final_c, ends, t)
        add_outputs(dh, back_h, ends, t, dh_t)
        _step_back(gates[t], cs[t], tanh_c[t], dh_t, back_c, dz)
        multiply_back(WhT, dz, back_h)
        spread(dz, dz_flat, 4, n, n_p, t * all_B + first, B)
    enter_gradient(back_h, d_final_h, ends, -1)
    enter_gradient(back_c, d_final_c, ends, -1)
    take_out(back_h, dh0)
    take_out(back_c, dc0)


@inline
def _step_back(a: Any, before: Any, tanh_c: Any, dh: Any, back_c: Any, dz: Any) -> None:
    """dz of the four blocks, and what reaches c⟨t−1⟩ through f."""
    size = dh.size
    for e in range(0, size, lanes_of(dh)):
        i, f = load(a, e), load(a, size + e)
        o, g = load(a, 2 * size + e), load(a, 3 * size + e)
        bent, d = load(tanh_c, e), load(dh, e)
        dc = d * o * (1.0 - bent * bent) + load(back_c, e)
        store(dz, e, dc * g * i * (1.0 - i))
        store(dz, size + e, dc * load(before, e) * f * (1.0 - f))
        store(dz, 2 * size + e, d * bent * o * (1.0 - o))
        store(dz, 3 * size + e, dc * i * (1.0 - g * g))
        store(back_c, e, dc * f)
